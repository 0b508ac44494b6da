# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import NetworkOrder


def test_the_sample_is_an_order():
    order = NetworkOrder.from_dict(NetworkOrder.sample())
    (services,) = order.slices
    (network,) = services.networks
    assert (services.slot, services.name_port, services.namespace) == (0, 5300, "slice-1000")
    assert (services.has_nat, services.nat_device) == (True, "nat_1000")
    assert (str(network.server), network.port, network.mac) == ("192.168.101.1/24", "net_101", "02:01:00:00:00:65")
    assert [str(end) for end in network.dhcp_ends or ()] == ["192.168.101.10", "192.168.101.250"]
    assert NetworkOrder.from_dict(order.to_dict()) == order
