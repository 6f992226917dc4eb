#!/usr/bin/env bash
# Installs the pinned tools that are missing: `setup.sh` for building, `setup.sh test` for the browser too.
# They go to a folder of their own under the user's cache, so no other project's tools change, and every clone shares them.
set -euo pipefail

TRUNK=0.21.14
BINDGEN=0.2.130
BINARYEN=132.0.0
SPLIT=0.2.4
AXE=4.14.1
WASI=0.4.2
RAY=2.60.0
DENY=0.20.2
FUZZ=0.13.2
MUTANTS=27.1.0
PYTHON="numpy==2.4.6 orjson==3.13.0 pyarrow==26.0.1 safetensors==0.8.0 gguf==0.19.0"
TOOLS="${MOESCOPE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/moescope/tools}"
# Tools run for seconds: building them unoptimised takes a third of the time.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

say() { printf 'setup: %s\n' "$*"; }

# need NAME VERSION "HOW LONG" COMMAND...: runs the command unless that version was installed before.
need() {
  local name=$1 version=$2 long=$3 stamp="$TOOLS/$1-$2"
  shift 3
  [ -e "$stamp" ] && return
  say "installing $name $version ($long)"
  local began=$SECONDS
  "$@" >"$TOOLS/$name.log" 2>&1 || { tail -n 20 "$TOOLS/$name.log"; say "installing $name failed; the whole log is $TOOLS/$name.log"; exit 1; }
  touch "$stamp"
  say "$name is there after $((SECONDS - began)) s"
}

need_program() {
  command -v "$1" >/dev/null || { say "$1 is missing: $2"; exit 1; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_chromium() {
  as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core
}

install_firefox() {
  as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends firefox-esr
}

install_ray() {
  python3 -m venv "$TOOLS/ray" && "$TOOLS/ray/bin/python" -m pip install --quiet "ray==$RAY"
}

mkdir -p "$TOOLS"
need_program cargo "install Rust from https://rustup.rs"
need_program npm "install Node.js 20 or newer"

sysroot=$(rustc --print sysroot)
need_target() {
  [ -d "$sysroot/lib/rustlib/$1" ] && return
  say "adding Rust's target $1 (10 s)"
  rustup target add "$1"
}
need_target wasm32-unknown-unknown
need wasm-bindgen "$BINDGEN" "1 minute" cargo install wasm-bindgen-cli --version "$BINDGEN" --root "$TOOLS"
need trunk "$TRUNK" "3 minutes" cargo install trunk --version "$TRUNK" --locked --no-default-features --root "$TOOLS"
need wasm-split "$SPLIT" "1 minute" cargo install wasm_split_cli_support --version "$SPLIT" --locked --features build-binary --root "$TOOLS"
need binaryen "$BINARYEN" "5 s" npm install --no-audit --no-fund --prefix "$TOOLS" "binaryen@$BINARYEN"
if [ "${1:-}" = audit ]; then
  need cargo-deny "$DENY" "4 minutes" cargo install cargo-deny --version "$DENY" --locked --root "$TOOLS"
fi
if [ "${1:-}" = mutants ]; then
  need cargo-mutants "$MUTANTS" "1 minute" cargo install cargo-mutants --version "$MUTANTS" --locked --root "$TOOLS"
fi
if [ "${1:-}" = fuzz ]; then
  rustup toolchain list | grep -q nightly || rustup toolchain install nightly --profile minimal
  need cargo-fuzz "$FUZZ" "1 minute" cargo install cargo-fuzz --version "$FUZZ" --root "$TOOLS"
fi
if [ "${1:-}" = test ]; then
  need axe-core "$AXE" "5 s" npm install --no-audit --no-fund --prefix "$TOOLS" "axe-core@$AXE"
  need_target wasm32-wasip1
  need wasi-shim "$WASI" "5 s" npm install --no-audit --no-fund --prefix "$TOOLS" "@bjorn3/browser_wasi_shim@$WASI"
fi
# What moescope is measured beside, and what makes the large samples of the tests.
if [ "${1:-}" = rates ] && [ ! -e target/python/ready ]; then
  need_program python3 "install Python 3 with venv"
  say "installing numpy, orjson, pyarrow, safetensors and gguf into target/python (1 minute)"
  python3 -m venv target/python
  target/python/bin/python -m pip install --quiet $PYTHON
  touch target/python/ready
fi
# The cluster's job needs Python; without it its test says that it is left out.
if [ "${1:-}" = test ] && python3 -c 'import venv, ensurepip' 2>/dev/null; then
  need ray "$RAY" "1 minute" install_ray
fi
if [ "${1:-}" = test ] && ! command -v chromium >/dev/null; then
  need chromium debian "1 minute" install_chromium
  command -v chromium >/dev/null || { rm -f "$TOOLS/chromium-debian"; install_chromium; }
fi
if [ "${1:-}" = test ] && ! command -v firefox-esr >/dev/null && ! command -v firefox >/dev/null; then
  rm -f "$TOOLS/firefox-debian"
  need firefox debian "1 minute" install_firefox
fi
