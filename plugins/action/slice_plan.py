# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the module of the same name in Ansible's own process if possible."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

from ansible_collections.cloudrepo.slices.plugins.modules import slice_plan
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.on_controller import OnController


class ActionModule(OnController):
    """See C(OnController)."""

    module: ClassVar[ModuleType] = slice_plan
