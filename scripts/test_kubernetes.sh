#!/bin/sh
# The manifests of Kubernetes against its own types, workflows of Argo against
# its own schema, and runs under both in processes started as the kubelet starts
# containers. Types and schema are in modules of their own: this needs the
# network once.
set -eu
cd "$(dirname "$0")/../engine/cluster"
. ../../scripts/common.sh

# check FOLDER WHAT: its tests, or a notice.
check() (
	cd "$1"
	if ! go mod download 2>/dev/null; then
		note "the tests with $2 are left out: their modules cannot be had"
		[ "${REQUIRE_KUBERNETES:-}" != 1 ] || exit 1
		exit 0
	fi
	go vet ./... && go test -count 1 ./...
)

check _kubernetes "the types of Kubernetes"
check _argo "the schema of Argo Workflows"
