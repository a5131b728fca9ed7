//! Symbols: which ones a scope needs, and the universe that remembers all of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Attempt, ReadTx, Result, WriteTx, word};
use crate::domain::{PortfolioId, Symbol};

/// A series that a run needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wanted {
    /// The symbol.
    pub symbol: Symbol,
    /// `PUBLIC`, `OPTIONS` (a contract), `PROXY`, `CLOSED` for a public one that is held no more, or `INACTIVE` for one that
    /// is held and that no provider is asked for.
    pub class: String,
    /// A series of yields, not of prices.
    pub yields: bool,
    /// Entry of its first lot in the scope: the ledger needs every split and dividend since.
    #[serde(default)]
    pub since: Option<NaiveDate>,
    /// Exit of the last lot of a closed one: until then its splits and dividends have moved cash.
    #[serde(default)]
    pub until: Option<NaiveDate>,
}

impl Wanted {
    /// Whether providers are asked for it.
    pub fn is_asked_for(&self) -> bool {
        self.class != "INACTIVE"
    }
}

/// Series of the positions that are live in a window: public ones, underlyings, contracts; and of
/// public ones that were closed before, whose splits and dividends are in the cash, and underlyings of
/// contracts that expired before, whose last session settled them.
pub async fn held(
    db: &mut ReadTx<'_>,
    portfolios: &[PortfolioId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Wanted>> {
    let portfolios: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    sqlx::query!(
        r#"with booked as (
               select symbol, underlying, class, entry_date, least(exit_date, expiry_session) as exit_date,
                      coalesce(least(exit_date, expiry_session) < $2, false) as closed
               from positions
               where portfolio_id = any($1) and deleted_at is null and entry_date <= $3 and class <> 'PRIVATE'
           )
           select symbol as "symbol!",
                  coalesce(min(class) filter (where not closed), 'CLOSED') as "class!",
                  min(entry_date) as "since!",
                  case when bool_and(closed) then max(exit_date) end as until
           from (
               select symbol, class, entry_date, exit_date, closed from booked where not closed or class = 'PUBLIC'
               union
               select underlying, 'PUBLIC', entry_date, exit_date, closed from booked
               where underlying is not null
           ) all_symbols
           group by symbol order by symbol"#,
        &portfolios,
        from,
        to
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the symbols of a scope")?
    .into_iter()
    .map(|row| {
        Ok(Wanted {
            symbol: word("positions", &row.symbol)?,
            class: row.class,
            yields: false,
            since: Some(row.since),
            until: row.until,
        })
    })
    .collect()
}

/// From when on each of these books rests on which of these symbols: on closes of what it has ever held, and of its underlyings.
pub async fn rested_on(
    db: &mut ReadTx<'_>,
    portfolios: &[PortfolioId],
    symbols: &[String],
) -> Result<BTreeMap<PortfolioId, Vec<(Symbol, NaiveDate)>>> {
    let portfolios: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select portfolio_id as "portfolio_id!", symbol as "symbol!", since as "since!" from portfolio_symbols
           where portfolio_id = any($1) and symbol = any($2) order by portfolio_id, symbol"#,
        &portfolios,
        symbols
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading what books rest on")?;
    let mut rested: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        let of_book = rested.entry(PortfolioId(row.portfolio_id)).or_default();
        of_book.push((word("positions", &row.symbol)?, row.since));
    }
    Ok(rested)
}

/// Registers symbols, in symbol order; what is known already keeps its flags and widens its dates.
pub async fn ensure(
    tx: &mut WriteTx,
    symbols: &[Wanted],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<u64> {
    let mut sorted: Vec<&Wanted> = symbols.iter().collect();
    sorted.sort();
    let names: Vec<String> = sorted
        .iter()
        .map(|wanted| wanted.symbol.to_string())
        .collect();
    // That a book holds it no more is no property of a symbol.
    let class = |wanted: &&Wanted| match wanted.class.as_str() {
        "CLOSED" => "PUBLIC".to_owned(),
        class => class.to_owned(),
    };
    let classes: Vec<String> = sorted.iter().map(class).collect();
    let aliases: Vec<Option<String>> = sorted
        .iter()
        .map(|wanted| wanted.symbol.alias().map(String::from))
        .collect();
    let done = sqlx::query!(
        r#"insert into symbol_universe (symbol, class, aliases, first_seen, last_seen)
           select symbol, class, array_remove(array[alias], null), $4, $5
           from unnest($1::text[], $2::text[], $3::text[]) as s(symbol, class, alias)
           on conflict (symbol) do update
           set first_seen = least(symbol_universe.first_seen, excluded.first_seen),
               last_seen = greatest(symbol_universe.last_seen, excluded.last_seen)
           where symbol_universe.first_seen > excluded.first_seen
              or symbol_universe.last_seen < excluded.last_seen"#,
        &names,
        &classes,
        &aliases as &[Option<String>],
        from,
        to
    )
    .execute(tx.connection())
    .await
    .attempt("registering symbols")?;
    Ok(done.rows_affected())
}

/// Those of some symbols that no provider is asked for. Nobody but [`set_active`] makes a symbol one of them, or none.
pub async fn inactive(db: &mut ReadTx<'_>, symbols: &[String]) -> Result<BTreeSet<Symbol>> {
    sqlx::query_scalar!(
        "select symbol from symbol_universe where symbol = any($1) and not active order by symbol",
        symbols
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for inactive symbols")?
    .iter()
    .map(|symbol| word("symbol_universe", symbol))
    .collect()
}

/// Says whether providers are asked for a symbol from now on. Answers with the first date whose results may be others
/// for that: the one after the last that a provider was asked for, or the first with the symbol. Nothing where it was
/// said before, or the symbol is unknown.
pub async fn set_active(
    tx: &mut WriteTx,
    symbol: &Symbol,
    active: bool,
) -> Result<Option<NaiveDate>> {
    sqlx::query_scalar!(
        r#"update symbol_universe u set active = $2 where u.symbol = $1 and u.active <> $2
           returning coalesce((select max(o.date) + 1 from symbol_outcomes o where o.symbol = u.symbol), u.first_seen) as "from!""#,
        symbol.as_str(),
        active
    )
    .fetch_optional(tx.connection())
    .await
    .attempt("changing whether a symbol is active")
}

/// Whether a symbol was ever part of a scope.
pub async fn knows(db: &mut ReadTx<'_>, symbol: &Symbol) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from symbol_universe where symbol = $1) as "it!""#,
        symbol.as_str()
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("looking for a symbol")
}
