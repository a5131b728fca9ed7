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

/// Keeps a page of rows that were read with one more than its limit; where there was one more, says where the next page begins.
pub fn cut<R, C>(rows: &mut Vec<R>, limit: u16, cursor: impl Fn(&R) -> C) -> Option<C> {
    let more = rows.len() > usize::from(limit);
    rows.truncate(limit.into());
    rows.last().filter(|_| more).map(cursor)
}
