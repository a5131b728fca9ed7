//! The system on real servers: each test has a database and a key prefix of its own, and says in its
//! name what must hold. Run with `make test`, or under `sigmabatch services --`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![expect(clippy::float_cmp, reason = "bit for bit is meant where it is compared")]

mod harness;
mod invariants;
mod market;

mod books;
mod faults;
mod ledger;
mod risk;
mod start;
mod versions;
