//! What was found in the series behind the numbers: listed, never corrected.

use serde_json::{Value, json};

use crate::store::reports::Report;

/// How much was found in all series that were checked; nothing where none was.
pub fn count(report: &Report) -> Option<i64> {
    let checked = report.quality.iter().filter_map(|series| series.findings);
    checked.map(i64::from).reduce(|a, b| a + b)
}

/// Why there is no count.
pub(super) fn reason(report: &Report) -> Option<&'static str> {
    count(report).is_none().then_some("no series was checked")
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
    fn findings_are_counted_and_in_the_document() {
        let document = document(&sample::report());
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
