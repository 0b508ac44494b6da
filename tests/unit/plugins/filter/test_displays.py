# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists of VNC displays."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter import displays

DISPLAY = {
    "slice": "web",
    "name": "vm1",
    "vm_id": 1001,
    "worker_ip": "10.0.10.1",
    "vnc_port": 5901,
    "password": "hMr3kWpa",
}


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({}, "10.0.10.1:5901 hMr3kWpa"),
        ({"apply_work_order_vnc_listen": "worker"}, "10.0.10.1:5901 hMr3kWpa"),
        ({"apply_work_order_vnc_listen": "loopback"}, "127.0.0.1:5901 on 10.0.10.1 hMr3kWpa"),
        ({"apply_work_order_vnc_listen": "unix"}, "/run/cloudrepo/1001/vnc.sock on 10.0.10.1"),
        ({"apply_work_order_vnc_listen": "none"}, "no display"),
    ],
)
def test_displays_have_the_address_at_which_their_worker_lets_them_listen(
    variables: dict[str, str], place: str
) -> None:
    workers = [
        {"ansible_host": "10.0.10.2", "apply_work_order_vnc_listen": "none"},
        {"ansible_host": "10.0.10.1", **variables},
    ]
    assert displays.display_lines([DISPLAY], workers) == [f"web/vm1 {place}"]


def test_a_display_of_an_unknown_worker_is_listed() -> None:
    assert displays.display_lines([DISPLAY], []) == ["web/vm1 10.0.10.1:5901 hMr3kWpa"]
