//! Performance of a portfolio over a range, on request: no phase, for everything it needs is stored
//! already. It reads snapshots and inputs of one snapshot of the database and writes nothing.

mod figures;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use serde::Serialize;

pub use self::figures::{Benchmark, DatedDrawdown, Figure, Figures};
use super::books::{self, Books};
use super::series::{self, Prices, Window};
use super::{Error, Result};
use crate::analytics::conventions;
use crate::domain::{Calendar, Portfolio, PositionId, Symbol, TradingDate, coverage, money};
use crate::store::reports::{self, SnapshotDay};
use crate::store::{ReadTx, definitions};

/// The conventions behind the figures, for those who print them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Conventions {
    convention_id: &'static str,
    sessions_per_year: f64,
    days_per_year: f64,
    ddof: usize,
    risk_free_rate: f64,
    risk_free_unit: &'static str,
    quantile_type: u8,
    flows: &'static str,
    days_to_annualise: i32,
}

impl Conventions {
    fn with(risk_free_rate: f64) -> Self {
        Self {
            convention_id: conventions::CONVENTION_ID,
            sessions_per_year: conventions::SESSIONS_PER_YEAR,
            days_per_year: conventions::DAYS_PER_YEAR,
            ddof: conventions::DDOF,
            risk_free_rate,
            risk_free_unit: "fraction per year, continuous",
            quantile_type: conventions::QUANTILE_TYPE,
            flows: "at the close",
            days_to_annualise: conventions::DAYS_TO_ANNUALISE,
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// First session; without it, the first that is published.
    pub from: Option<NaiveDate>,
    /// Last session; without it, the newest that is published.
    pub to: Option<NaiveDate>,
    /// A symbol to compare with.
    pub benchmark: Option<Symbol>,
}

/// Profit of one symbol, or of income that belongs to none.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// The symbol, or `income`.
    pub name: String,
    /// In the portfolio's currency.
    pub profit: Decimal,
    /// Of the net asset value before the range; null where that was not positive.
    pub fraction: Option<f64>,
    /// Its lots in the order of the book; they add up to the profit.
    pub lots: Vec<LotContribution>,
}

/// Profit of one lot.
#[derive(Debug, Clone, PartialEq)]
pub struct LotContribution {
    /// Which.
    pub position: PositionId,
    /// In the portfolio's currency.
    pub profit: Decimal,
    /// Of the net asset value before the range; null where that was not positive.
    pub fraction: Option<f64>,
}

/// The answer. Amounts are exact: closing = opening + flows + profit.
#[derive(Debug, Clone)]
pub struct Performance {
    /// What the figures were made with.
    pub conventions: Conventions,
    /// First session.
    pub from: TradingDate,
    /// Last session.
    pub to: TradingDate,
    /// Sessions with a snapshot.
    pub sessions: usize,
    /// Calendar days from the close before the first session to the last.
    pub days: i32,
    /// Net asset value before the first session.
    pub opening: Decimal,
    /// Net asset value at the end.
    pub closing: Decimal,
    /// Contributions less withdrawals.
    pub flows: Decimal,
    /// Profit.
    pub profit: Decimal,
    /// Sessions whose return is doubtful, for more than a tenth came or went.
    pub large_flows: Vec<NaiveDate>,
    /// The lowest modelled gross over gross of its sessions: values that nobody priced move no return.
    pub coverage: Option<f64>,
    /// Sessions whose coverage is below 80 %.
    pub low_coverage: usize,
    /// Returns and ratios, each with a value or a reason.
    pub figures: Figures,
    /// Largest first; they add up to the profit.
    pub contributions: Vec<Contribution>,
    /// Why there are none.
    pub contributions_reason: Option<String>,
}

/// What an answer is made of: everything is read before anything is computed.
pub struct Sources {
    portfolio: Portfolio,
    calendar: Calendar,
    stored: Vec<SnapshotDay>,
    from: TradingDate,
    to: TradingDate,
    before: TradingDate,
    gap: Option<String>,
    benchmark: Option<(Symbol, Window, Prices)>,
    /// Where every session can be chained.
    books: Option<Books>,
    risk_free_rate: f64,
}

/// Reads; `None` where nothing of the range is published.
pub async fn load(
    db: &mut ReadTx<'_>,
    portfolio: &Portfolio,
    question: &Question,
) -> Result<Option<Sources>> {
    let calendar = Calendar::nyse();
    let permanent = |error: crate::domain::CalendarError| Error::Permanent(error.to_string());
    let stored = reports::snapshots(db, portfolio.id, question.from, question.to).await?;
    let (Some(first), Some(last)) = (stored.first(), stored.last()) else {
        return Ok(None);
    };
    let from = calendar.on_or_after(first.as_of).map_err(permanent)?;
    let to = calendar.on_or_after(last.as_of).map_err(permanent)?;
    let before = calendar.previous(from).map_err(permanent)?;
    let sessions = calendar
        .sessions(from.date(), to.date())
        .map_err(permanent)?;
    let gap = gap(&stored, &sessions);
    let benchmark = match &question.benchmark {
        Some(symbol) => {
            let mut all = vec![before];
            all.extend(&sessions);
            let window = Window { sessions: all };
            let prices = series::load(db, &window, std::slice::from_ref(symbol), &[]).await?;
            Some((symbol.clone(), window, prices))
        }
        None => None,
    };
    let books = match gap {
        Some(_) => None,
        None => Some(books::load(db, calendar, &[portfolio.id], &[from, to]).await?),
    };
    Ok(Some(Sources {
        portfolio: portfolio.clone(),
        calendar,
        stored,
        from,
        to,
        before,
        gap,
        benchmark,
        books,
        risk_free_rate: definitions::risk_free_rate(db)
            .await?
            .unwrap_or(conventions::RISK_FREE_RATE),
    }))
}

impl Sources {
    /// The last session of the range.
    pub fn last(&self) -> NaiveDate {
        self.to.date()
    }

    /// Answers. Pure: everything was read before.
    pub fn answer(&self) -> Result<Performance> {
        let (stored, from, to) = (&self.stored, self.from, self.to);
        let (Some(first), Some(last)) = (stored.first(), stored.last()) else {
            return Err(Error::Permanent("a range without a snapshot".to_owned()));
        };
        let opening = first.nav - first.external_flows - first.pnl_day;
        let benchmark = match &self.benchmark {
            Some((symbol, window, prices)) => {
                Some((symbol.clone(), benchmark(symbol, window, prices)?))
            }
            None => None,
        };
        let span = figures::Span {
            before: day(self.before),
            days: day(to) - day(self.before),
            opening: money::to_f64(opening),
            stored,
            gap: self.gap.as_deref(),
            risk_free_rate: self.risk_free_rate,
        };
        let figures = figures::figures(&span, benchmark.as_ref());
        let profit = stored.iter().map(|day| day.pnl_day).sum();
        let (contributions, contributions_reason) = match (&self.books, &self.gap) {
            (Some(books), None) => self.contributions(books, opening, profit)?,
            (_, why) => (Vec::new(), why.clone()),
        };
        let coverages = stored.iter().filter_map(|day| day.coverage);
        Ok(Performance {
            conventions: Conventions::with(span.risk_free_rate),
            from,
            to,
            sessions: stored.len(),
            days: span.days,
            opening,
            closing: last.nav,
            flows: stored.iter().map(|day| day.external_flows).sum(),
            profit,
            large_flows: stored
                .iter()
                .filter(|day| day.large_flow)
                .map(|day| day.as_of)
                .collect(),
            coverage: coverages.clone().min_by(f64::total_cmp),
            low_coverage: coverages
                .filter(|part| coverage::is_low(Some(*part)))
                .count(),
            figures,
            contributions,
            contributions_reason,
        })
    }
}

/// Days since 1970-01-01.
pub(super) fn day(date: TradingDate) -> i32 {
    const EPOCH: i32 = 719_163;
    date.date().num_days_from_ce() - EPOCH
}

/// The first session that cannot be chained, if any.
fn gap(stored: &[SnapshotDay], sessions: &[TradingDate]) -> Option<String> {
    let known: BTreeSet<NaiveDate> = stored.iter().map(|day| day.as_of).collect();
    let hole = sessions
        .iter()
        .find(|session| !known.contains(&session.date()))?;
    Some(format!(
        "the snapshot of {hole} is not published: run its date"
    ))
}

/// Total returns of the benchmark on the sessions, or why there are none.
fn benchmark(
    symbol: &Symbol,
    window: &Window,
    prices: &Prices,
) -> Result<std::result::Result<Vec<f64>, String>> {
    let returns = window.returns(prices, symbol)?.split_off(1);
    let missing = returns.iter().position(|value| value.is_nan());
    Ok(match missing {
        Some(at) => Err(format!(
            "{symbol} has no return on {}",
            window.sessions[at + 1]
        )),
        None => Ok(returns),
    })
}

impl Sources {
    /// Profit by symbol, from the inputs; refused when it does not add up to what is stored.
    fn contributions(
        &self,
        books: &Books,
        opening: Decimal,
        profit: Decimal,
    ) -> Result<(Vec<Contribution>, Option<String>)> {
        let (portfolio, from, to) = (self.portfolio.id, self.from, self.to);
        let Some(parts) = books.contributions(portfolio, self.calendar, from, to)? else {
            return Ok((Vec::new(), Some("the book is gone".to_owned())));
        };
        if parts.total() != profit {
            let why = format!(
                "the book gives a profit of {} today, the snapshots {profit}: run the dates again",
                parts.total()
            );
            return Ok((Vec::new(), Some(why)));
        }
        let part = |made: Decimal| {
            (opening > Decimal::ZERO).then(|| money::to_f64(made) / money::to_f64(opening))
        };
        let mut by_symbol: BTreeMap<&Symbol, Vec<LotContribution>> = BTreeMap::new();
        for (position, symbol, profit) in &parts.lots {
            let (position, profit) = (*position, *profit);
            // Of a lot that ended before the range nothing is to be said.
            if !profit.is_zero() {
                by_symbol.entry(symbol).or_default().push(LotContribution {
                    position,
                    profit,
                    fraction: part(profit),
                });
            }
        }
        let of_symbols = by_symbol.into_iter().map(|(symbol, lots)| {
            let profit = lots.iter().map(|lot| lot.profit).sum();
            (symbol.to_string(), profit, lots)
        });
        let income = std::iter::once(("income".to_owned(), parts.income, Vec::new()));
        let mut rows: Vec<Contribution> = of_symbols
            .chain(income)
            .filter(|(_, profit, lots)| !(profit.is_zero() && lots.is_empty()))
            .map(|(name, profit, lots)| Contribution {
                name,
                profit,
                fraction: part(profit),
                lots,
            })
            .collect();
        rows.sort_by(|a, b| {
            b.profit
                .abs()
                .cmp(&a.profit.abs())
                .then(a.name.cmp(&b.name))
        });
        Ok((rows, None))
    }
}
