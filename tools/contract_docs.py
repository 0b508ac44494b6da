# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generates the documentation of work orders and reports from the contracts in plugins/module_utils.

A field is defined once in a contract; options, return values, samples and docs/work-order.md are generated from it. Run
this script after changing a contract; a unit test fails if the documentation is outdated.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / ".ansible" / "collections"))

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds  # noqa: E402 (found above)
from ansible_collections.cloudrepo.slices.plugins.module_utils.applied import (  # noqa: E402
    AllOrders,
    AppliedSlice,
    KnownDisplay,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import Asked, Claim  # noqa: E402
from ansible_collections.cloudrepo.slices.plugins.module_utils.contract import Contract, Part  # noqa: E402
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import Holdings  # noqa: E402
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import NetworkOrder  # noqa: E402
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import HostReport, Reports, VmReport  # noqa: E402
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import Interface  # noqa: E402
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import WorkerOrder  # noqa: E402

WIDTH = 120
MODULES = "plugins/modules"


class Samples(yaml.SafeDumper):
    """A YAML dumper that quotes strings that look like numbers or times."""


def _string(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if re.fullmatch(r"[0-9a-f:]+", value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Samples.add_representer(str, _string)


def dump(value: Any, indent: int) -> list[str]:
    """Return a sample as lines of YAML."""
    text = yaml.dump(value, Dumper=Samples, sort_keys=False, width=WIDTH)
    return textwrap.indent(text, " " * indent).splitlines()


def options(contract: type[Contract], indent: int) -> Iterator[str]:
    """Yield the options of a module with the contract's fields as arguments."""
    for part in contract.parts():
        yield from _option(part, indent)


def returned(contract: type[Contract], indent: int) -> Iterator[str]:
    """Yield the contract's fields as return values, for C(contains)."""
    for part in contract.parts():
        lines = [f"{part.name}:", f"  description: {_plain(' '.join(part.spec.description))}"]
        lines += [f"  type: {part.spec.kind}", f"  sample: {json.dumps(part.spec.samples[0])}"]
        yield from _indented(indent, lines)


def rows(contract: type[Contract], above: str = "") -> Iterator[str]:
    """Yield a row of a Markdown table for each field of the contract and of its lists' entries."""
    for part in contract.parts():
        path = f"{above}{part.name}{'[]' if part.spec.of else ''}"
        default = "required" if part.required else f"`{json.dumps(_default(part))}`"
        kind = part.spec.kind if not part.spec.choices else ", ".join(f"`{choice}`" for choice in part.spec.choices)
        yield f"| `{path}` | {kind} | {default} | {_markdown(' '.join(part.spec.description))} |"
        if part.spec.of is not None:
            yield from rows(part.spec.of, f"{path}.")


def _option(part: Part, indent: int) -> Iterator[str]:
    said = [f"{part.name}:", "  description:", *_sentences(part, WIDTH - indent), f"  type: {part.spec.kind}"]
    if part.spec.of is not None:
        said.append("  elements: dict")
    if part.spec.choices:
        said.append(f"  choices: [{', '.join(part.spec.choices)}]")
    if part.required:
        said.append("  required: true")
    elif part.default is not None:
        said.append(f"  default: {part.default if isinstance(part.default, str) else json.dumps(_default(part))}")
    yield from _indented(indent, said)
    if part.spec.of is not None:
        yield f"{' ' * indent}  suboptions:"
        yield from options(part.spec.of, indent + 4)


def _sentences(part: Part, width: int) -> Iterator[str]:
    for sentence in part.spec.description:
        yield from textwrap.wrap(
            _plain(sentence), width, initial_indent="    - ", subsequent_indent="      ", break_on_hyphens=False
        )


def _default(part: Part) -> Any:
    return [] if part.spec.of is not None else part.default


def _plain(text: str) -> str:
    return text if yaml.safe_load(f"- {text}") == [text] else json.dumps(text)


def _markdown(text: str) -> str:
    return re.sub(r"B\(([^)]*)\)", r"**\1**", re.sub(r"[CV]\(([^)]*)\)", r"`\1`", text))


def _indented(indent: int, lines: Iterable[str]) -> Iterator[str]:
    return (f"{' ' * indent}{line}" for line in lines)


def below(text: str, *headers: str, lines: Iterable[str]) -> str:
    """Return the text with the block below the last header replaced; the headers are searched for in their order.

    The block consists of all following lines with deeper indentation.
    """
    old = text.splitlines()
    at = -1
    for header in headers:
        at = old.index(header, at + 1)
    depth = len(old[at]) - len(old[at].lstrip())
    end = at + 1
    while end < len(old) and (not old[end].strip() or len(old[end]) - len(old[end].lstrip()) > depth):
        end += 1
    return "\n".join([*old[: at + 1], *lines, *old[end:]]) + "\n"


def between(text: str, mark: str, lines: Iterable[str]) -> str:
    """Return the text with the lines between the Markdown comments for C(mark) replaced."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    head, _begin, rest = text.partition(begin)
    _old, _end, tail = rest.partition(end)
    return "\n".join([f"{head}{begin}", *lines, f"{end}{tail}"])


def _list_of_slices(order: type[Contract], name: str = "slices") -> Callable[[str], str]:
    def write(text: str) -> str:
        (part,) = (part for part in order.parts() if part.name == name)
        head, *lines = _option(part, 2)
        return below(text, "options:", head, lines=lines)

    return write


def _machine(text: str) -> str:
    return _list_of_slices(WorkerOrder, "machine_mark")(text)


def _network_order(text: str) -> str:
    for name in ("slices", "lost_machines", "revision", "complete", "machine_mark"):
        text = _list_of_slices(NetworkOrder, name)(text)
    return text


def _cloud(text: str) -> str:
    for part in WorkerOrder.parts():
        if part.name.startswith("cloud_"):
            head, *lines = _option(part, 2)
            text = below(text, "options:", head, lines=lines)
    return text


def _claim(text: str) -> str:
    return below(text, 'RETURN = r"""', "claim:", "  contains:", lines=returned(Claim, 4))


def _hosts(text: str) -> str:
    head, *lines = options(Asked, 2)
    return below(text, "options:", head, lines=lines)


def _applied(text: str) -> str:
    for key in ("worker:", "network_node:"):
        text = below(text, 'RETURN = r"""', key, "  sample:", lines=dump([AppliedSlice.sample()], 4))
    return text


def _rebuilt_from(text: str) -> str:
    head, *lines = options(AllOrders, 2)
    text = below(text, "options:", head, lines=lines)
    return below(text, "options:", "  displays:", "    suboptions:", lines=options(KnownDisplay, 6))


def _reports(text: str) -> str:
    head, *lines = options(Reports, 2)
    return below(text, "options:", head, lines=lines)


def _states(text: str) -> str:
    return below(text, 'RETURN = r"""', "vms:", "  contains:", lines=returned(VmReport, 4))


def _orders(text: str) -> str:
    sample = {"workers": {"10.0.10.1": WorkerOrder.sample()}, "network_node": NetworkOrder.sample()}
    return below(text, 'RETURN = r"""', "work_orders:", "  sample:", lines=dump(sample, 4))


def _shaping(*headers: str) -> Callable[[str], str]:
    """Return the function that writes the options of interfaces in topologies below the last header."""

    def write(text: str) -> str:
        indent = len(headers[-1]) - len(headers[-1].lstrip()) + 2
        parts = [part for part in Interface.parts() if part.name in ("name", *Interface.LIMITS)]
        return below(text, *headers, lines=[line for part in parts for line in _option(part, indent)])

    return write


def _slice(text: str) -> str:
    return _orders(_shaping("  vms:", "      interfaces:", "        suboptions:")(text))


def _holdings(text: str) -> str:
    lines = dump({"10.0.10.1": Holdings.sample()["known"]}, 4)
    return below(text, 'RETURN = r"""', "workers:", "  sample:", lines=lines)


def _page(text: str) -> str:
    contracts: dict[str, type[Contract]] = {"worker": WorkerOrder, "network node": NetworkOrder, "report": HostReport}
    for mark, contract in contracts.items():
        table = ["| field | type | default | what it is |", "|---|---|---|---|", *rows(contract)]
        text = between(text, mark, ["", "```yaml", *dump(contract.sample(), 0), "```", "", *table, ""])
    return text


def _limits(text: str) -> str:
    named = [*vars(bounds).values(), *bounds.WORKER.values()]
    numbers = [
        f"| {_upper(each.what)} | {each.least:,} | {each.most:,} | {each.why} |"
        for each in named
        if isinstance(each, bounds.Limit)
    ]
    texts = [f"| {_upper(each.what)} | {each.rule} | {each.why} |" for each in named if isinstance(each, bounds.Form)]
    text = between(text, "numbers", ["", "| number | minimum | maximum | reason |", "|---|---|---|---|", *numbers, ""])
    return between(text, "texts", ["", "| text | rule | reason |", "|---|---|---|", *texts, ""])


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


FILES: dict[str, Callable[[str], str]] = {
    "plugins/doc_fragments/work_order.py": _list_of_slices(WorkerOrder),
    "plugins/doc_fragments/cloud.py": _cloud,
    f"{MODULES}/host_claim.py": _claim,
    f"{MODULES}/host_info.py": _claim,
    f"{MODULES}/host_setup.py": _claim,
    f"{MODULES}/cloud.py": _hosts,
    f"{MODULES}/applied_orders_info.py": _applied,
    f"{MODULES}/database_rebuild.py": _rebuilt_from,
    "plugins/doc_fragments/orphans.py": lambda text: _list_of_slices(Holdings, "revision")(
        _list_of_slices(Holdings, "known")(text)
    ),
    f"{MODULES}/holdings_info.py": _holdings,
    f"{MODULES}/network_services.py": _network_order,
    f"{MODULES}/slice_report.py": _reports,
    f"{MODULES}/slice_apply.py": lambda text: _machine(_list_of_slices(WorkerOrder, "complete")(_states(text))),
    f"{MODULES}/worker_orphans.py": _list_of_slices(Holdings, "machines"),
    f"{MODULES}/qemu_vms.py": _states,
    f"{MODULES}/slice_plan.py": _orders,
    f"{MODULES}/slice.py": _slice,
    f"{MODULES}/vm.py": _shaping("options:", "  interfaces:", "    suboptions:"),
    "docs/work-order.md": _page,
    "docs/limits.md": _limits,
}


def main() -> None:
    for name, write in FILES.items():
        path = ROOT / name
        path.write_text(write(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
