#!/bin/sh
# All tests that this machine can run; what is left out is said.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

[ -d ../shared/data ] || note "tests on the large reference data are skipped: no folder shared/data beside the repository"

section "go vet" go vet ./...
section "tests" go test ./...
section "tests without assembly" go test -tags purego -short ./...
if have_cc; then
	section "tests under the race detector" go test -race -short ./...
else
	note "the race detector is left out: it needs a C compiler"
fi

hf=no
try_hf() { if have_hf; then hf=yes; fi; }
section "build of the Hugging Face engine" try_hf
if [ $hf = yes ]; then
	section "tests with the Hugging Face engine" go test -tags hf ./engine/tokenize/... ./cmd/...
fi

section "tests on a real S3 server" scripts/test_s3.sh
section "Parquet in DuckDB and pandas, JSON by its schemas" scripts/check_readers.sh
