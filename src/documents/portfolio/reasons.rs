//! Why a number of a report is not there, where the result itself does not carry the reason.

use rust_decimal::Decimal;

use crate::domain::{AssetClass, Quality};
use crate::store::reports::{
    Contribution, Correlation, NO_BENCHMARK, Position, Report, Risk, Stress,
};

/// The code of ratios to a net asset value that is not positive.
pub(super) const NONPOSITIVE_NAV: &str = "nonpositive_nav";
/// The same of the session before.
const NONPOSITIVE_NAV_BEFORE: &str = "nonpositive_nav_before";
/// Why a lot is in no bucket: its values were made again since.
pub(super) const NO_SECTOR: &str = "the sectors of this date are not computed";
/// The code of ratios to a variance of zero.
const NO_VARIANCE: &str = "no_variance";

/// Why there is no coverage of a book with positions: a part of nothing.
pub(super) const WORTHLESS: &str = "the positions are worth nothing";

/// Why there are no active weights.
pub(super) fn active(report: &Report) -> Option<&'static str> {
    report.active_weights.is_empty().then_some(NO_BENCHMARK)
}

/// Why there is no return of the day.
pub(super) fn return_day(report: &Report) -> Option<&'static str> {
    let snapshot = &report.snapshot;
    snapshot
        .return_day
        .is_none()
        .then_some(NONPOSITIVE_NAV_BEFORE)
}

/// Why there is no coverage.
pub fn coverage(report: &Report) -> Option<String> {
    let completeness = &report.completeness;
    if completeness.coverage.is_some() {
        return None;
    }
    let why = if report.positions.is_empty() {
        "no positions"
    } else {
        WORTHLESS
    };
    Some(
        completeness
            .reason("marks")
            .unwrap_or_else(|| why.to_owned()),
    )
}

/// Why a position has no weight.
pub(super) fn weight(nav: Decimal) -> Option<&'static str> {
    (nav <= Decimal::ZERO).then_some(NONPOSITIVE_NAV)
}

/// Why a price is of no date.
pub(super) fn price_date(position: &Position) -> Option<&'static str> {
    if position.price_date.is_some() {
        return None;
    }
    Some(match (position.class, position.quality) {
        (AssetClass::Private, _) | (_, Quality::Manual) => "no mark: valued at cost",
        _ => "no price: carried at cost",
    })
}

/// Why the sessions of a model are not known.
const NO_COVARIANCE: &str = "the factor covariance of the date is gone";
/// Why no proxy keeps the sessions of a model from being more.
const NO_LIMIT: &str = "every proxy has a return on every session of the window";

/// Why ratios of the risk model, or the sessions behind it, are missing, by their key.
pub(super) fn risk(report: &Report, risk: &Risk) -> Vec<(&'static str, &'static str)> {
    let ratios = [
        ("systematic_share", risk.systematic_share),
        ("diversification_ratio", risk.diversification_ratio),
        ("effective_bets", risk.effective_bets),
    ];
    let missing = ratios.into_iter().filter(|(_, value)| value.is_none());
    let worthless = risk.coverage.is_none().then_some(("coverage", WORTHLESS));
    let missing = missing.map(|(key, _)| (key, NO_VARIANCE));
    let sessions: &[(&'static str, &'static str)] = match &report.common {
        None => &[
            ("first_session", NO_COVARIANCE),
            ("last_session", NO_COVARIANCE),
            ("limiting_proxy", NO_COVARIANCE),
        ],
        Some(common) if common.limiting.is_none() => &[("limiting_proxy", NO_LIMIT)],
        Some(_) => &[],
    };
    missing
        .chain(worthless)
        .chain(sessions.iter().copied())
        .collect()
}

/// Why the return of the date is not compared to its forecast.
pub(super) fn bias_today(report: &Report) -> Option<&'static str> {
    if report.bias.today.is_some() {
        return None;
    }
    let none = if report.bias.stale.contains(&report.published.as_of) {
        "inputs of the forecast or of the return changed since"
    } else {
        "no volatility of the session before"
    };
    Some(return_day(report).unwrap_or(none))
}

/// Why a contribution has no share.
pub(super) fn share(contribution: &Contribution) -> Option<&'static str> {
    contribution.share.is_none().then_some(NO_VARIANCE)
}

/// Why a stress test has no number, or no fraction of the net asset value.
pub(super) fn stress(stress: &Stress) -> Option<&str> {
    let ratio = stress.propagated.is_none() && stress.propagated_pnl.is_some();
    stress
        .reason
        .as_deref()
        .or(ratio.then_some(NONPOSITIVE_NAV))
}

/// Why a pair has no correlation.
pub(super) const UNKNOWN_PAIR: &str =
    "fewer than 60 common returns, or one of the two does not move";

/// The pairs whose correlation is not known.
pub(super) fn unknown_pairs(row: &Correlation) -> Vec<[&str; 2]> {
    let symbols: Vec<&str> = row.symbols.iter().map(String::as_str).collect();
    let pairs = (0..symbols.len()).flat_map(|i| (i + 1..symbols.len()).map(move |j| (i, j)));
    let unknown = pairs.zip(&row.upper).filter(|(_, value)| value.is_none());
    unknown
        .map(|((i, j), _)| [symbols[i], symbols[j]])
        .collect()
}

/// Why numbers of a correlation matrix are missing, by their key.
pub(super) fn correlation(row: &Correlation) -> Vec<(&'static str, &'static str)> {
    let clustered = row.clusters.iter().all(Option::is_some);
    let missing = [
        (
            "clusters",
            clustered,
            "a pair with another symbol is unknown",
        ),
        ("average", row.average.is_some(), "no pair is known"),
        (
            "shrinkage",
            row.shrinkage.is_some(),
            "fewer than two symbols have all returns, or none of them moves",
        ),
        ("coverage", row.coverage.is_some(), WORTHLESS),
    ];
    let missing = missing.into_iter().filter(|(_, there, _)| !there);
    missing.map(|(key, _, why)| (key, why)).collect()
}
