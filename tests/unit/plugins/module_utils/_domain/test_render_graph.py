# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices as graphs: both languages show the same objects, and names cannot escape their quotes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.render_graph import dot, mermaid
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Network, Slice

from .builders import cluster, link, put, topology, vm


def drawn() -> Slice:
    lan = {"name": "lan", "members": ["vm1", "vm3"], "cidr": "10.0.0.0/24"}
    machines = [vm("vm1", internet=True), vm("vm2"), vm("vm3")]
    return put(cluster(), topology(vms=machines, networks=[lan]))


def test_mermaid() -> None:
    assert mermaid(drawn()).splitlines() == [
        "---",
        "title: web",
        "---",
        "flowchart LR",
        '  vm1001["vm1"]',
        '  vm1002["vm2"]',
        '  vm1003["vm3"]',
        '  net101(["lan 10.0.0.0/24 VLAN 101"])',
        '  internet(["internet VLAN 400"])',
        '  vm1001 ---|"eth1 VLAN 100 eth1"| vm1002',
        '  vm1001 ---|"eth2"| net101',
        '  vm1003 ---|"eth1"| net101',
        '  vm1001 ---|"eth0 10.60.7.101"| internet',
    ]


def test_dot() -> None:
    assert dot(drawn()).splitlines() == [
        'graph "web" {',
        '  vm1001 [shape=box, label="vm1"];',
        '  vm1002 [shape=box, label="vm2"];',
        '  vm1003 [shape=box, label="vm3"];',
        '  net101 [shape=ellipse, label="lan 10.0.0.0/24 VLAN 101"];',
        '  internet [shape=ellipse, label="internet VLAN 400"];',
        '  vm1001 -- vm1002 [label="eth1 VLAN 100 eth1"];',
        '  vm1001 -- net101 [label="eth2"];',
        '  vm1003 -- net101 [label="eth1"];',
        '  vm1001 -- internet [label="eth0 10.60.7.101"];',
        "}",
    ]


def test_missing_objects_are_not_drawn() -> None:
    slice_ = put(cluster(), topology(vms=[vm("vm1"), vm("vm2")], links=[]))
    slice_.vms[1].deleting = True
    assert "internet" not in mermaid(slice_) + dot(slice_)
    assert "vm1002" not in mermaid(slice_) + dot(slice_)


@pytest.mark.parametrize("draw", [mermaid, dot])
def test_networks_of_links_are_not_drawn(draw: Callable[[Slice], str]) -> None:
    """A file of Cloud Repositorio has a network without a name and members for each link."""
    slice_ = put(cluster(), topology())
    before = draw(slice_)
    slice_.networks.append(Network(100, "192.168.100.0/24", None))
    assert draw(slice_) == before
    slice_.networks[0].extra["name"] = "lan"
    assert "net100" in draw(slice_)


@pytest.mark.parametrize("draw", [mermaid, dot])
def test_a_vm_that_is_deleted_has_left_vlan_400(draw: Callable[[Slice], str]) -> None:
    slice_ = put(cluster(), topology(vms=[vm("vm1", internet=True), vm("vm2", internet=True)], links=[]))
    assert "10.60.7.101" in draw(slice_)
    slice_.vms[0].deleting = True
    assert "10.60.7.101" not in draw(slice_)
    assert "10.60.7.102" in draw(slice_)
    slice_.vms[1].deleting = True
    assert "internet" not in draw(slice_)


@pytest.mark.parametrize("name", ['a"]; b', "a\\", "a\nb", "a\x07", "\u2028"])
def test_names_are_escaped(name: str) -> None:
    slice_ = drawn()
    lines = len(mermaid(slice_).splitlines()), len(dot(slice_).splitlines())
    slice_.vms[1].name = name
    assert (len(mermaid(slice_).splitlines()), len(dot(slice_).splitlines())) == lines
    assert re.search(r'^  vm1002\["[^"\\]*_[^"\\]*"\]$', mermaid(slice_), re.MULTILINE)
    assert re.search(r'^  vm1002 \[shape=box, label="[^"\\]*_[^"\\]*"\];$', dot(slice_), re.MULTILINE)


def test_titles_are_shown_and_escaped_in_both_languages() -> None:
    bad = 'a"b\\c<img src=x onerror=alert(1)>#35;`d: e'
    vms = [vm("vm1", title=bad), vm("vm2")]
    slice_ = put(cluster(), topology(title="Shop: 1", vms=vms, links=[{**link("vm1", "vm2"), "title": "Uplink"}]))
    slice_.networks.append(Network(101, "10.0.0.0/24", None))
    slice_.networks[0].extra.update(name="lan", title="<Büro>")
    for drawn_as in (mermaid(slice_), dot(slice_)):
        assert "a_b_c_img src=x onerror=alert(1)__35;_d: e" in drawn_as
        assert "eth1 Uplink VLAN 100 eth1" in drawn_as
        assert "_Büro_ 10.0.0.0/24 VLAN 101" in drawn_as
    assert 'title: "Shop: 1"' in mermaid(slice_).splitlines()
    assert dot(slice_).startswith('graph "Shop: 1" {')
