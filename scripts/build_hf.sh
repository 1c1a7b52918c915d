#!/bin/sh
# Builds build/hf/libtokenizers.a, which the build tag "hf" links, from the
# Rust sources inside the Go module github.com/daulet/tokenizers and the
# overlay crate engine/tokenize/hf/binding. Needs cargo and a C compiler;
# takes about 210 s of CPU once, nothing while its inputs stay the same.
set -eu
cd "$(dirname "$0")/.."

overlay=engine/tokenize/hf/binding
out=build/hf
crate=$out/crate

for tool in cargo cc; do
	command -v $tool >/dev/null 2>&1 || {
		echo "hf: needs $tool; cargo comes from https://rustup.rs, cc with gcc or clang" >&2
		exit 1
	}
done

module=$(go list -m -f '{{.Version}} {{.Dir}}' github.com/daulet/tokenizers)
sources=${module#* }/crates/tokenizers/src
if [ ! -f "$sources/lib.rs" ]; then
	go mod download github.com/daulet/tokenizers
	module=$(go list -m -f '{{.Version}} {{.Dir}}' github.com/daulet/tokenizers)
	sources=${module#* }/crates/tokenizers/src
fi

stamp=$({
	echo "${module%% *}"
	rustc -vV
	cat "$overlay/Cargo.toml" "$overlay/Cargo.lock" "$overlay/lib.rs" "$sources/lib.rs"
} | cksum)
if [ -f "$out/libtokenizers.a" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
	echo "hf: $out/libtokenizers.a is up to date"
	exit 0
fi

mkdir -p "$crate"
cp "$overlay/Cargo.toml" "$overlay/Cargo.lock" "$overlay/lib.rs" "$crate/"
rm -f "$crate/upstream"
ln -s "$sources" "$crate/upstream"
echo "hf: building $out/libtokenizers.a (about 210 s of CPU, once)"
cargo build --quiet --release --locked --manifest-path "$crate/Cargo.toml" --target-dir "$out/target"
mv "$out/target/release/libtokenizers_ffi.a" "$out/libtokenizers.a"
echo "$stamp" >"$out/stamp"
echo "hf: built $out/libtokenizers.a"
