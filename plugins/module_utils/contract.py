# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What orchestrator and hosts tell each other: frozen dataclasses whose fields say once what they are.

The metadata of a field (type, description, sample, what is allowed) is what the dictionary, its check, the argument
spec and the documentation are made from. Hosts are sent this module: standard library only, Python 3.9.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, TypeVar

from . import identity
from .bounds import Form, Limit
from .errors import Refusal, Refused
from .grammar import is_ipv4_address, is_ipv4_network

C = TypeVar("C", bound="Contract")

_SPEC = "contract"
_ENCLOSING = "enclosing"
_NAMELESS = "data"
"""What messages call a value whose class has no NOUN."""
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_UUID = re.compile(identity.PATTERN)
_KINDS: dict[str, tuple[type[Any], ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}


@dataclass(frozen=True)
class Spec:
    """What a field is.

    Attributes:
        kind: its type, as argument specs call it.
        description: sentences for people who read the documentation.
        samples: a value for each sample of its class; the last one serves all that follow, C(None) leaves it out.
        choices: the values that it may have, where they are few.
        allows: whether it may have a value, and C(rule) what a refusal says that it must be.
        of: what a list consists of.
        lower: whether capitals make no difference.
        no_log: what the argument spec says of secrets, where Ansible would guess wrongly by the name.
    """

    kind: str
    description: tuple[str, ...]
    samples: tuple[Any, ...]
    choices: tuple[str, ...] = ()
    allows: Callable[[Any], bool] | None = None
    rule: str = ""
    of: type[Contract] | None = None
    lower: bool = False
    no_log: bool | None = None

    def argument(self) -> dict[str, Any]:
        """The field in an argument spec, as far as it does not depend on its default."""
        said: dict[str, Any] = {"type": self.kind}
        if self.of is not None:
            said.update(elements="dict", options=self.of.arguments())
        if self.choices:
            said["choices"] = list(self.choices)
        if self.no_log is not None:
            said["no_log"] = self.no_log
        return said


@dataclass(frozen=True)
class Part:
    """A field of a contract: its name, what it is, and its default unless it is required."""

    name: str
    spec: Spec
    default: Any
    required: bool


@dataclass(frozen=True)
class Layout:
    """The fields of a contract: those that are written, their names, and those that have their value from around it."""

    parts: tuple[Part, ...]
    names: frozenset[str]
    enclosing: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """A value that crosses between hosts.

    A field that is null or missing has its default when it is read.

    Attributes:
        NOUN: what messages call such a value, followed by the value of its field KEY.
        SPARSE: whether a field at its default is left out.
    """

    NOUN: ClassVar[str] = ""
    KEY: ClassVar[str] = ""
    SPARSE: ClassVar[bool] = True

    @classmethod
    def parts(cls) -> tuple[Part, ...]:
        """The fields that are written, in order."""
        return _layout(cls).parts

    def to_dict(self) -> dict[str, Any]:
        """Return what is sent: plain data."""
        said, values, sparse = {}, vars(self), self.SPARSE
        for part in _layout(type(self)).parts:
            value = values[part.name]
            if part.required or not sparse or value != part.default:
                said[part.name] = value if part.spec.of is None else [each.to_dict() for each in value]
        return said

    @classmethod
    def from_dict(cls: type[C], data: Any) -> C:
        """Return the value that C(data) stands for.

        Raises:
            Refused: a field is missing, unknown, of another type or not allowed; every reason is given.
        """
        refusals: list[Refusal] = []
        value = cls._read(data, {}, _NAMELESS, refusals)
        if value is None or refusals:
            raise Refused(refusals)
        return value

    def faults(self, where: str) -> Iterator[Refusal]:  # noqa: ARG002 # those that override it use it
        """Yield what is wrong among fields that are each allowed; C(where) is what messages call this value."""
        yield from ()

    @classmethod
    def arguments(cls) -> dict[str, dict[str, Any]]:
        """Return the argument spec."""
        return {part.name: _argument(part) for part in cls.parts()}

    @classmethod
    def sample(cls, number: int = 0) -> dict[str, Any]:
        """Return a sample for the documentation; there are C(sample_count)."""
        said = {}
        for part in cls.parts():
            given = part.spec.samples
            if part.spec.of is not None:
                said[part.name] = [part.spec.of.sample(each) for each in range(part.spec.of.sample_count())]
            elif (value := given[min(number, len(given) - 1)]) is not None:
                said[part.name] = value
        return said

    @classmethod
    def sample_count(cls) -> int:
        """Return how many samples there are."""
        return max(len(part.spec.samples) for part in cls.parts())

    @classmethod
    def _read(cls: type[C], data: Any, outer: Mapping[str, Any], where: str, refusals: list[Refusal]) -> C | None:
        """The value; C(None) where it cannot be made. What is wrong is added to C(refusals)."""
        if not isinstance(data, Mapping):
            figures = {"field": cls.NOUN or "the whole", "allowed": "a dictionary", "got": data}
            refusals.append(Refusal("field_not_allowed", where, figures))
            return None
        if cls.NOUN:
            name = f"{cls.NOUN} {data.get(cls.KEY)}"
            where = name if where == _NAMELESS else f"{where}, {name}"
        before, layout = len(refusals), _layout(cls)
        refusals += [Refusal("field_unknown", where, {"field": name}) for name in data if name not in layout.names]
        values = {part.name: _value(part, data, where, refusals) for part in layout.parts}
        values.update({name: outer.get(name) for name in layout.enclosing})
        if len(refusals) > before:
            return None
        value = cls(**values)
        refusals += value.faults(where)
        return value


def text(
    *description: str,
    sample: Any,
    choices: tuple[str, ...] = (),
    form: Form | None = None,
    pattern: str | None = None,
    rule: str = "",
    no_log: bool | None = None,
) -> dict[str, Any]:
    """Return metadata of a string that has a form, or fits a pattern of which C(rule) says what it is."""
    form = form if pattern is None else Form(pattern, rule, "", "")
    allows, rule = (None, "") if form is None else (form.allows, form.rule)
    return _metadata(Spec("str", description, _samples(sample), choices, allows=allows, rule=rule, no_log=no_log))


def mac_address(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of a MAC address, which is written in lower case."""
    spec = Spec("str", description, _samples(sample), allows=_is_mac, rule="a MAC address", lower=True)
    return _metadata(spec)


def uuid(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of a UUID, which is written in lower case."""
    return _metadata(Spec("str", description, _samples(sample), allows=_is_uuid, rule="a UUID", lower=True))


def ipv4_address(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of an IPv4 address."""
    return _metadata(Spec("str", description, _samples(sample), allows=is_ipv4_address, rule="an IPv4 address"))


def ipv4_network(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of an IPv4 network."""
    return _metadata(Spec("str", description, _samples(sample), allows=is_ipv4_network, rule="an IPv4 network"))


def integer(*description: str, sample: Any, limit: Limit) -> dict[str, Any]:
    """Return metadata of an integer."""
    return _metadata(Spec("int", description, _samples(sample), allows=limit.allows, rule=limit.rule))


def number(*description: str, sample: Any, limit: Limit) -> dict[str, Any]:
    """Return metadata of a number."""
    return _metadata(Spec("float", description, _samples(sample), allows=limit.allows, rule=limit.rule))


def flag(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of a boolean."""
    return _metadata(Spec("bool", description, _samples(sample)))


def many(of: type[Contract], *description: str) -> dict[str, Any]:
    """Return metadata of a tuple, which is a list of dictionaries for all others."""
    return _metadata(Spec("list", description, (), of=of))


def enclosing() -> dict[str, Any]:
    """Return metadata of a field that has the value of the field of that name in what the value is listed in."""
    return {_ENCLOSING: True}


def repeated(where: str, kind: str, values: Iterable[Hashable]) -> list[Refusal]:
    """Return a refusal for each value that is there more than once."""
    return [
        Refusal("listed_twice", where, {"kind": kind, "name": value, "count": count})
        for value, count in Counter(values).items()
        if count > 1
    ]


def _metadata(spec: Spec) -> dict[str, Any]:
    return {_SPEC: spec}


def _samples(sample: Any) -> tuple[Any, ...]:
    return sample if isinstance(sample, tuple) else (sample,)


# An order of thousands of VMs asks again and again.
_LAYOUTS: dict[type[Contract], Layout] = {}


def _layout(cls: type[Contract]) -> Layout:
    if cls not in _LAYOUTS:
        found = [each for each in fields(cls) if _SPEC in each.metadata]
        _LAYOUTS[cls] = Layout(
            parts=tuple(
                Part(each.name, each.metadata[_SPEC], default=each.default, required=each.default is MISSING)
                for each in found
            ),
            names=frozenset(each.name for each in found),
            enclosing=tuple(each.name for each in fields(cls) if _ENCLOSING in each.metadata),
        )
    return _LAYOUTS[cls]


def _argument(part: Part) -> dict[str, Any]:
    said = part.spec.argument()
    if part.required:
        said["required"] = True
    elif part.default is not None:
        said["default"] = [] if part.spec.of else part.default
    return said


def _value(part: Part, data: Mapping[str, Any], where: str, refusals: list[Refusal]) -> Any:
    """What a field is read as; what is wrong with it is added to C(refusals)."""
    given, spec = data.get(part.name), part.spec
    if given is None:
        if part.required:
            refusals.append(Refusal("field_missing", where, {"field": part.name}))
        return part.default
    if spec.of is not None:
        if not isinstance(given, (list, tuple)):
            figures = {"field": part.name, "allowed": "a list", "got": given}
            refusals.append(Refusal("field_not_allowed", where, figures))
            return None
        return tuple(spec.of._read(each, data, where, refusals) for each in given)
    if not isinstance(given, _KINDS[spec.kind]) or (isinstance(given, bool) and spec.kind != "bool"):
        figures = {"field": part.name, "allowed": f"of type {spec.kind}", "got": given}
        refusals.append(Refusal("field_not_allowed", where, figures))
        return None
    value = given.lower() if spec.lower else given
    if spec.choices and value not in spec.choices:
        figures = {"field": part.name, "allowed": f"one of {', '.join(spec.choices)}", "got": given}
        refusals.append(Refusal("field_not_allowed", where, figures))
    elif spec.allows is not None and not spec.allows(value):
        refusals.append(Refusal("field_not_allowed", where, {"field": part.name, "allowed": spec.rule, "got": given}))
    return value


def _is_mac(value: str) -> bool:
    return _MAC.fullmatch(value) is not None


def _is_uuid(value: str) -> bool:
    return _UUID.fullmatch(value) is not None
