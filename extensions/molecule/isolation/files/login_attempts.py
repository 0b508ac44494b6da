# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generates login attempts at all displays, with no password, wrong ones and those of all displays.

usage: login_attempts.py <DISPLAYS

Standard input is a JSON list of displays, each with C(name), C(worker_ip), C(vnc_port) and C(password). Prints the
input of rfb.py: the display, whose password is tried, and whether it C(enters), because it is the display's password.
"""

from __future__ import annotations

import json
import sys
from typing import Any

GUESSES: list[dict[str, str]] = [{}, {"password": ""}, {"password": "password"}]
NOBODY = "somebody"


def login_attempts(displays: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an attempt for each guess and each display's password at each display."""
    return [login_attempt(display, key) for display in displays for key in [*GUESSES, *displays]]


def login_attempt(display: dict[str, Any], key: dict[str, Any]) -> dict[str, Any]:
    """Return one attempt; without a password, the security type None is requested."""
    tried = {"password": key["password"]} if "password" in key else {}
    return {
        "place": f"{display['worker_ip']}:{display['vnc_port']}",
        "name": f"{key.get('name', NOBODY)} at the display of {display['name']}",
        "enters": key.get("name") == display["name"],
        **tried,
    }


if __name__ == "__main__":
    print(json.dumps(login_attempts(json.load(sys.stdin))))
