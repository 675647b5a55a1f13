#!/bin/bash
# A Slurm cluster of one node, this machine, in a folder of its own: `start.sh FOLDER PORT`. Wants Debian's slurm-wlm and
# munge; runs as root, beside any cluster that is there. When FOLDER/slurm.conf is there and this script has ended, the
# cluster takes jobs from whoever has SLURM_CONF=FOLDER/slurm.conf. FOLDER/pids names its processes, for the end.
#
# No systemd, no cgroups, no database: munged, slurmctld and slurmd are started by hand, processes are found in /proc
# (proctrack/linuxproc) and not confined (task/none). Written for Slurm 22.05, that of Debian 12. Arrays end at three
# tasks, so that tests cut them.
set -euo pipefail
folder=$1
port=$2
node=$(hostname -s)
trap 'echo "the cluster did not come up:" >&2; tail -n 20 "$folder"/*.log "$folder/munge/log" >&2' ERR
mkdir -p "$folder"/{state,spool,munge}
chmod 755 "$folder"
chmod 700 "$folder/munge"
head -c 1024 /dev/urandom > "$folder/munge/key"
chmod 400 "$folder/munge/key"
# munged refuses a socket in a folder that others cannot enter.
mkdir -p "$folder/socket"
chmod 755 "$folder/socket"
munged --force --socket="$folder/socket/munge" --key-file="$folder/munge/key" --pid-file="$folder/munge/pid" \
    --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" --num-threads=1

cat > "$folder/slurm.conf" <<END
ClusterName=world
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$folder/socket/munge
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MaxArraySize=3
MailProg=/bin/true
ReturnToService=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=cpu Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF=$folder/slurm.conf
slurmctld
slurmd -N "$node"
for _ in $(seq 100); do
    if [ "$(sinfo --noheader --format=%T 2> /dev/null)" = idle ]; then
        cat "$folder"/munge/pid "$folder"/slurmctld.pid "$folder"/slurmd.pid > "$folder/pids"
        exit 0
    fi
    sleep 0.2
done
false # The node is still not idle.
