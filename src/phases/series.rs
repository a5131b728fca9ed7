//! Series on the calendar: prices of a window, session by session, with holes as holes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::analytics::returns;
use crate::domain::{Factor, Symbol, TradingDate, money};
use crate::phases::{Error, Result};
use crate::store::ReadTx;
use crate::store::market::{self, Action, Series};

/// Consecutive sessions, ascending.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    pub(super) sessions: Vec<TradingDate>,
}

/// Closes, yields and corporate actions of a window.
#[derive(Debug, Default)]
pub(super) struct Prices {
    closes: BTreeMap<Symbol, Series>,
    yields: BTreeMap<Symbol, Series>,
    actions: BTreeMap<Symbol, Vec<Action>>,
    refused: BTreeMap<Symbol, Series>,
}

impl Prices {
    /// With the closes that are no prices, for those who look at the quality of the series.
    pub(super) fn and_refused(self, refused: BTreeMap<Symbol, Series>) -> Self {
        Self { refused, ..self }
    }

    /// Without corporate actions.
    pub(super) fn of(closes: BTreeMap<Symbol, Series>, yields: BTreeMap<Symbol, Series>) -> Self {
        Self {
            closes,
            yields,
            actions: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// With splits and dividends.
    #[cfg(test)]
    pub(super) fn and_actions(self, actions: BTreeMap<Symbol, Vec<Action>>) -> Self {
        Self { actions, ..self }
    }
}

impl Window {
    /// Where a session stands in the window.
    pub(super) fn position(&self, date: TradingDate) -> Option<usize> {
        self.sessions.binary_search(&date).ok()
    }

    fn aligned(&self, series: Option<&Series>) -> Vec<f64> {
        let mut values = vec![f64::NAN; self.sessions.len()];
        let Some(series) = series else { return values };
        let mut at = 0;
        for (date, value) in series.dates.iter().zip(&series.values) {
            while at < self.sessions.len() && self.sessions[at].date() < *date {
                at += 1;
            }
            if at < self.sessions.len() && self.sessions[at].date() == *date {
                values[at] = *value;
            }
        }
        values
    }

    fn actions(&self, actions: &[Action]) -> (Vec<f64>, Vec<f64>) {
        let mut splits = vec![1.0; self.sessions.len()];
        let mut dividends = vec![0.0; self.sessions.len()];
        for action in actions {
            if let Some(at) = self.position(action.ex_date) {
                splits[at] = action.split.map_or(1.0, money::to_f64);
                dividends[at] = action.dividend.map_or(0.0, money::to_f64);
            }
        }
        (splits, dividends)
    }

    /// Closes of a symbol as traded, NaN where there is none.
    pub(super) fn closes(&self, prices: &Prices, symbol: &Symbol) -> Vec<f64> {
        self.aligned(prices.closes.get(symbol))
    }

    /// Total returns of a symbol, NaN where there is none.
    pub(super) fn returns(&self, prices: &Prices, symbol: &Symbol) -> Result<Vec<f64>> {
        let closes = self.aligned(prices.closes.get(symbol));
        let own = prices.actions.get(symbol).map_or(&[][..], Vec::as_slice);
        let (splits, dividends) = self.actions(own);
        returns::total_returns(&closes, &splits, &dividends)
            .map_err(|error| Error::Permanent(format!("returns of {symbol}: {error}")))
    }

    /// Closes, split ratios and dividends of a symbol, session by session; closes that are no prices among them.
    pub(super) fn observed(
        &self,
        prices: &Prices,
        symbol: &Symbol,
    ) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let mut closes = self.aligned(prices.closes.get(symbol));
        let refused = self.aligned(prices.refused.get(symbol));
        for (close, refused) in closes.iter_mut().zip(refused) {
            if close.is_nan() {
                *close = refused;
            }
        }
        let own = prices.actions.get(symbol).map_or(&[][..], Vec::as_slice);
        let (splits, dividends) = self.actions(own);
        (closes, splits, dividends)
    }

    /// Yields of a series, session by session.
    pub(super) fn yields(&self, prices: &Prices, symbol: &Symbol) -> Vec<f64> {
        self.aligned(prices.yields.get(symbol))
    }

    /// For each span of the window, the index of total return that bridges holes, NaN where there is
    /// no close. An index begins with its span, so that its digits depend on nothing outside of it.
    pub(super) fn indices(
        &self,
        prices: &Prices,
        symbol: &Symbol,
        spans: &[RangeInclusive<usize>],
    ) -> Result<Vec<Vec<f64>>> {
        let closes = self.aligned(prices.closes.get(symbol));
        let own = prices.actions.get(symbol).map_or(&[][..], Vec::as_slice);
        let (splits, dividends) = self.actions(own);
        let index = |span: &RangeInclusive<usize>| {
            let of = |values: &[f64]| values[span.clone()].to_vec();
            returns::total_return_index(&of(&closes), &of(&splits), &of(&dividends))
                .map_err(|error| Error::Permanent(format!("total return of {symbol}: {error}")))
        };
        spans.iter().map(index).collect()
    }

    /// Returns of a factor's proxy: of its prices, or of a bond behind its yield.
    pub(super) fn proxy_returns(&self, prices: &Prices, factor: &Factor) -> Result<Vec<f64>> {
        if factor.kind == crate::domain::SeriesKind::Price {
            return self.returns(prices, &factor.proxy);
        }
        let yields = self.aligned(prices.yields.get(&factor.proxy));
        let (duration, convexity) = (
            factor.duration.unwrap_or(0.0),
            factor.convexity.unwrap_or(0.0),
        );
        returns::yield_returns(&yields, duration, convexity)
            .map_err(|error| Error::Permanent(format!("returns of {}: {error}", factor.proxy)))
    }
}

impl Prices {
    /// What one share has become by the splits with ex-dates after `after`, up to `until`.
    pub(super) fn split_factor(
        &self,
        symbol: &Symbol,
        after: TradingDate,
        until: TradingDate,
    ) -> f64 {
        let own = self.actions.get(symbol).map_or(&[][..], Vec::as_slice);
        own.iter()
            .filter(|action| action.ex_date > after && action.ex_date <= until)
            .filter_map(|action| action.split)
            .fold(1.0, |factor, ratio| factor * money::to_f64(ratio))
    }
}

/// Reads the prices of symbols and of the factors' proxies over a window.
pub(super) async fn load(
    db: &mut ReadTx<'_>,
    window: &Window,
    symbols: &[Symbol],
    factors: &[Factor],
) -> Result<Prices> {
    let (Some(from), Some(to)) = (window.sessions.first(), window.sessions.last()) else {
        return Ok(Prices::default());
    };
    let (mut priced, mut yielding) = (Vec::new(), Vec::new());
    priced.extend(symbols.iter().map(ToString::to_string));
    for factor in factors {
        match factor.kind {
            crate::domain::SeriesKind::Price => priced.push(factor.proxy.to_string()),
            crate::domain::SeriesKind::Yield => yielding.push(factor.proxy.to_string()),
        }
    }
    priced.sort();
    priced.dedup();
    let closes = market::closes(db, &priced, from.date(), to.date()).await?;
    let yields = market::yields(db, &yielding, from.date(), to.date()).await?;
    let mut actions: BTreeMap<Symbol, Vec<Action>> = BTreeMap::new();
    for action in market::actions(db, &priced, to.date()).await? {
        actions
            .entry(action.symbol.clone())
            .or_default()
            .push(action);
    }
    Ok(Prices {
        closes,
        yields,
        actions,
        refused: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    #[test]
    fn a_hole_stays_a_hole() {
        let day = |d| NaiveDate::from_ymd_opt(2016, 3, d).unwrap();
        let window = Window {
            sessions: [7, 8, 9, 10].map(|d| TradingDate::trusted(day(d))).to_vec(),
        };
        let symbol = Symbol::parse("A").unwrap();
        let series = Series {
            // The 6th is before the window, the 12th after it.
            dates: [6, 7, 8, 10, 12].map(day).to_vec(),
            values: vec![90.0, 100.0, 101.0, 103.0, 110.0],
        };
        let prices = Prices {
            closes: BTreeMap::from([(symbol.clone(), series)]),
            ..Prices::default()
        };
        let returns = window.returns(&prices, &symbol).unwrap();
        assert!((returns[1] - 0.01).abs() < 1e-15);
        assert!(returns[0].is_nan() && returns[2].is_nan() && returns[3].is_nan());
    }
}
