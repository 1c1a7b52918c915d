#!/bin/sh
# The manifests of Kubernetes against its own types, and a run under them in
# processes started as the kubelet starts containers. The types are a module of
# their own: this needs the network once.
set -eu
cd "$(dirname "$0")/../engine/cluster/_kubernetes"
. ../../../scripts/common.sh
if ! go mod download 2>/dev/null; then
	note "the tests with the types of Kubernetes are left out: their modules cannot be had"
	[ "${REQUIRE_KUBERNETES:-}" != 1 ] || exit 1
	exit 0
fi
go vet ./... && go test -count 1 ./...
