#!/bin/sh
# All tests that this machine can run; what is left out is said.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

# Per package; a busy machine takes longer than go test's own ten minutes.
timeout=30m

[ -d ../shared/data ] || note "tests on the large reference data are skipped: no folder shared/data beside the repository"

section "go vet" go vet ./...
section "tests" go test -timeout $timeout ./...
section "tests without assembly" go test -timeout $timeout -tags purego -short ./...
if have_cc; then
	# Of all packages it takes longer than everything else; left out are those
	# that share nothing between goroutines and run no tasks.
	shared=' (sync|sync/atomic|golang.org/x/sync/errgroup|[^ ]*/engine/task)( |$)'
	races=$(go list -f '{{.ImportPath}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... |
		grep -E "$shared" | cut -d ' ' -f 1)
	section "tests under the race detector" go test -timeout $timeout -race -short $races
else
	note "the race detector is left out: it needs a C compiler"
fi

hf=no
try_hf() { if have_hf; then hf=yes; fi; }
section "build of the Hugging Face engine" try_hf
if [ $hf = yes ]; then
	section "tests with the Hugging Face engine" go test -timeout $timeout -tags hf ./engine/tokenize/... ./cmd/...
fi

section "tests on a real S3 server" scripts/test_s3.sh
section "Parquet in DuckDB and pandas, JSON by its schemas" scripts/check_readers.sh
