//! Data quality per series and date: what was checked, and what was found.

use chrono::NaiveDate;
use serde_json::Value;

use super::{Attempt, ReadTx, Result, WriteTx};
use crate::domain::{PortfolioId, Symbol, TradingDate};

/// The data quality of a series at a date.
#[derive(Debug, Clone)]
pub struct QualityRow {
    /// The series: an instrument, or the name of a series of yields.
    pub symbol: Symbol,
    /// The date.
    pub as_of: TradingDate,
    /// Sessions looked at.
    pub sessions: i32,
    /// Those of them with a value.
    pub observed: i32,
    /// How much was found.
    pub findings: i32,
    /// The newest findings, an array of objects.
    pub evidence: Value,
}

/// Replaces the data quality of series and dates.
pub async fn replace(tx: &mut WriteTx, rows: &[&QualityRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let symbols: Vec<String> = rows.iter().map(|row| row.symbol.to_string()).collect();
    let dates: Vec<NaiveDate> = rows.iter().map(|row| row.as_of.date()).collect();
    let evidence: Vec<Value> = rows.iter().map(|row| row.evidence.clone()).collect();
    sqlx::query!(
        "insert into data_quality (symbol, as_of, sessions, observed, findings, evidence)
         select * from unnest($1::text[], $2::date[], $3::integer[], $4::integer[], $5::integer[], $6::jsonb[])
         on conflict (symbol, as_of) do update
         set sessions = excluded.sessions, observed = excluded.observed, findings = excluded.findings,
             evidence = excluded.evidence",
        &symbols,
        &dates,
        &rows.iter().map(|row| row.sessions).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.observed).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.findings).collect::<Vec<_>>(),
        &evidence
    )
    .execute(tx.connection())
    .await
    .attempt("writing data quality")?;
    Ok(())
}

/// What was found in a series that a portfolio's numbers look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The series.
    pub symbol: String,
    /// Held, or behind an option that is held; else the proxy of a factor.
    pub held: bool,
    /// Sessions looked at; nothing where it was not checked.
    pub sessions: Option<i32>,
    /// Those of them with a value.
    pub observed: Option<i32>,
    /// How much was found.
    pub findings: Option<i32>,
    /// The newest findings.
    pub evidence: Option<Value>,
}

/// The series behind a portfolio at a date, held ones first, with what was found in each.
pub async fn behind(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Checked>> {
    sqlx::query_as!(
        Checked,
        r#"with behind as (
               select coalesce(p.underlying, p.symbol) as symbol, true as held
               from position_values v join positions p on p.id = v.position_id
               where v.portfolio_id = $1 and v.as_of = $2 and p.class <> 'PRIVATE'
               union all
               select proxy_symbol, false from factor_definitions
           )
           select b.symbol as "symbol!", bool_or(b.held) as "held!", q.sessions as "sessions?", q.observed as "observed?",
                  q.findings as "findings?", q.evidence as "evidence?"
           from behind b left join data_quality q on q.symbol = b.symbol and q.as_of = $2
           group by b.symbol, q.symbol, q.as_of
           order by bool_or(b.held) desc, b.symbol collate "C""#,
        portfolio.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading data quality")
}
