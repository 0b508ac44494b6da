# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets small faults into C(plugins/module_utils), one at a time, and tells which of them no unit test notices.

Each fault is tried in a copy of the checkout, first with the tests of the file's own name, and with C(--all) then with
the whole suite. The results are lines of JSON in a file outside the checkout, so an interrupted run can be resumed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UTILS = Path("plugins/module_utils")
TIMEOUT_S = 300
ALL_TIMEOUT_S = 3600
KILLED, SURVIVED, UNTESTED = "killed", "survived", "untested"
EVERYWHERE = "tests/unit/test_values.py"
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Mutant:
    """A fault: a part of a file, by its offsets in bytes, and what replaces it."""

    path: str
    line: int
    start: int
    end: int
    old: str
    new: str
    kind: str

    def text(self, source: bytes) -> bytes:
        """Return the content of the file with the fault."""
        return source[: self.start] + self.new.encode() + source[self.end :]


def mutants(path: str, source: bytes) -> Iterator[Mutant]:
    """Yield the faults of a file."""
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    tree = ast.parse(source)
    skipped = {id(node) for parent in ast.walk(tree) for node in _types_and_docs(parent)}
    for node in _walk(tree, skipped):
        for part, new, kind in _faults(node):
            start = lines[part.lineno - 1] + part.col_offset
            end = lines[(part.end_lineno or part.lineno) - 1] + (part.end_col_offset or 0)
            yield Mutant(path, part.lineno, start, end, source[start:end].decode(), new, kind)


def _types_and_docs(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what has no effect when the code runs: annotations, documentation with its samples, and checks of types."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from filter(
            None, [node.returns, *(arg.annotation for arg in ast.walk(node.args) if isinstance(arg, ast.arg))]
        )
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation
    elif isinstance(node, ast.keyword) and node.arg == "sample":
        yield node.value
    elif (
        (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        or isinstance(node, (ast.Import, ast.ImportFrom))
    ):
        yield node


def _walk(node: ast.AST, skipped: set[int]) -> Iterator[ast.AST]:
    if id(node) not in skipped:
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _walk(child, skipped)


def _faults(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str, str]]:
    """Yield the part of a node that is replaced, the replacement and the kind of fault."""
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield node.test, f"(not ({ast.unparse(node.test)}))", "condition negated"
    elif isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield test, "True", "filter left out"
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS and len(node.ops) == 1:
        changed = ast.Compare(node.left, [_COMPARISONS[type(node.ops[0])]()], node.comparators)
        yield node, f"({ast.unparse(changed)})", "comparison changed"
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, f"({ast.unparse(ast.BoolOp(other, node.values))})", "and, or exchanged"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield node, "pass", "call left out"
    elif isinstance(node, ast.Return) and not (node.value is None or _is_none(node.value)):
        yield node.value, "None", "result None"
    elif isinstance(node, ast.With):
        for item in node.items:
            if item.optional_vars is None and isinstance(item.context_expr, ast.Call):
                yield item.context_expr, "__import__('contextlib').nullcontext()", "context left out"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield node, str(not node.value), "constant negated"
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield node, str(node.value + 1), "constant moved"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def sample(root: Path, *, count: int, seed: int, only: str = "") -> list[Mutant]:
    """Return faults of all utilities, or of those whose path contains C(only), drawn by seed."""
    paths = sorted(path for path in (root / UTILS).rglob("*.py") if only in str(path))
    found = [mutant for path in paths for mutant in mutants(str(path.relative_to(root)), path.read_bytes())]
    return random.Random(seed).sample(found, min(count, len(found)))  # not for secrets


def tests_of(root: Path, path: str) -> list[str]:
    """Return the test files that belong to a utility by their names, and the one that belongs to all."""
    utility = Path(path)
    folder = root / "tests/unit" / utility.parent
    found = sorted(str(path.relative_to(root)) for path in folder.glob(f"test_{utility.stem}*.py"))
    return [*found, EVERYWHERE] if found and (root / EVERYWHERE).is_file() else found


def copied(folder: Path) -> Path:
    """Return a copy of the checkout, with the same tools."""
    copy = folder / "slices"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / ".venv").symlink_to((ROOT / ".venv").resolve())
    return copy


def is_noticed(copy: Path, tests: Sequence[str], *, timeout_s: int) -> bool:
    """Return whether a test fails, or does not end."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(copy / ".ansible/collections"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def judge(copy: Path, mutant: Mutant, *, whole: bool) -> str:
    """Return what becomes of a fault."""
    path = copy / mutant.path
    source = path.read_bytes()
    tests = tests_of(copy, mutant.path)
    path.write_bytes(mutant.text(source))
    try:
        if tests and is_noticed(copy, tests, timeout_s=TIMEOUT_S):
            return KILLED
        if whole and is_noticed(copy, ["tests/unit"], timeout_s=ALL_TIMEOUT_S):
            return KILLED
        return SURVIVED if tests or whole else UNTESTED
    finally:
        path.write_bytes(source)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60, help="number of faults")
    parser.add_argument("--seed", type=int, default=1, help="the sample")
    parser.add_argument("--only", default="", help="only utilities whose path contains this")
    parser.add_argument("--all", action="store_true", help="try the whole suite on what the file's own tests pass")
    default = Path(tempfile.gettempdir()) / "slices-mutants.jsonl"
    parser.add_argument("--results", type=Path, default=default, help=f"file for the results ({default})")
    arguments = parser.parse_args()
    if ROOT in arguments.results.resolve().parents:
        parser.error("--results has to be outside the checkout")
    known = {line for line in _lines(arguments.results) if line}
    judged = {tuple(sorted(json.loads(line)["mutant"].items())): json.loads(line)["result"] for line in known}
    chosen = sample(ROOT, count=arguments.count, seed=arguments.seed, only=arguments.only)
    results: list[str] = []
    with tempfile.TemporaryDirectory(prefix="slices-mutants-") as folder, arguments.results.open("a") as file:
        copy = copied(Path(folder))
        for mutant in chosen:
            result = judged.get(tuple(sorted(asdict(mutant).items()))) or judge(copy, mutant, whole=arguments.all)
            file.write(json.dumps({"mutant": asdict(mutant), "result": result}) + "\n")
            file.flush()
            results.append(result)
            if result != KILLED:
                sys.stdout.write(f"{result}: {mutant.path}:{mutant.line}: {mutant.kind}: {mutant.old[:80]!r}\n")
    counts = ", ".join(f"{results.count(kind)} {kind}" for kind in (KILLED, SURVIVED, UNTESTED))
    sys.stdout.write(f"{len(results)} faults of seed {arguments.seed}: {counts}\n")
    return 0


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


if __name__ == "__main__":
    sys.exit(main())
