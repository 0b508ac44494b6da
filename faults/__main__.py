# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Injects faults into a lab, several times each. Checks after each that the report is true, that the next same run
converges and the one after changes nothing, that nothing is lost, doubled or leaked, and that VMs that had no part in
it keep their process.

The outcomes are lines of JSON in .ansible/faults/outcomes.jsonl. The next run repeats only what is missing there or was
not perfect; with --new it forgets them. The run fails if anything was not perfect.
"""

from __future__ import annotations

import argparse
import sys

from .kinds import FAULTS
from .lab import STORE, Broken, Lab
from .proof import Fault, prove
from .record import Outcome, Record, complaints, table
from .world import World

NAMES = [fault.name for fault in FAULTS]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tools/faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--times", type=int, default=3, help="how often each fault is tried (%(default)s)")
    parser.add_argument("--new", action="store_true", help="forget the outcomes of earlier runs")
    parser.add_argument("--keep-lab", action="store_true", help="do not remove the lab at the end")
    options = parser.parse_args()

    record = Record(STORE / "outcomes.jsonl")
    if options.new:
        record.forget()
    lab = Lab()
    lab.up()
    world = World(lab)
    for fault in (each for each in FAULTS if each.name in options.faults):
        try_fault(fault, options.times, world, record)
    if not options.keep_lab:
        lab.down()
    outcomes = record.read()
    print("\n".join([table(outcomes), *complaints(outcomes)]))
    sys.exit(not all(outcome.is_perfect for outcome in outcomes))


def try_fault(fault: Fault, times: int, world: World, record: Record) -> None:
    """Run all turns of a fault that were not perfect in an earlier run."""
    total = times * fault.moments
    done = {outcome.turn for outcome in record.read() if outcome.fault == fault.name and outcome.is_perfect}
    for number in (number for number in range(total) if number not in done):
        try:
            outcome = prove(fault, number, total, world)
        except Broken as error:
            outcome = Outcome(fault.name, number, False, notes=(str(error),))
            # Nothing is known of its state.
            world.lab.down()
            world.lab.up()
        record.add(outcome)
        word = "perfect" if outcome.is_perfect else "NOT perfect"
        print(f"{fault.name} {number + 1}/{total}: {word}, {outcome.seconds:.0f} s", flush=True)
        for text in complaints([outcome]):
            print(f"  {text[:600]}", flush=True)


if __name__ == "__main__":
    main()
