#!/bin/bash
# What cutting a run into tasks costs: processor seconds of SEEDS tasks of one seed each on a real Slurm
# (tests/slurm/cluster.sh), beside those of one process that runs the same. Processor seconds, so that Slurm's own
# latency doesn't count; one task at a time, since two that share a core take longer each. The process runs meanwhile,
# each on a core of its own, so that what else the machine does meets both. Both run the folder that `make dist` writes.
#
#   tests/peer/slurm_overhead.sh SEEDS [HYPOTHESIS...]     from the repository's root, as root
set -eu
seeds=$1
shift
root=$PWD
work=$(mktemp -d)
chmod 755 "$work"
trap 'scancel --user=root; sleep 2; sh "$root/tests/slurm/cluster.sh" stop "$work/slurm"; rm -rf "$work"' EXIT
sh tests/slurm/cluster.sh start "$work/slurm"
. "$work/slurm/env"

run=(core "$@" --organism tiny --seeds "$seeds" --draws 4 --width 4 --no-build)
make --no-print-directory dist >/dev/null
picklock=$(echo "$root"/dist/picklock-*/bin/picklock)
mkdir -p "$work/config/picklock"
cat >"$work/config/picklock/slurm.toml" <<END
environment = ["taskset --cpu-list --pid 0 \$\$", "trap 'times >$work/times-\$SLURM_ARRAY_TASK_ID' EXIT"]
END
export XDG_CONFIG_HOME=$work/config

cd "$work"
PICKLOCK_CACHE=$work/cache-tasks "$picklock" submit --slurm "${run[@]}" --array-size "$seeds" --max-running 1 --out tasks
PICKLOCK_CACHE=$work/cache-one taskset --cpu-list 1 bash -c "\"\$@\" >one.log 2>&1; times >times" bash "$picklock" run "${run[@]}" --workers 1 --out one
until [ -e tasks/report.html ]; do sleep 2; done

cmp tasks/outcomes.csv one/outcomes.csv
# The last line is what all children took, user and system.
seconds() { tail -qn 1 "$@" | tr ms '  ' | awk '{ sum += 60 * ($1 + $3) + $2 + $4 } END { print sum }'; }
tasks=$(seconds times-*)
one=$(seconds times)
echo "$seeds tasks: $tasks s; one process: $one s; overhead $(awk "BEGIN { print 100 * ($tasks / $one - 1) }") %"
