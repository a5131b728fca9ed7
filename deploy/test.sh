#!/bin/sh
# All checks that need a Postgres and a Redis around them, or that are made in one go with those: what `make test` runs on
# private services. DATABASE_URL and REDIS_URL say where they are.
set -eu

cd "$(dirname "$0")/.."
. deploy/steps.sh
: "${DATABASE_URL:?is not set; run «make test», which starts the services}"
: "${REDIS_URL:?is not set; run «make test», which starts the services}"

# Everything but the first step compiles from .sqlx; the tests use the database when they run.
export SQLX_OFFLINE=true

step 'checked queries: .sqlx is fresh' sh deploy/sqlx.sh check
step 'clippy' cargo clippy --workspace --all-targets --locked -- -D warnings
step 'documentation' env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
step 'build of the three programs' cargo build --workspace --locked
# Most tests wait for leases, processes and servers, hardly ever for a core.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((3 * $(getconf _NPROCESSORS_ONLN)))}"
step 'tests' cargo test --workspace --locked
