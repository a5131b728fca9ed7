//! What was found in the series behind the numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::more;
use crate::cli::text::{count, left, right, table};
use crate::documents::portfolio::findings;
use crate::store::data_quality::Checked;
use crate::store::reports::Report;

/// Lines of a page, one for each series and check; JSON has each finding that is kept.
const LISTED: usize = 20;
/// The checks, what spoils numbers most first: a factor on a price, a step in it, a close that is none, sessions without news.
const ORDER: [&str; 10] = [
    "split_missing",
    "split_doubled",
    "dividend_missing",
    "dividend_doubled",
    "bad_tick",
    "outlier",
    "unconfirmed_jump",
    "non_positive",
    "gap",
    "stale",
];

fn unchecked(report: &Report) -> impl Iterator<Item = &Checked> {
    report.quality.iter().filter(|one| one.findings.is_none())
}

fn texts<'a>(evidence: &'a Value, key: &str) -> &'a str {
    evidence[key].as_str().unwrap_or_default()
}

/// What a check found in a series.
struct Found<'a> {
    symbol: &'a str,
    check: &'a str,
    /// How often, of what is kept.
    times: usize,
    first: &'a str,
    last: &'a str,
    /// The finding that measured most.
    worst: &'a Value,
}

impl Found<'_> {
    /// Its place among the checks; one that is not known comes last.
    fn rank(&self) -> usize {
        let known = ORDER.iter().position(|check| *check == self.check);
        known.unwrap_or(ORDER.len())
    }

    fn line(&self) -> Vec<String> {
        let dates = if self.first == self.last {
            self.first.to_owned()
        } else {
            format!("{} to {}", self.first, self.last)
        };
        vec![
            self.symbol.to_owned(),
            self.check.replace('_', " "),
            self.times.to_string(),
            dates,
            texts(self.worst, "text").to_owned(),
        ]
    }
}

/// What stands for how bad a finding is, next to others of its check.
fn measured(finding: &Value) -> f64 {
    finding["measured"].as_f64().unwrap_or(0.0).abs()
}

/// Of each series what each check found in it.
fn by_check(series: &Checked) -> Vec<Found<'_>> {
    let mut all: BTreeMap<&str, Found<'_>> = BTreeMap::new();
    let evidence = series.evidence.as_ref().and_then(Value::as_array);
    for one in evidence.into_iter().flatten() {
        let (check, first, last) = (texts(one, "check"), texts(one, "from"), texts(one, "to"));
        let found = all.entry(check).or_insert(Found {
            symbol: &series.symbol,
            check,
            times: 0,
            first,
            last,
            worst: one,
        });
        found.times += 1;
        // Dates of this form are ordered as texts.
        found.first = found.first.min(first);
        found.last = found.last.max(last);
        if measured(one) > measured(found.worst) {
            found.worst = one;
        }
    }
    all.into_values().collect()
}

/// The section of the page.
pub(super) fn section(report: &Report) -> String {
    let Some(found) = findings(report) else {
        return "none: no series was checked".to_owned();
    };
    let checked = report.quality.len() - unchecked(report).count();
    let mut text = format!(
        "data quality: {} in {}, held ones and proxies of factors\n",
        count(usize::try_from(found).unwrap_or(0), "finding"),
        counted_series(checked),
    );
    // Within a check the held ones come first, by symbol.
    let mut all: Vec<Found<'_>> = report.quality.iter().flat_map(by_check).collect();
    all.sort_by_key(Found::rank);
    if !all.is_empty() {
        let columns = [
            left("series"),
            left("check"),
            right("found"),
            left("sessions"),
            left("the worst of them"),
        ];
        text.push_str(&table(&columns, all.iter().take(LISTED).map(Found::line)));
    }
    more(&mut text, all.len(), LISTED);
    let kept: usize = all.iter().map(|found| found.times).sum();
    let older = usize::try_from(found).unwrap_or(0).saturating_sub(kept);
    if older > 0 {
        let _ = writeln!(
            text,
            "{} more, older, of which only the number is kept",
            count(older, "finding")
        );
    }
    let unchecked: Vec<&str> = unchecked(report).map(|one| one.symbol.as_str()).collect();
    if !unchecked.is_empty() {
        let _ = writeln!(text, "not checked: {}", unchecked.join(" "));
    }
    text
}

fn counted_series(count: usize) -> String {
    format!("{count} series")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::documents::portfolio::sample;

    #[test]
    fn findings_are_counted_and_listed() {
        let text = section(&sample::report());
        assert!(
            text.starts_with("data quality: 1 finding in 2 series"),
            "{text}"
        );
        assert!(
            text.contains("AAPL") && text.contains("2016-06-09") && text.contains("split missing"),
            "{text}"
        );
        assert!(text.contains("not checked: IWF"), "{text}");
    }

    fn finding(check: &str, from: &str, to: &str, measured: f64) -> Value {
        let text = format!("measured {measured}");
        json!({ "check": check, "from": from, "to": to, "measured": measured, "text": text })
    }

    #[test]
    fn a_series_has_a_line_for_each_check_and_the_worst_checks_come_first() {
        let mut report = sample::report();
        report.quality.truncate(1);
        report.quality[0].findings = Some(6);
        report.quality[0].evidence = Some(json!([
            finding("stale", "2016-02-01", "2016-02-12", 10.0),
            finding("gap", "2016-03-01", "2016-03-02", 2.0),
            finding("outlier", "2016-04-01", "2016-04-01", 0.2),
            finding("outlier", "2016-05-02", "2016-05-02", -0.4),
            finding("split_missing", "2016-06-09", "2016-06-09", 6.89),
        ]));
        let text = section(&report);
        let lines = text.lines().filter(|line| line.starts_with("AAPL"));
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = lines.map(words).collect();
        let expected = [
            "AAPL split missing 1 2016-06-09 measured 6.89",
            "AAPL outlier 2 2016-04-01 to 2016-05-02 measured -0.4",
            "AAPL gap 1 2016-03-01 to 2016-03-02 measured 2",
            "AAPL stale 1 2016-02-01 to 2016-02-12 measured 10",
        ];
        assert_eq!(lines, expected, "{text}");
        assert!(text.contains("1 finding more, older"), "{text}");
        assert!(!text.contains("--json"), "nothing is cut: {text}");
    }

    #[test]
    fn a_list_that_is_cut_keeps_the_worst_and_says_where_all_are() {
        let mut report = sample::report();
        let series = report.quality[0].clone();
        report.quality = (0..25)
            .map(|at| {
                let mut series = series.clone();
                let check = if at == 24 { "split_doubled" } else { "gap" };
                series.symbol = format!("S{at:02}");
                series.evidence = Some(json!([finding(check, "2016-06-09", "2016-06-09", 1.0)]));
                series
            })
            .collect();
        let text = section(&report);
        assert!(
            text.starts_with("data quality: 25 findings in 25 series"),
            "{text}"
        );
        let first = text.lines().find(|line| line.starts_with('S')).unwrap();
        assert!(first.starts_with("S24"), "{text}");
        assert!(text.contains("S18") && !text.contains("S19"), "{text}");
        assert!(text.contains("… and 5 more; --json has all"), "{text}");
    }
}
