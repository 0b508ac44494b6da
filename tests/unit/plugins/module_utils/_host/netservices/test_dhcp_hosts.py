# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import dhcp_hosts


def test_reservations_are_read_back():
    text = "".join(f"{dhcp_hosts.line(f'52:54:00:03:e9:0{n}', f'10.60.7.10{n}', f'vm{n}')}\n" for n in (1, 2))
    assert dhcp_hosts.read(text) == {("52:54:00:03:e9:01", "10.60.7.101"), ("52:54:00:03:e9:02", "10.60.7.102")}
    assert dhcp_hosts.read(None) == set()


def test_a_folder_contains_the_reservations_of_all_slices(tmp_path):
    (tmp_path / "1001").write_text("52:54:00:03:ea:00,10.60.7.102,vm2\n")
    (tmp_path / "1000").write_text("52:54:00:03:e9:00,10.60.7.101,vm1\n")
    (tmp_path / ".1000.draft").write_text("half a li")
    (tmp_path / "1002").touch()
    (tmp_path / "old").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "1000")
    assert list(dhcp_hosts.read_folder(str(tmp_path))) == [
        ("52:54:00:03:e9:00", "10.60.7.101"),
        ("52:54:00:03:ea:00", "10.60.7.102"),
    ]
