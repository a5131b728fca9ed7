//! What phase 6 writes of options and of losses: value at risk, crises of the past, reverse stress.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::analytics::{AnalyticsRows, each, owners, words};
use crate::domain::TradingDate;
use crate::store::{Attempt, Result, WriteTx};

/// A contract as it is modelled; Greeks are per share.
#[derive(Debug, Clone)]
pub struct OptionRow {
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
    pub source: &'static str,
    /// Why it is not implied.
    pub note: Option<String>,
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

/// Value at risk at one confidence; pairs are the value at risk and the expected shortfall.
#[derive(Debug, Clone, Default)]
pub struct ValueAtRiskRow {
    /// 0.95 or 0.99.
    pub confidence: f64,
    /// `done`, `insufficient_data`, …
    pub outcome: &'static str,
    /// Why it is not done.
    pub reason: Option<String>,
    /// Of the past, one session.
    pub historical_1: Option<[f64; 2]>,
    /// Of the past, ten consecutive sessions; the runs overlap.
    pub historical_10: Option<[f64; 2]>,
    /// Of a normal distribution without mean, one session.
    pub parametric_1: Option<[f64; 2]>,
    /// The same, ten sessions.
    pub parametric_10: Option<[f64; 2]>,
    /// How often it was exceeded.
    pub backtest: Option<BacktestRow>,
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
    /// Remarks on quality.
    pub flags: Vec<String>,
    /// Number → why it is missing.
    pub reasons: Value,
}

/// How often a value at risk was exceeded; pairs are a likelihood ratio and its p-value.
#[derive(Debug, Clone, Copy)]
pub struct BacktestRow {
    /// Sessions looked at.
    pub sessions: i32,
    /// Losses beyond it.
    pub exceptions: i32,
    /// How many there should be.
    pub expected: f64,
    /// Kupiec's.
    pub kupiec: [f64; 2],
    /// Christoffersen's of independence.
    pub independence: [f64; 2],
    /// Both.
    pub conditional: [f64; 2],
}

/// A crisis of the past with today's book.
#[derive(Debug, Clone)]
pub struct ReplayRow {
    /// Which.
    pub replay: String,
    /// Its first close.
    pub from: TradingDate,
    /// Its last close.
    pub to: TradingDate,
    /// `done`, `insufficient_data`, …
    pub outcome: &'static str,
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
pub struct ReverseRow {
    /// The part, a fraction.
    pub loss: f64,
    /// `done`, `not_applicable`, …
    pub outcome: &'static str,
    /// Why it is not done.
    pub reason: Option<String>,
    /// What it costs.
    pub pnl: Option<Decimal>,
    /// How far out it is.
    pub distance: Option<f64>,
    /// Probability of a move at least as far out.
    pub tail: Option<f64>,
    /// Factor → total return of its proxy.
    pub moves: Value,
    /// What the floor of −100 % took off.
    pub floored: Option<Decimal>,
    /// Modelled gross over gross.
    pub coverage: Option<f64>,
}

/// Writes all of it; the rows of before went with their head.
pub(super) async fn write(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    options(tx, sets).await?;
    value_at_risk(tx, sets).await?;
    replays(tx, sets).await?;
    reverse(tx, sets).await
}

async fn options(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| &set.options);
    if rows.is_empty() {
        return Ok(());
    }
    let (portfolios, dates) = owners(&rows);
    let number =
        |of: fn(&OptionRow) -> f64| rows.iter().map(|(_, row)| of(row)).collect::<Vec<_>>();
    sqlx::query!(
        "insert into option_valuations (portfolio_id, as_of, symbol, underlying, strike, spot, years, rate, dividend_yield,
                                        volatility, source, note, price, delta, gamma, vega, theta, rho, shares, exposure)
         select * from unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::float8[],
                              $8::float8[], $9::float8[], $10::float8[], $11::text[], $12::text[], $13::float8[],
                              $14::float8[], $15::float8[], $16::float8[], $17::float8[], $18::float8[], $19::numeric[],
                              $20::numeric[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.symbol.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.underlying.clone()).collect::<Vec<_>>(),
        &number(|row| row.strike),
        &number(|row| row.spot),
        &number(|row| row.years),
        &number(|row| row.rate),
        &number(|row| row.dividend_yield),
        &number(|row| row.volatility),
        &rows.iter().map(|(_, row)| row.source.to_owned()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.note.clone()).collect::<Vec<_>>() as &[Option<String>],
        &number(|row| row.price),
        &number(|row| row.delta),
        &number(|row| row.gamma),
        &number(|row| row.vega),
        &number(|row| row.theta),
        &number(|row| row.rho),
        &rows.iter().map(|(_, row)| row.shares).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.exposure).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("writing options")?;
    Ok(())
}

async fn value_at_risk(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| &set.value_at_risk);
    let (portfolios, dates) = owners(&rows);
    let pair = |of: fn(&ValueAtRiskRow) -> Option<[f64; 2]>, k: usize| {
        rows.iter()
            .map(|(_, row)| of(row).map(|pair| pair[k]))
            .collect::<Vec<Option<f64>>>()
    };
    let test = |of: fn(&BacktestRow) -> f64| {
        rows.iter()
            .map(|(_, row)| row.backtest.as_ref().map(of))
            .collect::<Vec<Option<f64>>>()
    };
    let count = |of: fn(&BacktestRow) -> i32| {
        rows.iter()
            .map(|(_, row)| row.backtest.as_ref().map(of))
            .collect::<Vec<Option<i32>>>()
    };
    sqlx::query!(
        "insert into value_at_risk (portfolio_id, as_of, confidence, outcome, reason, historical_1, historical_1_shortfall,
                                    historical_10, historical_10_shortfall, parametric_1, parametric_1_shortfall,
                                    parametric_10, parametric_10_shortfall, sessions, exceptions, expected, kupiec,
                                    kupiec_p, independence, independence_p, conditional, conditional_p, n, coverage,
                                    flags, reasons, windows, filled, dropped)
         select p, d, c, o, w, h1, s1, h10, s10, p1, q1, p10, q10, sessions, x, e, k, kp, i, ip, cc, cp, n, coverage,
                flags::text[], reasons, windows, filled, dropped
         from unnest($1::uuid[], $2::date[], $3::float8[], $4::text[], $5::text[], $6::float8[], $7::float8[],
                     $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::float8[], $13::float8[],
                     $14::integer[], $15::integer[], $16::float8[], $17::float8[], $18::float8[], $19::float8[],
                     $20::float8[], $21::float8[], $22::float8[], $23::integer[], $24::float8[], $25::text[], $26::jsonb[],
                     $27::integer[], $28::integer[], $29::integer[])
              as v(p, d, c, o, w, h1, s1, h10, s10, p1, q1, p10, q10, sessions, x, e, k, kp, i, ip, cc, cp, n, coverage,
                   flags, reasons, windows, filled, dropped)",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.confidence).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.outcome.to_owned()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.reason.clone()).collect::<Vec<_>>() as &[Option<String>],
        &pair(|row| row.historical_1, 0) as &[Option<f64>],
        &pair(|row| row.historical_1, 1) as &[Option<f64>],
        &pair(|row| row.historical_10, 0) as &[Option<f64>],
        &pair(|row| row.historical_10, 1) as &[Option<f64>],
        &pair(|row| row.parametric_1, 0) as &[Option<f64>],
        &pair(|row| row.parametric_1, 1) as &[Option<f64>],
        &pair(|row| row.parametric_10, 0) as &[Option<f64>],
        &pair(|row| row.parametric_10, 1) as &[Option<f64>],
        &count(|test| test.sessions) as &[Option<i32>],
        &count(|test| test.exceptions) as &[Option<i32>],
        &test(|test| test.expected) as &[Option<f64>],
        &test(|test| test.kupiec[0]) as &[Option<f64>],
        &test(|test| test.kupiec[1]) as &[Option<f64>],
        &test(|test| test.independence[0]) as &[Option<f64>],
        &test(|test| test.independence[1]) as &[Option<f64>],
        &test(|test| test.conditional[0]) as &[Option<f64>],
        &test(|test| test.conditional[1]) as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.n).collect::<Vec<_>>() as &[Option<i32>],
        &rows.iter().map(|(_, row)| row.coverage).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| words(&row.flags)).collect::<Vec<_>>(),
        &rows
            .iter()
            .map(|(_, row)| if row.reasons.is_null() { json!({}) } else { row.reasons.clone() })
            .collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.windows).collect::<Vec<_>>() as &[Option<i32>],
        &rows.iter().map(|(_, row)| row.filled).collect::<Vec<_>>() as &[Option<i32>],
        &rows.iter().map(|(_, row)| row.dropped).collect::<Vec<_>>() as &[Option<i32>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing value at risk")?;
    Ok(())
}

async fn replays(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| &set.replays);
    if rows.is_empty() {
        return Ok(());
    }
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into historical_replays (portfolio_id, as_of, replay, first_close, last_close, outcome, reason, pnl,
                                         fraction, approximated, floored, coverage)
         select * from unnest($1::uuid[], $2::date[], $3::text[], $4::date[], $5::date[], $6::text[], $7::text[],
                              $8::numeric[], $9::float8[], $10::jsonb[], $11::numeric[], $12::float8[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.replay.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.from.date()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.to.date()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.outcome.to_owned()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.reason.clone()).collect::<Vec<_>>() as &[Option<String>],
        &rows.iter().map(|(_, row)| row.pnl).collect::<Vec<_>>() as &[Option<Decimal>],
        &rows.iter().map(|(_, row)| row.fraction).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| json!(row.approximated)).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.floored).collect::<Vec<_>>() as &[Option<Decimal>],
        &rows.iter().map(|(_, row)| row.coverage).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing replays")?;
    Ok(())
}

async fn reverse(tx: &mut WriteTx, sets: &[&AnalyticsRows]) -> Result<()> {
    let rows = each(sets, |set| &set.reverse);
    let (portfolios, dates) = owners(&rows);
    sqlx::query!(
        "insert into reverse_stress (portfolio_id, as_of, loss, outcome, reason, pnl, mahalanobis, tail_p, moves,
                                     floored, coverage)
         select * from unnest($1::uuid[], $2::date[], $3::float8[], $4::text[], $5::text[], $6::numeric[], $7::float8[],
                              $8::float8[], $9::jsonb[], $10::numeric[], $11::float8[])",
        &portfolios,
        &dates,
        &rows.iter().map(|(_, row)| row.loss).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.outcome.to_owned()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.reason.clone()).collect::<Vec<_>>() as &[Option<String>],
        &rows.iter().map(|(_, row)| row.pnl).collect::<Vec<_>>() as &[Option<Decimal>],
        &rows.iter().map(|(_, row)| row.distance).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.tail).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|(_, row)| row.moves.clone()).collect::<Vec<_>>(),
        &rows.iter().map(|(_, row)| row.floored).collect::<Vec<_>>() as &[Option<Decimal>],
        &rows.iter().map(|(_, row)| row.coverage).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing reverse stress")?;
    Ok(())
}
