//! Options of a portfolio at a date, and what it may lose.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::{PortfolioId, REPLAYS};
use crate::store::{Attempt, ReadTx, Result, texts};

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct Losses {
    /// By symbol.
    pub options: Vec<Contract>,
    /// The lower confidence first.
    pub value_at_risk: Vec<ValueAtRisk>,
    /// Oldest first.
    pub replays: Vec<Replay>,
    /// The smallest loss first.
    pub reverse: Vec<Reverse>,
}

impl Losses {
    /// What one of the options is called: its symbol, and where lots from before and after a split of the underlying are held, which
    /// makes several of one symbol, the spot behind it, written as in documents.
    pub fn name_of(&self, option: &Contract) -> String {
        let symbol = &option.symbol;
        let first = self.options.partition_point(|one| one.symbol < *symbol);
        let second = self.options.get(first + 1);
        if second.is_some_and(|one| one.symbol == *symbol) {
            format!("{symbol}@{:?}", option.spot)
        } else {
            symbol.clone()
        }
    }
}

/// A contract as it is modelled; Greeks are per share.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The contract.
    pub symbol: String,
    /// What it is on.
    pub underlying: String,
    /// Per share at the entry of the lots.
    pub strike: f64,
    /// The same of the underlying's close.
    pub spot: f64,
    /// Calendar days / 365.
    pub years: f64,
    /// Continuous, per year.
    pub rate: f64,
    /// Continuous, per year.
    pub dividend_yield: f64,
    /// Per year.
    pub volatility: f64,
    /// `implied` or `realised`.
    pub source: String,
    /// Why it is not implied.
    pub note: Option<String>,
    /// Whether it is realised by a series that may be wrong in it: a bad tick, an outlier, an unconfirmed jump, or a split that is
    /// missing or doubled was found in the closes of the underlying in the year before: a realised volatility is of 63 returns.
    pub suspect: bool,
    /// Of the model.
    pub price: f64,
    /// Per unit of spot.
    pub delta: f64,
    /// Of delta, per unit of spot.
    pub gamma: f64,
    /// Per percentage point of volatility.
    pub vega: f64,
    /// Per calendar day.
    pub theta: f64,
    /// Per percentage point of the rate.
    pub rho: f64,
    /// Contracts of the entry × 100, signed.
    pub shares: Decimal,
    /// Delta equivalent.
    pub exposure: Decimal,
}

/// Value at risk at one confidence: fractions of net asset value, losses positive. Pairs are the
/// value at risk and the expected shortfall.
#[derive(Debug, Clone)]
pub struct ValueAtRisk {
    /// 0.95 or 0.99.
    pub confidence: f64,
    /// `done`, `insufficient_data`, …
    pub outcome: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// Horizon and method → value at risk, expected shortfall.
    pub estimates: BTreeMap<&'static str, [Option<f64>; 2]>,
    /// Sessions of the backtest.
    pub sessions: Option<i32>,
    /// Losses beyond the value at risk.
    pub exceptions: Option<i32>,
    /// How many there should be.
    pub expected: Option<f64>,
    /// Test → likelihood ratio, p-value.
    pub tests: BTreeMap<&'static str, [Option<f64>; 2]>,
    /// Returns; none without a series of them.
    pub n: Option<i32>,
    /// Runs of ten consecutive sessions among them.
    pub windows: Option<i32>,
    /// Holes of the series that the factor model filled.
    pub filled: Option<i32>,
    /// Sessions left out of the series, for a hole that nothing could fill.
    pub dropped: Option<i32>,
    /// Modelled gross over gross.
    pub coverage: Option<f64>,
    /// What to know about it.
    pub flags: Vec<String>,
    /// Number → why it is missing.
    pub reasons: BTreeMap<String, String>,
}

/// A crisis of the past with today's book.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Its key.
    pub replay: String,
    /// Its title; the key where it is no longer known.
    pub name: String,
    /// Its first close.
    pub from: NaiveDate,
    /// Its last close.
    pub to: NaiveDate,
    /// `done`, `insufficient_data`, …
    pub outcome: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// Profit and loss.
    pub pnl: Option<Decimal>,
    /// The same over net asset value.
    pub fraction: Option<f64>,
    /// Symbols that moved with their betas.
    pub approximated: Vec<String>,
    /// What the floor of −100 % took off those.
    pub floored: Option<Decimal>,
    /// Modelled gross over gross.
    pub coverage: Option<f64>,
}

/// The most plausible move that costs a part of net asset value.
#[derive(Debug, Clone)]
pub struct Reverse {
    /// The part, a fraction.
    pub loss: f64,
    /// `done`, `not_applicable`, …
    pub outcome: String,
    /// Why it is not done.
    pub reason: Option<String>,
    /// What it costs.
    pub pnl: Option<Decimal>,
    /// How far out it is.
    pub mahalanobis: Option<f64>,
    /// Probability of a move at least as far out.
    pub tail_p: Option<f64>,
    /// Factor → total return of its proxy.
    pub moves: BTreeMap<String, f64>,
    /// What the floor of −100 % took off.
    pub floored: Option<Decimal>,
    /// Modelled gross over gross.
    pub coverage: Option<f64>,
    /// Sessions behind the covariance; nothing where there is no amount.
    pub n: Option<i32>,
}

pub(super) async fn of(db: &mut ReadTx<'_>, id: PortfolioId, as_of: NaiveDate) -> Result<Losses> {
    Ok(Losses {
        options: options(db, id, as_of).await?,
        value_at_risk: value_at_risk(db, id, as_of).await?,
        replays: replays(db, id, as_of).await?,
        reverse: reverse(db, id, as_of).await?,
    })
}

async fn options(db: &mut ReadTx<'_>, id: PortfolioId, as_of: NaiveDate) -> Result<Vec<Contract>> {
    sqlx::query_as!(
        Contract,
        r#"select o.symbol, o.underlying, o.strike, o.spot, o.years, o.rate, o.dividend_yield, o.volatility, o.source, o.note,
                  o.source = 'realised' and exists (
                      select from data_quality q cross join lateral jsonb_array_elements(q.evidence) found
                      where q.symbol = o.underlying and q.as_of = o.as_of
                        and found ->> 'check' in ('bad_tick', 'outlier', 'unconfirmed_jump', 'split_missing', 'split_doubled')
                        and (found ->> 'to')::date > o.as_of - 366
                  ) as "suspect!",
                  o.price, o.delta, o.gamma, o.vega, o.theta, o.rho, o.shares, o.exposure
           from option_valuations o where o.portfolio_id = $1 and o.as_of = $2
           order by o.symbol collate "C", o.spot"#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading options")
}

async fn value_at_risk(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<ValueAtRisk>> {
    let rows = sqlx::query!(
        "select confidence, outcome, reason, historical_1, historical_1_shortfall, historical_10, historical_10_shortfall,
                parametric_1, parametric_1_shortfall, parametric_10, parametric_10_shortfall, sessions, exceptions,
                expected, kupiec, kupiec_p, independence, independence_p, conditional, conditional_p, n, coverage, flags,
                reasons, windows, filled, dropped
         from value_at_risk where portfolio_id = $1 and as_of = $2 order by confidence",
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading value at risk")?;
    Ok(rows
        .into_iter()
        .map(|row| ValueAtRisk {
            confidence: row.confidence,
            outcome: row.outcome,
            reason: row.reason,
            estimates: BTreeMap::from([
                (
                    "historical_1",
                    [row.historical_1, row.historical_1_shortfall],
                ),
                (
                    "historical_10",
                    [row.historical_10, row.historical_10_shortfall],
                ),
                (
                    "parametric_1",
                    [row.parametric_1, row.parametric_1_shortfall],
                ),
                (
                    "parametric_10",
                    [row.parametric_10, row.parametric_10_shortfall],
                ),
            ]),
            sessions: row.sessions,
            exceptions: row.exceptions,
            expected: row.expected,
            tests: BTreeMap::from([
                ("kupiec", [row.kupiec, row.kupiec_p]),
                ("independence", [row.independence, row.independence_p]),
                ("conditional", [row.conditional, row.conditional_p]),
            ]),
            n: row.n,
            windows: row.windows,
            filled: row.filled,
            dropped: row.dropped,
            coverage: row.coverage,
            flags: row.flags,
            reasons: texts(&row.reasons),
        })
        .collect())
}

async fn replays(db: &mut ReadTx<'_>, id: PortfolioId, as_of: NaiveDate) -> Result<Vec<Replay>> {
    let rows = sqlx::query!(
        r#"select replay, first_close, last_close, outcome, reason, pnl, fraction, approximated, floored, coverage
           from historical_replays where portfolio_id = $1 and as_of = $2
           order by first_close, replay collate "C""#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading replays")?;
    let name = |id: &str| {
        let known = REPLAYS.iter().find(|replay| replay.id == id);
        known.map_or(id, |replay| replay.name).to_owned()
    };
    Ok(rows
        .into_iter()
        .map(|row| Replay {
            name: name(&row.replay),
            replay: row.replay,
            from: row.first_close,
            to: row.last_close,
            outcome: row.outcome,
            reason: row.reason,
            pnl: row.pnl,
            fraction: row.fraction,
            approximated: serde_json::from_value(row.approximated).unwrap_or_default(),
            floored: row.floored,
            coverage: row.coverage,
        })
        .collect())
}

async fn reverse(db: &mut ReadTx<'_>, id: PortfolioId, as_of: NaiveDate) -> Result<Vec<Reverse>> {
    let rows = sqlx::query!(
        r#"select r.loss, r.outcome, r.reason, r.pnl, r.mahalanobis, r.tail_p, r.moves, r.floored, r.coverage, c.n as "n?"
           from reverse_stress r left join factor_covariance c on c.as_of = r.as_of and r.pnl is not null
           where r.portfolio_id = $1 and r.as_of = $2 order by r.loss"#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading reverse stress")?;
    Ok(rows
        .into_iter()
        .map(|row| Reverse {
            loss: row.loss,
            outcome: row.outcome,
            reason: row.reason,
            pnl: row.pnl,
            mahalanobis: row.mahalanobis,
            tail_p: row.tail_p,
            moves: serde_json::from_value(row.moves).unwrap_or_default(),
            floored: row.floored,
            coverage: row.coverage,
            n: row.n,
        })
        .collect())
}
