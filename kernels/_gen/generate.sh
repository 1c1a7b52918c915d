#!/bin/sh
# Regenerates every kernels/<name>/<name>_amd64.s from kernels/_gen/<name>.
# A generator is a main package that prints the whole file: the prose first,
# then what avo makes of the program. CI runs this and fails on a difference.
set -eu
cd "$(dirname "$0")"
for dir in */; do
	name=${dir%/}
	[ -f "$name/main.go" ] || continue
	out="../$name/${name}_amd64.s"
	go run "./$name" >"$out.tmp"
	mv "$out.tmp" "$out"
	echo "$name"
done
