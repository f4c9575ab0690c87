#!/usr/bin/env bash
# Starts a SLURM below a folder, as root, without systemd:
#   start.sh FOLDER [with-accounts] [NODE...]
# /etc/slurm gets links to its configuration, because jobs do not inherit SLURM_CONF. stop.sh FOLDER ends it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
DIR=$1
shift
accounting=accounting_storage/none
tres= # what SLURM counts of GPUs; it refuses to start with this line where it keeps no accounts
if [ "${1:-}" = with-accounts ]; then
  accounting=accounting_storage/slurmdbd
  tres=AccountingStorageTRES=gres/gpu
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
  sed -e "s#@HOST@#$(hostname -s)#; s#@DIR@#$DIR#; s#@ACCOUNTING@#$accounting#; s#@TRES@#$tres#" \
    "$here/$name.conf.in" >"$DIR/$name.conf"
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
for _ in $(seq 50); do # it writes its number after it has gone into the background
  running "$DIR/slurmctld.pid" && break
  sleep 0.2
done
for node in "${@:-n1}"; do
  running "$DIR/slurmd-$node.pid" || slurmd -N "$node"
done
for _ in $(seq 120); do
  if ! running "$DIR/slurmctld.pid"; then
    echo "slurmctld has ended; its log:" >&2
    tail -n 5 "$DIR/slurmctld.log" >&2
    exit 1
  fi
  case "$(sinfo -h -n "${1:-n1}" -p gpu -o %t)" in idle | mix | alloc) exit 0 ;; esac
  sleep 0.5
done
echo "node ${1:-n1} is not there after a minute; see $DIR/slurmctld.log" >&2
exit 1
