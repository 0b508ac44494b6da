# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No text in the arguments of a module for hosts can become more than one value in a file or command.

Each text is replaced by one that could be another line, section, option or command. It must be refused before the host
is changed, or must be written to a place without any special characters.
"""

from __future__ import annotations

import copy
import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, ownership, systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.arguments import GRAMMARS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import files
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import (
    read_links,
    read_services,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import config
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms, read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import refuse_malformed
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import Holdings
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import NetworkOrder
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import WorkerOrder

from ...scripts import ROOT
from ..module_utils._host import modules
from ..module_utils._host.fakes import FakeRunner

MODULES = sorted(yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["host"])
PLACE = "ansible_collections.cloudrepo.slices.plugins.modules"

BOOT_IMAGES = [
    {
        "checksum": digit * 64,
        "path": f"/var/lib/cloudrepo/images/{digit * 64}.img",
        "source": f"/srv/images/{content}",
        "content": content,
    }
    for digit, content in (("a", "kernel"), ("b", "initrd"))
]
# A valid value for each argument that is a text or contains texts.
RIGHT: dict[str, Any] = {
    "state_dir": "/var/lib/cloudrepo",
    "user": "cloudrepo",
    "bridge": "br-int",
    "gateway": "10.60.7.1",
    "dhcp_server": "10.60.7.2",
    "vnc_address": "10.0.10.1",
    "nat_links": "169.254.64.0/24",
    "interface": "eth1",
    "uplink": "eth1",
    "management_addresses": ["10.60.7.1", "10.60.7.2"],
    "name": "br-int",
    "owner": "worker",
    "program": "/usr/local/lib/cloudrepo/slices-host",
    "folders": [{"path": "/var/lib/cloudrepo", "mode": "0750", "group": "dip"}],
    "files": [{"path": "/etc/systemd/system/slices-names@.service", "content": "[Unit]\n", "mode": "0644"}],
    "units": ["slices-flows.service"],
    "services": [{"name": "slices-network@*.service", "state": "restarted_if_active"}],
    "checksums": "/var/lib/cloudrepo/network-node.sha256",
    "packages": ["nftables"],
    "users": "g cloudrepo -\n",
    "ports": [{"name": "trunk0"}],
    "images": [*WorkerOrder.sample()["images"], *BOOT_IMAGES],
    "command": "ip address",
    "vnc_passwords": {"1001": "hMr3kWpa"},
    "user_data": {"1001": "#!/bin/sh\ntrue\n"},
    "known": Holdings.sample()["known"],
    "machines": [
        {"address": "10.0.10.1", "mark": machine_mark("4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10", "a" * 32)},
    ],
    "address": "10.0.10.1",
    "run": "1000000",
    "remove": ["5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77"],
    "cloud_uuid": "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10",
    "cloud_title": "lab",
    "cloud_incarnation": "9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00",
    "machine_mark": machine_mark("4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10", "a" * 32),
    "issued_revisions": "1795371735001,1795371735123",
    "controller": "controller1",
    "vlan_pools": "0-49,60-79",
    "vm_ids": [1001],
    "vm_uuid": "5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77",
    "vm_uuids": {"1001": "5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77"},
    "vms": [
        {
            "vm_id": 1001,
            "vm_uuid": "5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77",
            "name": "web/vm1",
            "disk": "/var/lib/cloudrepo/vms/1001/vm1_img.qcow2",
            "startup_id": "0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4",
            "user": "cirros",
            "password": "gocubsgo",
            "shell": "sudo -i",
            "address": "10.60.7.101",
        }
    ],
    "startups": {"1001": '{"commands": ["true"]}'},
    "ssh_arguments": "-o ConnectTimeout=5",
    "private_key_file": "/root/.ssh/id_ed25519",
    "taken": {"1001": '{"log": "", "refusal": null}'},
    "checks": [
        {
            "vm_id": 1001,
            "vm_uuid": "5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77",
            "name": "web/vm1",
            "check": "http",
            "address": "10.60.7.101",
            "path": "/",
            "command": "true",
        }
    ],
}
# Arguments that may be any text, and the reason.
FREE = {
    "command": "what a guest's shell evaluates; it is typed as octal escapes (test_serial.py)",
    "checks.command": "as C(command)",
    "checks.name": "in messages",
    "checks.path": "in the request to a guest, where a space or a control character is refused (test_wait_for_vms.py)",
    "vms.name": "in messages",
    **dict.fromkeys(
        ("vms.user", "vms.password", "vms.shell"),
        "one line that is typed on the console of a guest; a control character is refused (test_guest_startup.py)",
    ),
    **dict.fromkeys(
        ("ssh_arguments", "private_key_file"),
        "arguments of ssh on the controller, which run there whatever they are, and are not used on hosts",
    ),
    "taken": "what the action plugin has made; text that it cannot have made is refused (test_startup.py)",
    "startups": "what a guest's shell evaluates; it is typed as octal escapes (test_serial.py)",
    "vm_ids": "integers, which Ansible itself checks",
    "vnc_passwords": "alone in a file that is read whole, and in JSON",
    "user_data": "alone in a file of an ISO image",
    "users": "a whole configuration, which the role worker renders from settings that it has checked",
    "files.content": "the whole content of a file, which a role renders from settings that it has checked",
    "cloud_title": "in messages, and in JSON",
    "slices.trunk.name": "in messages, and in JSON",
    "slices.vms.seed.content": "alone in a file of an ISO image",
    "slices.record": "a JSON object, stored in a file of its own, which hosts never read",
    **dict.fromkeys(
        ("slices.vms.title", "slices.vms.kernel_arguments"),
        "alone between double quotes in QEMU's configuration, where it has none itself",
    ),
    "vm_uuids": "compared with those in VM folders, and written nowhere",
    "remove": "compared with the names of what the host holds, and written nowhere",
    "images.source": "shown in messages, quoted where it stands in a command, and written nowhere",
}
HOSTILE = (
    '{}"\n[drive "stolen"]\n  file = "/etc/passwd',
    "{}\n[netdev]\n",
    "{}\nport=1",
    "\n{}",
    "{}\n",
    "{}\r",
    '{}"',
    '"{}',
    "{}'",
    "{} -device x",
    "-{}",
    "--{}",
    "{},readonly=off",
    "{}=on",
    "{};reboot",
    "{}|reboot",
    "{}&",
    "$({})",
    "`{}`",
    "${{{}}}",
    "{{{{ {} }}}}",
    "{}%n",
    "{}\\",
    "{}*",
    "{}#",
    "../{}",
    "/../{}",
    "{}/..",
    "{}\t{}",
    "{}\x00",
    "{}ä",
)


class Declared(Exception):
    """A module declared its arguments."""


def specification(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the argument spec of a module."""

    def declare(_self: Any, argument_spec: dict[str, Any], **_rest: Any) -> None:
        raise Declared(argument_spec)

    with monkeypatch.context() as patch:
        patch.setattr(AnsibleModule, "__init__", declare)
        with pytest.raises(Declared) as declared:
            importlib.import_module(f"{PLACE}.{name}").main()
    found: dict[str, Any] = declared.value.args[0]
    return found


def right(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return valid arguments of a module, with all texts that are possible."""
    order = NetworkOrder.sample() if name == "network_services" else WorkerOrder.sample()
    # The sample boots from a disk.
    for vm in (vm for slice_ in order["slices"] for vm in slice_.get("vms", ())):
        vm.update(kernel=BOOT_IMAGES[0]["path"], initrd=BOOT_IMAGES[1]["path"], kernel_arguments="console=ttyS0")
    orders = {name: order[name] for name in ("slices", "lost_machines") if name in order}
    values = {**RIGHT, **orders, "vm_id": 1001, "role": "network_node"}
    fits = {option for option in values.keys() & spec.keys() if spec[option].get("type") != "bool"}
    return {option: copy.deepcopy(values[option]) for option in spec if option in fits}


Path = tuple[Any, ...]


def text_options(spec: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """Yield the path of each option that is a text or may contain one."""
    for name, option in spec.items():
        if option.get("options"):
            yield from text_options(option["options"], (*path, name))
        elif option.get("type", "str") not in ("int", "float", "bool") and not option.get("choices"):
            yield (*path, name)


def texts(values: Mapping[str, Any], options: set[Path], path: Path = ()) -> Iterator[Path]:
    """Yield the path of each text in arguments: names of options, and indices of lists."""
    for name, value in values.items():
        if option_of((*path, name)) in options:
            yield from ((*path, name, key) for key in value) if isinstance(value, Mapping) else [(*path, name)]
        elif isinstance(value, list):
            for number, entry in enumerate(value):
                yield from texts(entry, options, (*path, name, number))


def option_of(path: Path) -> Path:
    """Return the option at a path in arguments."""
    return tuple(step for step in path if not isinstance(step, int))


def replaced(values: Mapping[str, Any], path: Path, text: str) -> dict[str, Any]:
    """Return the arguments with another text at a path."""
    changed = copy.deepcopy(dict(values))
    holder: Any = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = text
    return changed


def at(values: Any, path: Path) -> str:
    """Return the text at a path in arguments."""
    for step in path:
        values = values[step]
    return str(values)


def got_by(refusal: Mapping[str, Any]) -> Any:
    """Return the text in a refusal. Ansible splits a text at commas if a list is expected."""
    got = refusal["figures"].get("got")
    return ",".join(got) if isinstance(got, list) else got


@pytest.mark.parametrize("name", MODULES)
def test_the_samples_contain_every_text_option_of_a_module(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = specification(name, monkeypatch)
    options = set(text_options(spec))
    found = {option_of(path) for path in texts(right(name, spec), options)}
    assert {path[:1] if path[0] in FREE else path for path in found} == options


@pytest.mark.parametrize("name", MODULES)
def test_a_text_with_a_special_meaning_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"{PLACE}.{name}")
    spec = specification(name, monkeypatch)
    values = right(name, spec)
    # The machine of this test may be a worker of some cloud.
    monkeypatch.setattr(claims, "read", lambda _state_dir: None)
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: "a" * 32)
    # No answers are prepared, so a command means that a text was accepted.
    runner = FakeRunner() if hasattr(module, "SubprocessRunner") else None
    accepted = []
    for path in texts(values, set(text_options(spec))):
        # All modules of a worker share the parser of work orders.
        if (
            path[0] in FREE
            or ".".join(option_of(path)) in FREE
            or (path[0] == "slices" and name not in ("slice_apply", "network_services"))
        ):
            continue
        for form in HOSTILE:
            text = form.format(at(values, path), at(values, path))
            arguments = {**replaced(values, path, text), "_ansible_check_mode": True}
            result = modules.run(monkeypatch, module, runner, **arguments)
            if text not in [got_by(refusal) for refusal in result.get("refusals", ())]:
                accepted.append((path, text, result.get("msg")))
    assert accepted == []


def mappings(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the arguments that are mappings with any keys."""
    yield from (name for name, value in values.items() if isinstance(value, Mapping))


KEYS = {"vm_uuids": FREE["vm_uuids"]}
"""Mappings whose keys may be any text, and the reason."""


@pytest.mark.parametrize("name", MODULES)
def test_a_key_with_a_special_meaning_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"{PLACE}.{name}")
    values = right(name, specification(name, monkeypatch))
    monkeypatch.setattr(claims, "read", lambda _state_dir: None)
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: "a" * 32)
    runner = FakeRunner() if hasattr(module, "SubprocessRunner") or hasattr(module, "steps") else None
    for option in mappings(values):
        if option in KEYS:
            continue
        [(key, value)] = values[option].items()
        for form in HOSTILE:
            text = form.format(key, key)
            arguments = {**values, option: {text: value}, "_ansible_check_mode": True}
            result = modules.run(monkeypatch, module, runner, **arguments)
            assert result.get("failed"), (option, text)
            assert value not in result["msg"], (option, text)
            assert result.get("refusals"), (option, text, result["msg"])


def test_every_reason_is_about_an_option_of_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise an exception could outlive what it was made for, and apply to a later option of the same name."""
    paths = [path for name in MODULES for path in text_options(specification(name, monkeypatch))]
    found = {".".join(path) for path in paths} | {path[0] for path in paths}
    # The ids are no texts.
    assert {*FREE, *KEYS} - found <= {"vm_ids"}


CHARACTERS = "aZ0._-+:/@,=;#%*~!?<>&|$`'\"\\ \n\t\r[]{}()\x7fä"


def skeleton(rendered: Mapping[str, str]) -> dict[str, str]:
    """Return files in which every value without special characters, and each free text, becomes the same text."""
    free = re.compile(r'^  (?:guest|append) = "[^"\n]*"$', re.MULTILINE)
    return {
        re.sub(r"[0-9]+", "N", name): re.sub(r"[A-Za-z0-9._+/:-]+", "value", free.sub("free text", text))
        for name, text in rendered.items()
    }


def worker_files(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the files on a worker for the VMs of an order."""
    refuse_malformed(params, GRAMMARS)
    orders = read_slices(params["slices"], state_dir=params["state_dir"])
    users = Accounts(params["user"], {order.slice_id: Account(998, 998) for order in orders})
    run = {"accelerator": "kvm:tcg", "checksum_offload": True, "vnc_listen": "worker"}
    settings = config.read_settings({**params, **run}, users)
    found = {f"template {order.slice_id}": systemd.template_text(users.name(order.slice_id)) for order in orders}
    for number, vm in enumerate(all_vms(orders)):
        # JSON is quoted and does not have to be checked.
        rendered = {name: text for name, text in config.render(vm, settings).items() if name != config.STARTED}
        found.update({f"{name} {number}": text for name, text in rendered.items()})
    return found


def network_files(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the files on the network node for the slices of an order."""
    refuse_malformed(params, GRAMMARS)
    folders = files.Folders(params["state_dir"], read_links(params["nat_links"]))
    orders = ownership.whole(*read_services(params["slices"], links=folders.links))
    rendered = {path: text for one in orders for path, text in files.texts(one, folders).items()}
    return {path.replace(folders.state_dir, ""): text for path, text in rendered.items()}


@pytest.mark.parametrize(("name", "render"), [("slice_apply", worker_files), ("network_services", network_files)])
def test_an_accepted_text_is_a_single_value_in_every_file(
    name: str, render: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = specification(name, monkeypatch)
    values = right(name, spec)
    expected = skeleton(render(values))
    assert sum(map(len, expected.values())) > 300
    tried, taken = 0, 0
    for path in texts(values, set(text_options(spec))):
        text = at(values, path)
        for character in CHARACTERS:
            for where in sorted({0, len(text) // 2, len(text)}):
                tried += 1
                changed = replaced(values, path, text[:where] + character + text[where:])
                try:
                    found = render(changed)
                except Refused:
                    continue
                taken += 1
                assert skeleton(found) == expected, (path, character, where)
    assert 50 < taken < tried / 2
