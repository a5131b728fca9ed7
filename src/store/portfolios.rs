//! Portfolios and their lots: what people import.

mod lines;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Attempt, Error, ReadTx, Result, WriteTx, word};
use crate::domain::{
    AssetClass, Book, Exit, Lot, OptionTerms, Portfolio, PortfolioId, PositionId, Symbol,
    TradingDate,
};

pub use lines::{
    DatedPrice, all_flows, all_marks, insert_flows, remove_flows, remove_marks, upsert_marks,
};

/// After every date of a book: [`NaiveDate::MAX`] is beyond what Postgres can hold.
const EVER: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(date) => date,
    None => NaiveDate::MAX,
};

/// Whether the content of a file was imported before; remembers it if not.
pub async fn remember_import(
    tx: &mut WriteTx,
    portfolio: PortfolioId,
    kind: &str,
    digest: &str,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into imports (portfolio_id, kind, digest) values ($1, $2, $3) on conflict do nothing",
        portfolio.0,
        kind,
        digest
    )
    .execute(tx.connection())
    .await
    .attempt("remembering an import")?;
    Ok(done.rows_affected() == 0)
}

/// Forgets earlier files of a kind: the book is no longer what they said.
pub async fn forget_imports(tx: &mut WriteTx, portfolio: PortfolioId, kind: &str) -> Result<()> {
    sqlx::query!(
        "delete from imports where portfolio_id = $1 and kind = $2",
        portfolio.0,
        kind
    )
    .execute(tx.connection())
    .await
    .attempt("forgetting imports")?;
    Ok(())
}

/// Inserts a portfolio; an error with [`Error::is_unique_violation`] if its id or its name is taken.
pub async fn insert(tx: &mut WriteTx, portfolio: &Portfolio) -> Result<()> {
    sqlx::query!(
        "insert into portfolios (id, name, owner, currency, opening_equity, inception)
         values ($1, $2, $3, $4, $5, $6)",
        portfolio.id.0,
        portfolio.name,
        portfolio.owner,
        portfolio.currency,
        portfolio.opening_equity,
        portfolio.inception
    )
    .execute(tx.connection())
    .await
    .attempt("inserting a portfolio")?;
    Ok(())
}

/// A portfolio that is not deleted.
pub async fn get(db: &mut ReadTx<'_>, id: PortfolioId) -> Result<Option<Portfolio>> {
    let row = sqlx::query!(
        "select id, name, owner, currency, opening_equity, inception from portfolios
         where id = $1 and deleted_at is null",
        id.0
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading a portfolio")?;
    Ok(row.map(|row| Portfolio {
        id: PortfolioId(row.id),
        name: row.name,
        owner: row.owner,
        currency: row.currency,
        opening_equity: row.opening_equity,
        inception: row.inception,
    }))
}

/// Portfolios of a name that are not deleted: one for each owner.
pub async fn named(db: &mut ReadTx<'_>, name: &str) -> Result<Vec<PortfolioId>> {
    let ids = sqlx::query_scalar!(
        "select id from portfolios where name = $1 and deleted_at is null order by id",
        name
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for a portfolio by its name")?;
    Ok(ids.into_iter().map(PortfolioId).collect())
}

/// Makes imports into a portfolio wait for each other until the transaction ends, whether it
/// exists or not.
pub async fn lock(tx: &mut WriteTx, id: PortfolioId) -> Result<()> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('import ' || $1, 0))",
        id.to_string()
    )
    .execute(tx.connection())
    .await
    .attempt("locking a portfolio")?;
    Ok(())
}

/// Every portfolio that is not deleted, by name.
pub async fn list(db: &mut ReadTx<'_>) -> Result<Vec<Portfolio>> {
    let rows = sqlx::query!(
        "select id, name, owner, currency, opening_equity, inception from portfolios
         where deleted_at is null order by name, id"
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading portfolios")?;
    Ok(rows
        .into_iter()
        .map(|row| Portfolio {
            id: PortfolioId(row.id),
            name: row.name,
            owner: row.owner,
            currency: row.currency,
            opening_equity: row.opening_equity,
            inception: row.inception,
        })
        .collect())
}

/// The portfolios up to one in the order of [`list`], itself and deleted ones among them; none where there never was that one.
pub async fn up_to(db: &mut ReadTx<'_>, id: PortfolioId) -> Result<BTreeSet<PortfolioId>> {
    let ids = sqlx::query_scalar!(
        r#"select p.id as "id!" from portfolios p join portfolios o on (p.name, p.id) <= (o.name, o.id) where o.id = $1"#,
        id.0
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for the place of a portfolio")?;
    Ok(ids.into_iter().map(PortfolioId).collect())
}

/// Takes a portfolio away; its rows stay. Says whether it was there.
pub async fn delete(tx: &mut WriteTx, id: PortfolioId) -> Result<bool> {
    let done = sqlx::query!(
        "update portfolios set deleted_at = now() where id = $1 and deleted_at is null",
        id.0
    )
    .execute(tx.connection())
    .await
    .attempt("deleting a portfolio")?;
    Ok(done.rows_affected() == 1)
}

/// Inserts lots, each with the last session on or before the expiry of its option; a lot that was
/// removed comes back.
pub async fn insert_lots(
    tx: &mut WriteTx,
    portfolio: PortfolioId,
    lots: &[(Lot, Option<TradingDate>)],
) -> Result<()> {
    fn column<'a, T>(lots: &'a [(Lot, Option<TradingDate>)], of: impl Fn(&'a Lot) -> T) -> Vec<T> {
        lots.iter().map(|(lot, _)| of(lot)).collect()
    }
    sqlx::query!(
        "insert into positions (id, portfolio_id, symbol, position_type, class, subtype, quantity, entry_price,
                                entry_date, exit_price, exit_date, underlying, strike, expiry, expiry_session,
                                option_right, multiplier)
         select id, $1, symbol, position_type, class, subtype, quantity, entry_price, entry_date, exit_price, exit_date,
                underlying, strike, expiry, expiry_session, option_right, multiplier
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::numeric[],
                     $9::date[], $10::numeric[], $11::date[], $12::text[], $13::numeric[], $14::date[], $15::date[],
                     $16::text[], $17::numeric[])
              as l(id, symbol, position_type, class, subtype, quantity, entry_price, entry_date, exit_price, exit_date,
                   underlying, strike, expiry, expiry_session, option_right, multiplier)
         on conflict (id) do update
         set deleted_at = null, exit_price = excluded.exit_price, exit_date = excluded.exit_date",
        portfolio.0,
        &column(lots, |lot| lot.id.0),
        &column(lots, |lot| lot.symbol.to_string()),
        &column(lots, |lot| lot.position_type().to_string()),
        &column(lots, |lot| lot.class.to_string()),
        &column(lots, |lot| lot.subtype.clone()) as &[Option<String>],
        &column(lots, |lot| lot.quantity),
        &column(lots, |lot| lot.entry_price),
        &column(lots, |lot| lot.entry_date),
        &column(lots, |lot| lot.exit.map(|exit| exit.price)) as &[Option<Decimal>],
        &column(lots, |lot| lot.exit.map(|exit| exit.date)) as &[Option<NaiveDate>],
        &column(lots, |lot| lot.option.as_ref().map(|terms| terms.underlying.to_string())) as &[Option<String>],
        &column(lots, |lot| lot.option.as_ref().map(|terms| terms.strike)) as &[Option<Decimal>],
        &column(lots, |lot| lot.option.as_ref().map(|terms| terms.expiry)) as &[Option<NaiveDate>],
        &lots.iter().map(|(_, session)| session.map(TradingDate::date)).collect::<Vec<_>>() as &[Option<NaiveDate>],
        &column(lots, |lot| lot.option.as_ref().map(|terms| terms.right.to_string())) as &[Option<String>],
        &column(lots, Lot::multiplier)
    )
    .execute(tx.connection())
    .await
    .attempt("inserting lots")?;
    Ok(())
}

/// Gives a lot its exit.
pub async fn close_lot(tx: &mut WriteTx, id: PositionId, exit: &Exit) -> Result<()> {
    sqlx::query!(
        "update positions set exit_price = $2, exit_date = $3 where id = $1",
        id.0,
        exit.price,
        exit.date
    )
    .execute(tx.connection())
    .await
    .attempt("closing a lot")?;
    Ok(())
}

/// Takes the exit of a lot away.
pub async fn reopen_lot(tx: &mut WriteTx, id: PositionId) -> Result<()> {
    sqlx::query!(
        "update positions set exit_price = null, exit_date = null where id = $1",
        id.0
    )
    .execute(tx.connection())
    .await
    .attempt("reopening a lot")?;
    Ok(())
}

/// Takes lots out of the book; their rows stay.
pub async fn remove_lots(tx: &mut WriteTx, ids: &[PositionId]) -> Result<()> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query!(
        "with marks as (delete from position_marks where position_id = any($1)),
              tagged as (delete from position_tags where position_id = any($1))
         update positions set deleted_at = now() where id = any($1)",
        &ids
    )
    .execute(tx.connection())
    .await
    .attempt("removing lots")?;
    Ok(())
}

/// Symbols whose corporate actions have cash dividends: a dividend flow for one of them would count
/// twice.
pub async fn with_dividends(db: &mut ReadTx<'_>) -> Result<BTreeSet<Symbol>> {
    sqlx::query_scalar!(
        "select distinct symbol from corporate_actions where cash_dividend is not null"
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for symbols with dividends")?
    .iter()
    .map(|symbol| word("corporate_actions", symbol))
    .collect()
}

/// The books of portfolios up to a date: every lot that is not deleted, flows and marks.
pub async fn books(
    db: &mut ReadTx<'_>,
    portfolios: &[PortfolioId],
    as_of: NaiveDate,
) -> Result<BTreeMap<PortfolioId, Book>> {
    let ids: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let mut books = BTreeMap::new();
    let heads = sqlx::query!(
        "select id, opening_equity, inception from portfolios where id = any($1) order by id",
        &ids
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading portfolios")?;
    for head in heads {
        let book = Book {
            opening_equity: head.opening_equity,
            inception: head.inception,
            lots: Vec::new(),
            flows: Vec::new(),
            marks: BTreeMap::new(),
            models: BTreeMap::new(),
        };
        books.insert(PortfolioId(head.id), book);
    }
    for (portfolio, lot) in lots(db, &ids, as_of).await? {
        if let Some(book) = books.get_mut(&portfolio) {
            book.lots.push(lot);
        }
    }
    for (portfolio, flow) in lines::flows(db, &ids, as_of).await? {
        if let Some(book) = books.get_mut(&portfolio) {
            book.flows.push(flow);
        }
    }
    for (portfolio, (symbol, date, price)) in lines::marks(db, &ids, as_of).await? {
        if let Some(book) = books.get_mut(&portfolio) {
            book.marks.entry(symbol).or_default().push((date, price));
        }
    }
    Ok(books)
}

/// Portfolios with options, and the first day of each that has one.
pub async fn with_options(
    db: &mut ReadTx<'_>,
) -> Result<impl Iterator<Item = (PortfolioId, NaiveDate)> + use<>> {
    let rows = sqlx::query!(
        r#"select portfolio_id, min(entry_date) as "since!" from positions
           where underlying is not null and deleted_at is null group by portfolio_id order by portfolio_id"#
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading which portfolios have options")?;
    Ok(rows
        .into_iter()
        .map(|row| (PortfolioId(row.portfolio_id), row.since)))
}

/// Every lot of a portfolio that is not deleted.
pub async fn all_lots(db: &mut ReadTx<'_>, portfolio: PortfolioId) -> Result<Vec<Lot>> {
    let found = lots(db, &[portfolio.0], EVER).await?;
    Ok(found.into_iter().map(|(_, lot)| lot).collect())
}

async fn lots(
    db: &mut ReadTx<'_>,
    portfolios: &[Uuid],
    as_of: NaiveDate,
) -> Result<Vec<(PortfolioId, Lot)>> {
    let rows = sqlx::query!(
        r#"select id as "id!", portfolio_id as "portfolio_id!", symbol as "symbol!", class as "class!", subtype,
                  quantity as "quantity!", entry_price as "entry_price!", entry_date as "entry_date!",
                  exit_price, exit_date, underlying, strike, expiry, option_right
           from booked_positions($2) where portfolio_id = any($1)
           order by portfolio_id, symbol, entry_date, id"#,
        portfolios,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading lots")?;
    let mut lots = Vec::with_capacity(rows.len());
    for row in rows {
        let class: AssetClass = word("positions", &row.class)?;
        let exit = match (row.exit_date, row.exit_price) {
            (Some(date), Some(price)) => Some(Exit { date, price }),
            _ => None,
        };
        let option = match (row.underlying, row.strike, row.expiry, row.option_right) {
            (Some(underlying), Some(strike), Some(expiry), Some(right)) => Some(OptionTerms {
                underlying: word("positions", &underlying)?,
                strike,
                expiry,
                right: word("positions", &right)?,
            }),
            (None, None, None, None) => None,
            _ => {
                let problem = format!("option {} without all its terms", row.id);
                return Err(Error::Row {
                    table: "positions",
                    problem,
                });
            }
        };
        let lot = Lot {
            id: PositionId(row.id),
            symbol: word("positions", &row.symbol)?,
            class,
            subtype: row.subtype,
            quantity: row.quantity,
            entry_price: row.entry_price,
            entry_date: row.entry_date,
            exit,
            option,
        };
        lots.push((PortfolioId(row.portfolio_id), lot));
    }
    Ok(lots)
}
