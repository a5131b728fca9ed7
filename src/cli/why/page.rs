//! The page of `why`: one line for each link of the chain, and what to do about the last one.

use std::fmt::Write as _;

use crate::cli::text::{count, duration, instant};
use crate::documents::why::{Words, because, remedy, sentence};
use crate::engine::{Link, Why};

const WORDS: Words = Words {
    instant: |at| format!("{} UTC", instant(at)),
    duration,
    count,
};

/// The page.
pub(super) fn page(why: &Why) -> String {
    let mut page = format!("{} {} {}\n", why.portfolio.name, why.date, state(why));
    // One line each, however long: a chain is read from top to bottom, and searched by words.
    for (line, place) in lines(&why.chain).iter().zip(1..) {
        let _ = writeln!(page, "  {place}. {line}");
    }
    if let Some(remedy) = why.blocked_by().and_then(|link| remedy(why, link)) {
        let _ = writeln!(page, "what to do: {remedy}");
    }
    page
}

/// A line for each link; symbols that are left out for one reason share one.
fn lines(chain: &[Link]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left_out: Vec<(&str, Vec<&str>)> = Vec::new();
    for link in chain {
        let Link::LeftOut { symbol, reason } = link else {
            lines.push(text(link));
            continue;
        };
        match left_out.iter_mut().find(|(known, _)| known == reason) {
            Some((_, symbols)) => symbols.push(symbol),
            None => left_out.push((reason, vec![symbol])),
        }
    }
    lines.extend(left_out.into_iter().map(|(reason, symbols)| {
        let symbols = symbols.join(" ");
        format!("left out of market numbers: {symbols}{}", because(reason))
    }));
    lines
}

fn state(why: &Why) -> &'static str {
    match (why.published(), why.chain.iter().any(is_stale)) {
        (Some(true), _) => "is published and strictly complete",
        (Some(false), _) => "is published, and not strictly complete",
        (None, true) => "was computed, and is not published because it is stale",
        (None, false) => "is not published",
    }
}

fn is_stale(link: &Link) -> bool {
    matches!(link, Link::Stale { .. })
}

/// A link as a sentence, with times in UTC.
fn text(link: &Link) -> String {
    sentence(link, &WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_that_are_left_out_for_one_reason_share_a_line() {
        let left_out = |symbol: &str, reason: &str| Link::LeftOut {
            symbol: symbol.into(),
            reason: reason.into(),
        };
        let chain = [
            left_out("BIL", "no series"),
            left_out("GGIPX", "unknown"),
            left_out("GOVT", "no series"),
            Link::NotPlanned,
        ];
        assert_eq!(
            lines(&chain),
            [
                "no run is planned that computes it",
                "left out of market numbers: BIL GOVT: no series",
                "left out of market numbers: GGIPX: unknown",
            ]
        );
    }
}
