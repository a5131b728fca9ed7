//! What is known, as JSON for programs: the same documents whether the command line or the API is asked.
//!
//! Keys are stable: new ones may come, none changes or goes. Money is decimal text, statistics are
//! numbers; what is missing is null.

pub mod diff;
pub mod errors;
pub mod explain;
pub mod performance;
pub mod planned;
pub mod portfolio;
pub mod runs;
pub mod tasks;
pub mod why;
