//! The joint fits behind a portfolio's exposures: the table of a regression, one a symbol.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::symbols::{self, SlopeRow};
use crate::domain::{PortfolioId, Symbol};
use crate::store::symbol_results::{FitQuality, Inference};
use crate::store::{Attempt, ReadTx, Result, word};

/// The joint fit of a symbol.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Whose.
    pub symbol: Symbol,
    /// Why there is none.
    pub reason: Option<String>,
    /// Returns used, or at hand.
    pub n: i32,
    /// Effective number of them.
    pub n_eff: Option<f64>,
    /// Effective degrees of freedom of the fit.
    pub edf: Option<f64>,
    /// Intercept per session.
    pub alpha: Option<f64>,
    /// Weighted.
    pub r_squared: Option<f64>,
    /// Annual.
    pub specific_variance: Option<f64>,
    /// The rest of the table.
    pub quality: FitQuality,
    /// Factor → slope.
    pub slopes: BTreeMap<String, FitSlope>,
    /// Each configured model for display: its slope, or why it has none.
    pub displays: Vec<SlopeRow>,
}

/// A slope in the table of a fit.
#[derive(Debug, Clone)]
pub struct FitSlope {
    /// The slope.
    pub beta: f64,
    /// Newey–West.
    pub std_error: Option<f64>,
    /// t, p, interval.
    pub inference: Inference,
    /// Variance inflation.
    pub vif: Option<f64>,
    /// `extreme`, `collinear`.
    pub flags: Vec<String>,
}

/// Of the symbols of a portfolio at a date, underlyings of its options included; a private asset has none, whatever it is called.
pub(super) async fn fits(
    db: &mut ReadTx<'_>,
    id: PortfolioId,
    as_of: NaiveDate,
) -> Result<Vec<Fit>> {
    let held = sqlx::query_scalar!(
        r#"select distinct coalesce(p.underlying, p.symbol) as "symbol!"
           from position_values v join positions p on p.id = v.position_id
           where v.portfolio_id = $1 and v.as_of = $2 and p.class <> 'PRIVATE'"#,
        id.0,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading what is held")?;
    let mut slopes: BTreeMap<String, BTreeMap<String, FitSlope>> = BTreeMap::new();
    let rows = sqlx::query!(
        "select symbol, factor, beta, std_error, t, p, low_95, high_95, vif, flags from symbol_factor_exposures
         where symbol = any($1) and as_of = $2 and model = 'joint'",
        &held,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading the slopes of fits")?;
    for row in rows {
        let slope = FitSlope {
            beta: row.beta,
            std_error: row.std_error,
            inference: Inference {
                t: row.t,
                p: row.p,
                interval: row.low_95.zip(row.high_95),
            },
            vif: row.vif,
            flags: row.flags,
        };
        slopes
            .entry(row.symbol)
            .or_default()
            .insert(row.factor, slope);
    }
    let mut displays = symbols::slopes(db, &held, as_of).await?;
    sqlx::query!(
        r#"select symbol, reason, n, n_eff, edf, alpha, r_squared, specific_variance, alpha_error, alpha_t, alpha_p,
                  alpha_low_95, alpha_high_95, adjusted_r_squared, durbin_watson, condition_number
           from symbol_factor_models where symbol = any($1) and as_of = $2 order by symbol collate "C""#,
        &held,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading fits")?
    .into_iter()
    .map(|row| {
        let mut displays = displays.remove(&row.symbol).unwrap_or_default();
        displays.retain(|slope| slope.model != "joint");
        Ok(Fit {
            slopes: slopes.remove(&row.symbol).unwrap_or_default(),
            displays,
            symbol: word("symbol_factor_models", &row.symbol)?,
            reason: row.reason,
            n: row.n,
            n_eff: row.n_eff,
            edf: row.edf,
            alpha: row.alpha,
            r_squared: row.r_squared,
            specific_variance: row.specific_variance,
            quality: FitQuality {
                alpha_error: row.alpha_error,
                alpha: Inference {
                    t: row.alpha_t,
                    p: row.alpha_p,
                    interval: row.alpha_low_95.zip(row.alpha_high_95),
                },
                adjusted_r_squared: row.adjusted_r_squared,
                durbin_watson: row.durbin_watson,
                condition_number: row.condition_number,
            },
        })
    })
    .collect()
}
