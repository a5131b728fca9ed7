//! The bias statistic: whether the risk model forecasts too little or too much. Read from the view `risk_forecasts` of what is stored;
//! nothing writes it and no phase reads it.

use chrono::NaiveDate;

use crate::domain::{Calendar, PortfolioId, TradingDate};
use crate::store::{Attempt, ReadTx, Result};

/// Sessions that it looks back over.
pub const BIAS_SESSIONS: usize = 252;

/// Fewer returns than this say nothing of a forecast.
pub const BIAS_MINIMUM: usize = 20;

/// Returns over what was forecast for them: `z_t = r_t / (σ_{t−1}/√252)`, `σ_{t−1}` the annual volatility stored for the session before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bias {
    /// Standard deviation of z (ddof 1): 1 for a right model, above 1 where it forecasts too little risk; nothing below
    /// [`BIAS_MINIMUM`] returns.
    pub statistic: Option<f64>,
    /// z of the date itself; nothing without a return, or without a positive volatility for the session before.
    pub today: Option<f64>,
    /// Sessions with a return and a volatility for the session before.
    pub n: usize,
}

impl Bias {
    /// Where the statistic of a right model with normal returns lies 19 times of 20, about: `1 ± √(2/n)`.
    pub fn band(&self) -> Option<(f64, f64)> {
        self.statistic?;
        let width = (2.0 / self.n as f64).sqrt();
        Some((1.0 - width, 1.0 + width))
    }
}

/// Of the [`BIAS_SESSIONS`] up to `as_of`. A session whose own return or whose predecessor's volatility is not stored, or is stale, is left
/// out.
pub(super) async fn bias(db: &mut ReadTx<'_>, id: PortfolioId, as_of: NaiveDate) -> Result<Bias> {
    let (mut days, mut before) = (Vec::new(), Vec::new());
    let mut day = TradingDate::trusted(as_of);
    while days.len() < BIAS_SESSIONS
        && let Ok(earlier) = Calendar::nyse().previous(day)
    {
        days.push(day.date());
        before.push(earlier.date());
        day = earlier;
    }
    let row = sqlx::query!(
        r#"with stale as materialized (
               select kind, as_of from stale_result_sets
               where owner = $5 and kind in ('pnl-snapshots', 'portfolio-analytics')
           )
           select count(*) as "n!", stddev_samp(z.z) as statistic, max(z.z) filter (where z.day = $2) as today
           from (
               select pair.day, f.z
               from unnest($3::date[], $4::date[]) as pair(day, before)
               join risk_forecasts f on f.portfolio_id = $1 and f.as_of = pair.day and f.forecast_of = pair.before
               where not exists (
                   select from stale
                   where (stale.kind = 'pnl-snapshots' and stale.as_of = f.as_of)
                      or (stale.kind = 'portfolio-analytics' and stale.as_of = f.forecast_of))
               order by pair.day
           ) z"#,
        id.0,
        as_of,
        &days,
        &before,
        id.to_string()
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("reading the bias of the risk model")?;
    let n = usize::try_from(row.n).unwrap_or_default();
    Ok(Bias {
        statistic: row.statistic.filter(|_| n >= BIAS_MINIMUM),
        today: row.today,
        n,
    })
}
