//! Phase 1.75: price and period returns per symbol and date.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::series::{self, Prices, Window};
use super::sets::{Ours, Wish};
use super::symbol_factors::window;
use super::units::{DATE_CHUNK, SYMBOL_CHUNK, chunk_name, rectangles, reopen, singles};
use super::{Cx, Done, Error, MODEL_VERSION, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::analytics::period::period_returns;
use crate::domain::{PhaseName, PriceHistory, Symbol, TaskEpoch, TradingDate};
use crate::store::symbol_results::{self, MetricsRow};
use crate::store::{ReadTx, WriteTx, market, plans};

/// Sessions that reach back over a year and its anchor date.
const YEAR_SESSIONS: usize = 275;
/// Day number of 1970-01-01 counted from the year 1.
const EPOCH_DAYS: i32 = 719_163;

/// The phase.
pub struct SymbolMetrics;

/// Symbols and at most 21 dates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    symbols: Vec<Symbol>,
    dates: Vec<TradingDate>,
}

/// Prices of a bit more than a year.
pub struct Loaded {
    input: Input,
    window: Window,
    prices: Prices,
    exact: BTreeMap<Symbol, PriceHistory>,
    reasons: BTreeMap<(Symbol, NaiveDate), String>,
}

impl Phase for SymbolMetrics {
    const NAME: PhaseName = PhaseName::SymbolMetrics;
    const AFTER: &'static [PhaseName] = &[PhaseName::SymbolFactors];
    const TIMEOUT: Duration = Duration::from_mins(2);
    type Input = Input;
    type Loaded = Loaded;
    type Fetched = Loaded;
    type Output = Vec<MetricsRow>;

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        let symbols: Vec<String> = run
            .symbols
            .iter()
            .filter(|wanted| wanted.class == "PUBLIC" && !wanted.yields)
            .map(|wanted| wanted.symbol.to_string())
            .collect();
        let (kind, dates) = (Self::NAME.as_str(), run.work_dates());
        let mut lacking =
            plans::without_current(db, kind, &symbols, &dates, MODEL_VERSION, run.recompute)
                .await?;
        for (symbol, from) in &run.awaited {
            if symbols.contains(&symbol.to_string()) {
                reopen(&mut lacking, symbol.as_str(), &dates, *from);
            }
        }
        let mut units = Vec::new();
        for (symbols, dates) in rectangles(&lacking, SYMBOL_CHUNK, DATE_CHUNK) {
            let symbols: Vec<Symbol> = symbols
                .iter()
                .filter_map(|text| Symbol::parse(text).ok())
                .collect();
            let name = chunk_name("symbol", &symbols);
            let Some(&as_of) = dates.last() else { continue };
            units.push(Unit {
                unit: name,
                as_of,
                input: Input { symbols, dates },
            });
        }
        Ok(units)
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Loaded> {
        let (Some(&first), Some(&last)) = (input.dates.first(), input.dates.last()) else {
            return Err(Error::Permanent("a unit without dates".into()));
        };
        let window = window(task.calendar, first, last, YEAR_SESSIONS)?;
        let prices = series::load(db, &window, &input.symbols, &[]).await?;
        let names: Vec<String> = input.symbols.iter().map(ToString::to_string).collect();
        let exact = market::histories(db, &names, first.date(), last.date()).await?;
        let dates: Vec<NaiveDate> = input.dates.iter().map(|date| date.date()).collect();
        let reasons = market::reasons_on(db, &names, &dates).await?;
        Ok(Loaded {
            input: input.clone(),
            window,
            prices,
            exact,
            reasons,
        })
    }

    async fn fetch(&self, _: &Cx, loaded: Loaded) -> Result<Loaded> {
        Ok(loaded)
    }

    fn compute(&self, cx: &Cx, loaded: Loaded) -> Result<Vec<MetricsRow>> {
        let Loaded {
            input,
            window,
            prices,
            exact,
            reasons,
        } = loaded;
        let days: Vec<i32> = window
            .sessions
            .iter()
            .map(|session| session.date().num_days_from_ce() - EPOCH_DAYS)
            .collect();
        let mut rows = Vec::with_capacity(input.symbols.len() * input.dates.len());
        let mut spans = Vec::with_capacity(input.dates.len());
        for &as_of in &input.dates {
            match window
                .position(as_of)
                .and_then(|at| at.checked_sub(YEAR_SESSIONS).map(|from| from..=at))
            {
                Some(span) => spans.push(span),
                None => return Err(Error::Bug(format!("{as_of} is outside its window"))),
            }
        }
        for symbol in &input.symbols {
            cx.check()?;
            let indices = window.indices(&prices, symbol, &spans)?;
            for ((&as_of, span), index) in input.dates.iter().zip(&spans).zip(&indices) {
                let returns = period_returns(&days[span.clone()], index)
                    .map_err(|error| Error::Permanent(format!("metrics of {symbol}: {error}")))?;
                let close = exact
                    .get(symbol)
                    .and_then(|history| close_of(history, as_of));
                let missing = || {
                    let known = reasons.get(&(symbol.clone(), as_of.date())).cloned();
                    known.unwrap_or_else(|| "no close for this session".to_owned())
                };
                rows.push(MetricsRow {
                    symbol: symbol.clone(),
                    as_of,
                    close,
                    returns: [
                        returns.one_day,
                        returns.month_to_date,
                        returns.year_to_date,
                        returns.one_month,
                        returns.three_months,
                        returns.one_year,
                    ],
                    reason: if close.is_none() {
                        Some(missing())
                    } else {
                        None
                    },
                });
            }
        }
        Ok(rows)
    }

    fn sets(rows: &Vec<MetricsRow>) -> Vec<Wish> {
        let kind = Self::NAME.as_str();
        let wish = |row: &MetricsRow| (kind, row.symbol.to_string(), row.as_of, String::new());
        rows.iter().map(wish).collect()
    }

    async fn commit(
        &self,
        tx: &mut WriteTx,
        done: &[Done<'_, Vec<MetricsRow>>],
    ) -> Result<Vec<TaskEpoch>> {
        let ours = Ours::of(done, Self::NAME.as_str());
        let key = |row: &MetricsRow| (row.symbol.to_string(), row.as_of);
        let rows = ours.rows(done, Vec::as_slice, key);
        symbol_results::replace_metrics(tx, &rows).await?;
        Ok(ours.superseded)
    }

    fn split(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
        singles(
            "symbol",
            &input.symbols,
            as_of,
            ToString::to_string,
            |symbols| Input {
                symbols,
                dates: input.dates.clone(),
            },
        )
    }

    fn subjects(input: &Input, _as_of: TradingDate) -> Subjects {
        Subjects {
            symbols: input.symbols.clone(),
            dates: Some(input.dates.clone()),
            ..Subjects::default()
        }
    }
}

fn close_of(history: &PriceHistory, on: TradingDate) -> Option<Decimal> {
    let at = history
        .closes
        .binary_search_by_key(&on, |(date, _)| *date)
        .ok()?;
    history.closes.get(at).map(|(_, close)| *close)
}
