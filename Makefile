# Two commands: `make run` and `make test`. Each installs what it needs (scripts/setup.sh) and says so.
TOOLS := $(if $(MOESCOPE_TOOLS),$(MOESCOPE_TOOLS),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/moescope/tools)
export PATH := $(TOOLS)/bin:$(TOOLS)/node_modules/.bin:$(PATH)
PORT ?= 8080
# Trunk takes NO_COLOR for an option with a value.
unexport NO_COLOR

.PHONY: run test dist check setup size clean

run: setup
	@echo "moescope: building the release site (three minutes the first time, seconds later)"
	@$(MAKE) --no-print-directory site
	@node scripts/serve.mjs $(PORT)

test: setup-test site
	cargo test --locked

# A static site that works from any sub path of any static host.
dist: setup site
	@echo "moescope: the site is in dist/"

# Formatting, lints natively and for WebAssembly, and the docs.
check: setup
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --target wasm32-unknown-unknown --lib --bins -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --lib

# Bytes of the site: raw, gzip, brotli.
size: dist
	@node scripts/size.mjs

# What the simulator does in a second: native, then in Chromium on the release site.
speed: setup-test site
	cargo bench --locked
	cargo test --locked --test browser -- --ignored --nocapture speed::

.PHONY: site setup-test speed
site:
	trunk build --release --locked

setup:
	@scripts/setup.sh

setup-test:
	@scripts/setup.sh test

clean:
	cargo clean
	rm -rf dist
