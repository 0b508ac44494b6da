# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# shellcheck shell=bash
#
# Sourced by the other scripts: changes to the checkout, and sets the paths of the tools in .venv and of the collection.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"

export ROOT
export PATH="$ROOT/.venv/bin:$PATH"
export ANSIBLE_CONFIG="$ROOT/ansible.cfg" # explicitly, because Ansible ignores it in a world-writable folder
export ANSIBLE_COLLECTIONS_PATH="$ROOT/.ansible/collections"
export LC_ALL=C.UTF-8 # Ansible requires a UTF-8 locale
[[ -t 1 ]] || export NO_COLOR=1 PY_COLORS=0 # Molecule also uses colours without a terminal
unset PYTHONPATH PYTHONHOME # these may lead to modules of another project

# Prints all files that are tracked or untracked, but not ignored or deleted, NUL-separated.
tree() {
  git ls-files -z --cached --others --exclude-standard --deduplicate |
    while IFS= read -r -d '' path; do
      if [[ -e $path || -L $path ]]; then printf '%s\0' "$path"; fi
    done
}
