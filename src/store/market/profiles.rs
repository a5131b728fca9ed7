//! Companies.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::Symbol;
use crate::store::{Attempt, ReadTx, Result, WriteTx, word};

/// A company as results use it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileRow {
    /// Why there is none.
    pub reason: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Sector.
    pub sector: Option<String>,
    /// Industry.
    pub industry: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Currency.
    pub currency: Option<String>,
    /// What it is: EQUITY, ETF, MUTUALFUND, …
    pub quote_type: Option<String>,
    /// Beta as the provider has it.
    pub beta: Option<f64>,
    /// A fraction per year.
    pub dividend_yield: Option<f64>,
    /// In the currency.
    pub market_cap: Option<Decimal>,
    /// Prose.
    pub description: Option<String>,
}

/// Stores profiles of distinct symbols; says of which a field that results use is new or different. A
/// newer profile stays.
pub async fn upsert_profiles(
    tx: &mut WriteTx,
    profiles: &[(Symbol, ProfileRow)],
    source: &str,
    as_of: NaiveDate,
) -> Result<Vec<Symbol>> {
    let texts = |of: fn(&ProfileRow) -> &Option<String>| -> Vec<Option<String>> {
        profiles.iter().map(|(_, row)| of(row).clone()).collect()
    };
    let symbols: Vec<String> = profiles
        .iter()
        .map(|(symbol, _)| symbol.to_string())
        .collect();
    let (reasons, sectors) = (texts(|row| &row.reason), texts(|row| &row.sector));
    let quote_types = texts(|row| &row.quote_type);
    let betas: Vec<_> = profiles.iter().map(|(_, row)| row.beta).collect();
    let dividend_yields: Vec<_> = profiles.iter().map(|(_, row)| row.dividend_yield).collect();
    let changed = sqlx::query_scalar!(
        r#"with stored as (
               insert into company_profiles (symbol, available, reason, sector, quote_type, beta, dividend_yield, source, as_of)
               select symbol, reason is null, reason, sector, quote_type, beta, dividend_yield, $7, $8
               from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[])
                    as g(symbol, reason, sector, quote_type, beta, dividend_yield)
               order by symbol
               on conflict (symbol) do update
               set sector = excluded.sector, quote_type = excluded.quote_type, beta = excluded.beta,
                   dividend_yield = excluded.dividend_yield
               where company_profiles.as_of <= excluded.as_of
                 and (company_profiles.sector, company_profiles.quote_type, company_profiles.beta,
                      company_profiles.dividend_yield)
                     is distinct from (excluded.sector, excluded.quote_type, excluded.beta, excluded.dividend_yield)
               returning symbol, xmax <> 0 as updated, num_nonnulls(sector, quote_type, beta, dividend_yield) > 0 as told
           )
           -- A new profile in which all of them are missing is what no profile was.
           select symbol from stored where updated or told order by symbol"#,
        &symbols,
        &reasons as &[Option<String>],
        &sectors as &[Option<String>],
        &quote_types as &[Option<String>],
        &betas as &[Option<f64>],
        &dividend_yields as &[Option<f64>],
        source,
        as_of
    )
    .fetch_all(tx.connection())
    .await
    .attempt("storing profiles")?;
    let (names, industries) = (texts(|row| &row.name), texts(|row| &row.industry));
    let (countries, currencies) = (texts(|row| &row.country), texts(|row| &row.currency));
    let descriptions = texts(|row| &row.description);
    let market_caps: Vec<_> = profiles.iter().map(|(_, row)| row.market_cap).collect();
    sqlx::query!(
        "update company_profiles p
         set available = g.reason is null, reason = g.reason, name = g.name, industry = g.industry, country = g.country,
             currency = g.currency, market_cap = g.market_cap, description = g.description, source = $9, as_of = $10
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::text[])
              as g(symbol, reason, name, industry, country, currency, market_cap, description)
         where p.symbol = g.symbol and p.as_of <= $10",
        &symbols,
        &reasons as &[Option<String>],
        &names as &[Option<String>],
        &industries as &[Option<String>],
        &countries as &[Option<String>],
        &currencies as &[Option<String>],
        &market_caps as &[Option<Decimal>],
        &descriptions as &[Option<String>],
        source,
        as_of
    )
    .execute(tx.connection())
    .await
    .attempt("storing descriptions")?;
    changed
        .iter()
        .map(|symbol| word("company_profiles", symbol))
        .collect()
}

/// Profiles that are available.
pub async fn profiles(
    db: &mut ReadTx<'_>,
    symbols: &[String],
) -> Result<BTreeMap<Symbol, ProfileRow>> {
    sqlx::query!(
        "select symbol, reason, name, sector, industry, country, currency, quote_type, beta, dividend_yield,
                market_cap, description
         from company_profiles where symbol = any($1) and available order by symbol",
        symbols
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading profiles")?
    .into_iter()
    .map(|row| {
        let profile = ProfileRow {
            reason: row.reason,
            name: row.name,
            sector: row.sector,
            industry: row.industry,
            country: row.country,
            currency: row.currency,
            quote_type: row.quote_type,
            beta: row.beta,
            dividend_yield: row.dividend_yield,
            market_cap: row.market_cap,
            description: row.description,
        };
        Ok((word("company_profiles", &row.symbol)?, profile))
    })
    .collect()
}
