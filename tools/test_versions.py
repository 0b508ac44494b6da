# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the unit tests of modules and plugins on each supported version of ansible-core.

Each version gets a virtual environment in .ansible/versions/, with its newest patch release and the other tools in the
versions of requirements-dev.txt. Without arguments all of CORES are tested whose Python is on this machine. Arguments
select versions, and those after -- are pytest's: tools/test_versions.py 2.20 -- tests/unit/plugins/inventory
`oldest` and `newest` are those of CORES whose Python is on this machine, and a line says which. With
CLOUDREPO_NEED_NEWEST=1 in the environment, as in CI, `newest` is the last of CORES, or an error.
--sanity also runs ansible-test sanity of each version.
A table is shown at the end. The exit code is 1 if tests have failed, or if no version could be tested.

For `make test`, which tests everything on the oldest version:
- `--quick` runs a short selection of tests, in the environment that is there.
- `--bin VERSION` prints the folder with the commands of that version, and runs no tests.
"""

from __future__ import annotations

import contextlib
import fcntl
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
QUICK = [
    *(f"tests/unit/plugins/{folder}" for folder in ("connection", "filter", "inventory")),
    *(f"tests/unit/plugins/modules/{name}.py" for name in ("test_control_plane", "test_slice_apply", "test_steps")),
    "tests/unit/playbooks/test_quota.py",
]
"""One of each kind: a control-plane module, one for hosts, the examples, and a playbook that plans a deploy."""
NEED_NEWEST = "CLOUDREPO_NEED_NEWEST"
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


def named(core: str) -> str:
    """Return the version that C(oldest) or C(newest) stands for, of those with a Python on this machine, and say which.

    Raises:
        LookupError: the Python of the newest version is missing, and CLOUDREPO_NEED_NEWEST=1 requires it.
    """
    if core not in ("oldest", "newest"):
        return core
    found = [each for each in CORES if interpreter(CORES[each])] or list(CORES)
    wanted, chosen = (list(each)[0 if core == "oldest" else -1] for each in (CORES, found))
    missing = "" if interpreter(CORES[wanted]) else f"; Python {CORES[wanted]} of ansible-core {wanted} not found"
    if missing and core == "newest" and os.environ.get(NEED_NEWEST) == "1":
        raise LookupError(f"{core}: {NEED_NEWEST}=1 requires ansible-core {wanted}{missing}")
    print(f"{core}: ansible-core {chosen}, Python {CORES[chosen]}{missing}", file=sys.stderr)
    return chosen


@contextlib.contextmanager
def alone(core: str) -> Iterator[None]:
    """Keep others from changing the environment of a version meanwhile."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / f"{core}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment(core: str, executable: str, *, update: bool) -> Path:
    """Make the virtual environment of a version, and return its interpreter.

    Args:
        core: the version.
        executable: the interpreter that it is made with.
        update: whether to look for a newer patch release, which takes the network, if the environment is there.
    """
    folder = FOLDER / core
    python = folder / "bin" / "python"
    wanted = requirements(core, (ROOT / "requirements-dev.txt").read_text(encoding="utf-8"))
    stamp, made_from = folder / ".made-from", "\n".join([executable, *wanted])
    with alone(core):
        if update or not stamp.is_file() or stamp.read_text(encoding="utf-8") != made_from:
            stamp.unlink(missing_ok=True)
            subprocess.run([executable, "-m", "venv", str(folder)], check=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
            subprocess.run([*pip, "--upgrade", *wanted], check=True, stdout=sys.stderr)
            stamp.write_text(made_from, encoding="utf-8")
    return python


def test(core: str, options: list[str], *, update: bool) -> Ended:
    """Run the tests on a version, and show their output."""
    executable = interpreter(CORES[core])
    if executable is None:
        return Ended(core, CORES[core], None, f"Python {CORES[core]} not found")
    python = environment(core, executable, update=update)
    command = [str(python), "-c", "from ansible.release import __version__; print(__version__)"]
    release = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
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


def sanity(core: str) -> Ended:
    """Run ansible-test sanity of a version, for which C(test) has made the environment, and show its output."""
    folder = FOLDER / core / "bin"
    if not folder.exists():
        return Ended(core, CORES[core], None, "sanity")
    print(f"===== ansible-core {core}, sanity", flush=True)
    command = [str(ROOT / "tools" / "sanity"), "--oldest-and-newest"]
    done = subprocess.run(command, env={**os.environ, "ANSIBLE_TEST_FOLDER": str(folder)}, check=False)
    return Ended(core, CORES[core], done.returncode, "sanity")


def show_folder(core: str) -> int:
    """Print the folder with the commands of a version, which is made if need be, and return the exit code."""
    executable = interpreter(CORES[core])
    if executable is None:
        print(f"ansible-core {core}: Python {CORES[core]} not found", file=sys.stderr)
        return 1
    print(environment(core, executable, update=False).parent)
    return 0


def main(arguments: list[str]) -> int:
    """Test the versions, show a line for each, and return the exit code."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    flags = {each for each in arguments[:at] if each.startswith("--")}
    wanted = [each for each in arguments[:at] if each not in flags] or list(CORES)
    known = [*CORES, "oldest", "newest", "--quick", "--bin", "--sanity"]
    unknown = [each for each in [*wanted, *sorted(flags)] if each not in known]
    if unknown:
        print(f"unknown versions: {', '.join(unknown)}; choose from {', '.join(known)}", file=sys.stderr)
        return 2
    try:
        cores = [named(each) for each in wanted]
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    if "--bin" in flags:
        return show_folder(cores[-1])
    options = arguments[at + 1 :] or (QUICK if "--quick" in flags else TESTS)
    results = [test(core, options, update="--quick" not in flags) for core in cores]
    if "--sanity" in flags:
        results += [sanity(core) for core in cores]
    print("=====", *results, sep="\n")
    return int(any(result.code for result in results) or all(result.code is None for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
