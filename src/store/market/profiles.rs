//! Companies: what describes them, as it was told last, and the history of what results use.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::{ProfileFacts, ProfileHistory, ProfileVersion, Reach, Symbol, TradingDate};
use crate::store::{Attempt, ReadTx, Result, WriteTx, word};

/// A company as a provider tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileRow {
    /// Why there is none.
    pub reason: Option<String>,
    /// What results use.
    pub facts: ProfileFacts,
    /// Name.
    pub name: Option<String>,
    /// Industry.
    pub industry: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Currency.
    pub currency: Option<String>,
    /// In the currency.
    pub market_cap: Option<Decimal>,
    /// Prose.
    pub description: Option<String>,
}

/// Histories of symbols.
#[derive(Debug, Clone, Default)]
pub struct Profiles(BTreeMap<Symbol, ProfileHistory>);

impl Profiles {
    /// What is known of a symbol at a date.
    pub fn at(&self, symbol: &Symbol, date: TradingDate) -> Option<&ProfileFacts> {
        self.0.get(symbol)?.at(date.date())
    }
}

/// Stores profiles of distinct symbols as a run with this final date was told them; says at which dates results find other facts than
/// before. A newer description stays, and so does what is known of later dates.
pub async fn upsert_profiles(
    tx: &mut WriteTx,
    profiles: &[(Symbol, ProfileRow)],
    source: &str,
    as_of: NaiveDate,
) -> Result<Vec<(Symbol, Reach)>> {
    let symbols: Vec<String> = profiles
        .iter()
        .map(|(symbol, _)| symbol.to_string())
        .collect();
    // First: whoever tells of the same symbols waits here, so that the histories are read after his were written.
    describe(tx, &symbols, profiles, source, as_of).await?;
    let mut histories = self::profiles(&mut tx.reader(), &symbols).await?.0;
    let (mut gone, mut told) = (Vec::new(), Vec::new());
    let mut reaches = Vec::new();
    for (symbol, row) in profiles {
        let history = histories.entry(symbol.clone()).or_default();
        let before = history.clone();
        let reach = history.tell(as_of, row.facts.clone());
        reaches.extend(reach.map(|reach| (symbol.clone(), reach)));
        let of = |one: &ProfileHistory, other: &ProfileHistory| -> Vec<ProfileVersion> {
            let own = one.versions().iter();
            own.filter(|version| !other.versions().contains(version))
                .cloned()
                .collect()
        };
        let old = of(&before, history);
        let new = of(history, &before);
        gone.extend(old.into_iter().map(|version| (symbol, version.as_of)));
        told.extend(new.into_iter().map(|version| (symbol, version)));
    }
    rewrite(tx, &gone, &told).await?;
    Ok(reaches)
}

async fn describe(
    tx: &mut WriteTx,
    symbols: &[String],
    profiles: &[(Symbol, ProfileRow)],
    source: &str,
    as_of: NaiveDate,
) -> Result<()> {
    let texts = |of: fn(&ProfileRow) -> &Option<String>| -> Vec<Option<String>> {
        profiles.iter().map(|(_, row)| of(row).clone()).collect()
    };
    let (reasons, names) = (texts(|row| &row.reason), texts(|row| &row.name));
    let (industries, countries) = (texts(|row| &row.industry), texts(|row| &row.country));
    let (currencies, descriptions) = (texts(|row| &row.currency), texts(|row| &row.description));
    let market_caps: Vec<_> = profiles.iter().map(|(_, row)| row.market_cap).collect();
    sqlx::query!(
        "insert into company_profiles as p (symbol, available, reason, name, industry, country, currency, market_cap, description,
                                            source, as_of)
         select symbol, reason is null, reason, name, industry, country, currency, market_cap, description, $9, $10
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::text[])
              as g(symbol, reason, name, industry, country, currency, market_cap, description)
         order by symbol
         on conflict (symbol) do update
         set available = excluded.available, reason = excluded.reason, name = excluded.name, industry = excluded.industry,
             country = excluded.country, currency = excluded.currency, market_cap = excluded.market_cap,
             description = excluded.description, source = excluded.source, as_of = excluded.as_of
         where p.as_of <= excluded.as_of",
        symbols,
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
    Ok(())
}

async fn rewrite(
    tx: &mut WriteTx,
    gone: &[(&Symbol, NaiveDate)],
    told: &[(&Symbol, ProfileVersion)],
) -> Result<()> {
    if gone.is_empty() && told.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "delete from profile_versions v using unnest($1::text[], $2::date[]) as g(symbol, as_of)
         where v.symbol = g.symbol and v.as_of = g.as_of",
        &gone
            .iter()
            .map(|(symbol, _)| symbol.to_string())
            .collect::<Vec<_>>(),
        &gone.iter().map(|(_, as_of)| *as_of).collect::<Vec<_>>()
    )
    .execute(tx.connection())
    .await
    .attempt("removing versions of profiles")?;
    let texts = |of: fn(&ProfileFacts) -> &Option<String>| -> Vec<Option<String>> {
        told.iter()
            .map(|(_, version)| of(&version.facts).clone())
            .collect()
    };
    let numbers = |of: fn(&ProfileFacts) -> Option<f64>| -> Vec<Option<f64>> {
        told.iter().map(|(_, version)| of(&version.facts)).collect()
    };
    sqlx::query!(
        "insert into profile_versions (symbol, as_of, until, sector, quote_type, beta, dividend_yield)
         select * from unnest($1::text[], $2::date[], $3::date[], $4::text[], $5::text[], $6::float8[], $7::float8[])",
        &told.iter().map(|(symbol, _)| symbol.to_string()).collect::<Vec<_>>(),
        &told.iter().map(|(_, version)| version.as_of).collect::<Vec<_>>(),
        &told.iter().map(|(_, version)| version.until).collect::<Vec<_>>(),
        &texts(|facts| &facts.sector) as &[Option<String>],
        &texts(|facts| &facts.quote_type) as &[Option<String>],
        &numbers(|facts| facts.beta) as &[Option<f64>],
        &numbers(|facts| facts.dividend_yield) as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("storing versions of profiles")?;
    Ok(())
}

/// Those of the symbols with an option that is held over the last date of theirs and with fewer closes than these since the first one.
pub async fn optioned_with_gaps(
    tx: &mut WriteTx,
    symbols: &[String],
    (first, last): (&[NaiveDate], &[NaiveDate]),
    closes: i64,
) -> Result<BTreeSet<String>> {
    if symbols.is_empty() {
        return Ok(BTreeSet::new());
    }
    let found = sqlx::query_scalar!(
        r#"select distinct s.symbol as "symbol!" from unnest($1::text[], $2::date[], $3::date[]) as s(symbol, first, last)
           join positions p on p.underlying = s.symbol
           where p.deleted_at is null and p.entry_date < s.last and p.expiry_session > s.last
             and (select count(*) from market_data_cache m where m.symbol = s.symbol and m.date between s.first and s.last) < $4"#,
        symbols,
        first,
        last,
        closes
    )
    .fetch_all(tx.connection())
    .await
    .attempt("looking for options without closes")?;
    Ok(found.into_iter().collect())
}

/// What is known of symbols, at every date.
pub async fn profiles(db: &mut ReadTx<'_>, symbols: &[String]) -> Result<Profiles> {
    let rows = sqlx::query!(
        "select symbol, as_of, until, sector, quote_type, beta, dividend_yield
         from profile_versions where symbol = any($1) order by symbol, as_of",
        symbols
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading profiles")?;
    let mut versions: BTreeMap<Symbol, Vec<ProfileVersion>> = BTreeMap::new();
    for row in rows {
        let version = ProfileVersion {
            as_of: row.as_of,
            until: row.until,
            facts: ProfileFacts {
                sector: row.sector,
                quote_type: row.quote_type,
                beta: row.beta,
                dividend_yield: row.dividend_yield,
            },
        };
        let symbol = word("profile_versions", &row.symbol)?;
        versions.entry(symbol).or_default().push(version);
    }
    let histories = versions.into_iter();
    let histories = histories.map(|(symbol, own)| (symbol, ProfileHistory::new(own)));
    Ok(Profiles(histories.collect()))
}
