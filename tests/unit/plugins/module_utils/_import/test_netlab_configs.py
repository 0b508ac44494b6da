# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import netlab

CONFIGS = """plugin: [files]
configlets:
  banner: |
    banner motd x
  up:
    r1:
      frr: ip link set eth1 up
    frr: only frr
    base: any
  asking: |
    router bgp {{ bgp.as }}
  unused: x
defaults.device: frr
nodes:
  r1:
    config: [up, other]
  r2:
    config: [-banner, up, '']
  r3:
    device: eos
    config:
      own: |
        hostname r3
      up:
  r4:
    config.inline: |
      !
      hostname r4
  r5:
    config: ["-", banner]
groups:
  edge:
    members: [r1, r2, r3, r5]
    config: [banner, asking]
"""


def test_configuration_of_nodes_and_groups_is_carried_if_its_text_is_in_the_file() -> None:
    graph = netlab.read(CONFIGS)
    assert {key: [(each.line, each.name, each.text) for each in node.configs] for key, node in graph.nodes.items()} == {
        "r1": [(34, "banner", "banner motd x\n"), (16, "up", "ip link set eth1 up")],
        "r2": [(18, "up", "only frr")],
        "r3": [(34, "banner", "banner motd x\n"), (22, "own", "hostname r3\n")],
        "r4": [(26, "inline", "!\nhostname r4\n")],
        "r5": [(30, "banner", "banner motd x\n")],
    }
    assert [(each.line, each.what) for each in graph.remarks] == [
        (1, "plugin"),
        (12, "configlets.unused"),
        (16, "config other of node r1"),
        (24, "config up of node r3"),
        (32, "groups.edge"),
        (34, "config asking of node r1"),
        (34, "config asking of node r2"),
        (34, "config asking of node r3"),
    ]
