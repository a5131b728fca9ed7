//! What was found in the series behind the numbers.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::text::{count as counted, left, table};
use crate::documents::portfolio::findings;
use crate::store::data_quality::Checked;
use crate::store::reports::Report;

/// Findings of a page; JSON has all that are kept.
const LISTED: usize = 20;

fn unchecked(report: &Report) -> impl Iterator<Item = &Checked> {
    report.quality.iter().filter(|one| one.findings.is_none())
}

fn texts<'a>(evidence: &'a Value, key: &str) -> &'a str {
    evidence[key].as_str().unwrap_or_default()
}

/// The section of the page.
pub(super) fn section(report: &Report) -> String {
    let Some(found) = findings(report) else {
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

#[cfg(test)]
mod tests {
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
}
