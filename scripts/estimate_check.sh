#!/bin/sh
# Estimates beside real runs: every stage in a process of its own, on one core.
# Prints the tables of docs/scale.md. Arguments are corpora; TALLYSTICK_SAMPLE is
# the size of the sample in bytes.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -eq 0 ]; then
	data=../shared/data/corpora
	[ -d "$data" ] || { echo "estimate-check: needs corpora as arguments, or the reference data in $data"; exit 1; }
	command -v zstd >/dev/null || { echo "estimate-check: needs zstd"; exit 1; }
	for name in code-c-linux-sample en-eltec-novels ko-nsmc-reviews-300k en-powershell-docs-history; do
		zstd -q -d "$data/$name.jsonl.zst" -o "$work/$name.jsonl"
		set -- "$@" "$work/$name.jsonl"
	done
fi
go test -c -o "$work/estimate.test" ./engine/estimate
pin=
command -v taskset >/dev/null && pin="taskset -c $(($(nproc) - 1))"
cd "$work"
TALLYSTICK_ESTIMATE="$*" $pin ./estimate.test -test.run '^TestMeasured$' -test.timeout 0
