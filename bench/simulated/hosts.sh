# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# shellcheck shell=bash
#
# Simulates many hosts on one: bash -s up|reset|started|down HOSTS ADDRESS_OF_FIRST STATE_DIR
# Each has an address of the same sshd, and a wrapper of the shell that has its own folders, and fake.sh instead of the
# programs that would change a host.
# The folder /opt/simulated must exist, with fake.sh and qmp.py.

set -euo pipefail

action=$1 hosts=$2 first=$3 state_dir=$4
top=/opt/simulated

address() { # NUMBER
  echo "${first%.*}.$((${first##*.} + $1))"
}

up() {
  local number name
  mkdir -p $top/bin $top/answers
  for name in ip ovs-vsctl ovs-ofctl systemctl journalctl; do ln -sf ../fake.sh "$top/bin/$name"; done
  chmod 755 $top/fake.sh
  pkill -f "$top/qmp.py" || true
  rm -f $top/qmp.sock
  setsid python3 $top/qmp.py $top/qmp.sock </dev/null >/dev/null 2>&1 &
  for ((number = 0; number < hosts; number++)); do
    ip address replace "$(address "$number")/24" dev mgmt0
    mkdir -p "$top/$number"
    printf '%s\n' '#!/bin/sh' "exec unshare --mount $top/enter.sh $top/$number \"\$@\"" >"$top/$number/sh"
    chmod 755 "$top/$number/sh"
  done
  cat >$top/enter.sh <<X
#!/bin/sh
# Runs a shell on a simulated host: enter.sh FOLDER ARGUMENT…
export SIMULATED=\$1 PATH=$top/bin:\$PATH
shift
mount --bind "\$SIMULATED/state" $state_dir
mount --bind "\$SIMULATED/units" /etc/systemd/system
mount --bind "\$SIMULATED/run" /run/cloudrepo
exec /bin/sh "\$@"
X
  chmod 755 $top/enter.sh
  mkdir -p /run/cloudrepo
}

reset() {
  local number host
  for ((number = 0; number < hosts; number++)); do
    host=$top/$number
    rm -rf "$host"/{state,units,run,calls,started}
    mkdir -p "$host"/{state,units,run} "$host/units/multi-user.target.wants"
    cp -a --link "$state_dir/images" "$host/state/"
    mkdir "$host/state/flows"
    mkdir -m 710 "$host/state/vms"
    chgrp cloudrepo "$host/state/vms"
    cp -a "$state_dir/flows/." "$host/state/flows/"
    : >"$host/started"
  done
}

started() {
  cat $top/*/started | wc -l
  cat $top/*/calls | wc -l
}

down() {
  local number
  pkill -f "$top/qmp.py" || true
  for ((number = 0; number < hosts; number++)); do ip address delete "$(address "$number")/24" dev mgmt0 || true; done
  rm -rf $top
}

"$action"
