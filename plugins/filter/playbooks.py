# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What playbooks and roles need to pass data on, kept out of Jinja. Pure functions on inventory and results."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import networks
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import ManagementNetwork, link_prefix
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registering import WORKER_FIELDS, WORKER_OFFERS
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import base_image_path
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.management import mac_of
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import vnc_socket
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE, HostReport, VmReport


def worker_address(host: Mapping[str, Any]) -> str:
    """Return the address by which the database knows a worker: its C(worker_ip), or where Ansible reaches it."""
    return str(host.get("worker_ip") or host.get("ansible_host") or host["inventory_hostname"])


def worker_called(hosts: Sequence[Mapping[str, Any]], address: str) -> str:
    """Return the inventory's name of the worker with this address, nothing where it has none."""
    return next((str(host["inventory_hostname"]) for host in hosts if worker_address(host) == address), "")


def worker_records(hosts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what M(cloudrepo.slices.worker) takes, from the variables and facts of the workers."""
    records = []
    for host in hosts:
        facts = host.get("ansible_facts") or {}
        seen: dict[str, Any] = {"ip": worker_address(host)}
        if "processor_vcpus" in facts:
            seen["cores"] = facts["processor_vcpus"]
        if "memtotal_mb" in facts:
            seen["ram_gb"] = round(facts["memtotal_mb"] / 1024, 1)
        seen.update(network_offers(host.get("__worker_offers") or {}))
        seen.update(
            {name: host[f"worker_{name}"] for name in (*WORKER_FIELDS, *WORKER_OFFERS) if f"worker_{name}" in host}
        )
        records.append(seen)
    return records


def trunk_mtu(hosts: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the MTU of the network node's uplink, from what its role C(network_node) saw; nothing where it did not
    look."""
    found = [
        device["mtu"]
        for host in hosts
        for device in json.loads((host.get("__network_node_addresses") or {}).get("stdout") or "[]")
        if device.get("ifname") == host.get("network_node_uplink")
    ]
    return min(found, default=None)


_HOST_GROUPS = ("orchestrator", "workers", "network_node")
_LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")


def infrastructure_networks(
    hostvars: Mapping[str, Any],
    groups: Mapping[str, Sequence[str]],
    addresses: Sequence[Mapping[str, Any]] = (),
    own: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """Return the networks that no VM may reach: the hosts' addresses as the inventory has them, each a subnet of one.

    Args:
        hostvars: the variables of all hosts.
        groups: the hosts of each group.
        addresses: what C(ip -json address) says on a host. The subnets of its interfaces in which a host of the
            inventory is stand for these hosts' addresses.
        own: the same of orchestrator and workers, whose own addresses are among what is returned.
    """
    names = {name for group in _HOST_GROUPS for name in groups.get(group, ())}
    hosts = {address for name in names for address in _inventory_addresses(name, hostvars[name])}
    found = [each.network for each in _interfaces(addresses) if any(host in each.network for host in hosts)]
    found += [ipaddress.IPv4Network(host) for host in hosts]
    found += [ipaddress.IPv4Network(each.ip) for each in _interfaces(own) if _is_address(each.ip)]
    return [str(network) for network in ipaddress.collapse_addresses(found)]


def unknown_hosts(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], orchestrator: Sequence[Mapping[str, Any]] = ()
) -> list[str]:
    """Return the hosts of which C(infrastructure_networks) has no address."""
    seen = groups.get("orchestrator", ()) if any(_is_address(each.ip) for each in _interfaces(orchestrator)) else ()
    names = dict.fromkeys(name for group in _HOST_GROUPS for name in groups.get(group, ()) if name not in seen)
    return [name for name in names if not _inventory_addresses(name, hostvars[name])]


def management_problems(
    network: Mapping[str, Any],
    given: Sequence[str],
    own: Sequence[str],
    dns_servers: Sequence[str],
    nat_links: str,
) -> list[str]:
    """Return what is wrong with VLAN 400 and with what the network node joins it to, a sentence each.

    Args:
        network: what is set of VLAN 400.
        given: the infrastructure networks that are set.
        own: those that C(infrastructure_networks) returns.
        dns_servers: whom the name servers of slices ask.
        nat_links: the range from which slices have the addresses of their way out.
    """
    known = {field.name for field in fields(ManagementNetwork)}
    management = ManagementNetwork(**{name: str(value) for name, value in network.items() if name in known})
    return [
        *management.problems(),
        *networks.infrastructure_problems(given),
        # What is given may well be all that is private; that VMs do not reach VLAN 400 by the gateway is right.
        *(
            f"management network {management.cidr} overlaps {other} of the infrastructure"
            for other in networks.overlapping(management.cidr, own)
        ),
        *(
            f"network_node_dns_servers: {server!r} is not an IPv4 address"
            for server in dns_servers
            if not _is_ipv4(server)
        ),
        *_nat_link_problems(nat_links),
    ]


def _nat_link_problems(cidr: str) -> Iterator[str]:
    """Networks of slices are never link-local, so what is cannot overlap one that comes later."""
    try:
        subnet = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        yield f"network_node_nat_links: {cidr!r} is not an IPv4 network: {error}"
        return
    if not subnet.subnet_of(_LINK_LOCAL):
        yield f"network_node_nat_links: {subnet} is not in {_LINK_LOCAL}, where no network of a slice can be"


def _inventory_addresses(name: str, host: Mapping[str, Any]) -> list[ipaddress.IPv4Address]:
    named = (host.get("ansible_host") or name, host.get("worker_ip"))
    return [ipaddress.IPv4Address(each) for each in named if _is_address(each)]


def _interfaces(devices: Sequence[Mapping[str, Any]]) -> list[ipaddress.IPv4Interface]:
    """The addresses that C(ip -json address) tells of, save those that come and go with VLAN 400 and slices."""
    return [
        ipaddress.IPv4Interface(f"{each['local']}/{each['prefixlen']}")
        for device in devices
        if not str(device.get("ifname")).startswith(("gw400", "nat_"))
        for each in device.get("addr_info", ())
        if each.get("family") == "inet"
    ]


def _is_address(text: Any) -> bool:
    return _is_ipv4(text) and not ipaddress.IPv4Address(str(text)).is_loopback


def _is_ipv4(text: Any) -> bool:
    try:
        ipaddress.IPv4Address(str(text))
    except ValueError:
        return False
    return True


def network_offers(look: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a worker's network offers, from what the role C(worker) saw: C(netem yes) and C(trunk_mtu 1500)."""
    seen = dict(line.split() for line in look.get("stdout", "").splitlines() if len(line.split()) == 2)
    offers: dict[str, Any] = {"netem": seen["netem"] == "yes"} if "netem" in seen else {}
    if seen.get("trunk_mtu", "").isdigit():
        offers["trunk_mtu"] = int(seen["trunk_mtu"])
    return offers


def host_reports(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], registered: Container[str]
) -> list[dict[str, Any]]:
    """Return what M(cloudrepo.slices.slice_report) takes, from what each host registered when it did its part.

    Args:
        hostvars: the hosts' variables, by host.
        groups: the hosts of each group.
        registered: the addresses of workers that the database knows.
    """
    reports = []
    for name in groups.get("workers", ()):
        host = hostvars[name]
        target = worker_address(host)
        failure = (
            _failure(host, "apply_work_orders_worker_failure", "apply_work_order_result")
            if target in registered
            else _stranger(target)
        )
        applied = host.get("apply_work_order_result") or {}
        vms = tuple(VmReport.from_dict(vm) for vm in applied.get("vms") or ())
        reports.append(HostReport(name, target, failure, bool(applied.get("superseded")), vms))
    for name in groups.get("network_node", ()):
        failure = _failure(hostvars[name], "apply_work_orders_network_node_failure", "network_node_result")
        reports.append(HostReport(name, NETWORK_NODE, failure))
    return [report.to_dict() for report in reports]


def is_news(reports: Sequence[Mapping[str, Any]], recorded: Sequence[Mapping[str, Any]] | None) -> bool:
    """Return whether reports tell anything that the database does not hold.

    Args:
        reports: as C(host_reports) returns them.
        recorded: as M(cloudrepo.slices.slice_plan) returns it.
    """
    if recorded is None or any(report["failure"] for report in reports):
        return True
    seen = {vm["vm_id"]: (vm["state"], vm["pid"]) for report in reports for vm in report["vms"]}
    return seen != {vm["vm_id"]: (vm["state"], vm["pid"]) for vm in recorded}


def _stranger(address: str) -> str:
    return (
        f"worker {address} is not registered; run cloudrepo.slices.site, which registers the workers of the inventory"
    )


def _failure(host: Mapping[str, Any], kept: str, result: str) -> str | None:
    if host.get(kept):
        return str(host[kept])
    # What cannot be reached has a result as well.
    said = host.get(result) or {"unreachable": True}
    if said.get("unreachable"):
        return "it did not answer, or was not part of the run"
    return str(said.get("msg")) if said.get("failed") else None


def restart_notes(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each VM that has to be restarted to take up its changes."""
    return [
        f"VM {vm['name']} ({vm['vm_id']}) needs a restart (apply_work_order_restart=true) for: "
        + ", ".join(vm["reasons"])
        for name in groups.get("workers", ())
        for vm in (hostvars[name].get("apply_work_order_result") or {}).get("restart_required") or ()
    ]


def display_lines(displays: Sequence[Mapping[str, Any]], hosts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each display: its VM, where a viewer finds it, and its password where it asks for one.

    Args:
        displays: as M(cloudrepo.slices.vnc_password_info) returns them.
        hosts: the variables of the workers, of which C(apply_work_order_vnc_listen) tells where displays listen.
    """
    listen = {worker_address(host): host.get("apply_work_order_vnc_listen") for host in hosts}
    lines = []
    for each in displays:
        worker, port, password = each["worker_ip"], each["vnc_port"], each["password"]
        place = {
            "loopback": f"127.0.0.1:{port} on {worker} {password}",
            "unix": f"{vnc_socket(each['vm_id'])} on {worker}",
            "none": "no display",
        }.get(listen.get(worker) or "", f"{worker}:{port} {password}")
        lines.append(f"{each['slice']}/{each['name']} {place}")
    return lines


def base_images(flavors: Sequence[Mapping[str, Any]], state_dir: str) -> list[dict[str, str]]:
    """Return what the role C(base_images) takes, from registered flavors; those without a checksum are left out."""
    sources = {flavor["checksum"]: flavor["image"] for flavor in flavors if flavor.get("checksum")}
    return [
        {"checksum": checksum, "path": base_image_path(state_dir, checksum), "source": source}
        for checksum, source in sources.items()
    ]


def link_pings(slices: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return both directions of every link between VMs that shall run, with an address for each end.

    The addresses are in the subnet that a link's VLAN stands for; its first end is .1 and its second .2.
    """
    pings = []
    for one in slices:
        vms = {vm["vm_id"]: vm for vm in one["vms"]}
        for link in one["links"]:
            if any("power" in vms[link[f"vm{number}_id"]] for number in (1, 2)):
                continue
            ends = [
                {
                    "vm_id": link[f"vm{number}_id"],
                    "name": vms[link[f"vm{number}_id"]]["name"],
                    "worker_ip": vms[link[f"vm{number}_id"]]["worker_ip"],
                    "interface": link[f"vm{number}_interface"],
                    "address": f"{link_prefix(link['vlan_id'])}.{number}",
                }
                for number in (1, 2)
            ]
            for here, there in (ends, ends[::-1]):
                neighbour = {f"neighbour{suffix}": there[key] for suffix, key in _NEIGHBOUR.items()}
                pings.append({**here, **neighbour, "vlan_id": link["vlan_id"]})
    return pings


_NEIGHBOUR = {"": "name", "_address": "address", "_worker_ip": "worker_ip"}


def smoke_test_lines(hosts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each measurement of the playbook C(smoke_test) on the workers."""
    lines = []
    for result in _results(hosts, "smoke_test_link"):
        item = result["item"]
        times = re.search(r"min/avg/max = [0-9.]+/([0-9.]+)/", result["stdout"])
        lost = re.search(r"([0-9]+)% packet loss", result["stdout"])
        lines.append(
            f"ping {item['name']} → {item['neighbour']} over VLAN {item['vlan_id']} "
            f"({item['worker_ip']} → {item['neighbour_worker_ip']}): {times.group(1) if times else '?'} ms on average, "
            f"{lost.group(1) if lost else '?'} % lost"
        )
    for result in _results(hosts, "smoke_test_dhcp"):
        vm = result["item"]
        address = vm["interfaces"][0]["ip_config"]["ip"]
        lines.append(f"DHCP: {vm['name']} eth0 got {address} in {result['duration_s']:.2f} s")
    for result in _results(hosts, "smoke_test_nat"):
        answer = f"answered in {result['duration_s']:.2f} s: {result['stdout'].strip()}"
        lines.append(f"NAT: {result['item']['name']} asked the internet, which {answer}")
    lines.extend(
        f"no VLAN: {result['item']['name']} sees eth0 ({result['stdout_lines'][0]}) without a carrier"
        for result in _results(hosts, "smoke_test_isolated")
    )
    return lines


def _results(hosts: Sequence[Mapping[str, Any]], registered: str) -> list[Mapping[str, Any]]:
    return [result for host in hosts for result in host.get(registered, {}).get("results", ())]


def netmask(cidr: str) -> str:
    """Return the dotted netmask of a subnet."""
    return str(ipaddress.ip_network(cidr).netmask)


class FilterModule:
    """The filters by their names."""

    def filters(self) -> dict[str, Any]:
        return {
            "base_images": base_images,
            "display_lines": display_lines,
            "host_reports": host_reports,
            "infrastructure_mac": mac_of,
            "infrastructure_networks": infrastructure_networks,
            "is_news": is_news,
            "link_pings": link_pings,
            "management_problems": management_problems,
            "netmask": netmask,
            "smoke_test_lines": smoke_test_lines,
            "restart_notes": restart_notes,
            "trunk_mtu": trunk_mtu,
            "unknown_hosts": unknown_hosts,
            "worker_address": worker_address,
            "worker_called": worker_called,
            "worker_records": worker_records,
        }
