# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Base classes for the data between orchestrator and hosts: frozen dataclasses with metadata for each field.

The metadata of a field (type, description, sample, allowed values) is the source of the dictionary, its validation, the
argument spec and the documentation. This module is sent to hosts: standard library only, Python 3.9.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, TypeVar

from . import identity
from .bounds import Form, Limit
from .errors import Refusal, Refused
from .grammar import is_ipv4_address, is_ipv4_network, is_ipv6_address

C = TypeVar("C", bound="Contract")

_SPEC = "contract"
_ENCLOSING = "enclosing"
_NAMELESS = "data"
"""The name of a value in messages if its class has no NOUN."""
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_UUID = re.compile(identity.PATTERN)
_KINDS: dict[str, tuple[type[Any], ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}


@dataclass(frozen=True)
class Spec:
    """The metadata of a field.

    Attributes:
        kind: its type in argument specs.
        description: sentences for the documentation.
        samples: a value for each sample of its class; the last one is used for all further samples, C(None) omits the
            field.
        choices: the allowed values, if there are few.
        allows: whether a value is allowed; C(rule) describes this in refusals.
        limit: the minimum and maximum of a number.
        of: the class of a list's entries.
        lower: whether the value is converted to lower case.
        no_log: C(no_log) in the argument spec, if Ansible's guess from the name would be wrong.
    """

    kind: str
    description: tuple[str, ...]
    samples: tuple[Any, ...]
    choices: tuple[str, ...] = ()
    allows: Callable[[Any], bool] | None = None
    rule: str = ""
    limit: Limit | None = None
    of: type[Contract] | None = None
    lower: bool = False
    no_log: bool | None = None

    def argument(self) -> dict[str, Any]:
        """The field in an argument spec, without what depends on its default."""
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
    """A field of a contract: its name, its metadata, and its default unless it is required."""

    name: str
    spec: Spec
    default: Any
    required: bool


@dataclass(frozen=True)
class Layout:
    """The fields of a contract: those that are written, their names, and those inherited from the enclosing value."""

    parts: tuple[Part, ...]
    names: frozenset[str]
    enclosing: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """A value that is sent between hosts.

    When it is read, a field that is null or missing has its default.

    Attributes:
        NOUN: the name of such a value in messages, followed by the value of its field KEY.
        SPARSE: whether fields with their default value are omitted.
    """

    NOUN: ClassVar[str] = ""
    KEY: ClassVar[str] = ""
    SPARSE: ClassVar[bool] = True

    @classmethod
    def parts(cls) -> tuple[Part, ...]:
        """The fields that are written, in order."""
        return _layout(cls).parts

    def to_dict(self) -> dict[str, Any]:
        """Return the value as plain data."""
        said, values, sparse = {}, vars(self), self.SPARSE
        for part in _layout(type(self)).parts:
            value = values[part.name]
            if part.required or not sparse or value != part.default:
                said[part.name] = value if part.spec.of is None else [each.to_dict() for each in value]
        return said

    @classmethod
    def from_dict(cls: type[C], data: Any) -> C:
        """Return the value for plain data.

        Raises:
            Refused: a field is missing, unknown, of the wrong type or not allowed. All reasons are listed.
        """
        refusals: list[Refusal] = []
        value = cls._read(data, {}, _NAMELESS, refusals)
        if value is None or refusals:
            raise Refused(refusals)
        return value

    def faults(self, where: str) -> Iterator[Refusal]:  # noqa: ARG002 # those that override it use it
        """Yield violations of rules for several fields; C(where) is the name of this value in messages."""
        yield from ()

    @classmethod
    def arguments(cls) -> dict[str, dict[str, Any]]:
        """Return the argument spec."""
        return {part.name: _argument(part) for part in cls.parts()}

    @classmethod
    def sample(cls, number: int = 0) -> dict[str, Any]:
        """Return a sample for the documentation. There are C(sample_count) of them."""
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
        """Return the number of samples."""
        return max(len(part.spec.samples) for part in cls.parts())

    @classmethod
    def _read(cls: type[C], data: Any, outer: Mapping[str, Any], where: str, refusals: list[Refusal]) -> C | None:
        """The value, or C(None) if it is invalid. Violations are added to C(refusals)."""
        if not isinstance(data, Mapping):
            figures = {"field": cls.NOUN or "the document", "allowed": "a dictionary", "got": data}
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
    """Return metadata of a string with a form, or with a pattern that C(rule) describes."""
    form = form if pattern is None else Form(pattern, rule, "", "")
    allows, rule = (None, "") if form is None else (form.allows, form.rule)
    return _metadata(Spec("str", description, _samples(sample), choices, allows=allows, rule=rule, no_log=no_log))


def json_object(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of a JSON object as text, which hosts store and do not read."""
    spec = Spec("str", description, _samples(sample), allows=_is_json_object, rule="a JSON object")
    return _metadata(spec)


def mac_address(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of a MAC address, which is converted to lower case."""
    spec = Spec("str", description, _samples(sample), allows=_is_mac, rule="a MAC address", lower=True)
    return _metadata(spec)


def uuid(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of a UUID, which is converted to lower case."""
    return _metadata(Spec("str", description, _samples(sample), allows=_is_uuid, rule="a UUID", lower=True))


def ipv4_address(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of an IPv4 address."""
    return _metadata(Spec("str", description, _samples(sample), allows=is_ipv4_address, rule="an IPv4 address"))


def ipv6_address(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of an IPv6 address."""
    return _metadata(Spec("str", description, _samples(sample), allows=is_ipv6_address, rule="an IPv6 address"))


def ipv4_network(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of an IPv4 network."""
    return _metadata(Spec("str", description, _samples(sample), allows=is_ipv4_network, rule="an IPv4 network"))


def integer(*description: str, sample: Any, limit: Limit) -> dict[str, Any]:
    """Return metadata of an integer."""
    return _metadata(Spec("int", description, _samples(sample), allows=limit.allows, rule=limit.rule, limit=limit))


def number(*description: str, sample: Any, limit: Limit) -> dict[str, Any]:
    """Return metadata of a number."""
    return _metadata(Spec("float", description, _samples(sample), allows=limit.allows, rule=limit.rule, limit=limit))


def flag(*description: str, sample: Any) -> dict[str, Any]:
    """Return metadata of a boolean."""
    return _metadata(Spec("bool", description, _samples(sample)))


def many(of: type[Contract], *description: str) -> dict[str, Any]:
    """Return metadata of a tuple, which is a list of dictionaries in plain data."""
    return _metadata(Spec("list", description, (), of=of))


def enclosing() -> dict[str, Any]:
    """Return metadata of a field that has the value of the field of the same name in the enclosing value."""
    return {_ENCLOSING: True}


def repeated(where: str, kind: str, values: Iterable[Hashable]) -> list[Refusal]:
    """Return a refusal for each duplicate value."""
    return [
        Refusal("listed_twice", where, {"kind": kind, "name": value, "count": count})
        for value, count in Counter(values).items()
        if count > 1
    ]


def _metadata(spec: Spec) -> dict[str, Any]:
    return {_SPEC: spec}


def _samples(sample: Any) -> tuple[Any, ...]:
    return sample if isinstance(sample, tuple) else (sample,)


# Called very often for a work order with thousands of VMs.
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
    """The value of a field. Violations are added to C(refusals)."""
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


def _is_json_object(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False
