#!/bin/sh
# Format, vet, staticcheck, and generated files against their generators.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

staticcheck_version=v0.8.2
staticcheck=build/bin/staticcheck

format() {
	unformatted=$(find . -name '*.go' -not -path './build/*' -exec gofmt -l {} +)
	[ -z "$unformatted" ] || {
		echo "not gofmt'ed:"
		echo "$unformatted"
		return 1
	}
}

# Every set of build tags sees other files. hf needs a C compiler.
tag_sets() {
	echo ""
	echo purego
	if have_cc; then echo hf; fi
}

vet() {
	tag_sets | while read -r tags; do
		go vet -tags "$tags" ./...
	done
}

check_static() {
	if ! go version -m "$staticcheck" 2>/dev/null | grep -q "honnef.co/go/tools[[:space:]]$staticcheck_version"; then
		GOBIN=$PWD/build/bin go install "honnef.co/go/tools/cmd/staticcheck@$staticcheck_version"
	fi
	tag_sets | while read -r tags; do
		"$staticcheck" -tags "$tags" ./...
	done
}

section "gofmt" format
section "go vet" vet
section "staticcheck $staticcheck_version" check_static
section "generated assembly" scripts/generate_check.sh
have_cc || note "vet and staticcheck of the Hugging Face engine are left out: they need a C compiler"
