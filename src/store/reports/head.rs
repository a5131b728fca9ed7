//! What every part of a result is shown with, in one statement; and for who asks over HTTP, the same with all that comes before it.

use chrono::NaiveDate;
use uuid::Uuid;

use super::bias::Bias;
use super::losses::Losses;
use super::portfolio::{Completeness, Entry, Provenance, Published, Report, Snapshot};
use crate::domain::{Portfolio, PortfolioId, RunId, SecretHash};
use crate::store::tokens::{self, TokenRow};
use crate::store::{Attempt, ReadTx, Result, texts};

/// A report without parts, of a row of either statement.
macro_rules! report {
    ($row:ident, $portfolio:expr, $published:expr) => {{
        let mut reasons = texts(&$row.reasons);
        let mut entry = |name, outcome| Entry {
            name,
            outcome,
            reason: reasons.remove(name),
        };
        let entries = vec![
            entry("snapshot", $row.snapshot),
            entry("marks", $row.marks),
            entry("betas", $row.betas),
            entry("factors", $row.factors),
            entry("volatility", $row.volatility),
            entry("correlation", $row.correlation),
            entry("concentration", $row.concentration),
            entry("stress", $row.stress),
            entry("value_at_risk", $row.value_at_risk),
            entry("replay", $row.replay),
            entry("reverse_stress", $row.reverse_stress),
        ];
        let qualities = $row.qualities.unwrap_or_default();
        Report {
            portfolio: $portfolio,
            published: $published,
            provenance: Provenance {
                definitions: $row.definitions,
                provider_basis: $row.provider_basis,
                model_version: $row.model_version,
                convention_id: $row.convention_id,
                computed_at: $row.computed_at,
            },
            snapshot: Snapshot {
                nav: $row.nav,
                cash: $row.cash,
                long_value: $row.long_value,
                short_value: $row.short_value,
                external_flows: $row.external_flows,
                realised: $row.realised,
                unrealised_change: $row.unrealised_change,
                income: $row.income,
                pnl_day: $row.pnl_day,
                pnl_total: $row.pnl_total,
                return_day: $row.return_day,
                large_flow: $row.large_flow,
            },
            completeness: Completeness {
                entries,
                missing: texts(&$row.missing),
                coverage: $row.coverage,
                strict: $row.strict,
            },
            positions: Vec::new(),
            factors: Vec::new(),
            fits: Vec::new(),
            risk: None,
            common: None,
            contributions: Vec::new(),
            bias: Bias::default(),
            volatility: None,
            correlation: None,
            concentration: None,
            sectors: Vec::new(),
            active_weights: Vec::new(),
            stress: Vec::new(),
            quality: Vec::new(),
            losses: Losses::default(),
            price_qualities: qualities
                .into_iter()
                .zip($row.lots.unwrap_or_default())
                .collect(),
        }
    }};
}

/// A report without parts, of a date that is published or not.
pub(super) async fn head(
    db: &mut ReadTx<'_>,
    portfolio: Portfolio,
    published: Published,
) -> Result<Option<Report>> {
    let row = sqlx::query!(
        r#"select s.nav, s.cash, s.long_value, s.short_value, s.external_flows, s.realised, s.unrealised_change, s.income,
                  s.pnl_day, s.pnl_total, s.return_day, s.large_flow,
                  c.snapshot, c.marks, c.betas, c.factors, c.volatility, c.correlation, c.concentration, c.stress,
                  c.value_at_risk, c.replay, c.reverse_stress, c.reasons, c.missing, c.coverage, c.strict,
                  rs.definitions, rs.provider_basis, rs.model_version, rs.convention_id, rs.computed_at,
                  q.names as "qualities?: Vec<String>", q.lots as "lots?: Vec<i64>"
           from portfolio_snapshots s
           join completeness c using (portfolio_id, as_of)
           join result_set rs on rs.kind = 'portfolio-analytics' and rs.owner = s.portfolio_id::text and rs.as_of = s.as_of
           left join lateral (
               select array_agg(quality) as names, array_agg(lots) as lots
               from (select v.quality, count(*) as lots from position_values v
                     where v.portfolio_id = s.portfolio_id and v.as_of = s.as_of group by v.quality) counted
           ) q on true
           where s.portfolio_id = $1 and s.as_of = $2"#,
        portfolio.id.0,
        published.as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading the head of a result")?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(report!(row, portfolio, published)))
}

/// What is asked for, with who asks: nothing is decided yet about whether they may see it.
pub struct Opened {
    /// The token that was shown, …
    pub token: TokenRow,
    /// … and the hash of the secret that belongs to it.
    pub hash: SecretHash,
    /// Without parts.
    pub report: Report,
}

/// A result as somebody asks for it over HTTP, in one statement: each exchange with the server is one more that a busy machine
/// delays. Without a date it is that of the newest published one, with `strict` the newest of which nothing failed. Nothing if any
/// of it is missing (the token, the portfolio, a published date): which, those say who are asked one by one.
pub async fn open(
    db: &mut ReadTx<'_>,
    token: Uuid,
    id: PortfolioId,
    date: Option<NaiveDate>,
    strict: bool,
) -> Result<Option<Opened>> {
    let row = sqlx::query!(
        r#"select t.name as token_name, t.role, t.portfolios, t.secret_hash, t.created_at as token_made,
                  p.name, p.owner, p.currency, p.opening_equity, p.inception, d.as_of as "as_of!", d.run_id as "run_id!",
                  s.nav, s.cash, s.long_value, s.short_value, s.external_flows, s.realised, s.unrealised_change, s.income,
                  s.pnl_day, s.pnl_total, s.return_day, s.large_flow,
                  c.snapshot, c.marks, c.betas, c.factors, c.volatility, c.correlation, c.concentration, c.stress,
                  c.value_at_risk, c.replay, c.reverse_stress, c.reasons, c.missing, c.coverage, c.strict,
                  rs.definitions, rs.provider_basis, rs.model_version, rs.convention_id, rs.computed_at,
                  q.names as "qualities?: Vec<String>", q.lots as "lots?: Vec<i64>"
           from api_token t
           join portfolios p on p.id = $2 and p.deleted_at is null
           cross join lateral (
               select n.as_of, n.run_id
               from (select as_of from portfolio_snapshots
                     where portfolio_id = p.id and as_of between coalesce($3, date '-infinity') and coalesce($3, date 'infinity')
                     order by as_of desc) shown
               cross join lateral (
                   select as_of, run_id from published_dates
                   where portfolio_id = p.id and as_of = shown.as_of and (strict or not $4)
                   offset 0
               ) n
               order by shown.as_of desc limit 1
           ) d
           join portfolio_snapshots s on s.portfolio_id = p.id and s.as_of = d.as_of
           join completeness c on c.portfolio_id = p.id and c.as_of = d.as_of
           join result_set rs on rs.kind = 'portfolio-analytics' and rs.owner = p.id::text and rs.as_of = d.as_of
           left join lateral (
               select array_agg(quality) as names, array_agg(lots) as lots
               from (select v.quality, count(*) as lots from position_values v
                     where v.portfolio_id = s.portfolio_id and v.as_of = s.as_of group by v.quality) counted
           ) q on true
           where t.id = $1 and t.revoked_at is null"#,
        token,
        id.0,
        date,
        strict
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading a result")?;
    let Some(row) = row else {
        return Ok(None);
    };
    let hash = tokens::hash(token, &row.secret_hash)?;
    let token = TokenRow {
        id: token,
        name: row.token_name,
        access: tokens::access(&row.role, row.portfolios)?,
        created_at: row.token_made,
        revoked_at: None,
    };
    let portfolio = Portfolio {
        id,
        name: row.name,
        owner: row.owner,
        currency: row.currency,
        opening_equity: row.opening_equity,
        inception: row.inception,
    };
    let published = Published {
        as_of: row.as_of,
        run: RunId(row.run_id),
        strict: row.strict,
    };
    Ok(Some(Opened {
        token,
        hash,
        report: report!(row, portfolio, published),
    }))
}
