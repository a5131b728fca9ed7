//! Results per symbol and date: factor models, the factor covariance, metrics.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{Attempt, Error, ReadTx, Result, WriteTx, word};
use crate::domain::factor_window::CommonSessions;
use crate::domain::{Symbol, TradingDate};

/// Sessions that a factor model looks back, its date included: what the number of its returns is a share of.
pub const WINDOW: usize = 252;

/// The factor model of a symbol at a date.
#[derive(Debug, Clone)]
pub struct ModelRow {
    /// The symbol.
    pub symbol: Symbol,
    /// The date.
    pub as_of: TradingDate,
    /// Why there is none.
    pub reason: Option<String>,
    /// Intercept per session.
    pub alpha: Option<f64>,
    /// Of the weighted fit.
    pub r_squared: Option<f64>,
    /// Returns used, or at hand.
    pub n: i32,
    /// Effective number of them.
    pub n_eff: Option<f64>,
    /// Effective degrees of freedom.
    pub edf: Option<f64>,
    /// Annual.
    pub specific_variance: Option<f64>,
    /// Remarks on quality.
    pub flags: Vec<String>,
    /// How sure the intercept is, and how good the fit.
    pub quality: FitQuality,
    /// The exposures.
    pub exposures: Vec<ExposureRow>,
    /// How each model for display ended.
    pub displays: Vec<DisplayRow>,
}

/// What a coefficient and its standard error say together. Nothing of anything for a redundant factor.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Inference {
    /// Coefficient over standard error; nothing where the error is 0.
    pub t: Option<f64>,
    /// Two-sided p-value of t.
    pub p: Option<f64>,
    /// Ends of the 95 % interval.
    pub interval: Option<(f64, f64)>,
}

impl Inference {
    /// Lower end of the interval.
    pub fn low(&self) -> Option<f64> {
        self.interval.map(|(low, _)| low)
    }

    /// Upper end of the interval.
    pub fn high(&self) -> Option<f64> {
        self.interval.map(|(_, high)| high)
    }
}

/// What a table of regression results has beside the coefficients.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FitQuality {
    /// Standard error of the intercept.
    pub alpha_error: Option<f64>,
    /// t, p and interval of the intercept.
    pub alpha: Inference,
    /// R² less what the parameters are worth.
    pub adjusted_r_squared: Option<f64>,
    /// Of the residuals: 2 without serial correlation.
    pub durbin_watson: Option<f64>,
    /// Of the scaled design.
    pub condition_number: Option<f64>,
}

/// One exposure of a model.
#[derive(Debug, Clone)]
pub struct ExposureRow {
    /// `joint`, `market`, `spread` or `provider`.
    pub model: &'static str,
    /// The factor or spread.
    pub factor: String,
    /// Slope.
    pub beta: f64,
    /// Its standard error.
    pub std_error: Option<f64>,
    /// What the two say together.
    pub inference: Inference,
    /// Vasicek, of the market model.
    pub shrunk: Option<f64>,
    /// Variance inflation.
    pub vif: Option<f64>,
    /// Returns used.
    pub n: Option<i32>,
    /// Remarks on quality.
    pub flags: Vec<String>,
}

/// How a model for display ended. The slope of one that has numbers is among the exposures.
#[derive(Debug, Clone)]
pub struct DisplayRow {
    /// `market`, `spread` or `provider`.
    pub model: &'static str,
    /// The factor or spread.
    pub factor: String,
    /// Why there are no numbers.
    pub refused: Option<Refused>,
    /// Returns used, or at hand; nothing of the provider, who does not say.
    pub n: Option<i32>,
    /// Of the market model.
    pub fit: Option<MarketFit>,
}

/// Why a model for display has no numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// [`UNAVAILABLE`] or [`INSUFFICIENT_DATA`].
    pub status: &'static str,
    /// The same for people: which series is missing, or how many returns there are and are needed.
    pub reason: String,
}

/// A series or a number that the model is made of is missing.
pub const UNAVAILABLE: &str = "unavailable";
/// There are too few returns.
pub const INSUFFICIENT_DATA: &str = "insufficient_data";

/// What the raw regression on the market says beside its slope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarketFit {
    /// Intercept, a return per session.
    pub alpha: f64,
    /// Its standard error, a return per session.
    pub alpha_error: f64,
    /// t, p and interval of the intercept.
    pub inference: Inference,
    /// Weighted; nothing for constant returns.
    pub r_squared: Option<f64>,
    /// R² less what the parameters are worth.
    pub adjusted_r_squared: Option<f64>,
    /// Effective number of returns.
    pub n_eff: f64,
}

fn array_text(flags: &[String]) -> String {
    // Flags are words of ours, without quotes or commas.
    format!("{{{}}}", flags.join(","))
}

/// Replaces factor models with their exposures.
pub async fn replace_models(tx: &mut WriteTx, rows: &[&ModelRow]) -> Result<()> {
    let symbols: Vec<String> = rows.iter().map(|row| row.symbol.to_string()).collect();
    let dates: Vec<NaiveDate> = rows.iter().map(|row| row.as_of.date()).collect();
    sqlx::query!(
        "delete from symbol_factor_models m using unnest($1::text[], $2::date[]) as k(symbol, as_of)
         where m.symbol = k.symbol and m.as_of = k.as_of",
        &symbols,
        &dates
    )
    .execute(tx.connection())
    .await
    .attempt("removing factor models")?;
    let flags: Vec<String> = rows.iter().map(|row| array_text(&row.flags)).collect();
    sqlx::query!(
        "insert into symbol_factor_models
             (symbol, as_of, available, reason, alpha, r_squared, n, n_eff, edf, specific_variance, flags, alpha_error,
              alpha_t, alpha_p, alpha_low_95, alpha_high_95, adjusted_r_squared, durbin_watson, condition_number)
         select symbol, as_of, reason is null, reason, alpha, r_squared, n, n_eff, edf, specific, flags::text[], error,
                t, p, low, high, adjusted, durbin_watson, condition
         from unnest($1::text[], $2::date[], $3::text[], $4::float8[], $5::float8[], $6::integer[], $7::float8[],
                     $8::float8[], $9::float8[], $10::text[], $11::float8[], $12::float8[], $13::float8[], $14::float8[],
                     $15::float8[], $16::float8[], $17::float8[], $18::float8[])
              as m(symbol, as_of, reason, alpha, r_squared, n, n_eff, edf, specific, flags, error, t, p, low, high,
                   adjusted, durbin_watson, condition)",
        &symbols,
        &dates,
        &rows.iter().map(|row| row.reason.clone()).collect::<Vec<_>>() as &[Option<String>],
        &rows.iter().map(|row| row.alpha).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.r_squared).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.n).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.n_eff).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.edf).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.specific_variance).collect::<Vec<_>>() as &[Option<f64>],
        &flags,
        &rows.iter().map(|row| row.quality.alpha_error).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.quality.alpha.t).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.quality.alpha.p).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.quality.alpha.low()).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.quality.alpha.high()).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.quality.adjusted_r_squared).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.quality.durbin_watson).collect::<Vec<_>>() as &[Option<f64>],
        &rows.iter().map(|row| row.quality.condition_number).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("inserting factor models")?;

    let all: Vec<(&ModelRow, &ExposureRow)> = rows
        .iter()
        .flat_map(|row| row.exposures.iter().map(move |e| (*row, e)))
        .collect();
    sqlx::query!(
        "insert into symbol_factor_exposures
             (symbol, as_of, model, factor, beta, std_error, shrunk, vif, n, flags, t, p, low_95, high_95)
         select symbol, as_of, model, factor, beta, std_error, shrunk, vif, n, flags::text[], t, p, low, high
         from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::float8[],
                     $8::float8[], $9::integer[], $10::text[], $11::float8[], $12::float8[], $13::float8[], $14::float8[])
              as e(symbol, as_of, model, factor, beta, std_error, shrunk, vif, n, flags, t, p, low, high)",
        &all.iter().map(|(m, _)| m.symbol.to_string()).collect::<Vec<_>>(),
        &all.iter().map(|(m, _)| m.as_of.date()).collect::<Vec<_>>(),
        &all.iter().map(|(_, e)| e.model.to_owned()).collect::<Vec<_>>(),
        &all.iter().map(|(_, e)| e.factor.clone()).collect::<Vec<_>>(),
        &all.iter().map(|(_, e)| e.beta).collect::<Vec<_>>(),
        &all.iter().map(|(_, e)| e.std_error).collect::<Vec<_>>() as &[Option<f64>],
        &all.iter().map(|(_, e)| e.shrunk).collect::<Vec<_>>() as &[Option<f64>],
        &all.iter().map(|(_, e)| e.vif).collect::<Vec<_>>() as &[Option<f64>],
        &all.iter().map(|(_, e)| e.n).collect::<Vec<_>>() as &[Option<i32>],
        &all.iter().map(|(_, e)| array_text(&e.flags)).collect::<Vec<_>>(),
        &all.iter().map(|(_, e)| e.inference.t).collect::<Vec<_>>() as &[Option<f64>],
        &all.iter().map(|(_, e)| e.inference.p).collect::<Vec<_>>() as &[Option<f64>],
        &all.iter().map(|(_, e)| e.inference.low()).collect::<Vec<_>>() as &[Option<f64>],
        &all.iter().map(|(_, e)| e.inference.high()).collect::<Vec<_>>() as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("inserting factor exposures")?;
    insert_displays(tx, rows).await
}

async fn insert_displays(tx: &mut WriteTx, rows: &[&ModelRow]) -> Result<()> {
    let all: Vec<(&ModelRow, &DisplayRow)> = rows
        .iter()
        .flat_map(|row| row.displays.iter().map(move |display| (*row, display)))
        .collect();
    let refused = |of: fn(&Refused) -> &str| -> Vec<Option<String>> {
        let told = all.iter().map(|(_, display)| display.refused.as_ref());
        told.map(|refused| refused.map(|refused| of(refused).to_owned()))
            .collect()
    };
    let fit = |of: fn(&MarketFit) -> Option<f64>| -> Vec<Option<f64>> {
        let fits = all.iter().map(|(_, display)| display.fit.as_ref());
        fits.map(|fit| fit.and_then(of)).collect()
    };
    sqlx::query!(
        "insert into symbol_display_models
             (symbol, as_of, model, factor, status, reason, n, alpha, alpha_error, alpha_t, alpha_p, alpha_low_95,
              alpha_high_95, r_squared, adjusted_r_squared, n_eff)
         select symbol, as_of, model, factor, coalesce(status, 'available'), reason, n, alpha, error, t, p, low, high,
                r_squared, adjusted, n_eff
         from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[],
                     $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::float8[], $13::float8[],
                     $14::float8[], $15::float8[], $16::float8[])
              as d(symbol, as_of, model, factor, status, reason, n, alpha, error, t, p, low, high, r_squared, adjusted,
                   n_eff)",
        &all.iter().map(|(m, _)| m.symbol.to_string()).collect::<Vec<_>>(),
        &all.iter().map(|(m, _)| m.as_of.date()).collect::<Vec<_>>(),
        &all.iter().map(|(_, d)| d.model.to_owned()).collect::<Vec<_>>(),
        &all.iter().map(|(_, d)| d.factor.clone()).collect::<Vec<_>>(),
        &refused(|refused| refused.status) as &[Option<String>],
        &refused(|refused| &refused.reason) as &[Option<String>],
        &all.iter().map(|(_, d)| d.n).collect::<Vec<_>>() as &[Option<i32>],
        &fit(|fit| Some(fit.alpha)) as &[Option<f64>],
        &fit(|fit| Some(fit.alpha_error)) as &[Option<f64>],
        &fit(|fit| fit.inference.t) as &[Option<f64>],
        &fit(|fit| fit.inference.p) as &[Option<f64>],
        &fit(|fit| fit.inference.low()) as &[Option<f64>],
        &fit(|fit| fit.inference.high()) as &[Option<f64>],
        &fit(|fit| fit.r_squared) as &[Option<f64>],
        &fit(|fit| fit.adjusted_r_squared) as &[Option<f64>],
        &fit(|fit| Some(fit.n_eff)) as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("inserting models for display")?;
    Ok(())
}

/// A joint model as portfolios use it.
#[derive(Debug, Clone)]
pub struct JointModel {
    /// Why there is none.
    pub reason: Option<String>,
    /// Intercept per session.
    pub alpha: f64,
    /// Annual.
    pub specific_variance: f64,
    /// Slopes by factor.
    pub betas: BTreeMap<String, Slope>,
}

/// A slope with its error.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Slope {
    /// The slope.
    pub beta: f64,
    /// Its standard error.
    pub std_error: f64,
    /// Ends of the 95 % interval; none for a redundant factor.
    pub interval: Option<(f64, f64)>,
}

/// Joint models of symbols at a date.
pub async fn joint_models(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    as_of: NaiveDate,
) -> Result<BTreeMap<Symbol, JointModel>> {
    sqlx::query!(
        r#"select m.symbol, m.reason, m.alpha, m.specific_variance,
                  coalesce(array_agg(e.factor order by e.factor) filter (where e.factor is not null), '{}') as "factors!",
                  coalesce(array_agg(e.beta order by e.factor) filter (where e.factor is not null), '{}') as "betas!",
                  coalesce(array_agg(coalesce(e.std_error, 0) order by e.factor) filter (where e.factor is not null), '{}')
                      as "errors!",
                  coalesce(array_agg(e.low_95 order by e.factor) filter (where e.factor is not null), '{}')
                      as "lows!: Vec<Option<f64>>",
                  coalesce(array_agg(e.high_95 order by e.factor) filter (where e.factor is not null), '{}')
                      as "highs!: Vec<Option<f64>>"
           from symbol_factor_models m
           left join symbol_factor_exposures e on e.symbol = m.symbol and e.as_of = m.as_of and e.model = 'joint'
           where m.symbol = any($1) and m.as_of = $2
           group by m.symbol, m.as_of"#,
        symbols,
        as_of
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading factor models")?
    .into_iter()
    .map(|row| {
        let intervals = row.lows.into_iter().zip(row.highs);
        let slopes = row.betas.into_iter().zip(row.errors).zip(intervals);
        let slopes = slopes.map(|((beta, std_error), (low, high))| Slope {
            beta,
            std_error,
            interval: low.zip(high),
        });
        let betas = row.factors.into_iter().zip(slopes);
        let model = JointModel {
            reason: row.reason,
            alpha: row.alpha.unwrap_or(0.0),
            specific_variance: row.specific_variance.unwrap_or(0.0),
            betas: betas.collect(),
        };
        Ok((word("symbol_factor_models", &row.symbol)?, model))
    })
    .collect()
}

/// The factor covariance of a date.
#[derive(Debug, Clone)]
pub struct CovarianceRow {
    /// The date.
    pub as_of: TradingDate,
    /// Why there is none.
    pub reason: Option<String>,
    /// Factors, in definition order, that have a series.
    pub factors: Vec<String>,
    /// Their roles.
    pub roles: Vec<String>,
    /// Slope of each proxy on the market.
    pub market_slopes: Vec<f64>,
    /// Row-major, annual, of the market-neutral factors.
    pub covariance: Vec<f64>,
    /// Row-major, annual, of the proxies' total returns.
    pub proxy_covariance: Vec<f64>,
    /// Sessions used.
    pub n: i32,
    /// Where they lie; nothing where there is no covariance.
    pub common: Option<CommonSessions>,
    /// Factor → why it has no series.
    pub unavailable: Value,
}

/// Replaces covariances of dates.
pub async fn replace_covariances(tx: &mut WriteTx, rows: &[&CovarianceRow]) -> Result<()> {
    for row in rows {
        let common = row.common.as_ref();
        sqlx::query!(
            "insert into factor_covariance
                 (as_of, available, reason, factors, roles, market_slopes, covariance, proxy_covariance, n, unavailable,
                  first_session, last_session, limiting_proxy)
             values ($1, $2::text is null, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict (as_of) do update
             set available = excluded.available, reason = excluded.reason, factors = excluded.factors,
                 roles = excluded.roles, market_slopes = excluded.market_slopes, covariance = excluded.covariance,
                 proxy_covariance = excluded.proxy_covariance, n = excluded.n, unavailable = excluded.unavailable,
                 first_session = excluded.first_session, last_session = excluded.last_session,
                 limiting_proxy = excluded.limiting_proxy",
            row.as_of.date(),
            row.reason,
            &row.factors,
            &row.roles,
            &row.market_slopes,
            &row.covariance,
            &row.proxy_covariance,
            row.n,
            row.unavailable,
            common.map(|common| common.first),
            common.map(|common| common.last),
            common.and_then(|common| common.limiting.clone())
        )
        .execute(tx.connection())
        .await
        .attempt("writing a factor covariance")?;
    }
    Ok(())
}

/// The factor covariance of a date.
pub async fn covariance(db: &mut ReadTx<'_>, as_of: NaiveDate) -> Result<Option<CovarianceRow>> {
    let row = sqlx::query!(
        "select reason, factors, roles, market_slopes, covariance, proxy_covariance, n, unavailable, first_session,
                last_session, limiting_proxy
         from factor_covariance where as_of = $1",
        as_of
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading the factor covariance")?;
    Ok(row.map(|row| CovarianceRow {
        as_of: TradingDate::trusted(as_of),
        reason: row.reason,
        factors: row.factors,
        roles: row.roles,
        market_slopes: row.market_slopes,
        covariance: row.covariance,
        proxy_covariance: row.proxy_covariance,
        n: row.n,
        common: (row.first_session.zip(row.last_session)).map(|(first, last)| CommonSessions {
            n: row.n,
            first,
            last,
            limiting: row.limiting_proxy,
        }),
        unavailable: row.unavailable,
    }))
}

/// Price and period returns of a symbol at a date.
#[derive(Debug, Clone)]
pub struct MetricsRow {
    /// The symbol.
    pub symbol: Symbol,
    /// The date.
    pub as_of: TradingDate,
    /// Its close.
    pub close: Option<Decimal>,
    /// 1 day, month to date, year to date, 1 month, 3 months, 1 year; fractions.
    pub returns: [Option<f64>; 6],
    /// Why there is no close.
    pub reason: Option<String>,
}

/// Replaces metrics.
pub async fn replace_metrics(tx: &mut WriteTx, rows: &[&MetricsRow]) -> Result<()> {
    let column = |k: usize| {
        rows.iter()
            .map(|row| row.returns[k])
            .collect::<Vec<Option<f64>>>()
    };
    sqlx::query!(
        "insert into symbol_daily_metrics
             (symbol, as_of, close, return_1d, return_mtd, return_ytd, return_1m, return_3m, return_1y, reason)
         select * from unnest($1::text[], $2::date[], $3::numeric[], $4::float8[], $5::float8[], $6::float8[],
                              $7::float8[], $8::float8[], $9::float8[], $10::text[])
         on conflict (symbol, as_of) do update
         set close = excluded.close, return_1d = excluded.return_1d, return_mtd = excluded.return_mtd,
             return_ytd = excluded.return_ytd, return_1m = excluded.return_1m, return_3m = excluded.return_3m,
             return_1y = excluded.return_1y, reason = excluded.reason",
        &rows.iter().map(|row| row.symbol.to_string()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.as_of.date()).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.close).collect::<Vec<_>>() as &[Option<Decimal>],
        &column(0) as &[Option<f64>],
        &column(1) as &[Option<f64>],
        &column(2) as &[Option<f64>],
        &column(3) as &[Option<f64>],
        &column(4) as &[Option<f64>],
        &column(5) as &[Option<f64>],
        &rows.iter().map(|row| row.reason.clone()).collect::<Vec<_>>() as &[Option<String>]
    )
    .execute(tx.connection())
    .await
    .attempt("writing symbol metrics")?;
    Ok(())
}

/// The square matrix that a stored row-major array is; an error if its length is no square.
pub fn square(table: &'static str, values: &[f64], size: usize) -> Result<Vec<Vec<f64>>> {
    if values.len() != size * size {
        let problem = format!("{} values for a matrix of {size}", values.len());
        return Err(Error::Row { table, problem });
    }
    Ok(values.chunks(size.max(1)).map(<[f64]>::to_vec).collect())
}
