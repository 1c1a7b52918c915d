#!/bin/sh
# Fails if a checked-in kernels/NAME/NAME_amd64.s is not what its generator
# kernels/_gen/NAME prints. Changes nothing; kernels/_gen/generate.sh does.
set -eu
cd "$(dirname "$0")/../kernels/_gen"

fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
for main in */main.go; do
	name=${main%/main.go}
	go run "./$name" >"$fresh"
	diff -u "../$name/${name}_amd64.s" "$fresh" || {
		echo "kernels/$name/${name}_amd64.s is not what kernels/_gen/$name prints; run kernels/_gen/generate.sh" >&2
		exit 1
	}
	echo "$name"
done
