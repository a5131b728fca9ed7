//! The lots of a book, and how it is spread over instruments and sectors.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{fits, reason, reasons, text};
use crate::domain::{AssetClass, money};
use crate::store::reports::{Position, Report};

pub(super) fn positions(report: &Report) -> Value {
    let nav = report.snapshot.nav;
    report
        .positions
        .iter()
        .map(|position| line(position, nav, report))
        .collect()
}

fn line(position: &Position, nav: Decimal, report: &Report) -> Value {
    let symbol = position.symbol.as_str();
    let underlying = position.underlying.as_deref();
    let marginal = marginal(position, report);
    let weight = weight(position.market_value, nav);
    let contribution = marginal.clone().and_then(|marginal| {
        let part = weight.map(|weight| marginal * weight);
        part.ok_or_else(|| reasons::NONPOSITIVE_NAV.to_owned())
    });
    json!({
        "position_id": position.id,
        "symbol": symbol,
        "type": position.position_type,
        "class": position.class.as_str(),
        "underlying": underlying,
        "entry_date": position.entry_date,
        "quantity": text(position.quantity),
        "price": text(position.price),
        "price_date": position.price_date,
        "price_date_reason": reasons::price_date(position),
        "quality": position.quality.as_str(),
        "market_value": text(position.market_value),
        "cost": text(position.cost),
        "unrealised": text(position.unrealised),
        "weight": weight,
        "weight_reason": reasons::weight(nav),
        "marginal_risk": marginal.as_ref().ok(),
        "marginal_risk_reason": marginal.as_ref().err(),
        "risk_contribution": contribution.as_ref().ok(),
        "risk_contribution_reason": contribution.as_ref().err(),
        "sector": position.sector,
        "sector_reason": position.sector.is_none().then_some(reasons::NO_SECTOR),
        "betas": fits::betas(&position.betas),
        "slopes": fits::slopes(&position.betas),
        "reason": left_out(position, report),
    })
}

/// Why a position has no part in the analytics.
pub fn left_out<'a>(position: &Position, report: &'a Report) -> Option<&'a String> {
    let missing = &report.completeness.missing;
    let own = missing.get(position.symbol.as_str());
    own.or_else(|| missing.get(position.underlying.as_deref()?))
}

/// What is flagged of the slope of a position on a factor: what is of the fit that it moves with, `extreme`, `collinear` or
/// `motionless`.
pub fn slope_flags<'a>(position: &Position, factor: &str, report: &'a Report) -> &'a [String] {
    let symbol = position.underlying.as_deref();
    let symbol = symbol.unwrap_or(position.symbol.as_str());
    let mut fits = report.fits.iter();
    let fit = fits.find(|fit| fit.symbol.as_str() == symbol);
    let slope = fit.and_then(|fit| fit.slopes.get(factor));
    slope.map_or(&[][..], |slope| &slope.flags[..])
}

/// Change of the annual volatility with the weight of a position: that of its instrument in the risk model. Times its own weight it is the
/// position's part of the volatility.
fn marginal(position: &Position, report: &Report) -> Result<f64, String> {
    if report.risk.is_none() {
        return Err(reason(report, "factors"));
    }
    if position.class == AssetClass::Options {
        return Err("part of its underlying, by its delta".to_owned());
    }
    let symbol = position.symbol.as_str();
    let own = report
        .contributions
        .iter()
        .find(|part| part.kind == "underlying" && part.name == symbol);
    own.map(|part| part.marginal)
        .ok_or_else(|| "not in the risk model".to_owned())
}

/// A fraction of net asset value, where that is positive.
pub fn weight(value: Decimal, nav: Decimal) -> Option<f64> {
    (nav > Decimal::ZERO).then(|| money::to_f64(value) / money::to_f64(nav))
}

pub(super) fn concentration(report: &Report) -> Value {
    let row = report.concentration.as_ref();
    json!({
        "available": row.is_some(),
        "reason": row.is_none().then(|| reason(report, "concentration")),
        "gross": row.map(|row| text(row.gross)),
        "hhi": row.map(|row| row.hhi),
        "effective_names": row.map(|row| row.effective_names),
        "top_3": row.map(|row| row.top_3),
        "top_10": row.map(|row| row.top_10),
        "instruments": row.map(|row| row.instruments),
    })
}

/// The buckets, largest first, then those that only a benchmark has: nothing is in them.
pub(super) fn sectors(report: &Report) -> Value {
    let own = report.sectors.iter().map(|sector| {
        json!({
            "sector": sector.sector,
            "long_value": text(sector.long_value),
            "short_value": text(sector.short_value),
            "net_value": text(sector.net_value),
            "gross_value": text(sector.gross_value),
            "net_weight": sector.net_weight,
            "reason": sector.net_weight.is_none().then_some(reasons::NONPOSITIVE_NAV),
            "active": active(report, &sector.sector),
            "active_reason": reasons::active(report),
        })
    });
    let mut others: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for row in &report.active_weights {
        if report.sectors.iter().all(|own| own.sector != row.sector) {
            others.insert(&row.sector, row.net_weight);
        }
    }
    let others = others.into_iter().map(|(sector, weight)| {
        json!({
            "sector": sector,
            "long_value": "0",
            "short_value": "0",
            "net_value": "0",
            "gross_value": "0",
            "net_weight": weight,
            "reason": weight.is_none().then_some(reasons::NONPOSITIVE_NAV),
            "active": active(report, sector),
            "active_reason": reasons::active(report),
        })
    });
    own.chain(others).collect()
}

/// A sector against each benchmark that is loaded.
fn active(report: &Report, sector: &str) -> Value {
    let rows = report.active_weights.iter();
    let own = rows.filter(|row| row.sector == sector).map(|row| {
        json!({
            "benchmark": row.benchmark,
            "benchmark_as_of": row.benchmark_as_of,
            "benchmark_weight": row.benchmark_weight,
            "active_weight": row.active_weight,
            "reason": row.active_weight.is_none().then_some(reasons::NONPOSITIVE_NAV),
        })
    });
    own.collect()
}
