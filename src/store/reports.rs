//! What people read: one portfolio at one date, and how runs are doing. Reads never compute, and
//! see committed rows of one snapshot only.

mod analytics;
mod audit;
mod bias;
mod compare;
mod fits;
mod head;
mod history;
mod losses;
mod metrics;
pub mod newest;
mod pages;
mod performance;
mod portfolio;
mod series;
mod series_gaps;
mod status;
pub mod symbols;
pub mod why;
mod workers;

pub use analytics::{
    ActiveWeight, Concentration, Contribution, Correlation, Factor, NO_BENCHMARK, Risk, Sector,
    Stress, Volatility,
};
pub use audit::{Expected, expected};
pub use bias::{BIAS_MINIMUM, BIAS_SESSIONS, Bias, bias_of};
pub use compare::{CompleteRow, ScopeRow, completeness, scope};
pub use fits::{Fit, FitSlope};
pub use head::{Opened, open};
pub use history::{Ended, Past, PastRun, Sight, past, sight, summary, tonight};
pub use losses::{Contract, Losses, Replay, Reverse, ValueAtRisk};
pub use metrics::{Gauges, QUANTILES, Reached, gauges};
pub use pages::{
    MonthCloses, OutcomeCount, SessionPhase, SlowTask, SymbolRow, month_closes, newest_events,
    outcomes, pickup, sessions, slowest, universe,
};
pub use performance::{SnapshotDay, snapshots};
pub use portfolio::{
    Completeness, Entry, Part, Position, Provenance, Published, Report, Snapshot, Unpublished,
    computed, filled, newest_of_each, newest_published, newest_strict, parts, portfolio, published,
    why_unpublished,
};
pub use series::{Days, PublishedDay, first_not_strict, published_days, values_at_risk};
pub use series_gaps::{SeriesGap, series_gaps};
pub use status::{Gap, MissingRow, Pace, find_run, gaps, missing, paces, pauses, retries};
pub use workers::{Standing, StewardRow, StreamRow, WorkerRow, steward, workers};
