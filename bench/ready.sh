# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# shellcheck shell=bash
#
# Starts guests by hand, and waits until all of them answer pings. Runs on the worker: bash -s COUNT BASE MIB
# They are on a bridge of their own, where the worker is the DHCP server. worker.sh tidies up.

set -euo pipefail

count=$1 base=$2 mib=$3
bridge=bebr

mac() { printf '52:54:00:bb:%02x:00' "$1"; }

for ((number = 1; number <= count; number++)); do
  echo "tuntap add dev be$number mode tap"
  echo "link set be$number up"
done | ip -batch -
ports=()
for ((number = 1; number <= count; number++)); do ports+=(-- add-port "$bridge" "be$number"); done
ovs-vsctl add-br $bridge -- set bridge $bridge datapath_type=netdev "${ports[@]}"
ip address add 10.99.0.1/16 dev $bridge
ip link set $bridge up
for ((number = 1; number <= count; number++)); do
  echo "$(mac "$number"),10.99.1.$number"
done >/run/bench/be-hosts
dnsmasq --conf-file=/dev/null --interface=$bridge --except-interface=lo --bind-interfaces --port=0 \
  --dhcp-range=10.99.1.1,static,255.255.0.0 --dhcp-hostsfile=/run/bench/be-hosts --dhcp-leasefile=/run/bench/be-leases \
  --pid-file=/run/bench/be-dnsmasq.pid
qemu-img create -q -f qcow2 -F qcow2 -b "$base" /var/lib/bench/be1.qcow2
for ((number = 2; number <= count; number++)); do cp /var/lib/bench/be1.qcow2 "/var/lib/bench/be$number.qcow2"; done
for ((number = 1; number <= count; number++)); do
  qemu-system-x86_64 -nodefaults -no-user-config -M q35 -accel tcg -m "$mib" -display none -daemonize \
    -serial "file:/run/bench/be$number.log" \
    -drive "file=/var/lib/bench/be$number.qcow2,format=qcow2,if=virtio" \
    -netdev "tap,id=n0,ifname=be$number,script=no,downscript=no" \
    -device "virtio-net-pci,netdev=n0,mac=$(mac "$number"),romfile=,csum=off"
done
for ((number = 1; number <= count; number++)); do
  until ping -q -c 1 -W 0.2 "10.99.1.$number" >/dev/null; do :; done
done
