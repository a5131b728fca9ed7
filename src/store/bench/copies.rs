//! Many portfolios with a history, made of one that was computed: its rows again, under other ids and dates.

use chrono::NaiveDate;

use crate::domain::PortfolioId;
use crate::store::{Attempt, Pool, Result, WriteTx};

/// Makes books 1 to `count` like the first, with its lots, tags and changes; their ids.
pub async fn copy_portfolios(
    tx: &mut WriteTx,
    source: PortfolioId,
    count: i32,
) -> Result<Vec<PortfolioId>> {
    let ids = sqlx::query_scalar!(
        "insert into portfolios (id, name, owner, currency, opening_equity, inception)
         select md5($1::uuid::text || copy.n)::uuid, name || ' ' || copy.n, owner, currency, opening_equity, inception
         from portfolios cross join generate_series(1, $2::integer) copy(n) where id = $1 returning id",
        source.0,
        count
    )
    .fetch_all(tx.connection())
    .await
    .attempt("copying a portfolio")?;
    sqlx::query!(
        "insert into positions (id, portfolio_id, symbol, position_type, class, subtype, quantity, entry_price, entry_date, exit_price,
                                exit_date, underlying, strike, expiry, expiry_session, option_right, multiplier)
         select md5(id::text || copy.n)::uuid, md5(portfolio_id::text || copy.n)::uuid, symbol, position_type, class, subtype, quantity,
                entry_price, entry_date, exit_price, exit_date, underlying, strike, expiry, expiry_session, option_right, multiplier
         from positions cross join generate_series(1, $2::integer) copy(n) where portfolio_id = $1 and deleted_at is null",
        source.0,
        count
    )
    .execute(tx.connection())
    .await
    .attempt("copying positions")?;
    sqlx::query!(
        "insert into position_tags (position_id, kind, tag)
         select md5(t.position_id::text || copy.n)::uuid, t.kind, t.tag
         from position_tags t join positions p on p.id = t.position_id cross join generate_series(1, $2::integer) copy(n)
         where p.portfolio_id = $1",
        source.0,
        count
    )
    .execute(tx.connection())
    .await
    .attempt("copying tags")?;
    sqlx::query!(
        "insert into input_change (version, scope, owner, input, from_date, to_date, reason)
         select version, scope, md5(owner || copy.n)::uuid::text, input, from_date, to_date, reason
         from input_change cross join generate_series(1, $2::integer) copy(n)
         where scope = 'portfolio' and owner = $1::uuid::text",
        source.0,
        count
    )
    .execute(tx.connection())
    .await
    .attempt("copying changes")?;
    Ok(ids.into_iter().map(PortfolioId).collect())
}

/// Gives books `first` to `last`, of which 0 is the source, its results of `as_of` at every one of these days.
pub async fn copy_results(
    tx: &mut WriteTx,
    source: PortfolioId,
    as_of: NaiveDate,
    days: &[NaiveDate],
    (first, last): (i32, i32),
) -> Result<()> {
    sqlx::query!(
        r#"select set_config('bench.source', $1, true) as "source!", set_config('bench.low', $2::integer::text, true) as "low!",
                  set_config('bench.high', $3::integer::text, true) as "high!""#,
        source.to_string(),
        first,
        last
    )
    .fetch_one(tx.connection())
    .await
    .attempt("saying which books to copy")?;
    say_days(tx, as_of, days).await?;
    sqlx::query_file!("src/store/bench/results.sql")
        .execute(tx.connection())
        .await
        .attempt("copying results")?;
    Ok(())
}

/// Gives symbols their results of `as_of` at every one of these days.
pub async fn copy_symbols(tx: &mut WriteTx, as_of: NaiveDate, days: &[NaiveDate]) -> Result<()> {
    say_days(tx, as_of, days).await?;
    sqlx::query_file!("src/store/bench/symbols.sql")
        .execute(tx.connection())
        .await
        .attempt("copying results of symbols")?;
    Ok(())
}

/// A block of statements has no parameters: it finds them in settings of its transaction.
async fn say_days(tx: &mut WriteTx, as_of: NaiveDate, days: &[NaiveDate]) -> Result<()> {
    sqlx::query!(
        r#"select set_config('bench.as_of', $1::date::text, true) as "as_of!", set_config('bench.days', $2::date[]::text, true) as "days!""#,
        as_of,
        days
    )
    .fetch_one(tx.connection())
    .await
    .attempt("saying which dates to copy")?;
    Ok(())
}

/// What autovacuum does to a database that has been there for a while; says how many bytes there are.
pub async fn tidy(pool: &Pool) -> Result<i64> {
    sqlx::query!("vacuum (analyze)")
        .execute(pool)
        .await
        .attempt("tidying the database")?;
    sqlx::query_scalar!(r#"select pg_database_size(current_database()) as "bytes!""#)
        .fetch_one(pool)
        .await
        .attempt("measuring the database")
}

/// The least that asking costs.
pub async fn ping(pool: &Pool) -> Result<()> {
    sqlx::query_scalar!(r#"select 1 as "one!""#)
        .fetch_one(pool)
        .await
        .attempt("asking for nothing")?;
    Ok(())
}
