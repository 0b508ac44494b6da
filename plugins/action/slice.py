# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs C(slice) and the other modules of the action group C(control), which C(meta/runtime.yml) routes here."""

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.on_controller import OnController


class ActionModule(OnController):
    """See C(OnController)."""
