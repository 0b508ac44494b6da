# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter.saved_files import files_to_save

TWO = "write_files: [{path: /etc/frr/frr.conf, content: a}, {path: /etc/frr/daemons}, {path: /etc/frr/daemons}]"


def paths(text: str | None) -> Any:
    return files_to_save([{"slice_id": 1000, "vm_id": 1001, "name": "r1", "user_data": text}])


def test_the_files_of_each_guest_are_listed_once() -> None:
    assert paths(f"#cloud-config\n{TWO}\n") == {"r1": ["/etc/frr/daemons", "/etc/frr/frr.conf"]}


def test_the_files_of_start_ups_are_listed_as_well() -> None:
    started = '{"files": [{"path": "/etc/../a", "content": ""}, {"path": "/etc/frr/daemons", "content": ""}]}'
    guest = {"name": "r1", "user_data": f"#cloud-config\n{TWO}\n", "startup": started}
    assert files_to_save([guest]) == {"r1": ["/a", "/etc/frr/daemons", "/etc/frr/frr.conf"]}
    assert files_to_save([{**guest, "user_data": None}]) == {"r1": ["/a", "/etc/frr/daemons"]}


@pytest.mark.parametrize(
    "text",
    [
        None,  # the database was rebuilt
        "#!/bin/sh\n: write_files\n",
        "#cloud-config\npackages: [frr]\n",
        "#cloud-config\nwrite_files: /etc/frr/frr.conf\n",
        "#cloud-config\nwrite_files: [etc/frr/frr.conf, {content: a}, {path: etc/frr}]\n",
        '#cloud-config\nwrite_files: [{path: "/etc/frr\\n/frr.conf"}, {path: "/etc/\\0"}]\n',
    ],
)
def test_a_guest_without_files_is_left_out(text: str | None) -> None:
    assert paths(text) == {}


@pytest.mark.parametrize("path", ["/../../etc/motd", "//etc/motd", "/etc/./motd", "/etc/x/../motd"])
def test_a_file_stays_inside_of_the_folder(path: str) -> None:
    assert paths(f"#cloud-config\nwrite_files: [{{path: {path}}}]\n") == {"r1": ["/etc/motd"]}
