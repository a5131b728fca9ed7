//! What a run's scope looks like now, for those who compare two runs.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::domain::{PortfolioId, RunId};
use crate::store::texts;
use crate::store::{Attempt, ReadTx, Result};

/// Portfolios and dates of a run's scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeRow {
    /// Since inception.
    pub wanted: i64,
    /// Readers see them.
    pub published: i64,
    /// And they are strictly complete.
    pub strict: i64,
}

/// How much of a run's scope readers see; with `only`, of what is about these portfolios.
pub async fn scope(db: &mut ReadTx<'_>, run: RunId, only: Option<&[Uuid]>) -> Result<ScopeRow> {
    sqlx::query_as!(
        ScopeRow,
        r#"select count(*) as "wanted!", count(d.as_of) as "published!", count(*) filter (where d.strict) as "strict!"
           from run_portfolio rp
           join portfolios p on p.id = rp.portfolio_id and p.deleted_at is null
           join run_date rd on rd.run_id = rp.run_id and rd.as_of >= p.inception
           left join published_dates d on d.portfolio_id = p.id and d.as_of = rd.as_of
           where rp.run_id = $1 and ($2::uuid[] is null or rp.portfolio_id = any($2))"#,
        run.0,
        only as Option<&[Uuid]>
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("counting what a run published")
}

/// How complete a portfolio of a run is at the run's final date.
#[derive(Debug, Clone, PartialEq)]
pub struct CompleteRow {
    /// Whose.
    pub portfolio: PortfolioId,
    /// Its name.
    pub name: String,
    /// The final date of the run.
    pub as_of: NaiveDate,
    /// The part of the gross value that is in market numbers; `None` where nothing was computed.
    pub coverage: Option<f64>,
    /// Whether every entry is done, not applicable or short of data.
    pub strict: Option<bool>,
    /// Entry → how it ended, with the reason where it is not done.
    pub entries: BTreeMap<String, String>,
}

/// How complete the portfolios of a run are at its final date, by name; with `only`, these of them.
pub async fn completeness(
    db: &mut ReadTx<'_>,
    run: RunId,
    only: Option<&[Uuid]>,
) -> Result<Vec<CompleteRow>> {
    let rows = sqlx::query!(
        r#"select p.id, p.name, r.final_date, c.coverage as "coverage?", c.strict as "strict?",
                  coalesce(e.entries, '{}') as "entries!"
           from run r
           join run_portfolio rp on rp.run_id = r.id
           join portfolios p on p.id = rp.portfolio_id and p.inception <= r.final_date
           left join completeness c on c.portfolio_id = p.id and c.as_of = r.final_date
           left join lateral (
               select jsonb_object_agg(x.entry, x.outcome || coalesce(': ' || (c.reasons ->> x.entry), '')) as entries
               from (values ('snapshot', c.snapshot), ('marks', c.marks), ('betas', c.betas), ('factors', c.factors),
                            ('volatility', c.volatility), ('correlation', c.correlation),
                            ('concentration', c.concentration), ('stress', c.stress),
                            ('value_at_risk', c.value_at_risk), ('replay', c.replay),
                            ('reverse_stress', c.reverse_stress)) as x(entry, outcome)
               where x.outcome is not null
           ) e on true
           where r.id = $1 and ($2::uuid[] is null or p.id = any($2))
           order by p.name collate "C", p.id"#,
        run.0,
        only as Option<&[Uuid]>
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading how complete a run is")?;
    Ok(rows
        .into_iter()
        .map(|row| CompleteRow {
            portfolio: PortfolioId(row.id),
            name: row.name,
            as_of: row.final_date,
            coverage: row.coverage,
            strict: row.strict,
            entries: texts(&row.entries),
        })
        .collect())
}
