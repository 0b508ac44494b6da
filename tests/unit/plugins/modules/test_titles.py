# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Titles of slices, VMs, links and networks, and names that are made from them, through the modules."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from ..module_utils._domain import builders
from .module_calls import Door, Memory

ZOO: dict[str, Any] = {
    "title": "Réseau académique",
    "vms": [
        {"title": "São Paulo", "flavor": "cirros"},
        {"title": "None", "flavor": "cirros"},
        {"title": "None", "flavor": "cirros"},
    ],
    "links": [{"endpoints": ["São Paulo", "none"], "title": "10 Gbit/s"}, {"endpoints": ["São Paulo", "none-2"]}],
    "networks": [{"title": "Büro", "members": ["São Paulo"]}],
}


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(Memory(builders.cluster()), monkeypatch)


def slice_of(door: Door) -> dict[str, Any]:
    (found,) = door.data()["slices"].values()
    assert isinstance(found, dict)
    return found


def test_a_topology_of_titles_is_stored_with_names_and_a_second_run_changes_nothing(door: Door) -> None:
    assert door("slice", **ZOO)["changed"]
    stored = slice_of(door)
    assert (stored["name"], stored["title"]) == ("reseau-academique", "Réseau académique")
    assert [(vm["name"], vm["title"]) for vm in stored["vms"]] == [
        ("sao-paulo", "São Paulo"),
        ("none", "None"),
        ("none-2", "None"),
    ]
    assert [link.get("title") for link in stored["links"]] == ["10 Gbit/s", None]
    assert [(network["name"], network["title"]) for network in stored["networks"]] == [("buro", "Büro")]
    assert not door("slice", slices=[ZOO])["changed"]
    door("slice", **{**ZOO, "vms": [ZOO["vms"][0], {"title": "Nouveau", "flavor": "cirros"}, *ZOO["vms"][1:]]})
    ids = {vm["vm_id"]: vm["name"] for vm in slice_of(door)["vms"]}
    assert ids.items() > {vm["vm_id"]: vm["name"] for vm in stored["vms"]}.items()


def test_titles_are_changed_and_removed_without_a_restart(door: Door) -> None:
    door("slice", **builders.topology(title="Old", vms=[builders.vm("vm1", title="A"), builders.vm("vm2", title="B")]))
    done = door("slice", **builders.topology(vms=[builders.vm("vm1", title="C"), builders.vm("vm2")]))
    assert [(each["kind"], each["reason"], each["restart"]) for each in done["changes"]] == [
        ("slice", "title Old → none", False),
        ("vm", "title A → C", False),
        ("vm", "title B → none", False),
    ]
    stored = slice_of(door)
    assert "title" not in stored
    assert ["title" in vm for vm in stored["vms"]] == [True, False]


def test_a_part_is_identified_by_its_title_or_gets_its_name_from_it(door: Door) -> None:
    door("slice", **ZOO)
    called = "reseau-academique"
    for is_changed in (True, False):
        done = door("vm", slice=called, title="São João", flavor="cirros")
        assert (done["changed"], done["vm"]["name"]) == (is_changed, "sao-joao")
        done = door("network", slice=called, title="Büro 2", members=["São João"])
        assert (done["changed"], done["network"]["name"]) == (is_changed, "buro-2")
    door("vm", slice=called, name="buro", flavor="cirros")
    assert door("vm", slice=called, title="Büro", flavor="cirros")["vm"]["name"] == "buro-2"
    assert door("vm", slice=called, title="São João", power="stopped")["changed"]
    assert door("vm", slice=called, title="None", power="stopped")["msg"] == (
        "slice reseau-academique: several have the title 'None' (none, none-2); a VM without a name is identified by "
        "its title; give the name instead"
    )
    for is_changed in (True, False):
        assert door("vm", slice=called, title="São João", state="absent")["changed"] is is_changed
        assert door("network", slice=called, title="Büro 2", state="absent")["changed"] is is_changed


def test_edits_keep_titles_and_set_them(door: Door) -> None:
    door("slice", **ZOO)
    called = "reseau-academique"
    assert not door("vm", slice=called, name="sao-paulo")["changed"]
    assert door("vm", slice=called, name="sao-paulo", title="Sampa")["changed"]
    assert door("link", slice=called, endpoints=["sao-paulo", "none-2"], title="Uplink")["changed"]
    assert door("network", slice=called, name="buro", title="Bureau")["changed"]
    stored = slice_of(door)
    assert [vm["title"] for vm in stored["vms"]] == ["Sampa", "None", "None"]
    assert [link["title"] for link in stored["links"]] == ["10 Gbit/s", "Uplink"]
    assert stored["networks"][0]["title"] == "Bureau"
    assert stored["title"] == "Réseau académique"


def test_the_work_order_has_the_title_of_a_display(door: Door) -> None:
    done = door("slice", **ZOO, work_orders=True)
    vms = [vm for order in done["work_orders"]["workers"].values() for each in order["slices"] for vm in each["vms"]]
    assert sorted((vm["name"], vm["title"]) for vm in vms) == [
        ("none", "None"),
        ("none-2", "None"),
        ("sao-paulo", "São Paulo"),
    ]


@pytest.mark.parametrize("title", ["{{ lookup('pipe', 'id') }}", "; reboot", "日本語", "x" * 200])
def test_a_title_may_contain_any_text(door: Door, title: str) -> None:
    done = door("slice", name="web", title=title)
    assert done["changed"]
    assert slice_of(door)["title"] == title


@pytest.mark.parametrize("title", ["", "x" * 201, "two\nlines", "bell\a", "\u2028"])
def test_a_title_is_one_line_of_up_to_200_characters(door: Door, title: str) -> None:
    form = "1-200 characters without control characters"
    refused = builders.refused(door("slice", **builders.topology(title=title)))
    assert refused == [Refusal("invalid_title", "slice web", {"kind": "slice", "got": title, "form": form})]


def test_a_slice_without_a_name_does_not_replace_another_one_with_the_same_generated_name(door: Door) -> None:
    door("slice", name="core", title="Core!")
    refused = builders.refused(door("slice", title="Core?"))
    figures = {"got": "core", "title": "Core?", "stored": "Core!"}
    assert refused == [Refusal("slice_title_differs", "slice core", figures)]
    assert builders.refused(door("slice", title="Core?", state="absent")) == refused
    assert not door("slice", title="Core!")["changed"]
    assert door("slice", title="Core!", state="absent")["changed"]


def test_titles_are_matched_when_objects_are_added(door: Door) -> None:
    door("slice", **ZOO)
    more = {"title": "São Paulo", "flavor": "cirros"}, {"title": "Nouveau", "flavor": "cirros"}
    added = {"vms": list(more), "links": [{"endpoints": ["Nouveau", "none-2"]}]}
    assert door("slice", title=ZOO["title"], append=True, **added)["changed"]
    assert [vm["name"] for vm in slice_of(door)["vms"]] == ["sao-paulo", "none", "none-2", "nouveau"]


def test_an_object_needs_a_name_or_a_title(door: Door) -> None:
    assert "name, title" in door("slice", name="web", vms=[{"flavor": "cirros"}])["msg"]
    assert "name, title" in door("slice", slices=[{"vms": []}])["msg"]


def test_the_title_of_a_cloud_is_a_text(door: Door) -> None:
    assert "got True; quote names" in door("cloud", title=True)["msg"]
    assert door("cloud", title="on")["cloud"]["title"] == "on"
