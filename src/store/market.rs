//! Prices, yields, corporate actions, profiles and fundamentals: what providers answered.

mod actions;
mod basis;
mod fundamentals;
mod outcomes;
mod prices;
mod profiles;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{Attempt, ReadTx, Result, word};
use crate::domain::{PriceHistory, Symbol, TradingDate};

pub use actions::{Action, Actions, actions, upsert_actions};
pub use basis::{basis, pin_basis};
pub use fundamentals::{Statements, record_fundamentals, upsert_estimates, upsert_statements};
pub use outcomes::{Outcomes, reasons_on, reasons_without_price, record_outcomes, refused};
pub use prices::{
    Bars, Fresh, Series, closes, first_known, settled_without, upsert_bars, upsert_yields, yields,
};
pub use profiles::{ProfileRow, Profiles, optioned_with_gaps, profiles, upsert_profiles};

/// Exact histories for the ledger: closes from the last one before `from` to `to`, all splits and
/// dividends up to `to`.
pub async fn histories(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<BTreeMap<Symbol, PriceHistory>> {
    let mut histories: BTreeMap<Symbol, PriceHistory> = BTreeMap::new();
    let closes = sqlx::query!(
        r#"select s.symbol as "symbol!", array_agg(m.date order by m.date) as "dates!",
                  array_agg(m.close order by m.date) as "closes!: Vec<Decimal>"
           from unnest($1::text[]) as s(symbol)
           cross join lateral (
               select coalesce(max(date), $2) as first from market_data_cache where symbol = s.symbol and date < $2
           ) before
           join market_data_cache m on m.symbol = s.symbol and m.date between before.first and $3
           group by s.symbol"#,
        symbols,
        from,
        to
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading prices")?;
    for row in closes {
        let history = histories
            .entry(word("market_data_cache", &row.symbol)?)
            .or_default();
        let dates = row.dates.into_iter().map(TradingDate::trusted);
        history.closes = dates.zip(row.closes).collect();
    }
    for action in actions(db, symbols, to).await? {
        let history = histories.entry(action.symbol).or_default();
        if let Some(split) = action.split {
            history.splits.push((action.ex_date, split));
        }
        if let Some(dividend) = action.dividend {
            history.dividends.push((action.ex_date, dividend));
        }
    }
    Ok(histories)
}
