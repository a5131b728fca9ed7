//! What the benchmarks of analytics measure: inputs made up from a fixed seed in the size of a large night, and the code of production
//! that works on them. Shared by `sigmabatch bench analytics` and `benches/`.

pub mod ledger;

pub mod night;

pub mod series;

/// Something that was made up is not as it should be: a defect of this program.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
