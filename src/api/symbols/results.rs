//! Results of a symbol at a date: its factor model and its metrics, or why there are none.

use axum::extract::{Path, State};
use axum::response::Response;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{SymbolQuality, known};
use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::params::Params;
use crate::api::problem::Problem;
use crate::api::results::no_result;
use crate::api::shapes::keys;
use crate::api::tagged::{Asked, formed};
use crate::engine::MINIMUM_OBSERVATIONS;
use crate::store::ReadTx;
use crate::store::reports::symbols::{self as store, SymbolSet};
use crate::store::symbol_results::WINDOW;

/// A result of a symbol: what is there, or why not.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolFactors)]
pub(in crate::api) struct Factors {
    #[serde(flatten)]
    head: Head,
    /// The fit; also where there is none, with the number of returns.
    data: Option<Fit>,
}

/// Where a result is from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolHead)]
pub(in crate::api) struct Head {
    symbol: String,
    available: bool,
    /// A code: `nothing_published`, `no_session`, `not_eligible`, `not_computed`, `insufficient_data`, `no_price`, or for
    /// those who want only what is strict `stale`.
    reason: Option<&'static str>,
    /// The same in words.
    reason_text: Option<String>,
    as_of: Option<NaiveDate>,
    calculation_date: Option<NaiveDate>,
    run_id: Option<uuid::Uuid>,
    /// How good it is; null where there is none.
    quality: Option<SymbolQuality>,
    /// `covered` over `expected`, a fraction; null where there is no result.
    coverage: Option<f64>,
    /// Why there is no coverage: the code of `reason`.
    coverage_reason: Option<&'static str>,
    /// Of factors, sessions of the window that the joint fit uses, or that have a return where there is no fit; of metrics, returns
    /// that there are.
    covered: Option<usize>,
    /// Of factors, the 252 sessions of the window; of metrics, the six returns.
    expected: Option<usize>,
    /// Whether an input changed since.
    stale: bool,
}

/// A factor model of a symbol.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolFit)]
pub(in crate::api) struct Fit {
    /// Returns that there are.
    have: i32,
    /// Returns that a model needs.
    need: usize,
    /// Intercept of the joint fit, a return per session.
    alpha: Option<f64>,
    /// Of the joint fit, weighted.
    r_squared: Option<f64>,
    /// Effective number of returns.
    n_eff: Option<f64>,
    /// Annual, a fraction squared.
    specific_variance: Option<f64>,
    /// `short_factor_window` where the factors of the model share fewer than 200 sessions.
    flags: Vec<String>,
    exposures: Vec<Slope>,
}

/// A slope, or why a model for display has none: then its numbers are null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolSlope)]
pub(in crate::api) struct Slope {
    /// joint feeds risk and stress; market, spread and provider are for display.
    model: String,
    factor: String,
    /// available, unavailable (a series or a number that it is made of is missing) or `insufficient_data`.
    status: String,
    /// Why there is no slope: the leg that is missing, or how many returns there are of how many.
    reason: Option<String>,
    /// Raw and never clipped; beyond ±5 it has the flag `extreme`.
    beta: Option<f64>,
    std_error: Option<f64>,
    /// Slope over its error.
    t: Option<f64>,
    /// Two-sided.
    p: Option<f64>,
    /// Lower end of its 95 % interval.
    low_95: Option<f64>,
    /// Upper end.
    high_95: Option<f64>,
    /// Vasicek, of the market model only; alpha and R² are those of the raw regression.
    shrunk: Option<f64>,
    /// Variance inflation.
    vif: Option<f64>,
    /// Returns used; where there is no slope, at hand.
    n: Option<i32>,
    /// Effective number of returns, of the market model only, as all of `alpha` and `r_squared`.
    n_eff: Option<f64>,
    /// Intercept of the market model, a return per session.
    alpha: Option<f64>,
    /// Newey–West, a return per session.
    alpha_std_error: Option<f64>,
    /// Intercept over its error.
    alpha_t: Option<f64>,
    /// Two-sided.
    alpha_p: Option<f64>,
    /// Lower end of its 95 % interval.
    alpha_low_95: Option<f64>,
    /// Upper end.
    alpha_high_95: Option<f64>,
    /// Weighted, of the market model; null where the returns are constant.
    r_squared: Option<f64>,
    /// For the degrees of freedom.
    adjusted_r_squared: Option<f64>,
    /// Who told the profile, of the provider's beta; of the newest answer.
    source: Option<String>,
    /// `extreme`, `collinear`, `motionless`.
    flags: Vec<String>,
}

/// The factor model of a symbol; with too few returns there is none, and `have` and `need` say by how many.
#[utoipa::path(get, path = "/api/v1/symbols/{symbol}/factors", tag = "symbols",
    params(("symbol" = String, Path, description = "The symbol"),
           ("date" = Option<NaiveDate>, Query, description = "The session; without it, the newest that is not stale"),
           ("strict" = Option<bool>, Query, description = "Only what is not stale and lacks nothing"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "The model, or why there is none", body = Factors),
              (status = 304, description = "As it was"),
              (status = 404, description = "No such symbol")))]
pub(in crate::api) async fn factors(
    caller: Caller,
    State(api): State<Api>,
    Path(symbol): Path<String>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["date", "strict"])?;
    let (date, strict) = (params.one("date")?, params.flag("strict")?);
    let mut db = ReadTx::lazy(&api.pools().load);
    let known = known(&caller, &mut db, &symbol).await?;
    let set = store::symbol_set(&mut db, "symbol-factors", &known.symbol, date, strict).await?;
    let model = match set {
        Some(set) => store::model(&mut db, &known.symbol, set.as_of).await?,
        None => None,
    };
    db.close().await?;
    let mut head = Head::of(&api, known.symbol, date, set, model.is_some())?;
    if let Some((fit, _)) = &model {
        head.cover(usize::try_from(fit.n).unwrap_or(0), WINDOW);
        head.refuse("insufficient_data", fit.reason.as_ref());
    }
    let shown = head.keeps(strict);
    let data = model.filter(|_| shown).map(|(fit, slopes)| Fit {
        have: fit.n,
        need: MINIMUM_OBSERVATIONS,
        alpha: fit.alpha,
        r_squared: fit.r_squared,
        n_eff: fit.n_eff,
        specific_variance: fit.specific_variance,
        flags: fit.flags,
        exposures: slopes.into_iter().map(Slope::from).collect(),
    });
    let answer = Factors { head, data };
    let columns = Some(keys::<Slope>());
    formed(&asked, &answer, columns, |page| {
        page["data"]["exposures"].clone()
    })
}

impl From<store::SlopeRow> for Slope {
    fn from(row: store::SlopeRow) -> Self {
        let fit = row.fit.as_ref();
        Self {
            model: row.model,
            factor: row.factor,
            status: row.status,
            reason: row.reason,
            beta: row.beta,
            std_error: row.std_error,
            t: row.inference.t,
            p: row.inference.p,
            low_95: row.inference.low(),
            high_95: row.inference.high(),
            shrunk: row.shrunk,
            vif: row.vif,
            n: row.n,
            n_eff: fit.map(|fit| fit.n_eff),
            alpha: fit.map(|fit| fit.alpha),
            alpha_std_error: fit.map(|fit| fit.alpha_error),
            alpha_t: fit.and_then(|fit| fit.inference.t),
            alpha_p: fit.and_then(|fit| fit.inference.p),
            alpha_low_95: fit.and_then(|fit| fit.inference.low()),
            alpha_high_95: fit.and_then(|fit| fit.inference.high()),
            r_squared: fit.and_then(|fit| fit.r_squared),
            adjusted_r_squared: fit.and_then(|fit| fit.adjusted_r_squared),
            source: row.source,
            flags: row.flags,
        }
    }
}

/// Metrics of a symbol.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolMetrics)]
pub(in crate::api) struct Metrics {
    #[serde(flatten)]
    head: Head,
    data: Option<Returns>,
}

/// The close and total returns up to it, fractions; null where the price that they begin with is missing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolReturns)]
pub(in crate::api) struct Returns {
    /// Decimal text.
    close: Option<String>,
    return_1d: Option<f64>,
    return_mtd: Option<f64>,
    return_ytd: Option<f64>,
    return_1m: Option<f64>,
    return_3m: Option<f64>,
    return_1y: Option<f64>,
    /// Field → why it is null.
    reasons: std::collections::BTreeMap<&'static str, &'static str>,
}

/// The close of a symbol and its returns.
#[utoipa::path(get, path = "/api/v1/symbols/{symbol}/metrics", tag = "symbols",
    params(("symbol" = String, Path, description = "The symbol"),
           ("date" = Option<NaiveDate>, Query, description = "The session; without it, the newest that is not stale"),
           ("strict" = Option<bool>, Query, description = "Only what is not stale and lacks nothing"),
           ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
           ("Accept" = Option<String>, Header, description = "text/csv for a table")),
    responses((status = 200, description = "The metrics, or why there are none", body = Metrics),
              (status = 304, description = "As it was"),
              (status = 404, description = "No such symbol")))]
pub(in crate::api) async fn metrics(
    caller: Caller,
    State(api): State<Api>,
    Path(symbol): Path<String>,
    asked: Asked,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["date", "strict"])?;
    let (date, strict) = (params.one("date")?, params.flag("strict")?);
    let mut db = ReadTx::lazy(&api.pools().load);
    let known = known(&caller, &mut db, &symbol).await?;
    let set = store::symbol_set(&mut db, "symbol-metrics", &known.symbol, date, strict).await?;
    let row = match set {
        Some(set) => store::metrics(&mut db, &known.symbol, set.as_of).await?,
        None => None,
    };
    db.close().await?;
    let mut head = Head::of(&api, known.symbol, date, set, row.is_some())?;
    if let Some(row) = &row {
        let returns = row.returns();
        head.cover(
            returns.iter().filter(|(_, value)| value.is_some()).count(),
            returns.len(),
        );
        head.refuse("no_price", row.reason.as_ref());
    }
    let shown = head.keeps(strict);
    let answer = Metrics {
        head,
        data: row.filter(|_| shown).map(Returns::from),
    };
    let columns = Some(keys::<Returns>());
    formed(&asked, &answer, columns, |page| match &page["data"] {
        Value::Null => Value::Null,
        data => json!([data]),
    })
}

impl From<store::MetricRow> for Returns {
    fn from(row: store::MetricRow) -> Self {
        let all = row.returns();
        let why = if row.close.is_some() {
            "no_price_at_the_beginning"
        } else {
            "no_price"
        };
        let missing = all.iter().filter(|(_, value)| value.is_none());
        let mut reasons: std::collections::BTreeMap<_, _> =
            missing.map(|(name, _)| (*name, why)).collect();
        if row.close.is_none() {
            reasons.insert("close", why);
        }
        Self {
            close: row.close.map(|close| close.normalize().to_string()),
            return_1d: row.return_1d,
            return_mtd: row.return_mtd,
            return_ytd: row.return_ytd,
            return_1m: row.return_1m,
            return_3m: row.return_3m,
            return_1y: row.return_1y,
            reasons,
        }
    }
}

impl Head {
    fn of(
        api: &Api,
        symbol: String,
        date: Option<NaiveDate>,
        set: Option<SymbolSet>,
        there: bool,
    ) -> Result<Self, Problem> {
        let reason = match date {
            _ if there => None,
            None => Some("nothing_published"),
            Some(date) => Some(no_result(api.clock(), date)?.unwrap_or("not_computed")),
        };
        let stale = set.is_some_and(|set| set.stale);
        Ok(Self {
            symbol,
            available: there,
            reason,
            reason_text: None,
            as_of: set.map(|set| set.as_of),
            calculation_date: date.or(set.map(|set| set.as_of)),
            run_id: set.map(|set| set.run.0),
            quality: there.then_some(SymbolQuality { strict: !stale }),
            coverage: None,
            coverage_reason: reason,
            covered: None,
            expected: None,
            stale,
        })
    }

    /// How much of what it could rest on is there.
    fn cover(&mut self, covered: usize, expected: usize) {
        self.coverage = (expected > 0).then(|| covered as f64 / expected as f64);
        (self.covered, self.expected) = (Some(covered), Some(expected));
    }

    /// There is a row, and it says why there is nothing in it.
    fn refuse(&mut self, code: &'static str, why: Option<&String>) {
        if let Some(why) = why {
            self.available = false;
            self.reason = Some(code);
            self.reason_text = Some(why.clone());
            self.quality = Some(SymbolQuality { strict: false });
        }
    }

    /// Whether it is shown to somebody who may want only what is strict; if not, it says why.
    fn keeps(&mut self, strict: bool) -> bool {
        let good = self.quality.is_none_or(|quality| quality.strict);
        if !strict || good {
            return true;
        }
        self.available = false;
        if self.stale {
            self.reason = Some("stale");
        }
        false
    }
}
