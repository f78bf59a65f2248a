# Every command of the project. `./justw` runs them; it fetches `just` when the machine has none.

set positional-arguments
export NPM_CONFIG_UPDATE_NOTIFIER := "false"

# What there is
_help:
    @just --list --unsorted

# Builds everything and runs a community's day; stays up with the web app
demo *arguments: _needs web
    cargo build --package wattex
    cargo run --quiet --package wattex -- demo "$@"

# Every test; what the tests need is installed into .tools and stopped again
test: _needs web tools
    ./tests/run

# Rust, Node, a C compiler: installs the last, says what else is missing
_needs:
    @./tests/needs

# The web app, built into web/dist
web:
    cd web && { [ -f node_modules/.built-for ] && cmp -s package-lock.json node_modules/.built-for \
        || { npm ci --no-audit --no-fund --loglevel=error && cp package-lock.json node_modules/.built-for; }; }
    cd web && npm run --silent build

# Programs that tests drive: cast, ethers, web3.py, a browser, PostgreSQL, NATS
tools:
    ./tests/install

# Formatting and lints
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --quiet -- --deny warnings

# Whole-system simulation with more seeds
sim *arguments:
    cargo run --quiet --package tests --bin sim -- "$@"

# How fast it is against its peers: a table, and target/bench/<area>.json
bench *arguments:
    cargo run --release --quiet --package bench -- "$@"

# Contracts: compile and write contracts/out
contracts:
    cd contracts && npm ci --no-audit --no-fund --loglevel=error && node build.mjs

# The contracts' tests in Solidity; arguments of `forge test` behind --
forge *arguments: tools
    cd contracts && npm ci --no-audit --no-fund --loglevel=error && node forge.mjs "$@"

# OpenAPI documents and events.json, written to openapi/, and the web app's types of them
openapi:
    cargo run --quiet --package wattex -- openapi openapi
    cd web && { [ -d node_modules ] || npm ci --no-audit --no-fund --loglevel=error; } && npm run --silent types

# Licences, sources and advisories of all dependencies
deny:
    command -v cargo-deny >/dev/null || cargo install --locked cargo-deny
    cargo deny check
