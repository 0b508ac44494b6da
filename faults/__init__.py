# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Injects faults into a lab, and checks that nothing is lost, doubled or reported wrongly (C(make faults))."""
