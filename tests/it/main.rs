//! The system on real servers: each test has a database and a key prefix of its own, and says in its
//! name what must hold. Run with `make test`, or under `sigmabatch services --`.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
#![expect(
    clippy::float_cmp,
    reason = "bit for bit is meant where it is compared"
)]

mod database;
mod harness;
mod invariants;
mod market;

mod books;
mod digest;
mod faults;
mod import;
mod ledger;
mod risk;
mod show;
mod start;
mod versions;
