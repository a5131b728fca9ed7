//! Data quality of one series: what a careful person would ask the provider about. Nothing is corrected: a finding is evidence.
//!
//! The inputs are series as in [`super::returns`] (raw closes with split ratios and dividends by ex-date; adjusted closes take
//! ratios of 1 and dividends of 0), ending at the as-of session. A finding looks at nothing after it: a jump of the last session
//! is unconfirmed, or an outlier, until the session that takes it back. One move has one explanation: what a bad tick explains is
//! no split, what a split explains is no outlier, and an outlier is said once. Thresholds were set so that the real series in
//! `data/` raise no false alarm; each says why, and what an unconfirmed jump costs.
//!
//! **Source.** Our own definitions, with thresholds that were measured on the series in `data/`.
//!
//! **NaN.** NaN is a hole of closes and yields. [`check_closes`] and [`check_yields`] refuse everything else that is no number; the single checks trust
//! that it was refused, and that series belong together in length.

pub mod dividends;
pub mod jumps;
pub mod levels;
pub mod moves;
pub mod yields;

pub use dividends::{doubled_dividends, missing_dividends};
pub use jumps::{bad_ticks, outliers, splits, unconfirmed_jump};
pub use levels::{gaps, non_positive, stale};
pub use moves::{Move, moves};
pub use yields::check_yields;

use super::{Error, is_beyond};

/// Sessions of a year. What is usual in a series is asked year by year, from the newest one back: a longer history changes no
/// verdict on the last year, and finds what is before it.
const YEAR: usize = 252;

/// What may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Sessions of the exchange without a value, after the first one and up to the as-of session.
    Gap,
    /// The same value again and again.
    Stale,
    /// A close that is not positive.
    NonPositive,
    /// A jump that a few sessions later is taken back.
    BadTick,
    /// A jump as of a split, and no split is on record.
    SplitMissing,
    /// A split is on record, and the closes do not show it: they are adjusted already.
    SplitDoubled,
    /// A dividend of a regular payer is not on record.
    DividendMissing,
    /// A dividend is on record twice, or at twice its size.
    DividendDoubled,
    /// A jump that nothing explains.
    Outlier,
    /// The newest move is as large as a bad tick: whether it is one, the next close tells.
    UnconfirmedJump,
}

impl Check {
    /// The word in database and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Stale => "stale",
            Self::NonPositive => "non_positive",
            Self::BadTick => "bad_tick",
            Self::SplitMissing => "split_missing",
            Self::SplitDoubled => "split_doubled",
            Self::DividendMissing => "dividend_missing",
            Self::DividendDoubled => "dividend_doubled",
            Self::Outlier => "outlier",
            Self::UnconfirmedJump => "unconfirmed_jump",
        }
    }
}

/// One finding with its evidence. Indices count the sessions of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What may be wrong.
    pub check: Check,
    /// First session concerned.
    pub first: usize,
    /// Last session concerned.
    pub last: usize,
    /// What was measured: sessions of a gap or of unchanged values; the return of a jump (a fraction); the value itself where it
    /// is not positive; for dividends the interval in sessions, or the amount.
    pub measured: f64,
    /// What it was measured against, in the same unit.
    pub threshold: f64,
    /// Values that show it: closes before, at and after; amounts; `None` where nothing was measured besides.
    pub values: Vec<f64>,
}

/// Closes of one instrument with their corporate actions.
#[derive(Debug, Clone, Copy)]
pub struct Closes<'a> {
    /// One entry per session, NaN without a close.
    pub closes: &'a [f64],
    /// New shares per old share with ex-date on the session, 1 without a split.
    pub splits: &'a [f64],
    /// Cash per share after the split of the session, 0 without.
    pub dividends: &'a [f64],
}

/// All findings of a series of closes, by first session and check.
///
/// A series without any close has none: that it is missing is said elsewhere, with the provider's reason.
/// [`Error::Shape`] unless the lengths agree, [`Error::Invalid`] for an infinite value, a ratio that is not positive or a dividend
/// that is negative. NaN is missing in closes and invalid elsewhere.
pub fn check_closes(series: Closes<'_>) -> Result<Vec<Finding>, Error> {
    validate(series)?;
    let moves = moves(series);
    let mut findings = gaps(series.closes);
    findings.extend(non_positive(series.closes));
    findings.extend(stale(series.closes, series.splits));
    let (ticks, mut explained) = bad_ticks(&moves, series.closes);
    findings.extend(ticks);
    findings.extend(splits(&moves, &mut explained));
    findings.extend(outliers(&moves, &mut explained));
    findings.extend(unconfirmed_jump(&moves, &explained));
    findings.extend(missing_dividends(series));
    findings.extend(doubled_dividends(series));
    findings.sort_by_key(|finding| (finding.first, finding.check));
    Ok(findings)
}

fn validate(series: Closes<'_>) -> Result<(), Error> {
    let need = series.closes.len();
    for (what, values) in [
        ("split ratios", series.splits),
        ("dividends", series.dividends),
    ] {
        if values.len() != need {
            let have = values.len();
            return Err(Error::Shape { what, have, need });
        }
    }
    let invalid = |what| Err(Error::Invalid { what });
    if series.closes.iter().any(|value| is_beyond(*value)) {
        return invalid("close");
    }
    let usable = |ratio: &f64| ratio.is_finite() && *ratio > 0.0;
    if !series.splits.iter().all(usable) {
        return invalid("split ratio");
    }
    let usable = |cash: &f64| cash.is_finite() && *cash >= 0.0;
    if !series.dividends.iter().all(usable) {
        return invalid("dividend");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
