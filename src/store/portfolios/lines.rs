//! Cash flows and manual marks of portfolios.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::EVER;
use crate::domain::{CashFlow, PortfolioId, Symbol};
use crate::store::{Attempt, ReadTx, Result, WriteTx, word};

/// A price of a symbol from a date on.
pub type DatedPrice = (Symbol, NaiveDate, Decimal);

/// Flows as columns.
struct Columns {
    dates: Vec<NaiveDate>,
    kinds: Vec<String>,
    amounts: Vec<Decimal>,
    symbols: Vec<String>,
}

impl Columns {
    fn of<'a>(flows: impl Iterator<Item = &'a CashFlow> + Clone) -> Self {
        Self {
            dates: flows.clone().map(|flow| flow.date).collect(),
            kinds: flows.clone().map(|flow| flow.kind.to_string()).collect(),
            amounts: flows.clone().map(|flow| flow.amount).collect(),
            symbols: flows.map(symbol).collect(),
        }
    }
}

fn symbol(flow: &CashFlow) -> String {
    flow.symbol
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// For each flow how many equal ones come before it.
fn occurrences(flows: &[CashFlow]) -> Vec<i32> {
    let mut seen = BTreeMap::new();
    let occurrence = |flow: &CashFlow| {
        let key = (flow.date, flow.kind, symbol(flow), flow.amount);
        let next = seen.entry(key).or_insert(0);
        *next += 1;
        *next - 1
    };
    flows.iter().map(occurrence).collect()
}

/// Inserts flows that are not there yet, counting equal ones; says the dates of those that were new.
pub async fn insert_flows(
    tx: &mut WriteTx,
    portfolio: PortfolioId,
    flows: &[CashFlow],
) -> Result<Vec<NaiveDate>> {
    let columns = Columns::of(flows.iter());
    sqlx::query_scalar!(
        "insert into cash_flows (portfolio_id, date, kind, amount, symbol, occurrence)
         select $1, * from unnest($2::date[], $3::text[], $4::numeric[], $5::text[], $6::integer[])
         on conflict do nothing
         returning date",
        portfolio.0,
        &columns.dates,
        &columns.kinds,
        &columns.amounts,
        &columns.symbols,
        &occurrences(flows)
    )
    .fetch_all(tx.connection())
    .await
    .attempt("inserting flows")
}

/// Removes flows; of equal ones as many as are named, so that the others keep their numbers.
pub async fn remove_flows(
    tx: &mut WriteTx,
    portfolio: PortfolioId,
    flows: &[CashFlow],
) -> Result<()> {
    let columns = Columns::of(flows.iter());
    sqlx::query!(
        "with gone as (
             select date, kind, amount, symbol, count(*) as times
             from unnest($2::date[], $3::text[], $4::numeric[], $5::text[]) as g(date, kind, amount, symbol)
             group by date, kind, amount, symbol
         ), last as (
             select c.date, c.kind, c.amount, c.symbol, c.occurrence, g.times,
                    row_number() over (partition by c.date, c.kind, c.amount, c.symbol order by c.occurrence desc) as place
             from cash_flows c join gone g using (date, kind, amount, symbol)
             where c.portfolio_id = $1
         )
         delete from cash_flows c using last l
         where c.portfolio_id = $1 and l.place <= l.times
           and (c.date, c.kind, c.amount, c.symbol, c.occurrence) = (l.date, l.kind, l.amount, l.symbol, l.occurrence)",
        portfolio.0,
        &columns.dates,
        &columns.kinds,
        &columns.amounts,
        &columns.symbols
    )
    .execute(tx.connection())
    .await
    .attempt("removing flows")?;
    Ok(())
}

/// Inserts or corrects marks; says the dates of those that are new or different.
pub async fn upsert_marks(
    tx: &mut WriteTx,
    portfolio: PortfolioId,
    marks: &[DatedPrice],
) -> Result<Vec<NaiveDate>> {
    let symbols: Vec<String> = marks.iter().map(|mark| mark.0.to_string()).collect();
    let dates: Vec<NaiveDate> = marks.iter().map(|mark| mark.1).collect();
    let prices: Vec<Decimal> = marks.iter().map(|mark| mark.2).collect();
    sqlx::query_scalar!(
        "insert into manual_marks (portfolio_id, symbol, date, price)
         select $1, symbol, date, price from unnest($2::text[], $3::date[], $4::numeric[]) as m(symbol, date, price)
         on conflict (portfolio_id, symbol, date) do update set price = excluded.price
         where manual_marks.price <> excluded.price
         returning date",
        portfolio.0,
        &symbols,
        &dates,
        &prices
    )
    .fetch_all(tx.connection())
    .await
    .attempt("inserting marks")
}

/// Removes marks.
pub async fn remove_marks(
    tx: &mut WriteTx,
    portfolio: PortfolioId,
    marks: &[(Symbol, NaiveDate)],
) -> Result<()> {
    let symbols: Vec<String> = marks.iter().map(|mark| mark.0.to_string()).collect();
    let dates: Vec<NaiveDate> = marks.iter().map(|mark| mark.1).collect();
    sqlx::query!(
        "delete from manual_marks m using unnest($2::text[], $3::date[]) as g(symbol, date)
         where m.portfolio_id = $1 and m.symbol = g.symbol and m.date = g.date",
        portfolio.0,
        &symbols,
        &dates
    )
    .execute(tx.connection())
    .await
    .attempt("removing marks")?;
    Ok(())
}

/// Every cash flow of a portfolio, by date.
pub async fn all_flows(db: &mut ReadTx<'_>, portfolio: PortfolioId) -> Result<Vec<CashFlow>> {
    let found = flows(db, &[portfolio.0], EVER).await?;
    Ok(found.into_iter().map(|(_, flow)| flow).collect())
}

/// Every manual mark of a portfolio, by symbol and date.
pub async fn all_marks(db: &mut ReadTx<'_>, portfolio: PortfolioId) -> Result<Vec<DatedPrice>> {
    let found = marks(db, &[portfolio.0], EVER).await?;
    Ok(found.into_iter().map(|(_, mark)| mark).collect())
}

/// The flows of portfolios up to a date.
pub(super) async fn flows(
    db: &mut ReadTx<'_>,
    portfolios: &[Uuid],
    as_of: NaiveDate,
) -> Result<Vec<(PortfolioId, CashFlow)>> {
    sqlx::query!(
        "select portfolio_id, date, kind, amount, symbol from cash_flows
         where portfolio_id = any($1) and date <= $2
         order by portfolio_id, date, kind, symbol, amount, occurrence",
        portfolios,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading flows")?
    .into_iter()
    .map(|row| {
        let symbol = match row.symbol.as_str() {
            "" => None,
            text => Some(word("cash_flows", text)?),
        };
        let flow = CashFlow {
            kind: word("cash_flows", &row.kind)?,
            date: row.date,
            amount: row.amount,
            symbol,
        };
        Ok((PortfolioId(row.portfolio_id), flow))
    })
    .collect()
}

/// The manual marks of portfolios up to a date.
pub(super) async fn marks(
    db: &mut ReadTx<'_>,
    portfolios: &[Uuid],
    as_of: NaiveDate,
) -> Result<Vec<(PortfolioId, DatedPrice)>> {
    sqlx::query!(
        "select portfolio_id, symbol, date, price from manual_marks
         where portfolio_id = any($1) and date <= $2 order by portfolio_id, symbol, date",
        portfolios,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading marks")?
    .into_iter()
    .map(|row| {
        let mark = (word("manual_marks", &row.symbol)?, row.date, row.price);
        Ok((PortfolioId(row.portfolio_id), mark))
    })
    .collect()
}
