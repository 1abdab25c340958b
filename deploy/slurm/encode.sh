#!/usr/bin/env bash
# Encodes a data set on a Slurm cluster: plans the shards, submits an array of tasks that encode them, and a job that merges them.
#
#     deploy/slurm/encode.sh EXPORTED DATA OUT SHARDS [options of sbatch]
#     deploy/slurm/encode.sh exported/cae photos encoded 512 --partition=cpu --cpus-per-task=8 --time=4:00:00
#
# All nodes must see EXPORTED, DATA, OUT and convae under the same paths. Run it again after failures: shards that are there are kept.
#   TASKS    tasks of the array, by default one for each shard; fewer take several shards each (the cluster's MaxArraySize is a limit)
#   CONVAE   the command, by default `npx --no-install convae` in the folder from which this script is run
#   PLAN     more options of the plan, as in PLAN='--no-error --max-skipped 0.05'
set -euo pipefail

if [ $# -lt 4 ]; then
  sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
fi
exported=$1 data=$2 out=$3 shards=$4
shift 4
convae=${CONVAE:-npx --no-install convae}
tasks=${TASKS:-$shards}

# shellcheck disable=SC2086
$convae encode "$exported" --data "$data" --out "$out" --shards "$shards" ${PLAN:-}
mkdir -p "$out/logs"
out=$(cd -- "$out" > /dev/null && pwd) # tasks may run elsewhere (--chdir)
quoted="'${out//"'"/"'\\''"}'" # for sh, which runs them

# exec: signals of Slurm (a time limit, a preemption) reach convae, which then leaves no half-written shard.
job=$(sbatch --parsable --job-name=convae-encode --requeue --open-mode=append \
  --output="$out/logs/%a.log" --array="0-$((tasks - 1))" "$@" \
  --wrap="exec $convae encode --out $quoted --shards-of \$SLURM_ARRAY_TASK_ID/$tasks --threads \${SLURM_CPUS_PER_TASK:-1}")
merge=$(sbatch --parsable --job-name=convae-merge --dependency="afterok:$job" --kill-on-invalid-dep=yes \
  --open-mode=append --output="$out/logs/merge.log" "$@" --wrap="exec $convae encode --merge $quoted")

echo "job $job encodes, job $merge merges into $out/latents; progress: $convae encode --status $quoted"
