//! What the values themselves show: holes, values that stand still, values that cannot be.

use super::{Check, Finding};

/// Unchanged closes in a row before a series counts as stale. A liquid share repeats its close on about one session in fifty,
/// so five in a row happen once in many lifetimes; the one run of five in `data/` is a fund that did not trade in June 2014.
pub const STALE_SESSIONS: usize = 5;

/// Runs of sessions without a value, after the first value: one finding per run, `measured` in sessions.
///
/// What is before the first value is no gap (it did not trade yet); what is after the last one is. The indices are sessions of the
/// calendar that the caller put the series on.
pub fn gaps(values: &[f64]) -> Vec<Finding> {
    let Some(begin) = values.iter().position(|value| !value.is_nan()) else {
        return Vec::new();
    };
    let mut findings: Vec<Finding> = Vec::new();
    for (at, value) in values.iter().enumerate().skip(begin) {
        if !value.is_nan() {
            continue;
        }
        match findings.last_mut() {
            Some(run) if run.last + 1 == at => {
                run.last = at;
                run.measured += 1.0;
            }
            _ => findings.push(Finding {
                check: Check::Gap,
                first: at,
                last: at,
                measured: 1.0,
                threshold: 1.0,
                values: Vec::new(),
            }),
        }
    }
    findings
}

/// Closes that are zero or negative, one finding each; `measured` is the close, `threshold` 0.
pub fn non_positive(closes: &[f64]) -> Vec<Finding> {
    let wrong = closes
        .iter()
        .enumerate()
        .filter(|(_, close)| **close <= 0.0);
    let findings = wrong.map(|(at, close)| Finding {
        check: Check::NonPositive,
        first: at,
        last: at,
        measured: *close,
        threshold: 0.0,
        values: vec![*close],
    });
    findings.collect()
}

/// Runs of closes that repeat the one before, [`STALE_SESSIONS`] or more of them; `measured` counts the repetitions.
///
/// Holes neither end nor lengthen a run; a split on record ends it, for the close must change with it.
#[expect(clippy::float_cmp, reason = "stale means the very same number")]
pub fn stale(closes: &[f64], splits: &[f64]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut run: Option<(usize, usize, usize, f64)> = None; // first repetition, last one, how many, close
    let mut flush = |run: Option<(usize, usize, usize, f64)>| {
        if let Some((first, last, count, close)) = run
            && count >= STALE_SESSIONS
        {
            findings.push(Finding {
                check: Check::Stale,
                first,
                last,
                measured: count as f64,
                threshold: STALE_SESSIONS as f64,
                values: vec![close],
            });
        }
    };
    for (at, (&close, &split)) in closes.iter().zip(splits).enumerate() {
        if split != 1.0 {
            flush(run.take());
        }
        if close.is_nan() {
            continue;
        }
        run = match run {
            Some((_, _, 0, same)) if same == close => Some((at, at, 1, close)),
            Some((first, _, count, same)) if same == close => Some((first, at, count + 1, close)),
            other => {
                flush(other);
                Some((at, at, 0, close))
            }
        };
    }
    flush(run);
    findings
}
