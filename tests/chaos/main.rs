//! Faults without mercy, on servers and worker processes of a scenario's own: processes are killed and
//! frozen, servers stopped, lines cut, streams forged and deleted, while nights are computed. After each,
//! the checker of `tests/it/invariants.rs` finds all invariants kept, and the numbers are those of a
//! night in which nothing happened.
//!
//! `SIGMABATCH_CHAOS_SECONDS` says how long each scenario goes on (a few seconds by default, more with
//! `make chaos`), `SIGMABATCH_CHAOS_SEED` repeats the choices of an earlier start.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, its helpers too, and says what it has seen"
)]

mod crew;
mod dice;
mod stage;
mod watcher;

#[path = "../it/invariants.rs"]
mod invariants;
#[path = "../it/market.rs"]
#[expect(dead_code, reason = "shared with tests/it")]
mod market;
#[path = "../it/proxy.rs"]
#[expect(dead_code, reason = "shared with tests/it")]
mod proxy;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "shared with tests/it")]
mod world;

mod lines;
mod operators;
mod processes;
mod schedulers;
mod servers;
mod streams;
