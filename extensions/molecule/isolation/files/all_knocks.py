# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Knocks at all displays with no password, wrong ones and each display's own: all_knocks.py <DISPLAYS

Standard input is a JSON list of displays, each with C(name), C(worker_ip), C(vnc_port) and C(password). Prints the
knocks for rfb.py: whose password is tried at which display, and whether it is the right one, which C(enters).
"""

from __future__ import annotations

import json
import sys
from typing import Any

GUESSES: list[dict[str, str]] = [{}, {"password": ""}, {"password": "password"}]
NOBODY = "somebody"


def all_knocks(displays: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each guess and each display's password at each display."""
    return [knock(display, key) for display in displays for key in [*GUESSES, *displays]]


def knock(display: dict[str, Any], key: dict[str, Any]) -> dict[str, Any]:
    """One try; without a password none is asked for."""
    tried = {"password": key["password"]} if "password" in key else {}
    return {
        "place": f"{display['worker_ip']}:{display['vnc_port']}",
        "name": f"{key.get('name', NOBODY)} at the display of {display['name']}",
        "enters": key.get("name") == display["name"],
        **tried,
    }


if __name__ == "__main__":
    print(json.dumps(all_knocks(json.load(sys.stdin))))
