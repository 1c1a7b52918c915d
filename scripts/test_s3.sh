#!/bin/sh
# The tests that need an S3 server, against versitygw, which is installed into
# build/bin. Skipped with a notice where it cannot be had.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

version=v1.8.0
server=build/bin/versitygw
if ! go version -m "$server" 2>/dev/null | grep -q "versitygw[[:space:]]$version"; then
	mkdir -p build/bin
	if ! GOBIN="$PWD/build/bin" go install "github.com/versity/versitygw/cmd/versitygw@$version"; then
		note "the tests on a real S3 server are skipped: versitygw $version cannot be installed (above)"
		exit 0
	fi
fi
TALLYSTICK_TEST_S3=1 go test -count 1 -run S3 ./engine/store/s3 ./cmd/tallystick
