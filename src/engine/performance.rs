//! Performance on request: what the phases compute, for those who may not see them.

pub use crate::phases::performance::{
    Benchmark, Contribution, Conventions, DatedDrawdown, Figure, Figures, LotContribution,
    Performance, Question, Sources, load,
};
pub use crate::phases::{CONVENTION_ID, Error as PerformanceError};
