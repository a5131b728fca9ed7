//! Fingerprints of errors: what is the same mistake has the same fingerprint, whatever task, symbol,
//! date or number it names.

use sha2::{Digest, Sha256};

/// What stands between these is what somebody wrote, no part of our sentence.
const QUOTES: [(char, char); 4] = [('"', '"'), ('\'', '\''), ('`', '`'), ('«', '»')];
/// Fewer hex digits are a number.
const SHORTEST_ID: usize = 8;

/// Eight hex digits that class and message have in common with every error of the same kind.
pub fn fingerprint(class: &str, error: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(class.as_bytes());
    digest.update([0]);
    digest.update(normalised(error).as_bytes());
    format!("{:x}", digest.finalize())[..8].to_owned()
}

/// The message with its particulars replaced: quoted texts, ids, dates, symbols, numbers.
pub fn normalised(error: &str) -> String {
    let mut text = String::with_capacity(error.len());
    let mut rest = error;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if let Some(after) = quoted(rest, before) {
            text.push_str("\"…\"");
            rest = after;
            before = '"';
            continue;
        }
        let length = rest.find(|c| !in_token(c)).unwrap_or(rest.len());
        if length == 0 {
            text.push(c);
            rest = &rest[c.len_utf8()..];
            before = c;
            continue;
        }
        let (token, after) = rest.split_at(length);
        // A full stop ends a sentence more often than a symbol.
        let word = token.trim_end_matches(['.', '-', '_', '=']);
        replace(word, &mut text);
        text.push_str(&token[word.len()..]);
        before = token.chars().next_back().unwrap_or(' ');
        rest = after;
    }
    text
}

/// What follows a quoted text, where one begins here. An apostrophe inside a word begins none.
fn quoted(text: &str, before: char) -> Option<&str> {
    let first = text.chars().next()?;
    let (_, close) = QUOTES.iter().find(|(open, _)| *open == first)?;
    if before.is_alphanumeric() {
        return None;
    }
    let inside = &text[first.len_utf8()..];
    let end = inside.find(*close)?;
    Some(&inside[end + close.len_utf8()..])
}

fn in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._^=-".contains(c)
}

fn replace(word: &str, text: &mut String) {
    let digits = word.chars().any(|c| c.is_ascii_digit());
    let upper = word.chars().any(|c| c.is_ascii_uppercase());
    let lower = word.chars().any(|c| c.is_ascii_lowercase());
    if digits && is_date(word) {
        text.push_str("<date>");
    } else if digits && is_id(word) {
        text.push_str("<id>");
    } else if upper && !lower && word.starts_with(|c: char| c.is_ascii_uppercase() || c == '^') {
        text.push_str("<symbol>");
    } else if digits {
        numbers(word, text);
    } else {
        text.push_str(word);
    }
}

/// `2016-12-30`, also with the time of day after it.
fn is_date(word: &str) -> bool {
    let shape = |(place, c): (usize, char)| match place {
        4 | 7 => c == '-',
        0..=9 => c.is_ascii_digit(),
        10 => c == 'T',
        _ => true,
    };
    word.len() >= 10 && word.char_indices().all(shape)
}

/// A uuid, the name of a worker, a digest: hex digits, at least eight of them in one piece.
fn is_id(word: &str) -> bool {
    let hex = |part: &str| part.chars().all(|c| c.is_ascii_hexdigit());
    let word = word.strip_prefix("w-").unwrap_or(word);
    let mut parts = word.split('-');
    parts.clone().all(hex)
        && parts.any(|part| part.len() >= SHORTEST_ID)
        && word.chars().any(|c| c.is_ascii_alphabetic())
}

/// Each number inside a word, with its point: `phase-1.75` has one.
fn numbers(word: &str, text: &mut String) {
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_ascii_digit() {
            text.push(c);
            continue;
        }
        while let Some(&next) = chars.peek() {
            let mut ahead = chars.clone();
            ahead.next();
            let point = next == '.' && ahead.next().is_some_and(|c| c.is_ascii_digit());
            if !next.is_ascii_digit() && !point {
                break;
            }
            chars.next();
        }
        text.push_str("<n>");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn particulars_are_replaced_and_the_sentence_stays() {
        for (error, text) in [
            (
                "no close for AAPL on 2016-12-30",
                "no close for <symbol> on <date>",
            ),
            (
                "no close for BRK.B on 2016-12-29.",
                "no close for <symbol> on <date>.",
            ),
            (
                "ledger of 98518c7d-ea23-593b-aaed-9c0be7f3a66f: 12 of 1.75 lots",
                "ledger of <id>: <n> of <n> lots",
            ),
            (
                "worker w-5f2c91aa held 3 tasks",
                "worker <id> held <n> tasks",
            ),
            (
                "relation \"position_values\" doesn't exist",
                "relation \"…\" doesn't exist",
            ),
            ("key 'a b' or `c` or «d»", "key \"…\" or \"…\" or \"…\""),
            ("at 2016-12-30T22:00:00Z", "at <date>:<n>:<n>Z"),
            (
                "statement timeout after 60000ms",
                "statement timeout after <n>ms",
            ),
            ("its worker was lost", "its worker was lost"),
            ("AAPL161230C00100000 has no model", "<symbol> has no model"),
            ("it's 5 o'clock", "it's <n> o'clock"),
            ("", ""),
        ] {
            assert_eq!(normalised(error), text);
        }
    }

    #[test]
    fn the_same_mistake_of_two_tasks_has_one_fingerprint() {
        let (a, b) = (
            "no close for AAPL on 2016-12-30",
            "no close for ^VIX on 2017-01-03",
        );
        assert_eq!(fingerprint("transient", a), fingerprint("transient", b));
        assert_ne!(fingerprint("transient", a), fingerprint("bug", a));
        assert_ne!(fingerprint("bug", a), fingerprint("bug", "panicked: "));
        let digits = fingerprint("bug", a);
        assert!(digits.len() == 8 && digits.chars().all(|c| c.is_ascii_hexdigit()));
    }

    proptest! {
        #[test]
        fn every_text_has_a_fingerprint(class in "\\PC{0,9}", error in "\\PC{0,80}") {
            prop_assert_eq!(fingerprint(&class, &error).len(), 8);
        }

        #[test]
        fn no_digit_survives(error in "[ -~]{0,80}") {
            prop_assert!(!normalised(&error).chars().any(|c| c.is_ascii_digit()));
        }

        #[test]
        fn numbers_dates_and_symbols_make_no_difference(
            n in 0_u32..1_000_000, day in 10_u32..29, symbol in "[A-Z]{1,5}",
        ) {
            let error = format!("{symbol} has {n} of 60 returns on 2016-11-{day}: \"{symbol}\"");
            prop_assert_eq!(
                normalised(&error), "<symbol> has <n> of <n> returns on <date>: \"…\""
            );
        }
    }
}
