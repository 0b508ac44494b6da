# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# shellcheck shell=bash
#
# Creates VMs with virsh, one after the other. Runs on the worker: bash -s COUNT FIRST_VLAN BASE, with the text of
# domain.xml in the variable `domain`.

set -euo pipefail

count=$1 first_vlan=$2 base=$3

for ((number = 1; number <= count; number++)); do
  qemu-img create -q -f qcow2 -F qcow2 -b "$base" "/var/lib/bench/be$number.qcow2"
  text=${domain:?}
  printf -v byte '%02x' "$number"
  text=${text//NUMBER/$number} text=${text//BYTE/$byte}
  printf '%s\n' "${text//VLAN/$((first_vlan + (number - 1) / 2))}" >"/run/bench/be$number.xml"
  virsh --quiet define "/run/bench/be$number.xml"
  virsh --quiet start --paused "be$number"
done
