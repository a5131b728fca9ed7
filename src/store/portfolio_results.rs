//! Results per portfolio and date: values, snapshots, marks, tags.

mod analytics;
mod losses;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

pub use analytics::{
    ActiveWeightRow, AnalyticsRows, ContributionRow, CorrelationRow, FactorRow, PositionFactorRow,
    RiskRow, SectorRow, StressRow, VolatilityRow, replace_analytics, strictly_complete,
};

pub use losses::{BacktestRow, OptionRow, ReplayRow, ReverseRow, ValueAtRiskRow};

use super::{Attempt, ReadTx, Result, WriteTx, texts, word};
use crate::domain::{
    AssetClass, LotValue, OptionTerms, PortfolioId, PositionId, Quality, Symbol, TradingDate,
};

/// The value of a position at a date.
#[derive(Debug, Clone)]
pub struct ValueRow {
    /// Whose.
    pub portfolio: PortfolioId,
    /// The date.
    pub as_of: TradingDate,
    /// Which lot.
    pub position: PositionId,
    /// Quantity, price, value, quality.
    pub value: LotValue,
}

/// Replaces the position values of whole (portfolio, date) sets.
pub async fn replace_values(
    tx: &mut WriteTx,
    sets: &[(PortfolioId, TradingDate)],
    rows: &[ValueRow],
) -> Result<()> {
    let portfolios: Vec<Uuid> = sets.iter().map(|set| set.0.0).collect();
    let dates: Vec<NaiveDate> = sets.iter().map(|set| set.1.date()).collect();
    sqlx::query!(
        "delete from position_values v using unnest($1::uuid[], $2::date[]) as k(portfolio_id, as_of)
         where v.portfolio_id = k.portfolio_id and v.as_of = k.as_of",
        &portfolios,
        &dates
    )
    .execute(tx.connection())
    .await
    .attempt("removing position values")?;
    sqlx::query!(
        "insert into position_values (portfolio_id, as_of, position_id, quantity, price, price_date, quality,
                                      market_value, cost, unrealised)
         select * from unnest($1::uuid[], $2::date[], $3::uuid[], $4::numeric[], $5::numeric[], $6::date[],
                              $7::text[], $8::numeric[], $9::numeric[], $10::numeric[])",
        &rows.iter().map(|row| row.portfolio.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.as_of.date()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.position.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.quantity).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.price).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.price_date).collect::<Vec<_>>() as &[Option<NaiveDate>],
        &rows.iter().map(|row| row.value.quality.to_string()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.market_value).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.cost).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.unrealised).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("inserting position values")?;
    Ok(())
}

/// A snapshot of a portfolio at a date.
#[derive(Debug, Clone)]
pub struct SnapshotRow {
    /// Whose.
    pub portfolio: PortfolioId,
    /// The date.
    pub as_of: TradingDate,
    /// Net asset value = cash + long + short.
    pub nav: Decimal,
    /// May be negative.
    pub cash: Decimal,
    /// At least zero.
    pub long_value: Decimal,
    /// At most zero.
    pub short_value: Decimal,
    /// Contributions less withdrawals of the day.
    pub external_flows: Decimal,
    /// Gains of what was sold.
    pub realised: Decimal,
    /// Change of gains of what is held.
    pub unrealised_change: Decimal,
    /// Dividends, interest, fees.
    pub income: Decimal,
    /// realised + change of unrealised + income.
    pub pnl_day: Decimal,
    /// Since inception.
    pub pnl_total: Decimal,
    /// Of the net asset value of the day before.
    pub return_day: Option<f64>,
    /// A flow above a tenth of the value.
    pub large_flow: bool,
    /// Flow → why it is left out; the close that an expiry lacks → what it was settled at.
    pub doubts: BTreeMap<String, String>,
}

/// Writes snapshots, one per (portfolio, date).
pub async fn replace_snapshots(tx: &mut WriteTx, rows: &[SnapshotRow]) -> Result<()> {
    let money = |field: fn(&SnapshotRow) -> Decimal| rows.iter().map(field).collect::<Vec<_>>();
    sqlx::query!(
        "insert into portfolio_snapshots (portfolio_id, as_of, nav, cash, long_value, short_value, external_flows,
                                          realised, unrealised_change, income, pnl_day, pnl_total, return_day, large_flow,
                                          doubts)
         select * from unnest($1::uuid[], $2::date[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[],
                              $7::numeric[], $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[],
                              $12::numeric[], $13::float8[], $14::boolean[], $15::jsonb[])
         on conflict (portfolio_id, as_of) do update
         set nav = excluded.nav, cash = excluded.cash, long_value = excluded.long_value,
             short_value = excluded.short_value, external_flows = excluded.external_flows,
             realised = excluded.realised, unrealised_change = excluded.unrealised_change, income = excluded.income,
             pnl_day = excluded.pnl_day, pnl_total = excluded.pnl_total, return_day = excluded.return_day,
             large_flow = excluded.large_flow, doubts = excluded.doubts",
        &rows.iter().map(|row| row.portfolio.0).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.as_of.date()).collect::<Vec<_>>(),
        &money(|row| row.nav),
        &money(|row| row.cash),
        &money(|row| row.long_value),
        &money(|row| row.short_value),
        &money(|row| row.external_flows),
        &money(|row| row.realised),
        &money(|row| row.unrealised_change),
        &money(|row| row.income),
        &money(|row| row.pnl_day),
        &money(|row| row.pnl_total),
        &rows.iter().map(|row| row.return_day).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.large_flow).collect::<Vec<_>>(),
        &rows.iter().map(|row| json!(row.doubts)).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("writing snapshots")?;
    Ok(())
}

/// Replaces the live marks of portfolios.
pub async fn replace_marks(
    tx: &mut WriteTx,
    portfolios: &[PortfolioId],
    rows: &[&ValueRow],
) -> Result<()> {
    let ids: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let positions: Vec<Uuid> = rows.iter().map(|row| row.position.0).collect();
    sqlx::query!(
        "delete from position_marks m using positions p
         where p.id = m.position_id and p.portfolio_id = any($1) and m.position_id <> all($2)",
        &ids,
        &positions
    )
    .execute(tx.connection())
    .await
    .attempt("removing live marks")?;
    sqlx::query!(
        "insert into position_marks (position_id, as_of, price, price_date, quality, market_value, unrealised)
         select * from unnest($1::uuid[], $2::date[], $3::numeric[], $4::date[], $5::text[], $6::numeric[], $7::numeric[])
         on conflict (position_id) do update
         set as_of = excluded.as_of, price = excluded.price, price_date = excluded.price_date,
             quality = excluded.quality, market_value = excluded.market_value, unrealised = excluded.unrealised",
        &positions,
        &rows.iter().map(|row| row.as_of.date()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.price).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.price_date).collect::<Vec<_>>() as &[Option<NaiveDate>],
        &rows.iter().map(|row| row.value.quality.to_string()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.market_value).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.value.unrealised).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("writing live marks")?;
    Ok(())
}

/// A position with its value at a date, as analytics need it.
#[derive(Debug, Clone)]
pub struct Valued {
    /// Which lot.
    pub position: PositionId,
    /// Its symbol.
    pub symbol: Symbol,
    /// Its class.
    pub class: AssetClass,
    /// Underlying of an option.
    pub underlying: Option<Symbol>,
    /// Terms of an option.
    pub option: Option<OptionTerms>,
    /// Day of the entry: splits of the underlying since then are in the contract.
    pub entry_date: NaiveDate,
    /// Quantity at the entry, before splits.
    pub entry_quantity: Decimal,
    /// Quantity after splits.
    pub quantity: Decimal,
    /// Price.
    pub price: Decimal,
    /// Session of the price.
    pub price_date: Option<NaiveDate>,
    /// How good the price is.
    pub quality: Quality,
    /// Signed.
    pub market_value: Decimal,
    /// Signed.
    pub cost: Decimal,
}

/// The values of a portfolio at a date, by symbol.
pub async fn values(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Valued>> {
    sqlx::query!(
        "select v.position_id, p.symbol, p.class, p.underlying, p.strike, p.expiry, p.option_right, p.entry_date,
                p.quantity as entry_quantity, v.quantity, v.price, v.price_date, v.quality, v.market_value, v.cost
         from position_values v join positions p on p.id = v.position_id
         where v.portfolio_id = $1 and v.as_of = $2
         order by p.symbol, v.position_id",
        portfolio.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading position values")?
    .into_iter()
    .map(|row| {
        let underlying: Option<Symbol> =
            row.underlying.as_deref().map(|text| word("positions", text)).transpose()?;
        let option = match (&underlying, row.strike, row.expiry, &row.option_right) {
            (Some(underlying), Some(strike), Some(expiry), Some(right)) => Some(OptionTerms {
                underlying: underlying.clone(),
                strike,
                expiry,
                right: word("positions", right)?,
            }),
            _ => None,
        };
        Ok(Valued {
            option,
            entry_date: row.entry_date,
            entry_quantity: row.entry_quantity,
            position: PositionId(row.position_id),
            symbol: word("positions", &row.symbol)?,
            class: word("positions", &row.class)?,
            underlying,
            quantity: row.quantity,
            price: row.price,
            price_date: row.price_date,
            quality: word("position_values", &row.quality)?,
            market_value: row.market_value,
            cost: row.cost,
        })
    })
    .collect()
}

/// What the phases of values and of the ledger left for a date.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// Whether there are values of positions: a book without positions has some, of none.
    pub valued: bool,
    /// Net asset value and cash, where there is a snapshot.
    pub money: Option<(Decimal, Decimal)>,
    /// Flow → why the ledger leaves it out; the close that an expiry lacks → what it was settled at.
    pub doubts: BTreeMap<String, String>,
}

/// The accounts of a portfolio at a date.
pub async fn accounts(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Accounts> {
    let row = sqlx::query!(
        r#"select exists (select from result_set where kind = 'position-values' and owner = $1::uuid::text and as_of = $2)
                      as "valued!",
                  s.nav as "nav?", s.cash as "cash?", s.doubts as "doubts?"
           from (values (1)) as one
           left join portfolio_snapshots s on s.portfolio_id = $1 and s.as_of = $2"#,
        portfolio.0,
        as_of
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("reading a snapshot")?;
    Ok(Accounts {
        valued: row.valued,
        money: row.nav.zip(row.cash),
        doubts: row.doubts.as_ref().map(texts).unwrap_or_default(),
    })
}

/// Live positions of portfolios at a date, with their symbols: (position, symbol or underlying, class).
pub async fn live_positions(
    db: &mut ReadTx<'_>,
    portfolios: &[PortfolioId],
    as_of: NaiveDate,
) -> Result<BTreeMap<PortfolioId, Vec<(PositionId, Symbol, AssetClass)>>> {
    let ids: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select portfolio_id as "portfolio_id!", id as "id!", coalesce(underlying, symbol) as "symbol!", class as "class!"
           from live_positions($2) where portfolio_id = any($1) order by portfolio_id, id"#,
        &ids,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading live positions")?;
    let mut live: BTreeMap<PortfolioId, Vec<_>> = BTreeMap::new();
    for row in rows {
        let entry = (
            PositionId(row.id),
            word("positions", &row.symbol)?,
            word("positions", &row.class)?,
        );
        live.entry(PortfolioId(row.portfolio_id))
            .or_default()
            .push(entry);
    }
    Ok(live)
}

/// Gives positions one sector tag each, and takes it from those that are not live.
pub async fn replace_sector_tags(
    tx: &mut WriteTx,
    portfolios: &[PortfolioId],
    tags: &[(PositionId, String)],
) -> Result<()> {
    let mut names: Vec<String> = tags.iter().map(|(_, tag)| tag.clone()).collect();
    names.sort();
    names.dedup();
    sqlx::query!(
        "insert into tags (name, kind) select unnest($1::text[]), 'sector' on conflict do nothing",
        &names
    )
    .execute(tx.connection())
    .await
    .attempt("writing tags")?;
    let ids: Vec<Uuid> = portfolios.iter().map(|id| id.0).collect();
    let positions: Vec<Uuid> = tags.iter().map(|(id, _)| id.0).collect();
    sqlx::query!(
        "delete from position_tags t using positions p
         where p.id = t.position_id and p.portfolio_id = any($1) and t.kind = 'sector' and t.position_id <> all($2)",
        &ids,
        &positions
    )
    .execute(tx.connection())
    .await
    .attempt("removing tags")?;
    sqlx::query!(
        "insert into position_tags (position_id, kind, tag)
         select id, 'sector', tag from unnest($1::uuid[], $2::text[]) as t(id, tag)
         on conflict (position_id, kind) do update set tag = excluded.tag where position_tags.tag <> excluded.tag",
        &positions,
        &tags.iter().map(|(_, tag)| tag.clone()).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("tagging positions")?;
    Ok(())
}
