//! sigmabatch computes a night of portfolio analytics: Postgres decides, Redis suggests, workers
//! compute, one transaction commits. `ARCHITECTURE.md` is the map.

pub mod analytics;
pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dashboard;
pub mod documents;
pub mod domain;
pub mod embedded;
pub mod engine;
pub mod import;
pub mod intake;
pub mod market_data;
pub mod phases;
pub mod process;
pub mod queue;
pub mod store;
pub mod telemetry;
pub mod verify;
pub mod workloads;
