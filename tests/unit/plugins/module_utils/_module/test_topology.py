# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole slices, from arguments to results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import teardown, undelete
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import ManagementNetwork
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import topology as module
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import User

from ....fragments import documented, specified
from .._domain.builders import cluster, deployed, link, put, topology, vm


def params(**changes: Any) -> dict[str, Any]:
    usual = {
        "management_network": {},
        "state_dir": "/s",
        "placement": "round_robin",
        "infrastructure_networks": [],
        "acting_user": "admin",
        "work_orders": False,
        "overwrite": False,
        "owner": None,
        "names": [],
        "all": False,
        "recreate_disks": [],
        "accept_revision": None,
    }
    return {**usual, **changes}


def want(name: str = "web", **fields: Any) -> dict[str, Any]:
    """Return the arguments for a slice, by default one of the acting user."""
    return {"state": "present", **topology(name), "owner": None, "append": False, **fields}


def put_all(held: Cluster, *wants: dict[str, Any], **changes: Any) -> Any:
    return module.put(held, wants, params(**changes))


def test_settings_are_read_from_the_arguments() -> None:
    network = {"gateway": "10.60.7.9"}
    read = module.settings(params(management_network=network, placement="pack", infrastructure_networks=["10.0.0.0/8"]))
    assert read.network == ManagementNetwork(gateway="10.60.7.9")
    assert (read.state_dir, read.placement, read.infrastructure) == ("/s", "pack", ("10.0.0.0/8",))


def test_options_of_vlan_400_have_the_defaults_of_the_rules() -> None:
    options = module.SETTINGS_ARGUMENTS["management_network"]["options"]
    assert ManagementNetwork(**{name: option["default"] for name, option in options.items()}) == ManagementNetwork()


def test_segments_have_defaults_unless_null_keeps_the_value() -> None:
    new, step = module.segment_arguments(), module.segment_arguments(defaults=False)
    assert {name: option["default"] for name, option in new.items()} == {
        "mtu": 1500,
        "qinq": False,
        "forward_bpdu": False,
    }
    assert [option for option in step.values() if "default" in option] == []
    assert {name: option["type"] for name, option in step.items()} == {
        name: option["type"] for name, option in new.items()
    }


def test_storing_slices_is_idempotent() -> None:
    held = cluster()
    done = put_all(held, want(), want("lab", vms=[vm("a")], links=[]))
    assert [slice_["slice_id"] for slice_ in done.result["slices"]] == [1000, 1003]
    assert done.result["changes"] == [change.to_dict() for change in done.changes] != []
    assert "work_orders" not in done.result
    revision = held.revision
    again = put_all(held, want(), want("lab", vms=[vm("a")], links=[]))
    assert (again.changes, again.result["slices"], held.revision) == ([], done.result["slices"], revision)


def test_a_refused_slice_does_not_affect_the_others() -> None:
    held = cluster()
    done = put_all(held, want("bad name"), want(), want("lab", vms=[vm("a", flavor="none")], links=[]), want("shop"))
    assert [slice_["name"] for slice_ in done.result["slices"]] == ["web", "shop"]
    assert [(each["slice_id"], each["slice"]) for each in done.result["refused"]] == [
        (None, "admin/bad name"),
        (None, "admin/lab"),
    ]
    assert isinstance(done.failure, Refused)
    assert [each.code for each in done.failure.refusals] == ["invalid_name", "unknown_flavor"]
    assert [slice_.extra["name"] for slice_ in held.slices.values()] == ["web", "shop"]
    assert {change.name.split("/")[0] for change in done.changes} == {"web", "shop"}


def test_a_refused_change_leaves_a_stored_slice_unchanged() -> None:
    held = cluster()
    put_all(held, want())
    before = held.slices[1000].to_dict()
    done = put_all(held, want(vms=[vm("vm1", flavor="none")], links=[]), want("lab"), work_orders=True)
    (refused,) = done.result["refused"]
    assert (refused["slice_id"], refused["slice"]) == (1000, "admin/web")
    assert refused["failure"].startswith("slice web (1000) was left unchanged: slice web: flavor none")
    assert held.slices[1000].to_dict() == before
    assert done.failure is None, "the caller continues with the work orders of the others"
    assert (done.result["slice_ids"], done.result["changed_slices"]) == ([1003], [1003])
    assert done.result["slice_names"] == {"1003": "admin/lab"}


def test_what_no_host_could_be_told_of_a_stored_slice_leaves_the_others_planned() -> None:
    """A slice of another tool's database may have no checksums."""
    held = cluster()
    put_all(held, want())
    for each in held.slices[1000].vms:
        assert each.flavor is not None
        del each.flavor["checksum"]
    done = put_all(held, want(title="Web"), want("lab"), work_orders=True)
    (refused,) = done.result["refused"]
    assert refused["failure"] == (
        "slice web (1000) was left unchanged: VM vm1 (1001): its flavor is stored without the checksum of a base "
        "image\nVM vm2 (1002): its flavor is stored without the checksum of a base image"
    )
    assert "title" not in held.slices[1000].extra
    assert done.result["slice_ids"] == [1003]
    stored = put_all(held, want(title="Web"))
    assert stored.failure is None, "only hosts need it"


def test_a_call_whose_slices_are_all_refused_fails() -> None:
    held = cluster()
    with pytest.raises(Refused) as caught:
        put_all(held, want("bad name"), want("worse name"), work_orders=True)
    assert len(caught.value.refusals) == len(caught.value.fields["refused"]) == 2
    assert not held.slices


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "web"}, {"name": "web", "state": "absent"}),
        ({"name": "web"}, {"name": "1000", "state": "absent"}),
        ({"name": "web"}, {"name": "new", "slice_id": 1000}),
        ({"name": "new", "slice_id": 1000}, {"name": "1000", "state": "absent"}),
        ({"name": "new", "slice_id": 1000}, {"name": "newer", "slice_id": 1000}),
        ({"name": "web", "new_name": "new"}, {"name": "new"}),
        ({"name": "web", "new_name": "new"}, {"name": "web"}),
        ({"name": "web", "new_name": "new"}, {"name": "other", "new_name": "new"}),
        ({"name": "web", "new_name": "new"}, {"name": "newer", "slice_id": 1000}),
    ],
)
@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_slice_may_be_listed_only_once_however_it_is_called(
    first: dict[str, Any], second: dict[str, Any], is_reversed: bool
) -> None:
    held = cluster()
    put_all(held, want())
    before = held.to_dict()
    wants = [want(**second), want(**first)] if is_reversed else [want(**first), want(**second)]
    with pytest.raises(Refused) as caught:
        put_all(held, *wants)
    assert {(each.code, each.figures["count"]) for each in caught.value.refusals} == {("slice_listed_twice", 2)}
    assert held.to_dict() == before


def test_a_slice_of_another_user_is_not_one_that_is_listed_twice() -> None:
    """Otherwise a tenant could find out the ids of others."""
    held = cluster()
    put_all(held, want(owner="alice"))
    held.users["bob"] = User("bob", "!")
    theirs = [want(owner="alice"), want("mine", slice_id=1000), want("1000", state="absent")]
    done = put_all(held, *theirs, acting_user="bob")
    assert [each.code for each in done.failure.refusals] == ["not_owner_or_admin", "unknown_slice_id"]


def test_a_slice_may_be_listed_only_once() -> None:
    held = cluster()
    done = put_all(held, want(), want(owner="admin"), want("lab"), want("lab", owner="alice"))
    assert done.failure is not None
    assert [(each.code, each.figures["count"]) for each in done.failure.refusals] == [("slice_listed_twice", 2)]
    assert [(slice_.owner, slice_.extra["name"]) for slice_ in held.slices.values()] == [
        ("admin", "lab"),
        ("alice", "lab"),
    ]


def test_refusals_do_not_reveal_slices_of_others_to_a_tenant() -> None:
    held = cluster()
    put_all(held, want())
    done = put_all(held, want(owner="admin"), want("mine"), acting_user="alice")
    assert done.result["refused"] == [
        {
            "slice_id": None,
            "slice": "admin/web",
            "failure": "slice web: alice is not an admin; only admins may act for other users",
            "codes": ["not_owner_or_admin"],
        }
    ]


def test_work_orders_are_returned_on_request() -> None:
    held = cluster()
    done = put_all(held, want(), work_orders=True)
    assert (done.result["slice_ids"], done.result["vms_to_start"]) == ([1000], [1001, 1002])
    orders = done.result["work_orders"]["workers"]
    assert {each["revision"] for order in orders.values() for each in order["slices"]} == {held.revision}
    assert [change.kind for change in done.changes].count("VNC key") == 1
    assert {each["status"] for slice_ in done.result["slices"] for each in slice_["vms"]} == {"design"}
    assert put_all(held, want(), work_orders=True).changes == []


class Noted:
    """A history of what was stored."""

    def __init__(self, held: Cluster) -> None:
        self.entries: list[Entry] = []
        held.history = self

    def newest_first(self) -> Iterator[Entry]:
        return reversed(self.entries)

    def note(self, held: Cluster, changes: Sequence[Change]) -> None:
        made = Entry.of(changes, at="2026-11-26T16:20:00Z", user="bob", caller=Caller(), revision=held.revision)
        self.entries.append(made)


def test_a_change_by_somebody_else_is_only_undone_on_request() -> None:
    held = cluster()
    history = Noted(held)
    history.note(held, put_all(held, want()).changes)
    mine = want(based_on=held.revision)
    before = held.revision
    history.note(held, put_all(held, want(vms=[vm("vm1"), vm("vm2"), vm("vm3")])).changes)
    assert held.revision != before, "every change has a revision of its own"
    with pytest.raises(Refused, match=rf"bob made revision {held.revision} .*vm web/vm3 created"):
        put_all(held, mine)
    assert [each.name for each in held.slices[1000].vms] == ["vm1", "vm2", "vm3"]
    put_all(held, mine, overwrite=True)
    assert [each.name for each in held.slices[1000].vms] == ["vm1", "vm2"]


def test_a_slice_that_somebody_else_has_changed_is_only_deleted_on_request() -> None:
    held = cluster()
    history = Noted(held)
    history.note(held, put_all(held, want()).changes)
    gone = want(state="absent", based_on=held.revision)
    deployed(held.slices[1000])
    history.note(held, put_all(held, want(vms=[vm("vm1"), vm("vm2"), vm("vm3")])).changes)
    with pytest.raises(Refused, match=rf"bob made revision {held.revision} .*vm web/vm3 created"):
        put_all(held, gone)
    assert not held.slices[1000].deleting
    history.note(held, put_all(held, gone, overwrite=True).changes)
    assert held.slices[1000].deleting
    # What is being deleted already is no change of somebody else.
    assert put_all(held, gone).changes == []


def test_an_unchanged_slice_is_deleted_whatever_it_is_based_on() -> None:
    held = cluster()
    history = Noted(held)
    history.note(held, put_all(held, want()).changes)
    put_all(held, want(state="absent", based_on=held.revision))
    assert held.slices == {}


def test_append_keeps_unlisted_objects() -> None:
    held = cluster()
    put_all(held, want())
    put_all(held, want(append=True, vms=[vm("vm3")], links=[link("vm1", "vm3")]))
    assert [each.name for each in held.slices[1000].vms] == ["vm1", "vm2", "vm3"]
    assert len(held.slices[1000].links) == 2
    put_all(held, want(append=True, name="new", vms=[vm("a")], links=[]))
    assert [each.name for each in held.slices[max(held.slices)].vms] == ["a"]
    put_all(held, want(vms=[vm("vm3")], links=[]))
    assert [each.name for each in held.slices[1000].vms] == ["vm3"]


def test_absent_slices_are_deleted_and_unknown_ones_are_ignored() -> None:
    held = cluster()
    put_all(held, want())
    done = put_all(held, want(state="absent"), want("none", state="absent"))
    assert ({change.action for change in done.changes}, held.slices) == ({"delete"}, {})
    assert done.result["slices"] == []
    assert put_all(held, want(state="absent")).changes == []


def test_an_absent_slice_that_hosts_know_is_returned_with_its_current_state() -> None:
    held = cluster()
    put_all(held, want())
    deployed(held.slices[1000])
    done = put_all(held, want(state="absent"), work_orders=True)
    assert [slice_["status"] for slice_ in done.result["slices"]] == ["deleting"]
    assert done.result["slice_ids"] == [1000]


@pytest.mark.parametrize(
    "fields",
    [{"new_name": "shop"}, {"slice_id": 1000, "name": "shop"}, {"slice_id": 1000, "new_name": "shop", "name": "x"}],
)
def test_a_slice_is_renamed_by_its_name_or_its_id(fields: dict[str, Any]) -> None:
    held = cluster()
    put_all(held, want())
    for _each in range(2):
        done = put_all(held, want(**fields))
        assert [(slice_["slice_id"], slice_["name"]) for slice_ in done.result["slices"]] == [(1000, "shop")]
    assert list(held.slices) == [1000]


def test_a_title_whose_name_another_slice_has_is_refused() -> None:
    held = cluster()
    titled = {**want(owner="alice"), "name": None, "title": "Web shop"}
    put_all(held, titled)
    assert [slice_.name for slice_ in held.slices.values()] == ["web-shop"]
    assert put_all(held, titled).changes == []
    with pytest.raises(Refused) as caught:
        put_all(held, {**titled, "title": "web-shop"})
    assert [each.code for each in caught.value.refusals] == ["slice_title_differs"]
    put_all(held, {**titled, "title": "web-shop", "owner": None})
    assert [slice_.owner for slice_ in held.slices.values()] == ["alice", "admin"]
    renamed = put_all(held, {**titled, "title": "web-shop", "slice_id": 1000})
    assert [change.kind for change in renamed.changes] == ["slice"]


def test_an_id_also_identifies_the_owner() -> None:
    held = cluster()
    put(held, topology("lab", owner="alice"))
    done = put_all(held, want("lab", slice_id=1000))
    assert [slice_["owner"] for slice_ in done.result["slices"]] == ["alice"]
    own = put_all(held, want("lab"))
    assert [slice_["owner"] for slice_ in own.result["slices"]] == ["admin"]


def test_a_tenant_cannot_act_on_slices_of_others() -> None:
    held = cluster()
    put_all(held, want())
    with pytest.raises(Refused):
        put_all(held, want(owner="admin"), acting_user="alice")
    assert put_all(held, want(owner="admin", state="absent"), acting_user="alice").changes == []
    assert list(held.slices) == [1000]
    assert module.info(held, params(all=True, acting_user="alice")).result["slices"] == []


def test_returned_descriptions_of_slices() -> None:
    held = cluster()
    put_all(held, want(), want("lab", owner="alice"))
    told = module.info(held, params(names=["lab"])).result
    assert [slice_["slice_id"] for slice_ in told["slices"]] == [1003]
    visible = [
        [slice_.slice_id for slice_ in module.chosen_or_visible(held, params(slice=name, **who))]
        for name, who in ((None, {}), ("web", {}), (None, {"owner": "alice"}), (None, {"acting_user": "alice"}))
    ]
    assert visible == [[1000, 1003], [1000], [1003], [1003]]


def test_changes_are_the_differences_between_old_and_new_state() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert module.changes_of([(slice_, slice_)]) == []
    created, deleted = module.changes_of([(None, slice_)]), module.changes_of([(slice_, None)])
    assert ({each.action for each in created}, {each.action for each in deleted}) == ({"create"}, {"delete"})
    assert len(created) == len(deleted) > 1


def test_a_deleted_slice_is_restored_as_a_change() -> None:
    held = cluster()
    slice_ = deployed(put(held, topology()))
    undelete.keep(held, slice_, now="2026-11-27T00:00:00Z", retention_h=10**6)
    teardown.remove(held, slice_)
    slice_.vms = []
    teardown.forget(held, slice_)
    revision = held.revision or 0
    done = module.restore(held, params(name="web"))
    assert (done.result["slice_id"], done.result["slice"]["name"], list(held.slices)) == (1000, "web", [1000])
    assert {change.action for change in done.changes} == {"create"}
    assert done.result["changes"] == [change.to_dict() for change in done.changes]
    assert (held.revision or 0) > revision


def test_names_that_match_no_slice_do_not_affect_the_others() -> None:
    held = cluster()
    put_all(held, want())
    found = module.info(held, params(names=["wbe", "web"]))
    assert [slice_["slice_id"] for slice_ in found.result["slices"]] == [1000]
    assert [(each["slice"], each["slice_id"]) for each in found.result["refused"]] == [("wbe", None)]
    assert isinstance(found.failure, Refused)
    assert module.info(held, params(names=["web"])).failure is None
    with pytest.raises(Refused):
        module.info(held, params(names=["wbe"]))


def test_types_and_defaults_are_those_of_the_documentation() -> None:
    network = module.SETTINGS_ARGUMENTS["management_network"]
    # Ansible completes defaults of other tests' modules in place.
    found = specified({**module.SETTINGS_ARGUMENTS, "management_network": {**network, "default": {}}})
    assert found == documented("settings")
    assert specified(module.segment_arguments(defaults=False)) == documented("segment")


@pytest.mark.parametrize(("user", "slice_id"), [("alice", 1000), ("admin", 1000), ("bob", None)])
def test_a_refused_slice_is_returned_with_its_id_to_its_owner_and_admins(user: str, slice_id: int | None) -> None:
    held = cluster()
    held.users["bob"] = User("bob", "!")
    put(held, topology("lab", owner="alice", vms=[vm("a")], links=[]))
    done = put_all(held, want("lab", owner="alice", vms=[vm("a", flavor="none")]), want("own"), acting_user=user)
    (refused,) = done.result["refused"]
    assert refused["slice_id"] == slice_id


def test_an_interface_of_a_guest_needs_its_name_and_its_addresses() -> None:
    spec = ArgumentSpecValidator({"cloud_init": module.CLOUD_INIT_ARGUMENT})
    whole = {"name": "eth1", "addresses": ["10.0.0.1/24"]}
    assert spec.validate({"cloud_init": {"interfaces": [whole]}}).error_messages == []
    for missing in whole:
        given = {name: value for name, value in whole.items() if name != missing}
        assert spec.validate({"cloud_init": {"interfaces": [given]}}).error_messages == [
            f"missing required arguments: {missing} found in cloud_init -> interfaces"
        ]


def said(arguments: dict[str, Any], key: str) -> dict[str, Any]:
    """Return what options say of C(key), by their names with those that they are in."""
    found: dict[str, Any] = {}
    for name, option in arguments.items():
        if key in option:
            found[name] = option[key]
        found.update({f"{name}.{inner}": value for inner, value in said(option.get("options", {}), key).items()})
    return found


def test_parts_of_a_topology_are_named_and_only_texts_for_guests_are_secrets() -> None:
    options = {
        "limits": {"options": module.LIMITS_ARGUMENTS},
        "cloud_init": module.CLOUD_INIT_ARGUMENT,
        "loopback": module.LOOPBACK_ARGUMENT,
        "ends": module.ENDS_ARGUMENT,
        "addressing": module.ADDRESSING_ARGUMENT,
        "data_disks": module.DATA_DISKS_ARGUMENT,
        "ready_when": module.READY_WHEN_ARGUMENT,
        "startup": module.STARTUP_ARGUMENT,
    }
    assert said(options, "required") == dict.fromkeys(
        (
            "limits.name",
            "cloud_init.interfaces.name",
            "cloud_init.interfaces.addresses",
            "ends.vm",
            "data_disks.name",
            "data_disks.size_gb",
            "ready_when.check",
        ),
        True,
    )
    secrets = {"cloud_init.ssh_keys": False, "cloud_init.user_data": True, "startup": True}
    assert said(options, "no_log") == secrets
