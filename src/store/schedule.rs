//! Business dates: one decision for each eligible session, made once.

use chrono::NaiveDate;

use super::{Attempt, Pool, Result, WriteTx};
use crate::domain::{RunId, TradingDate};

/// The newest session that was decided on; `None` at the first start.
pub async fn newest(pool: &Pool) -> Result<Option<TradingDate>> {
    let date = sqlx::query_scalar!("select max(as_of) from business_date")
        .fetch_one(pool)
        .await
        .attempt("reading business dates")?;
    Ok(date.map(TradingDate::trusted))
}

/// Records decisions; says which of the dates were still undecided and are ours now.
pub async fn decide(
    tx: &mut WriteTx,
    dates: &[TradingDate],
    decision: &str,
    run: Option<RunId>,
) -> Result<Vec<TradingDate>> {
    let dates: Vec<NaiveDate> = dates.iter().map(|date| date.date()).collect();
    let rows = sqlx::query_scalar!(
        "insert into business_date (as_of, decision, run_id)
         select as_of, $2, $3 from unnest($1::date[]) as d(as_of)
         on conflict (as_of) do nothing returning as_of",
        &dates,
        decision,
        run.map(|run| run.0)
    )
    .fetch_all(tx.connection())
    .await
    .attempt("deciding on business dates")?;
    Ok(rows.into_iter().map(TradingDate::trusted).collect())
}

/// Sessions of `dates` without a decision.
pub async fn undecided(pool: &Pool, dates: &[TradingDate]) -> Result<Vec<TradingDate>> {
    let dates: Vec<NaiveDate> = dates.iter().map(|date| date.date()).collect();
    let rows = sqlx::query_scalar!(
        r#"select d.as_of as "as_of!" from unnest($1::date[]) as d(as_of)
           where not exists (select from business_date b where b.as_of = d.as_of) order by 1"#,
        &dates
    )
    .fetch_all(pool)
    .await
    .attempt("looking for undecided dates")?;
    Ok(rows.into_iter().map(TradingDate::trusted).collect())
}
