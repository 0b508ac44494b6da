#!/bin/sh
# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# Replaces ip, ovs-vsctl, ovs-ofctl, systemctl and journalctl on a simulated host. It records its arguments. Queries of
# Open vSwitch are answered from a recording of the real one, which is made at the first query on any host. Units that
# were started with systemctl are reported as running from then on.

name=${0##*/}
printf '%s %.200s\n' "$name" "$*" >>"$SIMULATED/calls"

started() {
  pid=1000
  while read -r unit; do
    pid=$((pid + 1))
    printf 'Id=%s\nActiveState=active\nMainPID=%s\n\n' "$unit" "$pid"
  done <"$SIMULATED/started"
}

listed() {
  sed 's/.*/{"unit":"&","active":"active"}/' "$SIMULATED/started" | paste -s -d , | sed 's/.*/[&]/'
}

case "$name $*" in
  *" list "* | *" dump-flows "*)
    answer=/opt/simulated/answers/$(printf '%s' "$name $*" | cksum | tr -d ' ')
    if [ ! -e "$answer" ]; then
      "/usr/bin/$name" "$@" >"$answer.$$"
      mv "$answer.$$" "$answer"
    fi
    cat "$answer"
    ;;
  "systemctl start "*)
    for unit; do
      case $unit in
        cloudrepo-*@*.service)
          vm=${unit#*@}
          vm=${vm%.service}
          mkdir -p "/run/cloudrepo/$vm"
          ln -s /opt/simulated/qmp.sock "/run/cloudrepo/$vm/qmp.sock"
          echo "$unit" >>"$SIMULATED/started"
          ;;
      esac
    done
    ;;
  "systemctl list-units "*) listed ;;
  "systemctl show "*) started ;;
  "systemctl stop "*) : >"$SIMULATED/started" ;;
  "ip -batch -"* | *" add-flows "*) cat >/dev/null ;;
esac
