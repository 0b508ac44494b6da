# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the unit tests of modules and plugins on each supported version of ansible-core.

Each version gets a virtual environment in .ansible/versions/, with its newest patch release and the other tools in the
versions of requirements-dev.txt. Without arguments all of CORES are tested whose Python is on this machine. Arguments
select versions, and those after -- are pytest's: tools/test_versions.py 2.20 -- tests/unit/plugins/inventory
A table is shown at the end. The exit code is 1 if tests have failed, or if no version could be tested.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".ansible" / "versions"
CORES = {"2.19": "3.11", "2.20": "3.12", "2.21": "3.13"}
"""The Python on which a version of ansible-core is tested, so that the range of both is covered."""
TOOLS = ("hypothesis", "psycopg", "pytest", "pytest-xdist", "PyYAML", "SQLAlchemy")
TESTS = [f"tests/unit/plugins/{folder}" for folder in ("connection", "filter", "inventory", "modules", "plugin_utils")]
"""The tests of what imports Ansible."""
SUMMARY = re.compile(r"^=* ?(.*\d+ (?:passed|failed|errors?)\b.*? in [\d.]+s).*$", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """What became of a version: C(code) is None if it was not tested."""

    core: str
    python: str
    code: int | None
    summary: str

    def __str__(self) -> str:
        verdict = {None: "not tested", 0: "ok"}.get(self.code, "FAILED")
        return f"ansible-core {self.core:<8} Python {self.python:<5} {verdict:<11} {self.summary}"


def requirements(core: str, text: str) -> list[str]:
    """Return what pip installs for a version of ansible-core, with the pins of requirements-dev.txt."""
    pins = {re.split(r"[\[=]", line)[0]: line for line in text.splitlines() if "==" in line}
    return [f"ansible-core=={core}.*", *(pins[tool] for tool in TOOLS)]


def candidates(python: str) -> Iterator[str]:
    """Yield where an interpreter may be: in PATH, and in the folders of pyenv."""
    if found := shutil.which(f"python{python}"):
        yield found
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(root.glob(f"versions/{python}.*/bin/python3")))


def interpreter(python: str) -> str | None:
    """Return the path of a working interpreter of that version; a shim of pyenv may be none."""
    for path in candidates(python):
        code = "import sys; print(sys.executable) if '{}.{}'.format(*sys.version_info) == sys.argv[1] else sys.exit(1)"
        done = subprocess.run([path, "-c", code, python], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def environment(core: str, executable: str) -> Path:
    """Make the virtual environment of a version, or bring it up to date, and return its interpreter."""
    folder = FOLDER / core
    python = folder / "bin" / "python"
    subprocess.run([executable, "-m", "venv", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--upgrade"]
    wanted = requirements(core, (ROOT / "requirements-dev.txt").read_text(encoding="utf-8"))
    subprocess.run([*pip, *wanted], check=True)
    return python


def test(core: str, options: list[str]) -> Ended:
    """Run the tests on a version, and show their output."""
    executable = interpreter(CORES[core])
    if executable is None:
        return Ended(core, CORES[core], None, f"Python {CORES[core]} not found")
    python = environment(core, executable)
    told = [str(python), "-c", "from ansible.release import __version__; print(__version__)"]
    release = subprocess.run(told, capture_output=True, text=True, check=True).stdout.strip()
    print(f"===== ansible-core {release}, Python {CORES[core]}", flush=True)
    done = subprocess.run(
        [str(python), "-m", "pytest", "--quiet", "--numprocesses", "auto", "-p", "no:cacheprovider", *options],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(done.stdout, flush=True)
    return Ended(release, CORES[core], done.returncode, "".join(SUMMARY.findall(done.stdout)[-1:]))


def main(arguments: list[str]) -> int:
    """Test the versions, show a line for each, and return the exit code."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    cores, options = arguments[:at] or list(CORES), arguments[at + 1 :] or TESTS
    unknown = [core for core in cores if core not in CORES]
    if unknown:
        print(f"unknown versions: {', '.join(unknown)}; choose from {', '.join(CORES)}", file=sys.stderr)
        return 2
    results = [test(core, options) for core in cores]
    print("=====", *results, sep="\n")
    return int(any(result.code for result in results) or all(result.code is None for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
