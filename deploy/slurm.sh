#!/bin/bash
# A study on nodes that SLURM allocates: sbatch deploy/slurm.sh --tasks digits --budget 50 --seeds 10
# What follows the name of the script goes to `bohb-study compare`.
#
#SBATCH --job-name=bohb-study
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=64G
#SBATCH --time=24:00:00
# Two minutes before the end, which leaves time to store what is finished; submitted again, the same
# command goes on.
#SBATCH --signal=B:TERM@120
# For GPUs: #SBATCH --gpus-per-node=1, and --gpus-per-trial among the arguments.
set -euo pipefail

# srun does not inherit --cpus-per-task from SLURM 22.05 on.
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK

# An environment with this project, on a file system that all nodes share:
# source "$HOME/venv/bin/activate"
out=${BOHB_STUDY_OUT:-$SLURM_SUBMIT_DIR/results} # shared as well under --engine tune

hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${hosts%%$'\n'*}
port=$((20000 + SLURM_JOB_ID % 20000)) # two jobs may share a node
address=$head:$port
start=(ray start --num-cpus="$SLURM_CPUS_PER_TASK" --disable-usage-stats --block)

srun --nodes=1 --ntasks=1 --nodelist="$head" "${start[@]}" --head --port="$port" &
until ray status --address "$address" &>/dev/null; do
	kill -0 $! # the head has ended: so does this script
	sleep 1
done
if ((SLURM_JOB_NUM_NODES > 1)); then
	srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$head" \
		"${start[@]}" --address="$address" &
fi

# Nodes that are not there yet are used as they join.
bohb-study compare --address "$address" --out "$out" "$@" &
study=$!
trap 'kill -TERM "$study"' TERM
code=0
wait "$study" || code=$?
if kill -0 "$study" 2>/dev/null; then # the signal ended the wait, not the study
	code=0
	wait "$study" || code=$?
fi
exit "$code" # SLURM ends what srun has started
