# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# shellcheck shell=bash
#
# Prepares a worker for the alternatives: bash -s prepare|tidy|count
# tidy removes everything that they left, and is not measured. Every QEMU on the lab's hosts belongs to the benchmark.

set -euo pipefail

libvirt=(libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket)

prepare() {
  mkdir -p /var/lib/bench /run/bench
  cp --reflink=auto /var/lib/cloudrepo/images/*.img /var/lib/bench/base.img
  # A reset vector with cli; hlt.
  python3 -c 'import sys; sys.stdout.buffer.write(bytes(65520) + b"\xfa\xf4" + bytes(14))' >/var/lib/bench/halt.rom
  # systemd of the hosts cannot set limits, and libvirt would fail.
  grep -qx 'cgroup_controllers = \[\]' /etc/libvirt/qemu.conf || echo 'cgroup_controllers = []' >>/etc/libvirt/qemu.conf
  systemctl restart libvirtd.service
}

tidy() {
  systemctl stop "${libvirt[@]}"
  pkill -KILL -x qemu-system-x86 || true
  while pgrep -x qemu-system-x86 >/dev/null; do sleep 0.02; done
  pkill --pidfile /run/bench/be-dnsmasq.pid 2>/dev/null || true
  ovs-vsctl --if-exists del-br bebr
  local ports=() port
  for port in $(ovs-vsctl list-ports br-int | grep '^be' || true); do ports+=(-- --if-exists del-port br-int "$port"); done
  ((${#ports[@]} == 0)) || ovs-vsctl "${ports[@]}"
  find /sys/class/net -name 'be[0-9]*' -printf 'link delete %f\n' | ip -batch -
  find /var/lib/bench /run/bench /run/libvirt/qemu /etc/libvirt/qemu -maxdepth 1 -name 'be[0-9-]*' -delete
  systemctl start libvirtd.service
}

# Print the number of VMs, and of the bridge's ports without the trunk.
count() {
  pgrep -c -x qemu-system-x86 || true
  ovs-vsctl list-ports br-int | grep -cvx trunk0 || true
}

"$1"
