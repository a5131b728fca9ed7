# Everything a newcomer needs is «make demo» and «make test»; each does all set-up. Needs Rust and a C linker.

TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
SERVICES := $(TARGET)/debug/sigmabatch services --

.PHONY: help demo test chaos memory sqlx setup

help: ## this list
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

demo: setup ## a night of analytics on real prices; DEMO_ARGS='…' for its options
	@. deploy/steps.sh; step 'build' env SQLX_OFFLINE=true \
		cargo build --release --locked -p sigmabatch -p sigmabatch-worker -p sigmabatch-scheduler
	@$(TARGET)/release/sigmabatch demo $(DEMO_ARGS)

test: export SETUP_FOR = test
test: setup ## format, lints, documentation, checked queries and all tests
	@. deploy/steps.sh; step 'format' cargo fmt --all --check
	@. deploy/steps.sh; step 'build of the command line' env SQLX_OFFLINE=true cargo build --locked -p sigmabatch --bin sigmabatch \
		|| { echo 'Does it miss data for a query? «make sqlx» writes it.' >&2; exit 1; }
	@$(SERVICES) sh deploy/test.sh

# Every scenario on servers and worker processes of its own, two at once.
chaos: export SETUP_FOR = test
chaos: setup ## faults on real servers and workers, CHAOS_SECONDS (120) for each scenario
	@. deploy/steps.sh; step 'build of the three programs' env SQLX_OFFLINE=true cargo build --workspace --locked
	@. deploy/steps.sh; step 'chaos' env SQLX_OFFLINE=true SIGMABATCH_CHAOS_SECONDS="$${CHAOS_SECONDS:-120}" \
		cargo test --locked --test chaos -- --nocapture --test-threads=2

# As many symbols and books as the incident had; make test has a fifth of them.
memory: export SETUP_FOR = test
memory: setup ## three nights of 2,000 symbols and 300 books by one worker in half a gigabyte
	@. deploy/steps.sh; step 'build of the programs' env SQLX_OFFLINE=true cargo build --workspace --locked
	@. deploy/steps.sh; step 'memory' env SQLX_OFFLINE=true SIGMABATCH_FULL_SIZE=1 \
		$(SERVICES) cargo test --locked --test it -- --nocapture i_51_

# When a query has changed the program does not compile before its data are fresh, but an earlier build serves as well.
sqlx: setup ## refreshes the data of the checked queries in .sqlx
	@SQLX_OFFLINE=true cargo build --quiet --locked -p sigmabatch --bin sigmabatch 2>/dev/null || [ -x $(TARGET)/debug/sigmabatch ] \
		|| [ -n "$$DATABASE_URL" ] || { echo 'sigmabatch does not compile, and there is no earlier build to start a Postgres with;' \
			'set DATABASE_URL to a Postgres of your own' >&2; exit 1; }
	@if [ -x $(TARGET)/debug/sigmabatch ]; then $(SERVICES) sh deploy/sqlx.sh refresh; else sh deploy/sqlx.sh refresh; fi

setup: ## looks for Rust, a linker, Postgres and Redis; installs the servers on Debian if it may
	@sh deploy/setup.sh $(SETUP_FOR)
