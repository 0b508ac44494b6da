# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each guess and each display's password is tried at each display, and exactly one is correct."""

from __future__ import annotations

from ..scripts import load

module = load("extensions/molecule/isolation/files/login_attempts.py")
DISPLAYS = [
    {"name": "red1", "worker_ip": "10.0.10.1", "vnc_port": 5901, "password": "one"},
    {"name": "blue1", "worker_ip": "10.0.10.2", "vnc_port": 5902, "password": "two"},
]


def test_all_passwords_at_all_displays() -> None:
    knocks = module.login_attempts(DISPLAYS)
    assert len(knocks) == 2 * (3 + 2)
    assert [(each["place"], each.get("password")) for each in knocks[:5]] == [
        ("10.0.10.1:5901", None),
        ("10.0.10.1:5901", ""),
        ("10.0.10.1:5901", "password"),
        ("10.0.10.1:5901", "one"),
        ("10.0.10.1:5901", "two"),
    ]
    assert [each["name"] for each in knocks[2:5]] == [
        "somebody at the display of red1",
        "red1 at the display of red1",
        "blue1 at the display of red1",
    ]


def test_only_the_password_of_a_display_is_accepted_by_it() -> None:
    entering = [each for each in module.login_attempts(DISPLAYS) if each["enters"]]
    assert [(each["place"], each["password"]) for each in entering] == [
        ("10.0.10.1:5901", "one"),
        ("10.0.10.2:5902", "two"),
    ]


def test_without_a_password_the_probe_contains_none() -> None:
    assert [set(each) for each in module.login_attempts(DISPLAYS)[:2]] == [
        {"place", "name", "enters"},
        {"place", "name", "enters", "password"},
    ]
