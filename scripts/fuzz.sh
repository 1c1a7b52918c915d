#!/bin/sh
# Runs every fuzz target of a folder for a while; all but the seeds of a target are
# left out of "make test". scripts/fuzz.sh [TIME [FOLDER]], such as 10s ./engine/plan.
set -eu
cd "$(dirname "$0")/.."
time=${1:-10s}
grep -rl --include='*_test.go' '^func Fuzz' "${2:-.}" | sort | while read -r file; do
	grep -o '^func Fuzz[A-Za-z0-9]*' "$file" | cut -d' ' -f2 | while read -r target; do
		echo "fuzz: $target in $(dirname "$file"), $time"
		go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
	done
done
