# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# shellcheck shell=bash
#
# For the scripts beside it, to be sourced: goes to the checkout, makes the tools in .venv and the collection known.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"

export ROOT
export PATH="$ROOT/.venv/bin:$PATH"
export ANSIBLE_CONFIG="$ROOT/ansible.cfg" # by name: Ansible does not look for it in a folder that everybody may write
export ANSIBLE_COLLECTIONS_PATH="$ROOT/.ansible/collections"
export LC_ALL=C.UTF-8 # Ansible refuses to start in a locale that is not UTF-8
[[ -t 1 ]] || export NO_COLOR=1 PY_COLORS=0 # Molecule colours files too unless told
unset PYTHONPATH PYTHONHOME # another project's modules in place of ours

# What git has or would take, without what was deleted and not yet committed. NUL-separated.
tree() {
  git ls-files -z --cached --others --exclude-standard --deduplicate |
    while IFS= read -r -d '' path; do
      if [[ -e $path || -L $path ]]; then printf '%s\0' "$path"; fi
    done
}
