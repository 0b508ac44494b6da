# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generates a command that probes something from inside a guest, which has no Python, and judges what it printed.

usage: probes.py command <STEPS | probes.py judge <TOLD

STEPS is a JSON list of steps, one after the other, each a list of probes that run at the same time. A probe has a
C(name), a C(command), and at least one rule: C(rc), the expected return code or C(nonzero); C(says) and C(lacks),
regular expressions that its output must and must not match; C(finds), by regular expression, a list of all its matches.
TOLD has C(steps) and their output, C(stdout). Prints each broken rule, and fails if there are any.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NONZERO = "nonzero"
# The shell's return codes for a program that does not exist or cannot be run: neither success nor failure of a probe.
NOT_RUN = (126, 127)
FOLDER = "/run/probes"
REPORT = re.compile(r"^=== (\d+) rc (\d+)$", re.MULTILINE)
# The output of a probe is kept in a file, because that of probes that run at the same time would be mixed. One whose
# rules are all about its return code is printed only if that is unexpected: a console is slow.
SCRIPT = """\
rm -rf {folder}; mkdir -p {folder}; cd {folder} || exit
probe() {{
(eval "$3") >$1 2>&1 </dev/null
rc=$?
echo $rc >$1.rc
case $2:$rc in zero:0) : >$1;; nonzero:0 | nonzero:12[67]) ;; nonzero:*) : >$1;; esac
}}
{probes}
for n in $(seq 0 {last}); do
printf '\\n=== %s rc %s\\n' $n $(cat $n.rc)
cat $n
done
"""


class Answer(NamedTuple):
    """What a probe reported."""

    rc: int
    stdout: str


@dataclass(frozen=True)
class Probe:
    """A command in a guest, and the rules for its return code and its output."""

    name: str
    command: str
    rc: int | str | None = None
    says: Sequence[str] = ()
    lacks: Sequence[str] = ()
    finds: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rc is None and not (self.says or self.lacks or self.finds):
            raise ValueError(f"{self.name}: a probe without a rule cannot fail")
        if isinstance(self.rc, str) and self.rc != NONZERO:
            raise ValueError(f"{self.name}: rc must be a number or {NONZERO}, got {self.rc!r}")

    @property
    def quiet_if(self) -> str:
        """The kind of return code with which the output does not matter."""
        if self.says or self.lacks or self.finds:
            return "never"
        return "zero" if self.rc == 0 else NONZERO

    def broken(self, answer: Answer | None) -> list[str]:
        """Return the broken rules; a probe that did not report or could not be run breaks a rule as well."""
        if answer is None:
            return ["it did not report"]
        if answer.rc in NOT_RUN:
            return [f"the command could not be run, return code {answer.rc}"]
        said = answer.stdout
        broken = []
        if (answer.rc == 0) if self.rc == NONZERO else self.rc not in (None, answer.rc):
            broken.append(f"return code {answer.rc}, expected {self.rc}")
        broken += [f"no match of {rule}" for rule in self.says if not re.search(rule, said, re.MULTILINE)]
        broken += [f"a match of {rule}" for rule in self.lacks if re.search(rule, said, re.MULTILINE)]
        for rule, expected in self.finds.items():
            found = re.findall(rule, said, re.MULTILINE)
            if found != expected:
                broken.append(f"matches of {rule} are {found}, expected {expected}")
        return broken


Steps = list[list[Probe]]


def read(steps: list[list[dict[str, Any]]]) -> Steps:
    """Return the steps of a JSON text.

    Raises:
        TypeError: a probe has an unknown field, or no name or command.
        ValueError: there is no probe, or one without a rule.
    """
    probes = [[Probe(**probe) for probe in step] for step in steps]
    if not any(probes):
        raise ValueError("there are no probes")
    return probes


def script(steps: Steps) -> str:
    """Return the shell script that runs the probes and prints their return codes and outputs."""
    lines = []
    number = 0
    for step in steps:
        for probe in step:
            lines.append(f"probe {number} {probe.quiet_if} {shlex.quote(probe.command)} &")
            number += 1
        lines.append("wait")
    return SCRIPT.format(folder=FOLDER, probes="\n".join(lines), last=number - 1)


def command(steps: Steps) -> str:
    """Return a short command that runs the script: each character takes four on the console."""
    packed = base64.b64encode(gzip.compress(script(steps).encode(), mtime=0)).decode()
    return f"echo {packed} | base64 -d | gunzip | sh"


def answers(stdout: str) -> dict[int, Answer]:
    """Return what each probe reported, by its number."""
    parts = REPORT.split(stdout.replace("\r\n", "\n"))
    reports = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {int(number): Answer(int(rc), said.strip()) for number, rc, said in reports}


def judge(steps: Steps, stdout: str) -> list[str]:
    """Return a line for each broken rule, with the probe and its output."""
    reported = answers(stdout)
    wrong = []
    for number, probe in enumerate(probe for step in steps for probe in step):
        answer = reported.get(number)
        said = f": {answer.stdout}" if answer and answer.stdout else ""
        wrong += [f"{probe.name}: {rule}; {probe.command}{said}" for rule in probe.broken(answer)]
    return wrong


def main(mode: str) -> None:
    given = json.load(sys.stdin)
    if mode == "command":
        print(command(read(given)))
        return
    steps = read(given["steps"])
    wrong = judge(steps, given["stdout"])
    print("\n".join(wrong or [f"{sum(map(len, steps))} probes are as expected"]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
