# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A signal ends the program of a host in the middle of a work order: what it says, what it leaves, and the next call.

The program is a real process. The commands that it runs are a script, which keeps the state of the host in files, and
which waits at one of them until the signal has been sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter.reports import host_reports
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import CALLS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.cli import BEGUN
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.program import digest
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import zipapp
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import validated

pytestmark = pytest.mark.usefixtures("default_signals")
PATIENCE_S = 60
RECEIPT = "0123456789abcdef" * 2
RESERVATION = {"vm_id": 1001, "name": "vm1", "mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}
SLICE = {"slice_id": 1000, "reservations": [RESERVATION], "record": "{}", "revision": 5, "receipt": RECEIPT}
COMMANDS = ("conntrack", "ip", "nft", "nsenter", "systemctl")
# A slice has a name server (port 5300) and a share, which both are maps of nftables.
HOST = """#!/bin/sh
name=${0##*/}
said="$name $*"
if [ -e "$HOST/stop" ] && case $said in *"$(cat "$HOST/stop")"*) true ;; *) false ;; esac; then
  rm "$HOST/stop"
  echo $$ >"$HOST/stopped"
  exec cat "$HOST/never"
fi
case $said in
  "nft --json list map"*) echo '{"nftables": [{"map": {"elem": '"$(cat "$HOST/shares")"'}}]}' ;;
  *"nft --json list ruleset"*)
    rule='{"rule": {"table": "cloudrepo_dhcp", "family"'
    guards="$rule: \\"ip\\"}}, $rule: \\"netdev\\"}}"
    echo '{"nftables": [{"map": {"name": "slices", "elem": '"$(cat "$HOST/clients")"'}}, '"$guards"']}' ;;
  "nsenter "*"nft --file -") cat >/dev/null; echo '[["10.60.7.101", 5300]]' >"$HOST/clients" ;;
  "nft --file -") cat >/dev/null; echo '[["10.60.7.101", 1000]]' >"$HOST/shares" ;;
  "systemctl list-units"*)
    sed 's/.*/{"unit": "&", "active": "active"}/' "$HOST/active" | paste -s -d , | sed 's/.*/[&]/' ;;
  "systemctl restart"*) echo slices-names@1000.service >>"$HOST/active" ;;
  *" -batch -" | *"--load-file -") cat >/dev/null ;;
esac
"""


@dataclass(frozen=True)
class Host:
    """A network node in a folder: its commands and their state, and the state folder of the program."""

    folder: Path
    program: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def prepare(self) -> Host:
        (self.folder / "bin").mkdir(parents=True)
        self.state.mkdir()
        for name in COMMANDS:
            path = self.folder / "bin" / name
            path.write_text(HOST, encoding="utf-8")
            path.chmod(0o755)
        (self.folder / "active").write_text("slices-dhcp.service\n", encoding="utf-8")
        for name in ("clients", "shares"):
            (self.folder / name).write_text("[]", encoding="utf-8")
        for name in ("stopped", "never"):
            os.mkfifo(self.folder / name)
        return self

    def start(self, *, check_mode: bool = False) -> subprocess.Popen[str]:
        """Start the program with the order."""
        given = {"state_dir": str(self.state), "slices": [SLICE]}
        params, _secrets = validated("cloudrepo.slices.network_services", given, CALLS["network_services"])
        request = {"module": "network_services", "params": params, "check_mode": check_mode, "log": False}
        path = self.folder / "request"
        path.write_text(json.dumps({**request, "digest": digest()}), encoding="utf-8")
        with path.open(encoding="utf-8") as opened:
            return subprocess.Popen(
                [sys.executable, "-IS", str(self.program), "call"],
                stdin=opened,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "HOST": str(self.folder)},
            )

    def call(self, *, check_mode: bool = False) -> dict[str, Any]:
        """Run the program to its end."""
        return said(self.start(check_mode=check_mode))[1]

    def start_until(self, command: str, *, check_mode: bool = False) -> tuple[subprocess.Popen[str], int]:
        """Start the program, and return it with the pid of a command when it runs this one."""
        (self.folder / "stop").write_text(command, encoding="utf-8")
        running = self.start(check_mode=check_mode)
        with (self.folder / "stopped").open(encoding="utf-8") as opened:
            return running, int(opened.read())

    def end(self, number: signal.Signals, command: str, *, check_mode: bool = False) -> tuple[int, dict[str, Any]]:
        """Send a signal to the program while it runs a command."""
        running, child = self.start_until(command, check_mode=check_mode)
        running.send_signal(number)
        ended = said(running)
        # The program ends its command, unless the signal has come while it was starting it.
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        return ended

    def files(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.state)): path.read_text(encoding="utf-8").replace(str(self.folder), "")
            for path in sorted(self.state.rglob("*"))
            if path.is_file()
        }


def said(running: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    out, err = running.communicate(timeout=PATIENCE_S)
    begun, _line, result = out.partition("\n")
    assert begun == BEGUN, err
    return running.returncode, json.loads(result)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lib") / "slices-host"
    path.write_bytes(zipapp.build())
    return path


@pytest.fixture(scope="module")
def undisturbed(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Host:
    host = Host(tmp_path_factory.mktemp("undisturbed") / "host", program).prepare()
    done = host.call()
    assert (done.get("failed"), done["changed"]) == (None, True)
    return host


# While the host is observed; before, among and after its files are written; while its services are reloaded.
MOMENTS = {
    "systemctl list-units": [],
    "conntrack --load-file": ["pending"],
    "systemctl --no-reload enable": ["pending", "hosts.d"],
    "systemctl reload": ["pending", "hosts.d"],
    "systemctl restart": ["pending", "hosts.d"],
    "nft --file": ["pending", "hosts.d"],
}


LAST = list(MOMENTS)[-1]


@pytest.mark.parametrize(
    ("command", "number"),
    [*((command, signal.SIGTERM) for command in MOMENTS), (LAST, signal.SIGINT), (LAST, signal.SIGHUP)],
)
def test_an_ended_call_says_so_and_the_next_one_completes_it(
    command: str, number: signal.Signals, program: Path, undisturbed: Host, tmp_path: Path
) -> None:
    host = Host(tmp_path / "host", program).prepare()
    rc, result = host.end(number, command)
    assert (rc, result["failed"], result["changed"]) == (0, True, True)
    assert result["msg"] == (
        f"ended by {number.name}: this host may have been changed in part; "
        "run the same playbook again with the same variables to complete it"
    )
    # No drafts of files, and no claim that the order was applied.
    held = host.files()
    assert [path for path in held if "/." in f"/{path}"] == []
    assert [each for each in MOMENTS[LAST] if any(each in path for path in held)] == MOMENTS[command]
    assert list(applied_orders.read(str(host.state), revisions.NETWORK_NODE)) == []

    done = host.call()
    assert (done.get("failed"), done["changed"]) == (None, True)
    assert host.files() == undisturbed.files()
    assert host.call()["changes"] == undisturbed.call()["changes"]


def test_the_report_of_an_ended_call_is_a_failure(program: Path, tmp_path: Path) -> None:
    """The database keeps what the slice gave up until a call has succeeded, although the host had the receipt."""
    _rc, result = Host(tmp_path / "host", program).prepare().end(signal.SIGTERM, "systemctl restart")
    [report] = host_reports({"gateway": {"network_node_result": result}}, {"network_node": ["gateway"]}, {})
    assert report["failure"].startswith("ended by SIGTERM")
    assert report["answers"] == [{"slice_id": 1000, "receipt": RECEIPT}]


def test_an_ended_call_in_check_mode_has_changed_nothing(program: Path, tmp_path: Path) -> None:
    host = Host(tmp_path / "host", program).prepare()
    _rc, result = host.end(signal.SIGTERM, "systemctl list-units", check_mode=True)
    assert (result["msg"], result["changed"]) == ("ended by SIGTERM; nothing was changed (check mode)", False)
    assert host.files() == {}


def test_a_killed_call_says_nothing_and_the_next_one_completes_it(
    program: Path, undisturbed: Host, tmp_path: Path
) -> None:
    """Nothing can be said about SIGKILL: the action plugin turns this into a failure (test_program_calls.py)."""
    host = Host(tmp_path / "host", program).prepare()
    running, child = host.start_until("systemctl restart")
    running.kill()
    os.kill(child, signal.SIGKILL)
    out, _err = running.communicate(timeout=PATIENCE_S)
    assert out == f"{BEGUN}\n"
    assert host.call()["changed"]
    assert host.files() == undisturbed.files()
