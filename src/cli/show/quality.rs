//! What was found in the series behind the numbers: listed, never corrected.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::text::{count as counted, left, table};
use crate::store::data_quality::Checked;
use crate::store::reports::Report;

/// Findings of a page; JSON has all that are kept.
const LISTED: usize = 20;

/// How much was found in all series that were checked; nothing where none was.
pub(super) fn count(report: &Report) -> Option<i64> {
    let checked = report.quality.iter().filter_map(|series| series.findings);
    checked.map(i64::from).reduce(|a, b| a + b)
}

/// Why there is no count.
pub(super) fn reason(report: &Report) -> Option<&'static str> {
    count(report).is_none().then_some("no series was checked")
}

fn unchecked(report: &Report) -> impl Iterator<Item = &Checked> {
    report.quality.iter().filter(|one| one.findings.is_none())
}

fn texts<'a>(evidence: &'a Value, key: &str) -> &'a str {
    evidence[key].as_str().unwrap_or_default()
}

/// The section of the page.
pub(super) fn page(report: &Report) -> String {
    let Some(found) = count(report) else {
        return "none: no series was checked".to_owned();
    };
    let checked = report.quality.len() - unchecked(report).count();
    let mut text = format!(
        "data quality: {} in {}, held ones and proxies of factors\n",
        counted(usize::try_from(found).unwrap_or(0), "finding"),
        counted_series(checked),
    );
    let none = Vec::new();
    let all = report.quality.iter().flat_map(|series| {
        let evidence = series.evidence.as_ref().and_then(Value::as_array);
        let evidence = evidence.unwrap_or(&none).iter().rev();
        evidence.map(move |one| (series, one))
    });
    let all: Vec<_> = all.collect();
    let rows = all.iter().take(LISTED).map(|(series, one)| {
        let (from, to) = (texts(one, "from"), texts(one, "to"));
        let dates = if from == to {
            from.to_owned()
        } else {
            format!("{from} to {to}")
        };
        vec![
            series.symbol.clone(),
            dates,
            texts(one, "check").replace('_', " "),
            texts(one, "text").to_owned(),
        ]
    });
    if !all.is_empty() {
        text.push_str(&table(
            &[left("series"), left("sessions"), left("check"), left("")],
            rows,
        ));
    }
    let shown = i64::try_from(all.len().min(LISTED)).unwrap_or(0);
    if found > shown {
        let _ = writeln!(text, "… and {} more", found - shown);
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

/// The value of `data_quality`.
pub(super) fn document(report: &Report) -> Value {
    let series = report.quality.iter().map(|series| {
        json!({
            "symbol": series.symbol,
            "held": series.held,
            "sessions": series.sessions,
            "observed": series.observed,
            "findings": series.findings,
            "evidence": series.evidence,
            "reason": series.findings.is_none().then_some("not checked"),
        })
    });
    json!({
        "available": count(report).is_some(),
        "reason": reason(report),
        "findings": count(report),
        "series": series.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn findings_are_counted_listed_and_in_the_document() {
        let report = sample::report();
        let text = page(&report);
        assert!(
            text.starts_with("data quality: 1 finding in 2 series"),
            "{text}"
        );
        assert!(
            text.contains("AAPL") && text.contains("2016-06-09") && text.contains("split missing"),
            "{text}"
        );
        assert!(text.contains("not checked: IWF"), "{text}");
        let document = document(&report);
        assert_eq!(document["findings"], 1);
        assert_eq!(
            document["series"][0]["evidence"][0]["check"],
            "split_missing"
        );
        assert_eq!(document["series"][2]["reason"], "not checked");
    }

    #[test]
    fn without_a_series_that_was_checked_there_is_a_reason_and_no_zero() {
        let mut report = sample::report();
        report.quality.clear();
        assert_eq!(
            (count(&report), reason(&report)),
            (None, Some("no series was checked"))
        );
        assert_eq!(document(&report)["findings"], Value::Null);
    }
}
