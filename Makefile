# Two commands: `make run` and `make test`. Each installs what it needs (scripts/setup.sh) and says so.
TOOLS := $(if $(MOESCOPE_TOOLS),$(MOESCOPE_TOOLS),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/moescope/tools)
export PATH := $(TOOLS)/bin:$(TOOLS)/node_modules/.bin:$(PATH)
PORT ?= 8080
# Trunk takes NO_COLOR for an option with a value.
unexport NO_COLOR

.PHONY: run test dist check audit fuzz mutants setup size clean play

run: setup
	@echo "moescope: building the release site (a quarter of an hour on two cores the first time, a minute later)"
	@$(MAKE) --no-print-directory site
	@node scripts/pack.mjs
	@node scripts/serve.mjs $(PORT)

test: setup-test site
	cargo test --locked --target wasm32-wasip1 --lib --test it
	cargo test --locked

# A static site that works from any sub path of any static host, with packed copies beside its files.
dist: setup site
	@node scripts/pack.mjs
	@echo "moescope: the site is in dist/; how to host it: docs/hosting.md"

# Formatting, lints natively and for WebAssembly, and the docs.
check: setup
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --target wasm32-unknown-unknown --lib --bins --features page -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --lib

# Licences and sources of every dependency; known holes too, where their lists can be fetched.
audit: setup
	@scripts/setup.sh audit
	cargo deny --all-features check bans licenses sources
	@cargo deny --all-features check advisories || scripts/unreachable.sh https://github.com/RustSec/advisory-db "Rust advisories"
	@npm audit --prefix $(TOOLS) || scripts/unreachable.sh https://registry.npmjs.org/-/npm/v1/security/advisories/bulk "npm advisories"

# Every fuzz target for ten minutes (nightly Rust and cargo-fuzz), from its seeds and from the samples of the tests. New inputs
# that matter stay in fuzz/corpus, which is not kept. FUZZED='parquet gguf' runs some.
FUZZ_SECONDS ?= 600
FUZZED ?= load scanner experiment summary npy pickle safetensors gguf parquet records table json placement
fuzz:
	@scripts/setup.sh fuzz
	for target in $(FUZZED); do \
	  seeds=../tests/data; [ ! -d fuzz/seeds/$$target ] || seeds="seeds/$$target $$seeds"; \
	  mkdir -p fuzz/corpus/$$target && (cd fuzz && cargo +nightly fuzz run $$target corpus/$$target $$seeds -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=3000 -max_len=20000 -print_final_stats=1) || exit 1; \
	done

# Changes one thing at a time in the rooms whose numbers are promises, and runs the core's tests on each: what survives is a number
# that nothing pins (docs/mutants.md). All of them take half a day: SHARD=3/12 takes a twelfth, MUTATED='src/sim/plan.rs' a file.
MUTATED ?= src/model/** src/sim/** src/place/** src/experiment/** src/analysis/** src/protocol/run.rs
mutants:
	@scripts/setup.sh mutants
	cargo mutants --colors never $(foreach f,$(MUTATED),-f '$(f)') $(if $(SHARD),--shard $(SHARD))

# Bytes of the site: raw, gzip, brotli; what a reader loads before each step, beside its budget.
size: dist
	@node scripts/size.mjs

# The picture of the rooms and their arrows, docs/map.svg, from the code.
map:
	MOESCOPE_MAP=write cargo test --locked --test tidy the_map

# What the simulator does in a second: native, then in Chromium on the release site.
speed: setup-test site
	cargo bench --locked
	cargo test --locked --test browser -- --ignored --nocapture speed::simulator

# Nothing stale: thousands of acts in any order against the command line; `make test` plays sixty. ACTS=2000 SEED=7.
play: setup-test site
	MOESCOPE_ACTS=$(or $(ACTS),2000) MOESCOPE_SEED=$(or $(SEED),1) cargo test --locked --test browser whatever

# Reading beside each format's usual reader: a table. Python's libraries go to target/python, half a gigabyte of files to target/rates.
rates:
	@scripts/setup.sh rates
	cargo build --release --locked --bin moescope
	cargo bench --locked --bench rates --no-run
	target/python/bin/python benches/rates.py

# The page beside what the browser can do at all (benches/bench.html): a table of ratios, and target/bench.json.
bench: setup-test site
	cargo test --release --locked --test browser -- --ignored --nocapture speed::bench

.PHONY: site setup-test speed bench rates map
site:
	@node scripts/split.mjs & trunk build --release --locked

setup:
	@scripts/setup.sh

setup-test:
	@scripts/setup.sh test

clean:
	cargo clean
	rm -rf dist
