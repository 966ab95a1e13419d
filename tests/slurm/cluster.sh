#!/bin/sh
# A Slurm of one host, for tests: munged, slurmctld, and a slurmd for each of four nodes of one core.
#
#   cluster.sh start DIR         all of its state lies in DIR; source DIR/env to talk to it
#   cluster.sh node DIR NAME     start one node's daemon (again)
#   cluster.sh stop DIR
#
# Needs root, and Debian's slurm-wlm and munge. Exit code 77 where it can't be: the last line says why.
set -eu

nodes='node1 node2 node3 node4'

skip() { echo "$1"; exit 77; }

check() {
    [ "$(id -u)" = 0 ] || skip 'needs root'
    for tool in munged slurmctld slurmd sbatch; do
        PATH=$PATH:/usr/sbin command -v $tool >/dev/null || skip "no $tool; give: apt-get install slurm-wlm munge"
    done
}

# The configuration: two partitions on the same nodes, of which `high` takes cores from `low`.
configuration() {
    host=$(hostname -s)
    cat <<END
ClusterName=picklock
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd-%n.log
ProctrackType=proctrack/${PROCTRACK:-linuxproc}
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=0,requeue_delay=0
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=30
MaxArraySize=${MAX_ARRAY_SIZE:-101}
SlurmdTimeout=15
SlurmdParameters=config_overrides
MinJobAge=300
InactiveLimit=0
END
    number=0
    for node in $nodes; do
        number=$((number + 1))
        echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + number)) CPUs=1 RealMemory=2000 State=UNKNOWN"
    done
    echo "PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE"
    echo "PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF"
}

wait_for() {
    what=$1
    shift
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 150 ] || { echo "no $what after 30 s; see $dir/*.log"; stop; exit 1; }
        sleep 0.2
    done
}

idle() { [ "$(sinfo -h -t idle -o %D -p low)" = 4 ]; }

start() {
    check
    mkdir -p "$dir/state" "$dir/munge"
    for node in $nodes; do mkdir -p "$dir/spool-$node"; done
    chmod 755 "$dir" "$dir/munge"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(min(s.getsockname()[1], 60000))')
    dd if=/dev/urandom of="$dir/munge/key" bs=1024 count=1 2>/dev/null
    chown -R munge "$dir/munge"
    chmod 400 "$dir/munge/key"
    runuser -u munge -- munged --socket "$dir/munge/socket" --key-file "$dir/munge/key" \
        --pid-file "$dir/munge/pid" --log-file "$dir/munge/log" --seed-file "$dir/munge/seed"
    configuration >"$dir/slurm.conf"
    echo "export SLURM_CONF='$dir/slurm.conf'" >"$dir/env"
    export SLURM_CONF="$dir/slurm.conf"
    slurmctld
    wait_for 'answer of slurmctld' sinfo
    for node in $nodes; do slurmd -N $node; done
    wait_for 'idle nodes' idle
}

stop() {
    for pid in "$dir"/slurmd-*.pid "$dir/slurmctld.pid" "$dir/munge/pid"; do
        # One that is gone already must not keep the others alive.
        if [ -s "$pid" ]; then kill "$(cat "$pid")" 2>/dev/null || true; fi
    done
}

dir=$2
export PATH="$PATH:/usr/sbin" SLURM_CONF="$dir/slurm.conf"
case $1 in
    start) start ;;
    node) slurmd -N "$3" ;;
    stop) stop ;;
    *) echo "usage: cluster.sh start|node|stop DIR [NODE]"; exit 2 ;;
esac
