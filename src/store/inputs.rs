//! Versions of inputs. A change takes its version under a lock that is held until its transaction
//! commits, so that versions become visible in order.

use chrono::NaiveDate;

use super::{Attempt, Result, WriteTx};
use crate::domain::{PortfolioId, Symbol};

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// A portfolio's lots, flows or marks.
    Book(PortfolioId),
    /// A symbol's prices.
    Prices(Symbol),
    /// A symbol's splits or dividends.
    Actions(Symbol),
    /// A symbol's path through a crisis of the past.
    Replays(Symbol),
    /// The path of a factor proxy through one: whatever has none of its own is sent along it.
    ProxyReplays,
    /// A profile field that results use.
    Profile(Symbol),
    /// Prices of a factor proxy: they touch everybody's factors.
    ProxyPrices,
    /// Sector weights of a benchmark.
    Benchmarks,
    /// Factor or scenario definitions.
    Definitions,
    /// The risk-free rate: analytics are made with it.
    RiskFreeRate,
    /// The same, for a portfolio with options: they are valued with it.
    RateOfOptions(PortfolioId),
}

impl Changed {
    fn row(&self) -> (&'static str, String, &'static str) {
        match self {
            Self::Book(id) => ("portfolio", id.to_string(), "book"),
            Self::Prices(symbol) => ("symbol", symbol.to_string(), "prices"),
            Self::Actions(symbol) => ("symbol", symbol.to_string(), "actions"),
            Self::Replays(symbol) => ("symbol", symbol.to_string(), "replays"),
            Self::ProxyReplays => ("all", String::new(), "replays"),
            Self::Profile(symbol) => ("symbol", symbol.to_string(), "profile"),
            Self::ProxyPrices => ("all", String::new(), "prices"),
            Self::Benchmarks => ("all", String::new(), "benchmark"),
            Self::Definitions => ("all", String::new(), "definitions"),
            Self::RiskFreeRate => ("all", String::new(), "rate"),
            Self::RateOfOptions(id) => ("portfolio", id.to_string(), "rate"),
        }
    }
}

/// Records changes of inputs, each from its first date on, under one new version. To be called last
/// in a transaction: the lock on the version is short then.
pub async fn changed(
    tx: &mut WriteTx,
    changes: &[(Changed, NaiveDate)],
    reason: &str,
) -> Result<()> {
    let for_ever = changes
        .iter()
        .map(|(change, from)| (change.clone(), *from, None));
    let for_ever: Vec<_> = for_ever.collect();
    changed_between(tx, &for_ever, reason).await
}

/// The same, each up to the last date whose results look at what changed; `None`: for ever.
pub async fn changed_between(
    tx: &mut WriteTx,
    changes: &[(Changed, NaiveDate, Option<NaiveDate>)],
    reason: &str,
) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let version =
        sqlx::query_scalar!("update data_version set version = version + 1 returning version")
            .fetch_one(tx.connection())
            .await
            .attempt("taking a data version")?;
    let mut scopes = Vec::with_capacity(changes.len());
    let mut owners = Vec::with_capacity(changes.len());
    let mut inputs = Vec::with_capacity(changes.len());
    let mut dates = Vec::with_capacity(changes.len());
    let mut ends = Vec::with_capacity(changes.len());
    for (change, from, to) in changes {
        let (scope, owner, input) = change.row();
        scopes.push(scope.to_owned());
        owners.push(owner);
        inputs.push(input.to_owned());
        dates.push(*from);
        ends.push(*to);
    }
    sqlx::query!(
        r#"insert into input_change (version, scope, owner, input, from_date, to_date, reason)
           select $1, scope, owner, input, min(from_date), coalesce(to_date, 'infinity'), $2
           from unnest($3::text[], $4::text[], $5::text[], $6::date[], $7::date[])
                as c(scope, owner, input, from_date, to_date)
           group by scope, owner, input, to_date"#,
        version,
        reason,
        &scopes,
        &owners,
        &inputs,
        &dates,
        &ends as &[Option<NaiveDate>]
    )
    .execute(tx.connection())
    .await
    .attempt("recording changes of inputs")?;
    Ok(())
}

/// A set of results that does not rest on the newest inputs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stale {
    /// Its kind.
    pub kind: String,
    /// A portfolio id, a symbol, or `factors`.
    pub owner: String,
    /// Its date.
    pub as_of: NaiveDate,
}

/// Every stale set of a date or later.
pub async fn stale(tx: &mut WriteTx, from: NaiveDate) -> Result<Vec<Stale>> {
    sqlx::query_as!(
        Stale,
        r#"select kind as "kind!", owner as "owner!", as_of as "as_of!"
           from stale_result_sets where as_of >= $1 order by 1, 2, 3"#,
        from
    )
    .fetch_all(tx.connection())
    .await
    .attempt("reading what is stale")
}
