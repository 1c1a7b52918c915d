#!/bin/bash
# Submits the stages, each to begin when the one before it is done. Options are
# passed on to sbatch. What is done already is not done again, so that this can
# be repeated after a failure.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p logs
after=()
for stage in scan match decide resolve tally seal; do
	id=$(sbatch --parsable --kill-on-invalid-dep=yes ${after[@]+"${after[@]}"} "$@" "$stage.sbatch")
	id=${id%%;*} # without the name of the cluster
	echo "$stage $id"
	after=(--dependency=afterok:"$id")
done
