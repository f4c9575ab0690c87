#!/usr/bin/env bash
# Starts MariaDB and slurmdbd for the accounts of the SLURM below a folder: accounts.sh FOLDER
set -euo pipefail
DIR=$1
mkdir -p "$DIR/mysql"
chown mysql:mysql "$DIR/mysql"
running() { [ -f "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
sql() { mariadb --no-defaults -S "$DIR/mysql/socket" -e "$1"; }

[ -d "$DIR/mysql/mysql" ] || mariadb-install-db --no-defaults --user=mysql --datadir="$DIR/mysql" >/dev/null
if ! running "$DIR/mysql/pid"; then
  mariadbd --no-defaults --user=mysql --datadir="$DIR/mysql" --bind-address=127.0.0.1 --port=13306 \
    --socket="$DIR/mysql/socket" --pid-file="$DIR/mysql/pid" --innodb-buffer-pool-size=64M >"$DIR/mysql.log" 2>&1 &
fi
for _ in $(seq 60); do
  sql 'select 1' >/dev/null 2>&1 && break
  sleep 1
done
sql "create database if not exists accounts; create user if not exists 'slurm'@'127.0.0.1' identified by 'slurm';
     grant all on accounts.* to 'slurm'@'127.0.0.1';"
cat >"$DIR/slurmdbd.conf" <<C
AuthType=auth/munge
AuthInfo=socket=$DIR/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=16819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=slurm
StoragePass=slurm
StorageLoc=accounts
LogFile=$DIR/slurmdbd.log
PidFile=$DIR/slurmdbd.pid
CommunicationParameters=NoCtldInAddrAny
C
chmod 600 "$DIR/slurmdbd.conf"
ln -sfn "$DIR/slurmdbd.conf" /etc/slurm/slurmdbd.conf
running "$DIR/slurmdbd.pid" || slurmdbd
for _ in $(seq 30); do
  sacctmgr -n -i list cluster >/dev/null 2>&1 && break
  sleep 1
done
sacctmgr -i add cluster rankdet >/dev/null 2>&1 || true
sacctmgr -i add account lab Description=lab Organization=lab >/dev/null 2>&1 || true
sacctmgr -i add user root Account=lab >/dev/null 2>&1 || true
