//! What people read: one portfolio at one date, and how runs are doing. Reads never compute, and
//! see committed rows of one snapshot only.

mod analytics;
mod portfolio;
mod status;

pub use analytics::{
    Concentration, Contribution, Correlation, Factor, Risk, Sector, Stress, Volatility,
};
pub use portfolio::{
    Completeness, Entry, Position, Provenance, Published, Report, Snapshot, Unpublished,
    newest_published, portfolio, published, why_unpublished,
};
pub use status::{Gap, MissingRow, WorkerRow, find_run, gaps, missing, workers};
