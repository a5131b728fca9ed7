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

/// An option with its value, as words of a command: one word where the value would be taken for an option itself.
pub fn option(name: &str, value: &str) -> Vec<String> {
    if value.starts_with('-') {
        vec![format!("{name}={value}")]
    } else {
        vec![name.to_owned(), value.to_owned()]
    }
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

    #[test]
    fn a_value_that_looks_like_an_option_stays_a_value() {
        let shown = |value| {
            let words = [vec!["retry".to_owned()], option("--error", value)].concat();
            command(&words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        assert_eq!(shown("9c2f01ab"), "sigmabatch retry --error 9c2f01ab");
        assert_eq!(shown("--all"), "sigmabatch retry --error=--all");
        assert_eq!(shown("-1 row"), "sigmabatch retry '--error=-1 row'");
    }
}
