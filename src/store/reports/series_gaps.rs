//! Gaps in series of closes: sessions without a value, side by side, with what providers said of them.

use chrono::NaiveDate;

use crate::store::{Attempt, ReadTx, Result};

/// Sessions of a series without a value, one after the other.
#[derive(Debug, Clone)]
pub struct SeriesGap {
    /// Whose.
    pub symbol: String,
    /// The first of them.
    pub from: NaiveDate,
    /// The last of them.
    pub to: NaiveDate,
    /// How many.
    pub sessions: i64,
    /// What providers said of them, each reason once; empty where nobody asked.
    pub reasons: Vec<String>,
}

/// The gaps of symbols in `sessions`, which have no gap themselves; the newest first. A series is looked at from its first
/// value, or from the first scope with the symbol where that is earlier, to the last scope with it.
pub async fn series_gaps(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    sessions: &[NaiveDate],
    limit: i64,
) -> Result<Vec<SeriesGap>> {
    sqlx::query_as!(
        SeriesGap,
        r#"with session as (
               select date, n from unnest($2::date[]) with ordinality as s(date, n)
           ), known as (
               select symbol, date from market_data_cache where symbol = any($1) and date = any($2)
               union all
               select symbol, date from yields where symbol = any($1) and date = any($2)
           ), series as (
               select u.symbol, u.last_seen,
                      least(u.first_seen, (select min(m.date) from market_data_cache m where m.symbol = u.symbol),
                            (select min(y.date) from yields y where y.symbol = u.symbol)) as since
               from symbol_universe u where u.symbol = any($1)
           ), missing as (
               select x.symbol, s.date, case when o.outcome <> 'priced' then coalesce(o.reason, o.outcome) end as reason,
                      s.n - row_number() over (partition by x.symbol order by s.n) as island
               from series x
               join session s on s.date between x.since and x.last_seen
               left join known k on k.symbol = x.symbol and k.date = s.date
               left join symbol_outcomes o on o.symbol = x.symbol and o.date = s.date
               where k.date is null
           )
           select symbol as "symbol!", min(date) as "from!", max(date) as "to!", count(*) as "sessions!",
                  coalesce(array_agg(distinct reason) filter (where reason is not null), '{}') as "reasons!"
           from missing group by symbol, island
           order by max(date) desc, symbol collate "C" limit $3"#,
        symbols,
        sessions,
        limit
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for gaps in series")
}
