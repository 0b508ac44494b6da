# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# shellcheck shell=bash
#
# The baseline: creates N VMs on a worker with as few commands as possible. Runs on the worker:
# bash -s up|down N FIRST_VLAN BASE
# Each VM has two taps, the second one on a VLAN that two VMs share. QEMU is paused, in units of one template, without a
# sandbox.

set -euo pipefail

action=$1 count=$2 first_vlan=$3 base=$4
disks=/var/lib/floor configs=/etc/floor sockets=/run/floor
mkdir -p $disks $configs $sockets

config() { # NUMBER
  cat <<EOF
[drive]
  file = "$disks/$1.qcow2"
  format = "qcow2"
  if = "virtio"
[netdev "n0"]
  type = "tap"
  ifname = "fl$1a"
  script = "no"
  downscript = "no"
[device "d0"]
  driver = "virtio-net-pci"
  netdev = "n0"
  mac = "$(printf '52:54:00:aa:%02x:00' "$1")"
  romfile = ""
[netdev "n1"]
  type = "tap"
  ifname = "fl$1b"
  script = "no"
  downscript = "no"
[device "d1"]
  driver = "virtio-net-pci"
  netdev = "n1"
  mac = "$(printf '52:54:00:aa:%02x:01' "$1")"
  romfile = ""
[device "v1"]
  driver = "VGA"
[vnc "default"]
  vnc = "0.0.0.0:$((1000 + $1))"
[chardev "mon0"]
  backend = "socket"
  path = "$sockets/$1.qmp"
  server = "on"
  wait = "off"
[mon "mon0"]
  mode = "control"
  chardev = "mon0"
EOF
}

# QMP sends its greeting before the machine is created, but answers commands only afterwards.
await_qmp() {
  python3 -S -E -c '
import socket, sys, time
end = time.monotonic() + 120
for number in range(1, int(sys.argv[1]) + 1):
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect("/run/floor/%d.qmp" % number)
                assert b"QMP" in client.recv(999)
                client.sendall(b"{\"execute\": \"qmp_capabilities\"}\n")
                assert b"return" in client.recv(999)
            break
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
' "$count"
}

numbers=()
for ((number = 1; number <= count; number++)); do numbers+=("$number"); done

if [[ $action == up ]]; then
  for number in "${numbers[@]}"; do
    for tap in "fl${number}a" "fl${number}b"; do
      echo "tuntap add dev $tap mode tap"
      echo "link set $tap up group 77"
    done
  done | ip -batch -
  ports=()
  for number in "${numbers[@]}"; do
    ports+=(-- add-port br-int "fl${number}b" "tag=$((first_vlan + (number - 1) / 2))" vlan_mode=access)
  done
  ovs-vsctl "${ports[@]}"
  qemu-img create -q -f qcow2 -b "$base" -F qcow2 $disks/1.qcow2
  others=("${numbers[@]:1}")
  others=("${others[@]/#/$disks/}")
  tee "${others[@]/%/.qcow2}" <$disks/1.qcow2 >/dev/null
  for number in "${numbers[@]}"; do config "$number" >"$configs/$number.cfg"; done
  if [[ ! -f /etc/systemd/system/floor@.service ]]; then
    cat >/etc/systemd/system/floor@.service <<EOF
[Service]
Type=exec
Slice=floor.slice
ExecStart=/usr/bin/qemu-system-x86_64 -nodefaults -no-user-config -M q35 -accel tcg -m 64 -S -display none -readconfig $configs/%i.cfg
Restart=on-failure
EOF
    systemctl daemon-reload
  fi
  printf 'floor@%s.service\n' "${numbers[@]}" | xargs systemctl start
  await_qmp
else
  printf 'floor@%s.service\n' "${numbers[@]}" | xargs systemctl stop
  ports=()
  for number in "${numbers[@]}"; do ports+=(-- --if-exists del-port br-int "fl${number}b"); done
  ovs-vsctl "${ports[@]}"
  ip link delete group 77
  rm -rf $disks $configs $sockets
fi
