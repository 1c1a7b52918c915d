#!/bin/sh
# The benchmarks of package bench, with the Hugging Face engine as a rival
# where it can be had. Arguments go to go test, such as -bench Count.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

tags=
if have_hf; then tags=hf; fi
[ $# -gt 0 ] || set -- -bench .
go test -tags "$tags" -run "^$" -timeout 60m -benchmem "$@" ./bench/...
