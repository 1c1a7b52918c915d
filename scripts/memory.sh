#!/bin/sh
# What a run holds in memory at most, mapped files apart, by size of corpus and
# bound: a table for docs/operations.md. The corpora are those of bench/tinydocs; a
# million documents take 90 MB of disk, and as much again while they are worked on.
# Usage: memory.sh [MILLIONS:BOUND ...], bounds as --memory takes them, or "none".
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 1:none 1:256MiB 1:96MiB 5:none 5:512MiB 5:256MiB 10:512MiB 10:1GiB
work=$(mktemp -d "${TMPDIR:-/tmp}/tallystick-memory.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

go build -o "$work/tallystick" ./cmd/tallystick
go build -o "$work/tinydocs" ./bench/tinydocs
echo '| documents | bound | peak MiB: scan | match | resolve | tally | seal | wall s | CPU s | same bytes |'
echo '|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|'
for row in "$@"; do
	millions=${row%%:*} bound=${row#*:}
	corpus=$work/corpus-$millions
	if ! [ -d "$corpus" ]; then
		rm -rf "$work"/corpus-* "$work"/sum
		mkdir "$corpus"
		"$work/tinydocs" -documents "${millions}000000" -shared "${SHARED:-300}" "$corpus"
	fi
	rm -rf "$work/out"
	memory=
	[ "$bound" = none ] || memory="--memory $bound"
	# shellcheck disable=SC2086 # two words, or none
	"$work/tallystick" run "$corpus" --tokenizer gpt2 --out "$work/out" --workers "${WORKERS:-2}" --quiet ${FLAGS:-} $memory
	sum=$(cat "$work/out/manifest.json" | cksum)
	[ -f "$work/sum" ] || echo "$sum" >"$work/sum"
	same=yes
	[ "$sum" = "$(cat "$work/sum")" ] || same=NO
	python3 - "$work/out/timings.json" "$millions" "$bound" "$same" <<'PYTHON'
import json, sys
path, millions, bound, same = sys.argv[1:]
stages = {s["stage"]: s for s in json.load(open(path))["stages"]}
held = [f'{stages[n].get("peak_held_bytes", 0) / 2**20:.0f}' for n in ("scan", "match", "resolve", "tally", "seal")]
wall = sum(s["seconds"] for s in stages.values())
cpu = sum(s["cpu_seconds"] for s in stages.values())
print(f"| {millions} million | {bound} | {' | '.join(held)} | {wall:.0f} | {cpu:.0f} | {same} |", flush=True)
PYTHON
	[ "$same" = yes ] || exit 1
done
