# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits and faults of interfaces on a host (docs/decisions/0008-limits-and-faults.md).

An OpenFlow meter, whose number is that of the port, limits what a guest sends. A tbf qdisc on the tap limits what it
receives, and a netem qdisc adds the faults. Both are saved beside the flows, because a switch loses its meters on
restart, and a recreated tap has no qdisc.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isclose
from typing import Any

from ...changes import Change, SliceRef, between
from ...errors import Refusal, Refused
from ...vm_order import Interface
from ...work_order import SliceOrder
from .. import files
from ..host_info import TRY_NETEM
from ..runner import Runner
from ..work_order import all_vms, slice_ids
from .flows import OFCTL, Flow, owner_of, saved_changes

# Guests send TCP segments of up to 64 KiB, and a meter drops all packets that exceed its burst size.
_LEAST_METER_KBIT = 600
_FRAME_OVERHEAD = 22
_TBF_BURST_S = 0.02
_TBF_QUEUE_S = 0.1
_LEAST_BURST_FRAMES, _LEAST_QUEUE_FRAMES = 4, 16
# The queue of netem has to hold all frames that arrive within the delay.
_NETEM_FRAMES = 10_000
_METER = re.compile(r"^meter=([0-9]+) kbps burst bands=\s*type=drop rate=([0-9]+) burst_size=([0-9]+)", re.M)
_FILES = ("meters", "qdiscs")
_TOLD = 0.00001
_MOST_SHOWN_S = 2**32 * 64e-9
# The handle of the kernel's default qdisc, which cannot be removed.
_DEFAULT_HANDLE = "0:"


@dataclass(frozen=True)
class Chance:
    """A fault of netem that affects frames at random, in percent.

    Attributes:
        words: its name in commands of tc.
        shown: the key of its options in tc's output, which is JSON.
        fraction: the key of its value in these, as a fraction of 1.
    """

    words: str
    shown: str
    fraction: str


# By the field of the interface.
_CHANCES = {
    "loss_percent": Chance("loss random", "loss-random", "loss"),
    "duplicate_percent": Chance("duplicate", "duplicate", "duplicate"),
}


@dataclass(frozen=True)
class Qdisc:
    """The qdiscs of a tap, which apply to frames to the guest; none if all fields are zero or empty.

    Attributes:
        rate: bytes per second.
        burst: bytes.
        delay_us: microseconds.
        jitter_us: microseconds.
        chances: percent, by the field of the interface; those of zero are missing.
        foreign: the kind of a qdisc that is not ours; only observed.
    """

    rate: int = 0
    burst: int = 0
    delay_us: int = 0
    jitter_us: int = 0
    chances: Mapping[str, float] = field(default_factory=dict)
    foreign: str = ""

    def __str__(self) -> str:
        parts = [f"rate {self.rate * 8 // 1000} kbit/s"] * bool(self.rate)
        parts += [f"delay {self.delay_us / 1000:g} ms"] * bool(self.delay_us)
        parts += [f"jitter {self.jitter_us / 1000:g} ms"] * bool(self.jitter_us)
        parts += [f"{name.partition('_')[0]} {percent:g} %" for name, percent in self.chances.items()]
        parts += [self.foreign] * bool(self.foreign)
        return ", ".join(parts) or "none"

    @property
    def attributes(self) -> dict[str, Any] | None:
        """The attributes for a change; C(None) without any qdisc."""
        known = {
            "rate_kbps": self.rate * 8 // 1000,
            "burst_bytes": self.burst,
            "delay_ms": self.delay_us / 1000,
            "jitter_ms": self.jitter_us / 1000,
            **{name: round(percent, 6) for name, percent in self.chances.items()},
            "kind": self.foreign,
        }
        return {name: value for name, value in known.items() if value} or None

    @property
    def has_netem(self) -> bool:
        """Whether netem is required."""
        return bool(self.delay_us or self.jitter_us or self.chances)

    @property
    def _shown_burst(self) -> float:
        """The burst as shown by the kernel, which stores it as a time of 32 bits."""
        return self.burst % (self.rate * _MOST_SHOWN_S) if self.rate else 0

    def add(self, tap: str, mtu: int) -> list[str]:
        """Return the lines of C(tc -batch) that add the qdiscs to a tap."""
        lines = []
        # Replaces a root qdisc that is not ours as well.
        verb, where = "replace", "root handle 1:"
        if self.has_netem:
            words = [f"qdisc {verb} dev {tap} {where} netem limit {_NETEM_FRAMES}"]
            words += [f"delay {self.delay_us}us"] * bool(self.delay_us)
            words += [f"{self.jitter_us}us"] * bool(self.jitter_us)
            words += [f"{_CHANCES[name].words} {percent:.6g}%" for name, percent in self.chances.items()]
            lines.append(" ".join(words))
            verb, where = "add", "parent 1:1 handle 2:"
        if self.rate:
            queue = max(int(self.rate * _TBF_QUEUE_S), _LEAST_QUEUE_FRAMES * (mtu + _FRAME_OVERHEAD))
            lines.append(
                f"qdisc {verb} dev {tap} {where} tbf rate {self.rate * 8}bit burst {self.burst} "
                f"limit {self.burst + queue}"
            )
        return lines

    def is_like(self, other: Qdisc) -> bool:
        """Return whether both are equal within the precision of the kernel's ticks and of tc's six digits."""
        return (
            self.rate == other.rate
            and isclose(self._shown_burst, other._shown_burst, rel_tol=0.02, abs_tol=2)
            and isclose(self.delay_us, other.delay_us, rel_tol=_TOLD, abs_tol=2)
            and isclose(self.jitter_us, other.jitter_us, rel_tol=_TOLD, abs_tol=2)
            and all(
                isclose(self.chances.get(name, 0), other.chances.get(name, 0), rel_tol=_TOLD, abs_tol=_TOLD)
                for name in _CHANCES
            )
            and self.foreign == other.foreign
        )


NOTHING = Qdisc()


@dataclass(frozen=True)
class Host:
    """The observed limits and faults of a host.

    Attributes:
        meters: rate in kbit/s and burst in kbit, by number.
        qdiscs: the qdiscs by device; devices without any are missing.
        saved: the contents of the saved files, by name.
        netem: whether the kernel supports netem; also true if no interface needs it.
    """

    meters: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    qdiscs: Mapping[str, Qdisc] = field(default_factory=dict)
    saved: Mapping[str, str] = field(default_factory=dict)
    netem: bool = True


@dataclass(frozen=True)
class LimitPlan:
    """The plan for meters and qdiscs.

    Attributes:
        meters: the old and the new meter by number; C(None) for no meter.
        qdiscs: the old and the new qdiscs and the MTU, by tap.
        files: the new content of each file that differs, by name; empty if the file is to be removed.
        slices: the slices of the meters, by number, and of the qdiscs, by tap.
    """

    meters: Mapping[int, tuple[tuple[int, int] | None, tuple[int, int] | None]] = field(default_factory=dict)
    qdiscs: Mapping[str, tuple[Qdisc, Qdisc, int]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    slices: Mapping[int | str, int] = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        """Each meter, qdisc and file that differs."""
        return [
            *(
                between("meter", number, _rate(old), _rate(new), slice=SliceRef(self.slices[number]))
                for number, (old, new) in sorted(self.meters.items())
            ),
            *(
                between("qdisc", tap, old.attributes, new.attributes, slice=SliceRef(self.slices[tap]))
                for tap, (old, new, _mtu) in sorted(self.qdiscs.items())
            ),
            *saved_changes(self.files),
        ]


def _whole_us(ms: float | None) -> int:
    us = (ms or 0) * 1000
    return round(us) if us >= 1 else 0


def qdisc_of(nic: Interface) -> Qdisc:
    """Return the desired qdiscs of an interface's tap."""
    rate = (nic.rx_kbps or 0) * 125
    delay_us = _whole_us(nic.delay_ms)
    return Qdisc(
        rate=rate,
        burst=max(int(rate * _TBF_BURST_S), _LEAST_BURST_FRAMES * (nic.mtu + _FRAME_OVERHEAD)) if rate else 0,
        delay_us=delay_us,
        jitter_us=_whole_us(nic.jitter_ms) if delay_us else 0,
        chances={name: percent for name in _CHANCES if (percent := getattr(nic, name))},
    )


def meter_of(kbps: int) -> tuple[int, int]:
    """Return rate in kbit/s and burst in kbit of a meter."""
    return kbps, max(kbps // 10, _LEAST_METER_KBIT)


def observe(orders: Iterable[SliceOrder], runner: Runner, *, bridge: str, folder: str) -> Host:
    """Return the limits and faults of the host. No command is run if neither the order nor a saved file has any.

    Support for netem is tested in a temporary network namespace.

    Raises:
        CommandFailed: the switch does not respond.
    """
    orders = tuple(orders)
    nics = [nic for vm in all_vms(orders) for nic in vm.interfaces]
    names = [_file(owner, kind) for owner in slice_ids(orders) for kind in _FILES]
    saved = {name: text for name in names if (text := files.read_text(f"{folder}/{name}")) is not None}
    metered = any(nic.tx_kbps for nic in nics) or any(name.endswith(".meters") for name in saved)
    shaped = any(nic.is_shaped for nic in nics) or any(name.endswith(".qdiscs") for name in saved)
    return Host(
        meters=_read_meters(runner.run([*OFCTL, "dump-meters", bridge]).stdout) if metered else {},
        qdiscs=_read_qdiscs(runner.run(["tc", "-json", "qdisc", "show"]).stdout) if shaped else {},
        saved=saved,
        netem=not any(qdisc_of(nic).has_netem for nic in nics) or runner.run(TRY_NETEM, check=False).rc == 0,
    )


def plan(
    orders: Iterable[SliceOrder],
    have: Host,
    *,
    numbers: Mapping[str, int],
    spoken: Iterable[Flow],
    fresh: Collection[str],
) -> LimitPlan:
    """Return the plan for the limits and faults of the order.

    Args:
        orders: the slices.
        have: the observed state.
        numbers: the OpenFlow numbers of the ports, by tap.
        spoken: the flows on the bridge; a meter that a flow of another slice uses is not removed.
        fresh: taps that are created, and therefore have no qdisc yet.

    Raises:
        Refused: interfaces have faults, but the kernel does not support netem; one refusal per interface.
    """
    orders = tuple(orders)
    owners = slice_ids(orders)
    if not have.netem:
        raise Refused(_need_netem(orders))
    texts = {name: text for order in orders for name, text in _texts(order, numbers).items()}
    wanted = {number: meter for order in orders for number, meter in _meters(order, numbers).items()}
    others = {number for flow in spoken if flow.owner not in owners and (number := flow.meter) is not None}
    return LimitPlan(
        meters=_differing_meters(wanted, have, others),
        qdiscs=dict(_differing_qdiscs(orders, have, fresh)),
        files={name: text for name, text in texts.items() if have.saved.get(name, "") != text},
        slices=dict(_slices(orders, have, numbers)),
    )


def _slices(orders: Iterable[SliceOrder], have: Host, numbers: Mapping[str, int]) -> Iterator[tuple[int | str, int]]:
    """Yield the slices of saved meters, and then those of the order's meters and taps."""
    for name, text in have.saved.items():
        yield from ((number, owner_of(name)) for number in _saved_meters(text))
    for order in orders:
        yield from ((number, order.slice_id) for number in _meters(order, numbers))
        yield from ((nic.tap, order.slice_id) for vm in order.vms for nic in vm.interfaces)


def _meters(order: SliceOrder, numbers: Mapping[str, int]) -> dict[int, tuple[int, int]]:
    """Return the desired meters of a slice, by number."""
    return {
        numbers[nic.tap]: meter_of(nic.tx_kbps)
        for vm in order.vms
        for nic in vm.interfaces
        if nic.tx_kbps and nic.tap in numbers
    }


def _texts(order: SliceOrder, numbers: Mapping[str, int]) -> dict[str, str]:
    """Return the contents of a slice's saved files, by name."""
    nics = [nic for vm in order.vms for nic in vm.interfaces]
    qdiscs = [line for nic in nics for line in qdisc_of(nic).add(nic.tap, nic.mtu)]
    return {
        _file(order.slice_id, "meters"): "".join(map(_meter_text, _meters(order, numbers).items())),
        _file(order.slice_id, "qdiscs"): "".join(f"{line}\n" for line in qdiscs),
    }


def _differing_qdiscs(
    orders: Iterable[SliceOrder], have: Host, fresh: Collection[str]
) -> Iterator[tuple[str, tuple[Qdisc, Qdisc, int]]]:
    """Yield the taps whose qdiscs differ, with the old and the new ones and the MTU."""
    for nic in (nic for vm in all_vms(orders) for nic in vm.interfaces):
        old, new = NOTHING if nic.tap in fresh else have.qdiscs.get(nic.tap, NOTHING), qdisc_of(nic)
        if not new.is_like(old):
            yield nic.tap, (old, new, nic.mtu)


def _differing_meters(
    wanted: Mapping[int, tuple[int, int]], have: Host, others: Collection[int]
) -> dict[int, tuple[tuple[int, int] | None, tuple[int, int] | None]]:
    """Return the meters to add, to change or to remove; those whose number is in C(others) are not removed."""
    known = {number for text in have.saved.values() for number in _saved_meters(text)}
    stale = (known & have.meters.keys()) - wanted.keys() - set(others)
    return {
        **{number: (have.meters.get(number), new) for number, new in wanted.items() if have.meters.get(number) != new},
        **{number: (have.meters[number], None) for number in stale},
    }


def _saved_meters(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^meter=([0-9]+)", text, re.M)]


def _need_netem(orders: Iterable[SliceOrder]) -> Iterator[Refusal]:
    for vm in all_vms(orders):
        for nic in vm.interfaces:
            asked = replace(qdisc_of(nic), rate=0)
            if asked.has_netem:
                yield Refusal("netem_missing", f"{vm} {nic.name}", {"asked": str(asked), "host": "this host"})


def prepare(todo: LimitPlan, runner: Runner, *, bridge: str, folder: str) -> None:
    """Apply what precedes flows and ports: add the meters that flows use, save files, and delete old qdiscs."""
    for number, (old, new) in todo.meters.items():
        if new is not None:
            change = "add-meter" if old is None else "mod-meter"
            runner.run([*OFCTL, change, bridge, _meter_text((number, new)).strip()])
    # Saved only after the switch has accepted the meters, because they are loaded from the files when it starts.
    files.save(folder, todo.files, mode=0o644)
    _batch((f"qdisc del dev {tap} root" for tap, (old, _new, _mtu) in todo.qdiscs.items() if old != NOTHING), runner)


def finish(todo: LimitPlan, runner: Runner, *, bridge: str) -> None:
    """Apply what follows flows and ports: add the new qdiscs, and delete the meters that no flow uses."""
    _batch((line for tap, (_old, new, mtu) in todo.qdiscs.items() for line in new.add(tap, mtu)), runner)
    for number, (_old, new) in todo.meters.items():
        if new is None:
            runner.run([*OFCTL, "del-meter", bridge, f"meter={number}"])


def saved_qdiscs(folder: str, slice_id: int, taps: Collection[str]) -> list[str]:
    """Return the saved lines of C(tc -batch) for some of a slice's taps."""
    lines = (files.read_text(f"{folder}/{_file(slice_id, 'qdiscs')}") or "").splitlines()
    return [line for line in lines if line.partition(" dev ")[2].split(" ")[0] in taps]


def _batch(lines: Iterable[str], runner: Runner) -> None:
    text = "".join(f"{line}\n" for line in lines)
    if text:
        runner.run(["tc", "-batch", "-"], stdin=text)


def _file(owner: int, kind: str) -> str:
    return f"{owner}.{kind}"


def _meter_text(item: tuple[int, tuple[int, int]]) -> str:
    number, (kbps, burst) = item
    return f"meter={number},kbps,burst,band=type=drop,rate={kbps},burst_size={burst}\n"


def _rate(meter: tuple[int, int] | None) -> dict[str, int] | None:
    return None if meter is None else {"rate_kbps": meter[0], "burst_kbit": meter[1]}


def _read_meters(text: str) -> dict[int, tuple[int, int]]:
    return {int(number): (int(rate), int(burst)) for number, rate, burst in _METER.findall(text)}


def _read_qdiscs(text: str) -> dict[str, Qdisc]:
    """Parse the output of C(tc -json qdisc show), with times in seconds and chances as fractions of 1."""
    found: dict[str, Qdisc] = {}
    for each in json.loads(text or "[]"):
        options: Mapping[str, Any] = each.get("options") or {}
        known = vars(found.get(each.get("dev"), NOTHING))
        if each.get("kind") == "tbf":
            known = {**known, "rate": options["rate"], "burst": options["burst"]}
        elif each.get("kind") == "netem":
            delay = options.get("delay") or {}
            known = {
                **known,
                "delay_us": round(delay.get("delay", 0) * 1_000_000),
                "jitter_us": round(delay.get("jitter", 0) * 1_000_000),
                "chances": {
                    name: options[chance.shown][chance.fraction] * 100
                    for name, chance in _CHANCES.items()
                    if chance.shown in options
                },
            }
        elif each.get("root") and each.get("handle") != _DEFAULT_HANDLE:
            known = {**known, "foreign": each["kind"]}
        else:
            continue
        found[each["dev"]] = Qdisc(**known)
    return found
