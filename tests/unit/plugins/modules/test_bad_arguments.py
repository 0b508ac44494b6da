# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Invalid arguments are refused with a message, without a traceback, and without any change."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.modules import link, network, slice, user, vlan, vm, worker

from ...scripts import ROOT
from ..module_utils._domain import builders
from .module_calls import Door, Memory

BAD_INPUTS = 10_000
WORDS = (
    *(
        "",
        " ",
        "0",
        "-1",
        "\x00",
        "\n",
        "☃",
        "\udcff",
        "\ud800",
        "a" * 70,
        "a/b",
        "../../etc",
        "$(reboot)",
        "{n}",
        "'\"\\",
    ),
    *("vm1", "vm2", "vm9", "vm1:", ":eth1", "vm1:eth0", "vm1:eth1", "vm2:eth1", "vm1:eth99", "vm1:eth1:x", "vm1:tap"),
    *("web", "lab", "1000", "1001", "9999", "admin", "alice", "bob", "cirros", "ubuntu", "big", "lan", "up"),
    *("10.0.0.0/8", "10.0.0.1/8", "0.0.0.0/0", "10.60.7.0/24", "192.168.101.0/24", "192.168.101.7", "127.0.0.0/8"),
    *(
        "192.168.101.9,192.168.101.5",
        "300.1.1.1",
        "::1/64",
        "10.0.10.1",
        "network_node",
        "http://x/\x07",
        "https://x/y",
    ),
    *("ab" * 32, "AB" * 32, "$scrypt$ln=99,r=8,p=1$AAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA", "sha256", "running"),
)
NUMBERS = (0, -1, 1, 2, 3, 20, 21, 100, 101, 400, 1000, 1001, 1002, 65536, 2**31, 2**63, 10**30, 10**400, True, False)
FLOATS = (0.0, -0.5, 0.5, 1.0, 1e-300, 1e308, float("nan"), float("inf"), float("-inf"), True)
MODULES = {
    **dict.fromkeys(("slice", "vm", "link", "network", "vlan"), 6),
    **dict.fromkeys(("user", "flavor", "worker"), 2),
    **dict.fromkeys(("slice_plan", "slice_report", "slice_info", "vm_info", "user_info", "worker_info"), 1),
    **dict.fromkeys(("deleted_slice", "kind", "link_info", "network_info", "slice_history", "vnc_password_info"), 1),
    **dict.fromkeys(("flavor_info", "holdings_info", "kind_info", "user_data_info", "vlan_info"), 1),
}
"""The modules, each with how often it is called compared with the others."""
ELSEWHERE = {
    "acting_token": "it writes the key of tokens (test_tokens.py)",
    "cloud": "it names the cloud, once (test_clouds.py)",
    "database": "it copies the whole database (test_database.py)",
    "database_rebuild": "it makes a database from hosts (test_database_rebuild.py)",
}
"""The modules that are not called, and the reason."""
# Slices with one changed field.


def cluster() -> Any:
    """Return two slices of different owners: one with a link, a network and a reserved VLAN, one being deleted."""
    held = builders.cluster()
    builders.put(
        held,
        builders.topology(networks=[{"name": "lan", "members": ["vm1", "vm2"]}]),
    )
    lab = builders.put(held, builders.topology("lab", owner="alice", internet=False))
    lab.vms[0].handed_out = True
    builders.put(held, builders.topology("lab", owner="alice", vms=[builders.vm("vm2")], links=[]))
    held.slices[1000].extra["reserved_vlans"] = [{"vlan_id": 102, "name": "up"}]
    held.slices[1000].vlan_pool_used.append(102)
    return held


class Fuzzer:
    """Generates arguments that mostly fit an argument spec, but are hardly ever valid."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def arguments(self, spec: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return values for some of the options."""
        return {
            name: self.value(option)
            for name, option in spec.items()
            if option.get("required") or self.random.random() < (0.7 if name in ("name", "slice") else 0.3)
        }

    def value(self, option: Mapping[str, Any]) -> Any:
        kind = option.get("type", "str")
        # Not for options with suboptions, because Ansible's validator raises an exception for a number there.
        if self.random.random() < 0.02 and not option.get("options"):
            return self.random.choice((None, [], {}, "x", 5, [[]], {"a": None}))
        if option.get("choices") and self.random.random() < 0.95:
            return self.random.choice(list(option["choices"]))
        if kind == "list":
            count = self.random.choice((0, 1, 1, 2, 2, 3, 30))
            return [self.value({**option, "type": option.get("elements", "str")}) for _each in range(count)]
        if kind == "dict":
            return self.arguments(option.get("options") or {})
        if kind == "bool":
            return self.random.random() < 0.5
        if kind == "int":
            return self.random.choice(NUMBERS)
        return self.random.choice(FLOATS if kind == "float" else WORDS)


def options_of(door: Door, module: str) -> dict[str, dict[str, Any]]:
    """Return the module's options, without those for the location of the database."""
    door(module)
    common = ("database", "lock_timeout_s", "backups")
    return {name: option for name, option in door.validators[module].argument_spec.items() if name not in common}


def test_every_module_of_the_database_gets_bad_inputs() -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert {*MODULES, *ELSEWHERE} == set(groups["control"])
    assert set(MODULES) & set(ELSEWHERE) == set()


def test_ten_thousand_bad_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    held = cluster()
    assert breaches(held) == []
    store = Memory(held)
    door = Door(store, monkeypatch)
    specs = {module: options_of(door, module) for module in MODULES}
    first = store.data
    fuzzer = Fuzzer(20261122)
    refused: Counter[str] = Counter()
    tried = 0
    while refused.total() < BAD_INPUTS:
        tried += 1
        module = fuzzer.random.choices(list(MODULES), weights=list(MODULES.values()))[0]
        args = fuzzer.arguments(specs[module])
        args["acting_user"] = fuzzer.random.choice(("admin", "admin", "admin", "alice", "nobody"))
        check_mode = fuzzer.random.random() < (0.9 if module == "slice_plan" else 0.1)
        done = door(module, check_mode=check_mode, **args)
        assert not check_mode or store.data == first, (module, args)
        if done.get("failed"):
            assert done["msg"].strip(), (module, args)
            # Of several slices, those that are valid are stored.
            assert store.data == first or (module == "slice" and done["slices"]), (module, args)
            refused[module] += 1
        if store.data != first:
            # If the arguments were valid, the cluster is valid and can be stored.
            with store.transaction(write=False) as changed:
                assert breaches(changed) == [], (module, args)
            yaml.safe_dump(store.data, allow_unicode=True).encode()
            store.data = first
    assert tried < 3 * BAD_INPUTS
    assert (
        min(refused[module] for module in ("slice", "vm", "link", "network", "vlan", "user", "flavor", "worker")) > 100
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"cloud_init": {"user_data": "#cloud-config\na: " + "[" * 2000 + "]" * 2000 + "\n"}},
            "line 2 of the user data: user data that begins with #cloud-config must be a YAML mapping that sets each "
            "key once",
        ),
        ({"startup": '{"commands": ' + "[" * 50_000 + "]" * 50_000 + "}"}, "startup must be a dictionary"),
    ],
)
def test_texts_that_are_nested_too_deeply_stop_no_other_slice(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], message: str
) -> None:
    door = Door(Memory(builders.cluster()), monkeypatch)
    slices = [{"name": name, "vms": [builders.vm("a", **more)]} for name, more in (("bad", fields), ("good", {}))]
    done = door("slice", slices=slices)
    assert done["msg"] == f"VM bad/a: {message}"
    assert [slice_["name"] for slice_ in done["slices"]] == ["good"]


@pytest.mark.parametrize(
    ("module", "args", "message"),
    [
        (vm, {"slice": "web", "name": "vm1"}, "slice web does not exist; existing: none"),
        (link, {"slice": "web", "endpoints": ["a", "b"]}, "slice web does not exist; existing: none"),
        (network, {"slice": "web", "name": "lan", "acting_user": "bob"}, "acting user bob does not exist"),
        (vlan, {"slice": "web"}, "slice web does not exist; existing: none"),
        (
            worker,
            {"ip": "10.0.0.256"},
            "worker 10.0.0.256: a worker needs an IPv4 address, got '10.0.0.256'; "
            "set worker_ip for this host in the inventory",
        ),
        *(
            (
                worker,
                {"ip": ip},
                f"worker {ip}: a worker needs an IPv4 address, got '{ip}'; "
                "set worker_ip for this host in the inventory",
            )
            for ip in ("2001:db8::11", "worker1.example.org")
        ),
        (
            slice,
            {"name": "web", "topology_type": "ring", "size": 2, "flavor": "cirros"},
            "slice web: size of a ring topology must be 3-10000, got 2",
        ),
        (
            user,
            {"name": "bob", "password": "secret", "password_hash": "ab" * 32},
            "user bob: password and password_hash are mutually exclusive",
        ),
    ],
)
def test_bad_inputs_through_ansible(
    module: Any, args: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch_module_args({**args, "database": str(tmp_path / "database.yaml")}), pytest.raises(SystemExit) as left:
        module.main()
    assert left.value.code == 1
    assert json.loads(capsys.readouterr().out)["msg"] == message
    assert not (tmp_path / "database.yaml").exists()
