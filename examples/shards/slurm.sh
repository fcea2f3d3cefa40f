#!/bin/bash
# One share of a job for each task of a SLURM array. Plan first, on the login node:
#
#     ilgnet shards plan '/data/laion/{00000..00999}.tar' -o /data/job
#     sbatch --export=JOB=/data/job examples/shards/slurm.sh
#
# A task that is killed or runs out of time loses the shard that it was at: submit again to go on.
#SBATCH --job-name=ilgnet
#SBATCH --array=0-15
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
set -euo pipefail

# Exit code 3 says that some pictures could not be read; their rows have the reason.
ilgnet shards work "$JOB" --no-progress \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
  --workers "$SLURM_CPUS_PER_TASK" || [ $? -eq 3 ]
