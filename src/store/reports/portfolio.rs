//! A portfolio at a date: header, book and completeness; the analytics are next door.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::analytics::{
    self, ActiveWeight, Concentration, Contribution, Correlation, Factor, Risk, Sector, Stress,
    Volatility,
};
use super::bias::{self, Bias};
use super::fits::{self, Fit};
use super::head;
use super::losses::{self, Losses};
use crate::domain::factor_window::CommonSessions;
use crate::domain::{AssetClass, Portfolio, PortfolioId, PositionId, Quality, RunId, Symbol};
use crate::store::data_quality::{self, Checked};
use crate::store::symbol_results::Slope;
use crate::store::{Attempt, ReadTx, Result, portfolios, word};

/// A date that readers may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The date.
    pub as_of: NaiveDate,
    /// The run whose analytics are shown.
    pub run: RunId,
    /// Whether nothing failed.
    pub strict: bool,
}

/// Everything that is published of a portfolio at a date.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whose.
    pub portfolio: Portfolio,
    /// Which date, and which run.
    pub published: Published,
    /// What the numbers rest on.
    pub provenance: Provenance,
    /// Values of the ledger.
    pub snapshot: Snapshot,
    /// What is there, and why the rest is not.
    pub completeness: Completeness,
    /// Lots, by symbol.
    pub positions: Vec<Position>,
    /// Exposures, in the order of the definitions.
    pub factors: Vec<Factor>,
    /// The fits behind them, by symbol.
    pub fits: Vec<Fit>,
    /// The risk model's view.
    pub risk: Option<Risk>,
    /// Where the sessions of that model lie, read with the risk; nothing where there is no covariance.
    pub common: Option<CommonSessions>,
    /// Its contributions, largest first.
    pub contributions: Vec<Contribution>,
    /// How well the risk model has forecast.
    pub bias: Bias,
    /// Volatility of the return series.
    pub volatility: Option<Volatility>,
    /// Correlations of the instruments.
    pub correlation: Option<Correlation>,
    /// How much hangs on few names.
    pub concentration: Option<Concentration>,
    /// Sector buckets, largest first.
    pub sectors: Vec<Sector>,
    /// Against each benchmark that is loaded, by its name, the sectors of either side, by theirs.
    pub active_weights: Vec<ActiveWeight>,
    /// Stress tests, in the order of the definitions.
    pub stress: Vec<Stress>,
    /// What was found in the series behind the numbers.
    pub quality: Vec<Checked>,
    /// Options, value at risk, crises of the past, reverse stress.
    pub losses: Losses,
    /// How many lots are valued with prices of which quality.
    pub price_qualities: BTreeMap<String, i64>,
}

/// A part of a report that is read by a statement of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Lots.
    Positions,
    /// Exposures.
    Factors,
    /// The fits behind them.
    Fits,
    /// The risk model's view.
    Risk,
    /// Its contributions.
    Contributions,
    /// How well it has forecast.
    Bias,
    /// Volatility.
    Volatility,
    /// Correlations.
    Correlation,
    /// Concentration.
    Concentration,
    /// Sectors, and how they differ from benchmarks.
    Sectors,
    /// Stress tests.
    Stress,
    /// Data quality.
    Quality,
    /// Options, value at risk, crises, reverse stress.
    Losses,
}

impl Part {
    /// Whether it is read from rows that runs of other dates or other portfolios replace: fits and checks belong to symbols, and forecasts
    /// are judged over many dates.
    pub fn is_of_others(self) -> bool {
        matches!(self, Self::Fits | Self::Quality | Self::Bias)
    }

    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Positions,
        Self::Factors,
        Self::Fits,
        Self::Risk,
        Self::Contributions,
        Self::Bias,
        Self::Volatility,
        Self::Correlation,
        Self::Concentration,
        Self::Sectors,
        Self::Stress,
        Self::Quality,
        Self::Losses,
    ];
}

/// What the numbers of a date rest on.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// Versions and hashes of the definitions.
    pub definitions: String,
    /// `raw` or `total_return`.
    pub provider_basis: String,
    /// Version of the kernels.
    pub model_version: String,
    /// Names the conventions.
    pub convention_id: String,
    /// When it was committed.
    pub computed_at: DateTime<Utc>,
}

/// The ledger of a date, in the portfolio's currency.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// cash + long + short.
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
    /// The sum of the three.
    pub pnl_day: Decimal,
    /// Since inception.
    pub pnl_total: Decimal,
    /// A fraction of the net asset value of the session before.
    pub return_day: Option<f64>,
    /// A flow above a tenth of the value.
    pub large_flow: bool,
}

/// One entry of the completeness vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `snapshot`, `marks`, `betas`, …
    pub name: &'static str,
    /// `done`, `not_applicable`, `insufficient_data`, `timed_out` or `failed`.
    pub outcome: String,
    /// Why it is not done.
    pub reason: Option<String>,
}

/// What is there of a date, and why the rest is not.
#[derive(Debug, Clone, Default)]
pub struct Completeness {
    /// The vector.
    pub entries: Vec<Entry>,
    /// Symbol → why it is left out of market numbers; flow → why it is not booked; the close that an expiry lacks → what it was
    /// settled at.
    pub missing: BTreeMap<String, String>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Every entry is done, not applicable or short of data.
    pub strict: bool,
}

impl Completeness {
    /// Why an entry is not done; for an entry that is, nothing.
    pub fn reason(&self, name: &str) -> Option<String> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        if entry.outcome == "done" {
            return None;
        }
        Some(
            entry
                .reason
                .clone()
                .unwrap_or_else(|| entry.outcome.clone()),
        )
    }
}

/// A lot with its value at the date.
#[derive(Debug, Clone)]
pub struct Position {
    /// Which lot.
    pub id: PositionId,
    /// Its symbol.
    pub symbol: Symbol,
    /// LONG, SHORT, LC, …
    pub position_type: String,
    /// Its class.
    pub class: AssetClass,
    /// Underlying of an option.
    pub underlying: Option<String>,
    /// When it was opened.
    pub entry_date: NaiveDate,
    /// After splits; shorts negative.
    pub quantity: Decimal,
    /// Of one unit.
    pub price: Decimal,
    /// Session of the price.
    pub price_date: Option<NaiveDate>,
    /// How good the price is.
    pub quality: Quality,
    /// Signed.
    pub market_value: Decimal,
    /// Signed.
    pub cost: Decimal,
    /// Value less cost.
    pub unrealised: Decimal,
    /// Its bucket at the date; nothing where the sectors of the date failed.
    pub sector: Option<String>,
    /// Factor → slope of the joint model; empty where it is not modelled.
    pub betas: BTreeMap<String, Slope>,
    /// Factor → slope × exposure, in the currency of the portfolio; of the same factors.
    pub dollars: BTreeMap<String, Decimal>,
}

/// The newest date of each portfolio that readers may see, with `strict` the newest of which nothing failed; those without one
/// are left out. Dates are looked at one by one from the newest on, so that the first hit ends it: whether a date
/// is published takes a look at its inputs.
pub async fn newest_of_each(
    db: &mut ReadTx<'_>,
    portfolios: &[PortfolioId],
    strict: bool,
) -> Result<BTreeMap<PortfolioId, Published>> {
    let ids: Vec<uuid::Uuid> = portfolios.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"select p.id as "id!", d.as_of as "as_of!", d.run_id as "run_id!", d.strict as "strict!"
           from unnest($1::uuid[]) as p(id)
           cross join lateral (
               select n.as_of, n.run_id, n.strict
               from (select as_of from portfolio_snapshots where portfolio_id = p.id order by as_of desc) s
               cross join lateral (
                   select as_of, run_id, strict from published_dates
                   where portfolio_id = p.id and as_of = s.as_of and (strict or not $2)
                   offset 0
               ) n
               order by s.as_of desc limit 1
           ) d"#,
        &ids,
        strict
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for the newest published dates")?;
    let newest = rows.into_iter().map(|row| {
        let published = Published {
            as_of: row.as_of,
            run: RunId(row.run_id),
            strict: row.strict,
        };
        (PortfolioId(row.id), published)
    });
    Ok(newest.collect())
}

/// The newest date that readers may see.
pub async fn newest_published(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
) -> Result<Option<Published>> {
    let newest = newest_of_each(db, &[portfolio], false).await?;
    Ok(newest.into_values().next())
}

/// The newest of them of which nothing failed.
pub async fn newest_strict(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
) -> Result<Option<Published>> {
    let newest = newest_of_each(db, &[portfolio], true).await?;
    Ok(newest.into_values().next())
}

/// A date, if readers may see it.
pub async fn published(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Option<Published>> {
    let row = sqlx::query!(
        r#"select run_id as "run_id!", strict as "strict!" from published_dates
           where portfolio_id = $1 and as_of = $2"#,
        portfolio.0,
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking for a published date")?;
    Ok(row.map(|row| Published {
        as_of,
        run: RunId(row.run_id),
        strict: row.strict,
    }))
}

/// A date that was computed, whether readers may see it or not: for those who ask what became of it.
pub async fn computed(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Option<Published>> {
    let row = sqlx::query!(
        "select rs.run_id, c.strict
         from portfolio_snapshots s
         join completeness c using (portfolio_id, as_of)
         join result_set rs on rs.kind = 'portfolio-analytics' and rs.owner = s.portfolio_id::text and rs.as_of = s.as_of
         where s.portfolio_id = $1 and s.as_of = $2",
        portfolio.0,
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("looking for a computed date")?;
    Ok(row.map(|row| Published {
        as_of,
        run: RunId(row.run_id),
        strict: row.strict,
    }))
}

/// Why readers do not see a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpublished {
    /// Nothing was computed, or not all of what readers need.
    NotComputed,
    /// It was computed, but an input has changed since.
    Stale,
}

/// Why a date that is not published is not.
pub async fn why_unpublished(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    as_of: NaiveDate,
) -> Result<Unpublished> {
    let computed = sqlx::query_scalar!(
        r#"select exists (select from portfolio_snapshots where portfolio_id = $1 and as_of = $2)
                  and exists (select from completeness where portfolio_id = $1 and as_of = $2) as "computed!""#,
        portfolio.0,
        as_of
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("looking for results")?;
    Ok(if computed {
        Unpublished::Stale
    } else {
        Unpublished::NotComputed
    })
}

/// Everything of a portfolio at a published date; nothing if a row of it is gone.
pub async fn portfolio(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    published: Published,
) -> Result<Option<Report>> {
    let Some(portfolio) = portfolios::get(db, id).await? else {
        return Ok(None);
    };
    parts(db, portfolio, published, &Part::ALL).await
}

/// The same without the parts that are not asked for: they are empty, and whoever asks for some looks at no others.
pub async fn parts(
    db: &mut ReadTx<'_>,
    portfolio: Portfolio,
    published: Published,
    asked: &[Part],
) -> Result<Option<Report>> {
    let Some(report) = head::head(db, portfolio, published).await? else {
        return Ok(None);
    };
    filled(db, report, asked).await.map(Some)
}

/// A head with the parts that are asked for.
pub async fn filled(db: &mut ReadTx<'_>, mut report: Report, asked: &[Part]) -> Result<Report> {
    let (id, as_of) = (report.portfolio.id, report.published.as_of);
    let mut asked = asked.to_vec();
    // Why there is no coverage is seen by the lots.
    if report.completeness.coverage.is_none() && !asked.contains(&Part::Positions) {
        asked.push(Part::Positions);
    }
    for part in asked {
        match part {
            Part::Positions => report.positions = positions(db, id, as_of).await?,
            Part::Factors => report.factors = analytics::factors(db, id, as_of).await?,
            Part::Fits => report.fits = fits::fits(db, id, as_of).await?,
            Part::Risk => (report.risk, report.common) = analytics::risk(db, id, as_of).await?,
            Part::Contributions => {
                report.contributions = analytics::contributions(db, id, as_of).await?;
            }
            Part::Bias => report.bias = bias::bias(db, id, as_of).await?,
            Part::Volatility => report.volatility = analytics::volatility(db, id, as_of).await?,
            Part::Correlation => report.correlation = analytics::correlation(db, id, as_of).await?,
            Part::Concentration => {
                report.concentration = analytics::concentration(db, id, as_of).await?;
            }
            Part::Sectors => {
                report.sectors = analytics::sectors(db, id, as_of).await?;
                report.active_weights = analytics::active_weights(db, id, as_of).await?;
            }
            Part::Stress => report.stress = analytics::stress(db, id, as_of).await?,
            Part::Quality => report.quality = data_quality::behind(db, id, as_of).await?,
            Part::Losses => report.losses = losses::of(db, id, as_of).await?,
        }
    }
    Ok(report)
}

async fn positions(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Position>> {
    sqlx::query!(
        r#"select v.position_id, p.symbol, p.position_type, p.class, p.underlying, p.entry_date, v.quantity, v.price,
                  v.price_date, v.quality, v.market_value, v.cost, v.unrealised, s.sector as "sector?",
                  e.factors as "factors?: Vec<String>", e.betas as "betas?: Vec<f64>", e.errors as "errors?: Vec<f64>",
                  e.lows as "lows?: Vec<Option<f64>>", e.highs as "highs?: Vec<Option<f64>>", e.dollars as "dollars?: Vec<Decimal>"
           from position_values v
           join positions p on p.id = v.position_id
           left join position_sectors s on s.portfolio_id = v.portfolio_id and s.as_of = v.as_of and s.position_id = v.position_id
           left join lateral (
               select array_agg(x.factor order by x.factor) as factors, array_agg(x.beta order by x.factor) as betas,
                      array_agg(x.std_error order by x.factor) as errors, array_agg(x.low_95 order by x.factor) as lows,
                      array_agg(x.high_95 order by x.factor) as highs, array_agg(x.dollar order by x.factor) as dollars
               from position_factor_exposures x
               where x.portfolio_id = v.portfolio_id and x.as_of = v.as_of and x.position_id = v.position_id
           ) e on true
           where v.portfolio_id = $1 and v.as_of = $2
           order by p.symbol collate "C", p.entry_date, v.position_id"#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading positions")?
    .into_iter()
    .map(|row| {
        let names = row.factors.unwrap_or_default();
        let dollars = row.dollars.unwrap_or_default();
        let dollars = names.iter().cloned().zip(dollars).collect();
        let errors = row.errors.unwrap_or_default().into_iter();
        let lows = row.lows.unwrap_or_default().into_iter();
        let ends = lows.zip(row.highs.unwrap_or_default());
        let slopes = row.betas.unwrap_or_default().into_iter().zip(errors.zip(ends));
        let slopes = slopes.map(|(beta, (error, (low, high)))| Slope {
            beta,
            std_error: error,
            interval: low.zip(high),
        });
        Ok(Position {
            id: PositionId(row.position_id),
            symbol: word("positions", &row.symbol)?,
            position_type: row.position_type,
            class: word("positions", &row.class)?,
            underlying: row.underlying,
            entry_date: row.entry_date,
            quantity: row.quantity,
            price: row.price,
            price_date: row.price_date,
            quality: word("position_values", &row.quality)?,
            market_value: row.market_value,
            cost: row.cost,
            unrealised: row.unrealised,
            sector: row.sector,
            betas: names.into_iter().zip(slopes).collect(),
            dollars,
        })
    })
    .collect()
}
