//! A book that is made up: what phase 6 loads, without a database. For benchmarks.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{Accounts, Loaded, analyse, replay, safety_net};
use crate::domain::{
    AssetClass, Calendar, PortfolioId, PositionId, Quality, Replay, SeriesKind, Symbol, TradingDate,
};
use crate::phases::symbol_factors::{self, DateModel, WINDOW, covariance_row};
use crate::phases::{Cx, Error, HISTORY_SESSIONS, Result, series};
use crate::store::definitions::Definitions;
use crate::store::market::{Profiles, Series};
use crate::store::portfolio_results::Valued;
use crate::store::replay_paths::{Path, Paths};

/// A loaded book with the models of its symbols.
pub struct MadeUp(Loaded);

impl MadeUp {
    /// Of long positions with this value each; `closes` are those of the symbols and of the factors' proxies, `yields` those of the
    /// factors that have one. The models are fitted here, as phase 1.5 does.
    pub fn new(
        cx: &Cx,
        as_of: TradingDate,
        definitions: Definitions,
        held: &[(Symbol, Decimal)],
        closes: BTreeMap<Symbol, Series>,
        yields: BTreeMap<Symbol, Series>,
    ) -> Result<Self> {
        loaded(cx.calendar, as_of, definitions, held, closes, yields).map(Self)
    }

    /// Everything that phase 6 computes; the outcome of each analytic.
    pub fn compute(&self, cx: &Cx) -> Result<Vec<String>> {
        Ok(analyse(cx, &self.0)?.outcomes.to_vec())
    }
}

/// As of [`MadeUp::new`].
fn loaded(
    calendar: Calendar,
    as_of: TradingDate,
    definitions: Definitions,
    held: &[(Symbol, Decimal)],
    closes: BTreeMap<Symbol, Series>,
    yields: BTreeMap<Symbol, Series>,
) -> Result<Loaded> {
    let window = symbol_factors::window(calendar, as_of, as_of, HISTORY_SESSIONS - 1)?;
    let prices = series::Prices::of(closes, yields);
    let mut returns = Vec::with_capacity(definitions.factors.len());
    for factor in &definitions.factors {
        returns.push(window.proxy_returns(&prices, factor)?);
    }
    let past = past(calendar, as_of, held, &definitions)?;
    let last = window.sessions.len() - 1;
    let span = last + 1 - WINDOW..=last;
    let dated = DateModel::new(&definitions.factors, &returns, &window, span);
    let covariance = Some(covariance_row(&dated, as_of));
    let valued = |(at, (symbol, value)): (usize, &(Symbol, Decimal))| Valued {
        position: PositionId(uuid::Uuid::from_u128(at as u128)),
        symbol: symbol.clone(),
        class: AssetClass::Public,
        underlying: None,
        option: None,
        entry_date: as_of.date(),
        entry_quantity: *value,
        quantity: *value,
        price: Decimal::ONE,
        price_date: Some(as_of.date()),
        quality: Quality::Close,
        market_value: *value,
        cost: *value,
    };
    let mut loaded = Loaded {
        portfolio: PortfolioId::of("bench", "made up"),
        as_of,
        values: held.iter().enumerate().map(valued).collect(),
        accounts: Accounts {
            valued: true,
            money: Some((held.iter().map(|(_, value)| value).sum(), Decimal::ZERO)),
            doubts: BTreeMap::new(),
        },
        covariance,
        past,
        models: BTreeMap::new(),
        window,
        prices,
        profiles: Profiles::default(),
        reasons: BTreeMap::new(),
        benchmarks: Vec::new(),
        definitions,
    };
    safety_net(&mut loaded)?;
    Ok(loaded)
}

/// 100,000 of one stock that does what the market does, which is the only factor, at the end of 2016. For tests.
#[cfg(test)]
pub(super) fn of_the_market(scenarios: Vec<crate::domain::Scenario>) -> Loaded {
    use crate::domain::{Factor, FactorRole};

    let calendar = Calendar::nyse();
    let end = chrono::NaiveDate::from_ymd_opt(2016, 12, 30).unwrap();
    let as_of = calendar.on_or_before(end).unwrap();
    let first = calendar.back(as_of, HISTORY_SESSIONS - 1).unwrap();
    let sessions = calendar.sessions(first.date(), as_of.date()).unwrap();
    // Two turns of different lengths: returns that vary, of a close that goes nowhere.
    let closes = (0_u32..).map(|t| 100.0 + f64::from(t % 7) - f64::from(t % 5));
    let series = Series {
        values: closes.take(sessions.len()).collect(),
        dates: sessions.iter().map(|session| session.date()).collect(),
    };
    let (market, stock): (Symbol, Symbol) = ("SPY".parse().unwrap(), "AAA".parse().unwrap());
    let definitions = Definitions {
        factors: vec![Factor {
            name: "Market".to_owned(),
            proxy: market.clone(),
            kind: SeriesKind::Price,
            role: FactorRole::Market,
            duration: None,
            convexity: None,
        }],
        scenarios,
        risk_free_rate: None,
        hash: String::new(),
    };
    let held = [(stock.clone(), Decimal::from(100_000))];
    let closes = BTreeMap::from([(market, series.clone()), (stock, series)]);
    loaded(calendar, as_of, definitions, &held, closes, BTreeMap::new()).unwrap()
}

/// The crises that are over: every proxy was there, every second symbol was, the others go by their betas.
fn past(
    calendar: Calendar,
    as_of: TradingDate,
    held: &[(Symbol, Decimal)],
    definitions: &Definitions,
) -> Result<replay::Past> {
    let windows = Replay::over(calendar, as_of);
    let windows = windows.map_err(|error| Error::Permanent(error.to_string()))?;
    let factors = definitions.factors.iter();
    let proxies = factors.map(|factor| (&factor.proxy, factor.kind));
    let there = held.iter().step_by(2);
    let there = there.map(|(symbol, _)| (symbol, SeriesKind::Price));
    let mut paths = Paths::new();
    for (at, (symbol, kind)) in proxies.chain(there).enumerate() {
        let ends = match kind {
            SeriesKind::Price => [100.0, 80.0 - (at % 20) as f64],
            SeriesKind::Yield => [0.04, 0.03],
        };
        for (replay, _) in &windows {
            let path = Path {
                ends: Some(ends),
                actions: Vec::new(),
                reason: None,
            };
            paths.insert((symbol.clone(), replay.id), path);
        }
    }
    Ok(replay::Past { windows, paths })
}
