#!/usr/bin/env bash
# Ends what start.sh has started, by the numbers in its files: stop.sh FOLDER
DIR=$1
for name in slurmd-n1 slurmd-n2 slurmctld slurmdbd mysql/pid munge/pid; do
  file=$DIR/${name%.pid}
  [ -f "$file" ] || file=$file.pid
  [ -f "$file" ] && kill "$(cat "$file")" 2>/dev/null
  sleep 0.5
done
for name in slurm gres slurmdbd; do
  [ "$(readlink "/etc/slurm/$name.conf")" = "$DIR/$name.conf" ] && rm "/etc/slurm/$name.conf"
done
exit 0
