#!/usr/bin/env bash
# Starts a SLURM below a folder, as root, without systemd:
#   start.sh FOLDER [with-accounts] [NODE...]
# /etc/slurm gets links to its configuration, because jobs do not inherit SLURM_CONF. stop.sh FOLDER ends it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
DIR=$1
shift
accounting=accounting_storage/none
if [ "${1:-}" = with-accounts ]; then
  accounting=accounting_storage/slurmdbd
  shift
fi
if [ -e /etc/slurm/slurm.conf ] && [ ! -L /etc/slurm/slurm.conf ]; then
  echo "/etc/slurm/slurm.conf exists: this machine belongs to a cluster" >&2
  exit 1
fi
mkdir -p /etc/slurm
mkdir -p "$DIR/state" "$DIR/munge" "$DIR/spool-n1" "$DIR/spool-n2"
chmod 755 "$DIR" "$DIR/munge"
for name in slurm gres; do
  sed -e "s#@HOST@#$(hostname -s)#; s#@DIR@#$DIR#; s#@ACCOUNTING@#$accounting#" "$here/$name.conf.in" >"$DIR/$name.conf"
  ln -sfn "$DIR/$name.conf" "/etc/slurm/$name.conf"
done

running() { [ -f "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

if ! running "$DIR/munge/pid"; then
  (umask 077 && head -c 128 /dev/urandom >"$DIR/munge/key")
  munged --force --key-file="$DIR/munge/key" --socket="$DIR/munge/socket" --pid-file="$DIR/munge/pid" \
    --log-file="$DIR/munge/log" --seed-file="$DIR/munge/seed"
fi
if [ "$accounting" != accounting_storage/none ]; then
  "$here/accounts.sh" "$DIR"
fi
running "$DIR/slurmctld.pid" || slurmctld
for node in "${@:-n1}"; do
  running "$DIR/slurmd-$node.pid" || slurmd -N "$node"
done
for _ in $(seq 60); do
  [ "$(sinfo -h -n "${1:-n1}" -p gpu -o %t)" = idle ] && exit 0
  sleep 1
done
echo "the nodes are not idle after a minute; see $DIR/slurmctld.log" >&2
exit 1
