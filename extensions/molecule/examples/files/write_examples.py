# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes each task of the modules' EXAMPLES to a separate file: write_examples.py MODULES_FOLDER OUT_FOLDER

The files are MODULE-N.yml, numbered from 0. Prints their names.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import yaml


def examples(module: Path) -> list[object]:
    """Return the tasks in a module's EXAMPLES."""
    for statement in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "EXAMPLES":
            return list(yaml.safe_load(ast.literal_eval(statement.value)))
    raise SystemExit(f"{module} has no EXAMPLES")


def main(modules: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for module in sorted(modules.glob("[a-z]*.py")):
        for number, task in enumerate(examples(module)):
            target = out / f"{module.stem}-{number}.yml"
            target.write_text(yaml.safe_dump([task], sort_keys=False), encoding="utf-8")
            print(target.stem)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
