//! The system on real servers: each test has a database and a key prefix of its own, and says in its
//! name what must hold. Run with `make test`, or under `sigmabatch services --`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod browser;
mod harness;
mod invariants;
mod market;
mod proxy;
mod world;

mod api;
mod bench;
mod benchmarks;
mod books;
mod control;
mod dashboard;
mod data_quality;
mod degenerate;
mod digest;
mod explain;
mod factor_window;
mod faults;
mod fits;
mod import;
mod incidents;
mod invalidate;
mod invariance;
mod ledger;
mod links;
mod look;
mod options;
mod performance;
mod profiles;
mod questions;
mod rate;
mod repair;
mod replay;
mod risk;
mod settings;
mod show;
mod start;
mod state_machine;
mod streams;
mod versions;
