#!/bin/bash
#SBATCH --job-name=qmac
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=60
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
# A head on the first node of the allocation, workers on all others, then the job, which goes on where an earlier one ended.
#   sbatch deploy/slurm.sh prices runs/first [options of qmac optimize]
set -euo pipefail
prices=${1:?prices} out=${2:?run directory}; shift 2
port=${RAY_PORT:-6379}
export RAY_AUTH_MODE=token  # of newer releases of Ray; the token lies in the home directory, which nodes share
ray get-auth-token --generate >/dev/null 2>&1 || true
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
address=$(srun --nodes=1 --ntasks=1 -w "${nodes[0]}" hostname --ip-address | awk '{print $1}'):$port

srun --nodes=1 --ntasks=1 -w "${nodes[0]}" ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
sleep 10
for node in "${nodes[@]:1}"; do
    srun --nodes=1 --ntasks=1 -w "$node" ray start --address="$address" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
done

if [ -e "$out/run.json" ]; then
    qmac resume "$out" --executor ray --ray-address "$address" &
else
    qmac optimize "$prices" --out "$out" --executor ray --ray-address "$address" "$@" &
fi
job=$!
trap 'kill -TERM $job' TERM  # time is nearly up: a snapshot, and exit code 75
code=0; wait $job || code=$?
if kill -0 $job 2>/dev/null; then code=0; wait $job || code=$?; fi  # the wait was broken off by the signal
if [ $code -eq 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
