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

/// A command for the shell, quoted where it must be.
pub fn command(words: &[&str]) -> String {
    let quoted = words.iter().map(|word| {
        let plain = |c: char| c.is_alphanumeric() || "-_./:=@".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            (*word).to_owned()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    format!("sigmabatch {}", quoted.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        assert_eq!(
            command(&["retry", "--error", "it's"]),
            "sigmabatch retry --error 'it'\\''s'"
        );
        assert_eq!(
            command(&["run", "--date", "2016-12-30", "--portfolio", ""]),
            "sigmabatch run --date 2016-12-30 --portfolio ''"
        );
    }
}
