//! Importing books: a file is taken whole or not at all, and all its errors are told at once.

use std::path::PathBuf;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Api;
use super::auth::Caller;
use super::control::REASON;
use super::params::{Params, id};
use super::portfolios::{flow, mark};
use super::problem::{Kind, Problem};
use super::shapes::{
    BookChange, BookChangeForm, BookOptions, BookTerms, FlowsReceipt, ImportReceipt, ListForm,
    ListOptions, MarksReceipt, NewBook, NewBookForm, NewFlows, NewMarks,
};
use super::start::{begin, unwaited};
use super::upload::{List, Upload};
use crate::documents::planned;
use crate::domain::{PortfolioId, Trigger};
use crate::engine::{self, Dates, Request, Selection};
use crate::import::lines::Extent;
use crate::import::marks_csv::Mark;
use crate::intake::{
    self, BookOrder, DEFAULT_OWNER, FlowsOrder, MarksOrder, Status, Target, Terms, Who,
};
use crate::store::ReadTx;

/// Imports a new portfolio: a form with `file` (CSV, one row per lot), a body of CSV, or JSON with `positions`. The terms
/// stand in the form, the JSON or the query. The same file again changes nothing.
#[utoipa::path(post, path = "/api/v1/portfolios", tag = "portfolios",
    params(
        ("name" = Option<String>, Query, description = "Needed, here or in the body. Its name; with the owner it is the identity, unless an id is given"),
        ("opening_equity" = Option<String>, Query, description = "Needed, here or in the body. Equity before the first booking, decimal text"),
        ("inception" = Option<chrono::NaiveDate>, Query, description = "Needed, here or in the body. First day of the book"),
        ("owner" = Option<String>, Query, description = "Whose it is"),
        ("currency" = Option<String>, Query, description = "USD if nothing is said"),
        ("portfolio_id" = Option<uuid::Uuid>, Query, description = "Its id; without it, made of owner and name"),
        ("empty" = Option<bool>, Query, description = "It has no lots, it is cash alone: the file is its header, or `positions` an empty list"),
        ("dry_run" = Option<bool>, Query, description = "Only say what would happen"),
        ("run" = Option<bool>, Query, description = "Plan all its dates")),
    request_body(description = "A form with `file`; or CSV; or JSON with `positions`",
        content((NewBook = "application/json"), (NewBookForm = "multipart/form-data"), (String = "text/csv"))),
    responses((status = 201, description = "The receipt; `run` is the run that was planned", body = ImportReceipt),
              (status = 200, description = "Nothing was changed: a dry run, or it was there already", body = ImportReceipt),
              (status = 400, description = "A term is wrong"), (status = 403, description = "Not with this role"),
              (status = 409, description = "Another portfolio has the name, or another book"),
              (status = 422, description = "The file has errors: all of them, with line, column and code")))]
pub(crate) async fn create(
    caller: Caller,
    State(api): State<Api>,
    upload: Result<Upload, Problem>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.operator()?;
    let upload = upload?.of(List::Positions)?;
    let params = upload.params.of::<BookTerms>()?;
    let name: String = need(params, "name")?;
    let equity: String = need(params, "opening_equity")?;
    let equity: Decimal =
        intake::equity(&equity).map_err(|error| Problem::field("opening_equity", error))?;
    let owner: Option<String> = params.one("owner")?;
    let currency: Option<String> = params.one("currency")?;
    let currency = intake::currency(currency.as_deref().unwrap_or("USD"))
        .map_err(|error| Problem::field("currency", error))?;
    let terms = Terms {
        name: &name,
        owner: owner.as_deref().unwrap_or(DEFAULT_OWNER),
        currency: &currency,
        equity,
        inception: need(params, "inception")?,
        id: params.one("portfolio_id")?,
    };
    let target = Target::New(terms.portfolio(api.clock())?);
    take(&api, &caller, &upload, target).await
}

/// Changes the book of a portfolio to what a file says.
#[utoipa::path(put, path = "/api/v1/portfolios/{portfolio_id}/positions", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("empty" = Option<bool>, Query, description = "It has no lots from now on, it is cash alone: the file is its header, or `positions` an empty list"),
           ("dry_run" = Option<bool>, Query, description = "Only say what would change"),
           ("run" = Option<bool>, Query, description = "Plan all its dates")),
    request_body(description = "A form with `file`; or CSV; or JSON with `positions`",
        content((BookChange = "application/json"), (BookChangeForm = "multipart/form-data"), (String = "text/csv"))),
    responses((status = 200, description = "The receipt: lots that came, went, were closed", body = ImportReceipt),
              (status = 403, description = "Not with this role"), (status = 404, description = "No such portfolio"),
              (status = 422, description = "The file has errors: all of them, with line, column and code")))]
pub(super) async fn update(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    upload: Result<Upload, Problem>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let portfolio = own(&api, &caller, &portfolio).await?;
    let upload = upload?.of(List::Positions)?;
    upload.params.of::<BookOptions>()?;
    take(&api, &caller, &upload, Target::Update(portfolio)).await
}

/// The portfolio, for a caller who may change it.
async fn own(api: &Api, caller: &Caller, portfolio: &str) -> Result<PortfolioId, Problem> {
    caller.changes()?;
    let portfolio: PortfolioId = id("portfolio", portfolio)?;
    let mut db = ReadTx::lazy(&api.pools().load);
    caller.portfolio(&mut db, portfolio).await?;
    db.close().await?;
    Ok(portfolio)
}

/// Adds cash flows to a portfolio, or with `whole` replaces all that it has: a form with `file` (CSV: Date, Type, Amount,
/// Symbol), a body of CSV, or JSON with `flows`. Flows that are there already are not added again.
#[utoipa::path(post, path = "/api/v1/portfolios/{portfolio_id}/flows", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("whole" = Option<bool>, Query, description = "The file has all flows: others go"),
           ("dry_run" = Option<bool>, Query, description = "Only say what would change")),
    request_body(description = "A form with `file`; or CSV; or JSON with `flows`",
        content((NewFlows = "application/json"), (ListForm = "multipart/form-data"), (String = "text/csv"))),
    responses((status = 200, description = "The receipt", body = FlowsReceipt), (status = 403, description = "Not with this role"),
              (status = 404, description = "No such portfolio"),
              (status = 422, description = "The file has errors: all of them, with line, column and code")))]
pub(super) async fn flows(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    upload: Result<Upload, Problem>,
) -> Result<Json<Value>, Problem> {
    let portfolio = own(&api, &caller, &portfolio).await?;
    let upload = upload?.of(List::Flows)?;
    let params = upload.params.of::<ListOptions>()?;
    let order = FlowsOrder {
        file: PathBuf::from(&upload.name),
        portfolio,
        extent: extent(params)?,
        dry_run: params.flag("dry_run")?,
        who: Some(who(&caller)),
    };
    let receipt = intake::flows(api.pools(), api.clock(), &order, &upload.bytes).await;
    let receipt = receipt.map_err(|error| upload.placed(error.into()))?;
    Ok(Json(json!({
        "status": receipt.status.as_str(),
        "portfolio_id": portfolio,
        "rows": receipt.rows,
        "from_date": receipt.change.from_date(),
        "added": receipt.change.added.iter().map(flow).collect::<Vec<_>>(),
        "removed": receipt.change.removed.iter().map(flow).collect::<Vec<_>>(),
    })))
}

/// Adds manual marks of private assets to a portfolio, or with `whole` replaces all that it has: a form with `file` (CSV:
/// Symbol, Date, Price), a body of CSV, or JSON with `marks`.
#[utoipa::path(post, path = "/api/v1/portfolios/{portfolio_id}/marks", tag = "portfolios",
    params(("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
           ("whole" = Option<bool>, Query, description = "The file has all marks: others go"),
           ("dry_run" = Option<bool>, Query, description = "Only say what would change")),
    request_body(description = "A form with `file`; or CSV; or JSON with `marks`",
        content((NewMarks = "application/json"), (ListForm = "multipart/form-data"), (String = "text/csv"))),
    responses((status = 200, description = "The receipt", body = MarksReceipt), (status = 403, description = "Not with this role"),
              (status = 404, description = "No such portfolio"),
              (status = 422, description = "The file has errors: all of them, with line, column and code")))]
pub(super) async fn marks(
    caller: Caller,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    upload: Result<Upload, Problem>,
) -> Result<Json<Value>, Problem> {
    let portfolio = own(&api, &caller, &portfolio).await?;
    let upload = upload?.of(List::Marks)?;
    let params = upload.params.of::<ListOptions>()?;
    let order = MarksOrder {
        file: PathBuf::from(&upload.name),
        portfolio,
        extent: extent(params)?,
        dry_run: params.flag("dry_run")?,
        who: Some(who(&caller)),
    };
    let receipt = intake::marks(api.pools(), api.clock(), &order, &upload.bytes).await;
    let receipt = receipt.map_err(|error| upload.placed(error.into()))?;
    let change = &receipt.change;
    let corrected = change.corrected.iter().map(|(known, before)| {
        let mut row = mark(&known.symbol, known.date, known.price);
        row["before"] = json!(before.normalize().to_string());
        row
    });
    let rows = |marks: &[Mark]| {
        let rows = marks.iter();
        rows.map(|known| mark(&known.symbol, known.date, known.price))
            .collect::<Vec<_>>()
    };
    Ok(Json(json!({
        "status": receipt.status.as_str(),
        "portfolio_id": portfolio,
        "rows": receipt.rows,
        "from_date": change.from_date(),
        "added": rows(&change.added),
        "corrected": corrected.collect::<Vec<_>>(),
        "removed": rows(&change.removed),
    })))
}

fn extent(params: &Params) -> Result<Extent, Problem> {
    Ok(if params.flag("whole")? {
        Extent::Whole
    } else {
        Extent::Addition
    })
}

fn who(caller: &Caller) -> Who {
    Who {
        who: caller.who.clone(),
        reason: REASON.to_owned(),
    }
}

fn need<T: std::str::FromStr<Err: std::fmt::Display> + 'static>(
    params: &Params,
    name: &str,
) -> Result<T, Problem> {
    params
        .one(name)?
        .ok_or_else(|| Problem::field(name, "is needed"))
}

async fn take(
    api: &Api,
    caller: &Caller,
    upload: &Upload,
    target: Target,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (dry_run, run) = (upload.params.flag("dry_run")?, upload.params.flag("run")?);
    let order = BookOrder {
        file: PathBuf::from(&upload.name),
        target,
        empty: upload.params.flag("empty")?,
        dry_run,
        who: Some(who(caller)),
    };
    let pools = api.pools();
    let receipt = intake::portfolio(pools, api.clock(), &order, &upload.bytes).await;
    let receipt = receipt.map_err(|error| upload.placed(error.into()))?;
    let mut document = receipt.document();
    document["dry_run"] = json!(dry_run);
    document["run"] = Value::Null;
    document["run_reason"] = Value::Null;
    if run && !dry_run {
        let request = Request {
            trigger: Trigger::Onboarding,
            portfolios: Selection::Only(vec![receipt.portfolio.id]),
            dates: Dates::SinceInception,
            lane: None,
            force: false,
            principal: caller.who.clone(),
            idempotency_key: None,
        };
        // The book is stored: what keeps it from being computed does not undo that.
        match engine::plan_audited(api.engine(), &request, REASON).await {
            Ok(planned) => {
                begin(api, planned.run);
                document["run"] = unwaited(planned::document(&planned));
                document["run"]["batch_run_id"] = json!(planned.run);
            }
            Err(error) => {
                tracing::warn!(%error, portfolio = %receipt.portfolio.id, "a book was imported, and no run of it was planned");
                document["run_reason"] = json!(Problem::from(error).detail);
            }
        }
    }
    let status = match receipt.status {
        Status::Created => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    Ok((status, Json(document)))
}

impl From<intake::Error> for Problem {
    fn from(error: intake::Error) -> Self {
        match error {
            intake::Error::Misuse {
                field,
                message,
                remedy,
            } => Self::field(field, format!("{message}; {remedy}")),
            intake::Error::Conflict { message, remedy } => {
                Self::new(Kind::Conflict, format!("{message}; {remedy}"))
            }
            intake::Error::OtherBook { .. } => {
                let remedy = "PUT to its positions changes the book to what the file says";
                Self::new(Kind::Conflict, format!("{error}; {remedy}"))
            }
            intake::Error::Gone(_) => Self::not_found("portfolio"),
            intake::Error::Rejected(rejected) => Self {
                field: Some("file".to_owned()),
                errors: rejected.errors.iter().map(|issue| json!(issue)).collect(),
                ..Self::new(Kind::Rejected, rejected.to_string())
            },
            intake::Error::Calendar(error) => Self::field("inception", error.to_string()),
            intake::Error::Store(error) => error.into(),
        }
    }
}
