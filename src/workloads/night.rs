//! Phase 6 of one portfolio: factors, risk, volatility, correlations, concentration, sectors and every active stress scenario.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rust_decimal::Decimal;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::series::Universe;
use crate::clock::Deadline;
use crate::domain::{Calendar, SeriesKind, Symbol};
use crate::import::{factors_toml, scenarios_toml};
use crate::market_data::Provider;
use crate::phases::portfolio_analytics::made_up::MadeUp;
use crate::phases::{Cx, HISTORY_SESSIONS};
use crate::store::definitions::Definitions;
use crate::store::market::Series;

/// Date of the book.
const AS_OF: &str = "2016-12-30";

/// A loaded book and the context of its task.
pub struct Night {
    book: MadeUp,
    cx: Cx,
    /// Active scenarios.
    pub scenarios: usize,
}

impl Night {
    /// A book of this many positions of equal value, with the factors and scenarios of the demo. `provider` is opened, `files:DIR`, and asked
    /// nothing.
    pub fn new(positions: usize, provider: &str) -> Result<Self, Error> {
        let factors = factors_toml::parse(include_str!("../../data/factors.toml"))?;
        let scenarios = scenarios_toml::parse(include_str!("../../data/scenarios.toml"), &factors)?;
        let cx = Cx {
            provider: Arc::new(Provider::open(provider)?),
            deadline: Deadline::after(Duration::from_hours(24)),
            cancel: CancellationToken::new(),
            calendar: Calendar::nyse(),
        };
        let as_of = cx.calendar.on_or_before(AS_OF.parse()?)?;
        let first = cx.calendar.back(as_of, HISTORY_SESSIONS - 1)?;
        let dates: Vec<_> = (cx.calendar.sessions(first.date(), as_of.date())?.iter())
            .map(|session| session.date())
            .collect();
        let universe = Universe::new(positions, dates.len());
        let of = |values| Series {
            dates: dates.clone(),
            values,
        };
        let (mut closes, mut yields) = (BTreeMap::new(), BTreeMap::new());
        for (factor, returns) in factors.factors.iter().zip(&universe.proxies) {
            if factor.kind == SeriesKind::Price {
                closes.insert(factor.proxy.clone(), of(compounded(returns)));
            } else {
                let level = returns.iter().scan(0.02, |level, r| {
                    *level += r / 20.0;
                    Some(*level)
                });
                yields.insert(factor.proxy.clone(), of(level.collect()));
            }
        }
        let mut held = Vec::with_capacity(positions);
        for (at, returns) in universe.symbols.iter().enumerate() {
            let symbol: Symbol = format!("S{at:03}").parse()?;
            let mut series = of(compounded(returns));
            // A hole is a close that is not there.
            let there: Vec<bool> = returns.iter().map(|value| !value.is_nan()).collect();
            let mut keep = there.iter();
            series.dates.retain(|_| *keep.next().unwrap_or(&true));
            let mut keep = there.iter();
            series.values.retain(|_| *keep.next().unwrap_or(&true));
            closes.insert(symbol.clone(), series);
            held.push((symbol, Decimal::from(20_000)));
        }
        let definitions = Definitions {
            risk_free_rate: None,
            factors: factors.factors,
            hash: scenarios.hash,
            scenarios: scenarios.scenarios,
        };
        let scenarios = definitions
            .scenarios
            .iter()
            .filter(|one| one.active)
            .count();
        let book = MadeUp::new(&cx, as_of, definitions, &held, closes, yields)?;
        Ok(Self {
            book,
            cx,
            scenarios,
        })
    }

    /// All of it; an error unless every analytic is done.
    pub fn compute(&self) -> Result<(), Error> {
        let outcomes = self.book.compute(&self.cx)?;
        match outcomes.iter().find(|outcome| *outcome != "done") {
            None => Ok(()),
            Some(other) => Err(format!("an analytic of the made-up book is {other}").into()),
        }
    }
}

/// Closes with these returns.
fn compounded(returns: &[f64]) -> Vec<f64> {
    let mut close = 100.0;
    returns
        .iter()
        .map(|value| {
            if !value.is_nan() {
                close *= 1.0 + value;
            }
            close
        })
        .collect()
}
