# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""C(tests/unit) mirrors C(plugins/) and the scripts of scenarios, so that the tests of a file are found by its name."""

from __future__ import annotations

from pathlib import Path

UNIT = Path(__file__).parent
PLUGINS = UNIT.parents[1] / "plugins"
MIRRORED = ("connection", "filter", "inventory", "module_utils", "plugin_utils")
"""Modules and action plugins are arguments and one call: what is behind them is tested by its own name. They are called
in C(tests/unit/plugins/modules), by what several of them do together, and C(guard) in C(tests/unit/playbooks)."""
ACTION_TESTS = ("plugins/action", "plugins/modules", "playbooks")
ACROSS = {
    "filter/test_documentation.py",
    "module_utils/_host/qemu/test_plan_conflicts.py",
    "module_utils/_host/test_damaged_files.py",
    "module_utils/_state/test_crashes.py",
    "module_utils/_state/test_many_writers.py",
}
"""Tests of what several files do together, which are called by what they try."""


def test_every_utility_has_a_test_file_of_the_same_name() -> None:
    files = [path for folder in MIRRORED for path in (PLUGINS / folder).rglob("*.py") if path.stat().st_size]
    tested = [path.relative_to(PLUGINS) for path in files]
    missing = [str(path) for path in tested if not (UNIT / "plugins" / path.parent / f"test_{path.name}").is_file()]
    assert len(tested) > 50
    assert missing == []


def test_every_action_plugin_with_code_has_a_test_file_of_the_same_name() -> None:
    plugins = {path.name for path in (PLUGINS / "action").glob("*.py")}
    missing = {
        name for name in plugins if not any((UNIT / folder / f"test_{name}").is_file() for folder in ACTION_TESTS)
    }
    assert missing == {"slice.py"}  # only a subclass of OnController


def test_every_test_file_has_a_file_of_the_same_name() -> None:
    tests = [
        path.relative_to(UNIT / "plugins")
        for folder in MIRRORED
        for path in (UNIT / "plugins" / folder).rglob("test_*.py")
    ]
    tested = {str(path): path.parent / path.name.removeprefix("test_") for path in tests}
    # Helpers of tests have tests as well.
    stray = {
        test
        for test, path in tested.items()
        if not any((root / path).is_file() for root in (PLUGINS, UNIT / "plugins"))
    }
    assert stray == ACROSS


def test_every_script_of_a_scenario_has_a_test_file_of_the_same_name() -> None:
    scripts = sorted(path.stem for path in (PLUGINS.parent / "extensions").rglob("*.py"))
    missing = [name for name in scripts if not (UNIT / "molecule" / f"test_{name}.py").is_file()]
    assert len(scripts) > 15
    assert missing == []
