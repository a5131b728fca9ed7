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
    /// Null: a result of one symbol covers it or is none.
    coverage: Option<f64>,
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
    alpha: Option<f64>,
    r_squared: Option<f64>,
    /// Effective number of returns.
    n_eff: Option<f64>,
    /// Annual, a fraction squared.
    specific_variance: Option<f64>,
    flags: Vec<String>,
    exposures: Vec<Slope>,
}

/// A slope.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SymbolSlope)]
pub(in crate::api) struct Slope {
    /// joint feeds risk and stress; market, spread and provider are for display.
    model: String,
    factor: String,
    beta: f64,
    std_error: Option<f64>,
    /// Vasicek, of the market model only.
    shrunk: Option<f64>,
    /// Variance inflation.
    vif: Option<f64>,
    n: Option<i32>,
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
        Self {
            model: row.model,
            factor: row.factor,
            beta: row.beta,
            std_error: row.std_error,
            shrunk: row.shrunk,
            vif: row.vif,
            n: row.n,
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
        let all = [
            ("return_1d", row.return_1d),
            ("return_mtd", row.return_mtd),
            ("return_ytd", row.return_ytd),
            ("return_1m", row.return_1m),
            ("return_3m", row.return_3m),
            ("return_1y", row.return_1y),
        ];
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
            stale,
        })
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
