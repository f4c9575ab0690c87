#!/usr/bin/env bash
# Ends everything that start.sh has started, and the jobs there: stop.sh FOLDER
# Processes are known by the files that they have open below the folder: a daemon that is told to end removes its
# file with its number first, and may then wait for minutes for another daemon.
DIR=$1
alive() { # NAME...: the processes of these names that use the folder
  for name in "$@"; do
    for process in $(pgrep -x "$name"); do
      readlink "/proc/$process/fd/"* 2>/dev/null | grep -q "^$DIR/" && echo "$process"
    done
  done
}
end() { # NAME...: TERM, and KILL after ten seconds
  local found
  found=$(alive "$@")
  [ -z "$found" ] && return
  kill $found 2>/dev/null
  for _ in $(seq 50); do
    found=$(alive "$@")
    [ -z "$found" ] && return
    sleep 0.2
  done
  kill -9 $found 2>/dev/null
}

sessions=$(for process in $(alive slurmstepd slurm_script); do ps -o sid= -p "$process"; done | sort -u)
end slurmd slurmstepd slurm_script
for signal in TERM KILL; do # the processes of jobs are in the sessions of their daemons
  for session in $sessions; do
    pkill "-$signal" -s "$session"
  done
  for _ in $(seq 50); do
    left=$(for session in $sessions; do pgrep -s "$session"; done)
    [ -z "$left" ] && break
    sleep 0.2
  done
done
end slurmctld
end slurmdbd
end mariadbd
end munged
for name in slurm gres slurmdbd; do
  [ "$(readlink "/etc/slurm/$name.conf")" = "$DIR/$name.conf" ] && rm "/etc/slurm/$name.conf"
done
exit 0
