//! A series of yields: it may be negative, and bond markets keep holidays on which the exchange trades.

use super::levels::gaps;
use super::{Check, Error, Finding};
use crate::analytics::is_beyond;

/// A hole of one session is a holiday of the bond market (Columbus Day, Veterans Day); two in a row never are.
pub const YIELD_GAP: f64 = 2.0;
/// The same yield so often in a row. Yields are quoted in hundredths of a percent and repeat on one session in eight; three times
/// in a row is the most in `data/`.
pub const YIELD_STALE: usize = 8;
/// A change of a session beyond this, a fraction per year: 50 basis points are more than the ten-year yield of the Treasury moved on
/// any day since 1990; a percentage written as a fraction moves a hundredfold.
pub const YIELD_JUMP: f64 = 0.005;

/// All findings of a series of yields: gaps, values that stand still, jumps, and jumps that the next value takes back (a bad tick).
/// `measured` of a jump is the change. NaN is missing. [`Error::Invalid`] for an infinite value.
#[expect(clippy::float_cmp, reason = "stale means the very same number")]
pub fn check_yields(yields: &[f64]) -> Result<Vec<Finding>, Error> {
    if yields.iter().any(|value| is_beyond(*value)) {
        return Err(Error::Invalid { what: "yield" });
    }
    let mut findings = gaps(yields);
    findings.retain(|gap| gap.measured >= YIELD_GAP);
    for gap in &mut findings {
        gap.threshold = YIELD_GAP;
    }
    let known = yields.iter().copied().enumerate();
    let known: Vec<(usize, f64)> = known.filter(|(_, value)| !value.is_nan()).collect();
    let finding = |check, at: (usize, usize), measured, threshold, values| Finding {
        check,
        first: at.0,
        last: at.1,
        measured,
        threshold,
        values,
    };
    let mut at = 0;
    while at + 1 < known.len() {
        let same = known[at + 1..]
            .iter()
            .take_while(|(_, value)| *value == known[at].1);
        let same = same.count();
        if same >= YIELD_STALE {
            let span = (known[at + 1].0, known[at + same].0);
            let (measured, threshold) = (same as f64, YIELD_STALE as f64);
            findings.push(finding(
                Check::Stale,
                span,
                measured,
                threshold,
                vec![known[at].1],
            ));
        }
        at += same.max(1);
    }
    let mut at = 1;
    while at < known.len() {
        let (session, value) = known[at];
        let change = value - known[at - 1].1;
        at += 1;
        if change.abs() <= YIELD_JUMP {
            continue;
        }
        let back = known.get(at).copied();
        let limit = YIELD_JUMP.copysign(change);
        let mut values = vec![known[at - 2].1, value];
        let check = match back {
            Some((_, next)) if (next - known[at - 2].1).abs() <= 0.25 * change.abs() => {
                values.push(next);
                at += 1;
                Check::BadTick
            }
            _ => Check::Outlier,
        };
        findings.push(finding(check, (session, session), change, limit, values));
    }
    findings.sort_by_key(|finding| (finding.first, finding.check));
    Ok(findings)
}
