//! What a portfolio made over a range.

use serde_json::{Value, json};

use crate::domain::Portfolio;
use crate::engine::performance::{
    CONVENTION_ID, DatedDrawdown, Figure, LotContribution, Performance,
};

/// The document: every figure has a value or a reason, its unit, and the convention it was made with.
pub fn document(portfolio: &Portfolio, found: &Performance) -> Value {
    let figures = &found.figures;
    let benchmark = figures.benchmark.as_ref().map(|against| {
        json!({
            "symbol": against.symbol,
            "total_return": figure(&against.total, "fraction"),
            "tracking_error": figure(&against.tracking_error, "fraction per year"),
            "information_ratio": figure(&against.information_ratio, "per year"),
            "beta": figure(&against.beta, "slope"),
            "alpha": figure(&against.alpha, "fraction per year"),
        })
    });
    let contributions = found.contributions.iter().map(|part| {
        json!({
            "name": part.name,
            "profit": part.profit.normalize().to_string(),
            "fraction": part.fraction,
            "lots": part.lots.iter().map(lot).collect::<Vec<_>>(),
        })
    });
    json!({
        "portfolio_id": portfolio.id,
        "name": portfolio.name,
        "currency": portfolio.currency,
        "conventions": found.conventions,
        "from": found.from,
        "to": found.to,
        "sessions": found.sessions,
        "days": found.days,
        "opening_nav": found.opening.normalize().to_string(),
        "closing_nav": found.closing.normalize().to_string(),
        "external_flows": found.flows.normalize().to_string(),
        "profit": found.profit.normalize().to_string(),
        "large_flows": found.large_flows,
        "coverage": found.coverage,
        "low_coverage_sessions": found.low_coverage,
        "total_return": figure(&figures.total, "fraction"),
        "annual_return": figure(&figures.annual, "fraction per year"),
        "xirr": figure(&figures.xirr, "fraction per year"),
        "volatility": figure(&figures.volatility, "fraction per year"),
        "sharpe": figure(&figures.sharpe, "per year"),
        "sortino": figure(&figures.sortino, "per year"),
        "calmar": figure(&figures.calmar, "per year"),
        "max_drawdown": figure(&figures.max_drawdown, "fraction"),
        "drawdowns": figures.drawdowns.iter().map(drawdown).collect::<Vec<_>>(),
        "benchmark": benchmark,
        "contributions": contributions.collect::<Vec<_>>(),
        "contributions_reason": found.contributions_reason,
    })
}

/// Its falls from a peak, deepest first.
pub fn drawdowns(found: &Performance) -> Value {
    let figures = &found.figures;
    json!({
        "from": found.from,
        "to": found.to,
        "sessions": found.sessions,
        "max_drawdown": figure(&figures.max_drawdown, "fraction"),
        "calmar": figure(&figures.calmar, "per year"),
        "drawdowns": figures.drawdowns.iter().map(drawdown).collect::<Vec<_>>(),
    })
}

fn figure(figure: &Figure, unit: &str) -> Value {
    json!({
        "value": figure.as_ref().ok(),
        "reason": figure.as_ref().err(),
        "unit": unit,
        "convention_id": CONVENTION_ID,
    })
}

fn lot(part: &LotContribution) -> Value {
    json!({
        "position_id": part.position,
        "profit": part.profit.normalize().to_string(),
        "fraction": part.fraction,
    })
}

fn drawdown(fall: &DatedDrawdown) -> Value {
    json!({ "peak": fall.peak, "trough": fall.trough, "recovery": fall.recovery, "depth": fall.depth })
}
