# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.titles import named, slug, unique
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import WantedSlice, read_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Network, Slice


def wanted(*titles: str, **options: Any) -> WantedSlice:
    vms = [{"title": title, "flavor": "cirros"} for title in titles]
    return read_slice({"name": "web", "vms": vms, **options}, default_owner="admin")


def stored(**vms: str) -> Slice:
    """A slice whose VMs have these titles by name."""
    slice_ = Slice(1000, "admin")
    for number, (name, title) in enumerate(vms.items(), start=1001):
        vm = VM(number, name.replace("_", "-"), "admin", "10.0.10.1", 5900 + number, [])
        vm.extra["title"] = title
        slice_.vms.append(vm)
    return slice_


def names(want: WantedSlice, before: Slice | None = None) -> list[str]:
    return [vm.name for vm in named(want, before).vms]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("São Paulo", "sao-paulo"),
        ("Gießen / Łódź", "giessen-lodz"),
        ("  What? ", "what"),
        ("None", "none"),
        ("2024", "vm-2024"),
        ("12h", "vm-12h"),
        ("ignore", "vm-ignore"),
        ("東京", "vm"),
        ("", "vm"),
        ("ｗｉｄｅ", "wide"),
        ("x" * 200, "x" * 63),
        (f"{'x' * 62} y", "x" * 62),
    ],
)
def test_a_name_is_made_from_the_letters_and_digits_of_a_title(title: str, name: str) -> None:
    assert slug(title, "vm") == name


@given(st.text(max_size=200))
def test_every_title_results_in_a_name(title: str) -> None:
    assert bounds.VM_NAME.allows(slug(title, "vm"))
    assert bounds.LABEL.allows(slug(title, "slice"))
    assert not slug(title, "slice").isdigit()


def test_generated_names_are_unique_regardless_of_case():
    want = wanted("Core", "core", "CORE!")
    assert names(want) == ["core", "core-2", "core-3"]
    vms = [{"title": "Core", "flavor": "cirros"}, {"name": "Core", "flavor": "cirros"}]
    assert names(read_slice({"name": "web", "vms": vms}, default_owner="admin")) == ["core-2", "Core"]


def test_a_number_is_appended_to_a_shortened_name():
    assert names(wanted("x" * 63, "x" * 64)) == ["x" * 63, f"{'x' * 61}-2"]


@pytest.mark.parametrize("order", list(itertools.permutations(["São Paulo", "Sao Paulo", "SAO PAULO"])))
def test_stored_vms_keep_their_names_in_any_order(order):
    before = stored(sao_paulo="Sao Paulo", sao_paulo_2="São Paulo")
    found = dict(zip(order, names(wanted(*order), before)))
    assert found == {"Sao Paulo": "sao-paulo", "São Paulo": "sao-paulo-2", "SAO PAULO": "sao-paulo-3"}


def test_vms_with_the_same_title_keep_their_names_in_order():
    before = stored(none="None", none_2="None")
    assert names(wanted("None", "None", "None"), before) == ["none", "none-2", "none-3"]


@pytest.mark.parametrize("order", list(itertools.permutations(["small", "large", "huge"])))
def test_of_vms_with_the_same_title_those_of_the_same_flavor_belong_together(order):
    before = stored(web="Web", web_2="Web")
    for vm, flavor in zip(before.vms, ("small", "large")):
        vm.flavor = {"name": flavor}
    vms = [{"title": "Web", "flavor": flavor} for flavor in order]
    want = read_slice({"name": "web", "vms": vms}, default_owner="admin")
    assert dict(zip(order, names(want, before))) == {"small": "web", "large": "web-2", "huge": "web-3"}


def test_of_several_with_the_same_title_none_is_deleted_in_place_of_another():
    before = stored(web="Web", web_2="Web", other="Other")
    with pytest.raises(Refused) as refused:
        named(wanted("Web"), before)
    figures = {"title": "Web", "kind": "VM", "names": ["web", "web-2"]}
    assert refused.value.refusals == [Refusal("title_of_several", "slice web", figures)]
    assert str(refused.value) == (
        "slice web: several have the title 'Web' (web, web-2); a VM without a name is identified by its title; "
        "give the name instead"
    )
    vms = [{"name": "web-2", "title": "Web", "flavor": "cirros"}]
    assert names(read_slice({"name": "web", "vms": vms}, default_owner="admin"), before) == ["web-2"]
    assert names(wanted("Web", "Web"), before) == ["web", "web-2"]
    assert names(wanted("Other"), before) == ["other"]


def test_a_vm_with_an_id_keeps_its_name_when_its_title_changes():
    vms = [{"vm_id": 1001, "title": "New"}, {"title": "Old", "flavor": "cirros"}]
    want = read_slice({"name": "web", "vms": vms}, default_owner="admin")
    assert names(want, stored(old="Old")) == ["old", "old-2"]


def test_endpoints_and_members_can_be_titles_or_names():
    want = wanted(
        "São Paulo",
        "R1: core",
        links=[{"endpoints": ["São Paulo:eth1", "R1: core"]}, {"endpoints": ["sao-paulo", "R1: core:eth2"]}],
        networks=[{"title": "Büro", "members": ["São Paulo", "elsewhere"]}],
    )
    done = named(want, None)
    assert [str(link) for link in done.links] == ["sao-paulo:eth1–r1-core", "sao-paulo–r1-core:eth2"]
    assert [(each.name, list(map(str, each.members))) for each in done.networks] == [
        ("buro", ["sao-paulo", "elsewhere"])
    ]


def test_an_ambiguous_title_is_not_an_endpoint():
    want = wanted("None", "None", "B", links=[{"endpoints": ["None", "B"]}])
    with pytest.raises(Refused) as refused:
        named(want, None)
    assert refused.value.refusals == [Refusal("ambiguous_title", "slice web", {"title": "None"})]
    assert "several VMs have the title 'None'" in str(refused.value)
    named(wanted("None", "None", "B", links=[{"endpoints": ["none-2", "B"]}]), None)


def test_networks_keep_their_names_as_vms_do():
    before = Slice(1000, "admin")
    network = Network(101, "10.1.0.0/24", None)
    network.extra.update(name="lan-2", title="LAN")
    before.networks.append(network)
    done = named(wanted(networks=[{"title": "lan"}, {"title": "LAN"}]), before)
    assert [each.name for each in done.networks] == ["lan", "lan-2"]


def test_titles_that_are_unique_names_are_kept():
    assert unique(["R1", "core-sw", "Core Switch", "r1", "Core Switch"], "vm") == [
        "r1",
        "core-sw",
        "core-switch",
        "r1-2",
        "core-switch-2",
    ]
    assert unique(["12", "a"], "vm")[1] == "a"
    assert unique(["12"], "network") == ["12"]
    assert unique(["12"], "vm") != ["12"]


def test_only_networks_with_a_name_are_known_ones() -> None:
    before = Slice(1000, "admin")
    for vlan_id, name in ((101, None), (102, "lan")):
        network = Network(vlan_id, "10.1.0.0/24", None)
        network.extra.update({"title": "LAN"} if name is None else {"title": "LAN", "name": name})
        before.networks.append(network)
    done = named(wanted(networks=[{"title": "LAN"}, {"title": "Other"}]), before)
    assert [each.name for each in done.networks] == ["lan", "other"]


def test_a_vm_without_a_title_is_not_that_of_an_empty_endpoint() -> None:
    links = [{"endpoints": ["", "b"]}]
    want = read_slice(
        {"name": "web", "vms": [{"name": "a", "title": ""}, {"name": "b"}], "links": links}, default_owner="admin"
    )
    assert [end.vm for end in named(want, None).links[0].endpoints] == ["", "b"]


def test_titles_in_addresses_are_replaced_like_those_in_endpoints() -> None:
    link = {"endpoints": ["São Paulo", "B"], "addresses": [{"vm": "São Paulo", "ipv4": "10.0.0.1"}]}
    done = named(wanted("São Paulo", "B", links=[link]), None)
    assert [(each.vm, each.ipv4) for each in done.links[0].addresses] == [("sao-paulo", "10.0.0.1")]


def test_the_name_of_an_object_with_an_id_counts_before_its_stored_one() -> None:
    before = stored(one="One", two="Two")
    vms = [{"vm_id": 1001, "flavor": "x"}, {"vm_id": 1002, "name": "other", "flavor": "x"}, {"vm_id": 1009}]
    want = read_slice({"name": "web", "vms": vms}, default_owner="admin")
    assert [each.name for each in named(want, before).vms] == ["one", "other", ""]
