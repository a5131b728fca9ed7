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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bias {
    /// Standard deviation of z (ddof 1): 1 for a right model, above 1 where it forecasts too little risk; nothing below
    /// [`BIAS_MINIMUM`] returns.
    pub statistic: Option<f64>,
    /// z of the date itself; nothing without a return, or without a positive volatility for the session before.
    pub today: Option<f64>,
    /// Sessions with a return and a volatility for the session before.
    pub n: usize,
    /// Each of them with its z, ascending.
    pub z: Vec<(NaiveDate, f64)>,
    /// Sessions that would be among them, had no input of the return or of the forecast changed since; ascending.
    pub stale: Vec<NaiveDate>,
}

/// Mean, sum of squared differences from it and standard deviation (ddof 1) of each z; nothing below [`BIAS_MINIMUM`].
pub fn bias_of(z: &[(NaiveDate, f64)]) -> Option<(f64, f64, f64)> {
    if z.len() < BIAS_MINIMUM {
        return None;
    }
    let n = z.len() as f64;
    let mean = z.iter().map(|(_, z)| z).sum::<f64>() / n;
    let squares: f64 = z.iter().map(|(_, z)| (z - mean) * (z - mean)).sum();
    Some((mean, squares, (squares / (n - 1.0)).sqrt()))
}

impl Bias {
    fn of(as_of: NaiveDate, z: Vec<(NaiveDate, f64)>, stale: Vec<NaiveDate>) -> Self {
        let today = z.iter().find(|(day, _)| *day == as_of);
        Self {
            statistic: bias_of(&z).map(|(.., deviation)| deviation),
            today: today.map(|(_, z)| *z),
            n: z.len(),
            z,
            stale,
        }
    }

    /// Why there is no statistic. Forecasts that are there but rest on old inputs are no short history: they are named, with what brings
    /// them back.
    pub fn missing(&self) -> Option<String> {
        if self.statistic.is_some() {
            return None;
        }
        let (n, stale) = (self.n, self.stale.len());
        if n + stale < BIAS_MINIMUM {
            let have = format!("{n} of {BIAS_MINIMUM} returns with a forecast");
            return Some(format!("insufficient history: {have}"));
        }
        let forecasts = if stale == 1 {
            "1 forecast rests".to_owned()
        } else {
            format!("{stale} forecasts rest")
        };
        Some(format!(
            "{forecasts} on inputs that changed since: run the dates again"
        ))
    }

    /// Where the statistic of a right model with normal returns lies 19 times of 20, about: `1 ± √(2/n)`.
    pub fn band(&self) -> Option<(f64, f64)> {
        self.statistic?;
        let width = (2.0 / self.n as f64).sqrt();
        Some((1.0 - width, 1.0 + width))
    }
}

/// The [`BIAS_SESSIONS`] up to `as_of`, newest first, and the session before each of them.
fn sessions(as_of: NaiveDate) -> (Vec<NaiveDate>, Vec<NaiveDate>) {
    let (mut days, mut before) = (Vec::new(), Vec::new());
    let mut day = TradingDate::trusted(as_of);
    while days.len() < BIAS_SESSIONS
        && let Ok(earlier) = Calendar::nyse().previous(day)
    {
        days.push(day.date());
        before.push(earlier.date());
        day = earlier;
    }
    (days, before)
}

impl Bias {
    /// What z is made of, for whoever makes it again: session, return of the session (a fraction), and σ stored for the session before (annual, a
    /// fraction of net asset value, above zero); ascending. Read from snapshots and risk themselves, not from the view of the report.
    ///
    /// Errors are those of Postgres.
    pub async fn parts(
        db: &mut ReadTx<'_>,
        id: PortfolioId,
        as_of: NaiveDate,
    ) -> Result<Vec<(NaiveDate, f64, f64)>> {
        let (days, before) = sessions(as_of);
        let rows = sqlx::query!(
            r#"select s.as_of as "day!", s.return_day as "return_day!", r.volatility as "volatility!"
               from unnest($2::date[], $3::date[]) as pair(day, before)
               join portfolio_snapshots s on s.portfolio_id = $1 and s.as_of = pair.day
               join portfolio_risk r on r.portfolio_id = $1 and r.as_of = pair.before
               where s.return_day is not null and r.volatility > 0
                 and not exists (
                     select from result_set rs
                     where rs.owner = $4 and rs.stale
                       and ((rs.kind = 'pnl-snapshots' and rs.as_of = pair.day)
                            or (rs.kind = 'portfolio-analytics' and rs.as_of = pair.before)))
               order by s.as_of"#,
            id.0,
            &days,
            &before,
            id.to_string()
        )
        .fetch_all(db.connection().await?)
        .await
        .attempt("reading returns and the volatilities before them")?;
        let parts = rows.into_iter();
        Ok(parts
            .map(|row| (row.day, row.return_day, row.volatility))
            .collect())
    }
}

/// Of the [`BIAS_SESSIONS`] up to `as_of`. A session whose own return or whose predecessor's volatility is not stored is left out; one where
/// either is stale is only named.
pub(super) async fn bias(db: &mut ReadTx<'_>, id: PortfolioId, as_of: NaiveDate) -> Result<Bias> {
    let (days, before) = sessions(as_of);
    let rows = sqlx::query!(
        r#"with stale as materialized (
               select kind, as_of from stale_result_sets
               where owner = $4 and kind in ('pnl-snapshots', 'portfolio-analytics')
           )
           select pair.day as "day!", f.z as "z!",
                  exists (
                      select from stale
                      where (stale.kind = 'pnl-snapshots' and stale.as_of = f.as_of)
                         or (stale.kind = 'portfolio-analytics' and stale.as_of = f.forecast_of)) as "stale!"
           from unnest($2::date[], $3::date[]) as pair(day, before)
           join risk_forecasts f on f.portfolio_id = $1 and f.as_of = pair.day and f.forecast_of = pair.before
           order by pair.day"#,
        id.0,
        &days,
        &before,
        id.to_string()
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the bias of the risk model")?;
    let (mut z, mut stale) = (Vec::new(), Vec::new());
    for row in rows {
        if row.stale {
            stale.push(row.day);
        } else {
            z.push((row.day, row.z));
        }
    }
    Ok(Bias::of(as_of, z, stale))
}
