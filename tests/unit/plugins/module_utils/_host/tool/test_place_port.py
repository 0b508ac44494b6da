# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The subcommand that moves a port to a namespace passes its arguments in the right order."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import namespace
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Runner, SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import place_port
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError


def test_arguments_are_passed_on_and_errors_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[tuple[str, str]] = []

    def place(name: str, port: str, runner: Runner) -> None:
        assert isinstance(runner, SubprocessRunner)
        placed.append((name, port))
        if port == "none":
            raise SlicesError("there is no port none")

    monkeypatch.setattr(namespace, "place_port", place)
    assert [place_port.main("slice-1000", port) for port in ("net_101", "none")] == [0, 1]
    assert placed == [("slice-1000", "net_101"), ("slice-1000", "none")]
