//! sigmabatch computes a night of portfolio analytics: Postgres decides, Redis suggests, workers
//! compute, one transaction commits. `ARCHITECTURE.md` is the map.

pub mod clock;
pub mod analytics;
pub mod domain;
pub mod embedded;
pub mod market_data;
pub mod queue;
pub mod store;
