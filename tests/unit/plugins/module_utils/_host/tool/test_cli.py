# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selection of subcommands by name."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from types import ModuleType

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import cli

PACKAGE = cli.__name__.rpartition(".")[0]


@pytest.mark.parametrize(
    "arguments",
    [[], [""], ["unknown"], ["restore-taps"], ["restore-taps", "a", "b"], ["restore_taps", "a"], ["--help"]],
)
def test_an_invalid_call_prints_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split()[1] for line in said.err.splitlines()[1:]] == list(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_subcommand_gets_its_arguments_and_returns_its_exit_code(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"word{number}" for number, _word in enumerate(cli.COMMANDS[name].split())]
    told: list[tuple[str, ...]] = []

    def main(*arguments: str) -> int:
        told.append(arguments)
        return 7

    module = ModuleType(name)
    module.main = main  # type: ignore[attr-defined] # as every subcommand's module has
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.{name.replace('-', '_')}", module)
    assert cli.main([name, *words]) == 7
    assert told == [tuple(words)]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_subcommand_is_a_module_with_the_documented_arguments(name: str) -> None:
    main = import_module(f"{PACKAGE}.{name.replace('-', '_')}").main
    assert len(inspect.signature(main).parameters) == len(cli.COMMANDS[name].split())
