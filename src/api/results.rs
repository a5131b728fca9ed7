//! Results of a portfolio at a date: what is published, and of what is not, why.
//!
//! Every answer comes from one published date of one snapshot; nothing of two dates is ever mixed.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::Api;
use super::auth::Bearer;
use super::params::{Params, id};
use super::problem::Problem;
use super::rows;
use super::shapes::SectionAnswer;
use super::tagged::tabled;
use crate::clock::Clock;
use crate::documents::portfolio::{self, Section};
use crate::domain::{Calendar, Portfolio, PortfolioId};
use crate::store::ReadTx;
use crate::store::reports::{self, Published, Report, Unpublished};

/// One section of a portfolio's result: overview, positions, exposures, fits, risk, volatility,
/// correlation, concentration, sectors, stress, options, value-at-risk, replays, reverse-stress, data-quality or completeness. What is missing is an answer too: `available` is false, and `reason` says why.
#[utoipa::path(get, path = "/api/v1/portfolios/{portfolio_id}/results/{section}", tag = "results",
    params(
        ("portfolio_id" = uuid::Uuid, Path, description = "The portfolio"),
        ("section" = String, Path, description = "overview, positions, exposures, fits, risk, volatility, correlation, concentration, sectors, stress, options, value-at-risk, replays, reverse-stress, data-quality or completeness"),
        ("date" = Option<NaiveDate>, Query, description = "The session; without it, the newest that is published"),
        ("strict" = Option<bool>, Query, description = "Only a date of which nothing failed"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer"),
        ("Accept" = Option<String>, Header, description = "text/csv for a table: of a list its rows, of risk the contributions, of exposures the factors, of correlation one row for each pair, of fits one for each slope")),
    responses(
        (status = 200, description = "The section, or why it is not there", body = SectionAnswer),
        (status = 304, description = "As it was"),
        (status = 404, description = "No such portfolio or section")))]
pub(super) async fn section(
    bearer: Bearer,
    State(api): State<Api>,
    Path((portfolio, section)): Path<(String, String)>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Problem> {
    let csv = wants_csv(&headers);
    let (wanted, id) = match asked(&params, &portfolio) {
        Ok(asked) => asked,
        // Whoever is nobody does not hear what is wrong with the question.
        Err(problem) => return Err(bearer.caller(&api).await.err().unwrap_or(problem)),
    };
    let mut db = ReadTx::lazy(&api.pools().load);
    let opened = reports::open(&mut db, bearer.id(), id, wanted.date, wanted.strict).await?;
    let (section, head) = if let Some(opened) = opened {
        let caller = bearer.found(opened.token, opened.hash)?;
        if !caller.access.sees(id) {
            return Err(Problem::not_found("portfolio"));
        }
        (of_name(&section)?, opened.report)
    } else {
        // One after the other: who asks, of what, and why that date is not there.
        db.close().await?;
        let caller = bearer.caller(&api).await?;
        db = ReadTx::lazy(&api.pools().load);
        let portfolio = caller.portfolio(&mut db, id).await?;
        let section = of_name(&section)?;
        let Wanted { date, strict } = wanted;
        let head = match find(&mut db, api.clock(), &portfolio, date, strict).await? {
            // It was published between the two looks.
            Ok(published) => reports::parts(&mut db, portfolio, published, &[]).await?,
            Err(reason) => {
                db.close_behind();
                return formed(csv, &missing(&portfolio, section.name, date, reason));
            }
        };
        (
            section,
            head.ok_or_else(|| Problem::not_found("portfolio"))?,
        )
    };
    let published = head.published;
    let (run, as_of) = (published.run, published.as_of);
    let form = if csv { "csv" } else { "json" };
    // Another release may show the same numbers in another form.
    let version = env!("CARGO_PKG_VERSION");
    let tag = weak(&format!("{run}.{as_of}.{}.{form}.{version}", section.name));
    // What other runs change too has a tag of what it says, which the layer makes.
    let settled = !section.parts.iter().any(|part| part.is_of_others());
    if settled && matches(&headers, &tag) {
        db.close_behind();
        return Ok(not_modified(tag));
    }
    let report = reports::filled(&mut db, head, section.parts).await?;
    db.close_behind();
    let document = envelope(&report, section, wanted.date);
    let mut response = formed(csv, &document)?;
    if let (true, Ok(tag)) = (settled, HeaderValue::try_from(tag)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Which date is asked for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    date: Option<NaiveDate>,
    strict: bool,
}

fn asked(params: &Params, portfolio: &str) -> Result<(Wanted, PortfolioId), Problem> {
    let params = params.only(&["date", "strict"])?;
    let wanted = Wanted {
        date: params.one("date")?,
        strict: params.flag("strict")?,
    };
    Ok((wanted, id("portfolio", portfolio)?))
}

fn of_name(section: &str) -> Result<&'static Section, Problem> {
    Section::find(section).ok_or_else(|| Problem::not_found("section"))
}

/// A section as it is asked for. A table of what is not there has its columns and no row.
fn formed(csv: bool, document: &Value) -> Result<Response, Problem> {
    if !csv {
        return Ok(axum::Json(document).into_response());
    }
    let name = document["section"].as_str().unwrap_or_default();
    let columns = rows::columns(name).unwrap_or_default();
    let rows = rows::of(name, &document["data"]).unwrap_or_default();
    tabled(document, &columns, &rows)
}

/// Weak: whether it is compressed is no difference.
pub(super) fn weak(version: &str) -> String {
    format!("W/\"{version}\"")
}

pub(super) fn not_modified(tag: String) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response()
}

pub(super) fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| {
        let table = wanted(accept, "text/csv").unwrap_or_default();
        table > 0.0 && table >= nearest(accept, JSON).unwrap_or_default()
    })
}

/// What JSON is called, the nearest name first.
const JSON: [&str; 3] = ["application/json", "application/*", "*/*"];

/// Whether JSON is taken at all, if only as one of any.
pub(super) fn takes_json(headers: &HeaderMap) -> bool {
    takes(headers, JSON)
}

/// The same of a stream of events.
pub(super) fn takes_events(headers: &HeaderMap) -> bool {
    takes(headers, ["text/event-stream", "text/*", "*/*"])
}

fn takes(headers: &HeaderMap, names: [&str; 3]) -> bool {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.map(|value| value.to_str().unwrap_or_default());
    accept.is_none_or(|accept| nearest(accept, names).is_some_and(|weight| weight > 0.0))
}

/// How much a form is wanted that has several names: the nearest one decides.
fn nearest(accept: &str, names: [&str; 3]) -> Option<f32> {
    names.iter().find_map(|name| wanted(accept, name))
}

/// How much a form is wanted, 0 to 1; nothing where it is not named.
fn wanted(accept: &str, name: &str) -> Option<f32> {
    accept.split(',').find_map(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(name) {
            return None;
        }
        let weight = parts.find_map(|part| {
            let (name, weight) = part.split_once('=')?;
            name.eq_ignore_ascii_case("q").then_some(weight)
        });
        Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
    })
}

pub(super) fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let wanted = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    wanted.is_some_and(|wanted| {
        wanted
            .split(',')
            .any(|known| known.trim() == "*" || bare(known) == bare(tag))
    })
}

/// The date that is shown, or the code of the reason why none is.
pub(crate) async fn find(
    db: &mut ReadTx<'_>,
    clock: &Clock,
    portfolio: &Portfolio,
    date: Option<NaiveDate>,
    strict: bool,
) -> Result<Result<Published, &'static str>, Problem> {
    let Some(date) = date else {
        let newest = if strict {
            reports::newest_strict(db, portfolio.id).await?
        } else {
            reports::newest_published(db, portfolio.id).await?
        };
        return Ok(match newest {
            Some(published) => Ok(published),
            None => Err(nothing(db, portfolio.id, strict).await?),
        });
    };
    Ok(match reports::published(db, portfolio.id, date).await? {
        Some(published) if strict && !published.strict => Err("not_strict"),
        Some(published) => Ok(published),
        None => Err(unpublished(db, clock, portfolio, date).await?),
    })
}

/// Why no date at all can be shown, as a code.
async fn nothing(
    db: &mut ReadTx<'_>,
    portfolio: PortfolioId,
    strict: bool,
) -> Result<&'static str, Problem> {
    let computed = reports::newest::computed(db, portfolio).await?;
    if strict && computed.is_some() && reports::newest_published(db, portfolio).await?.is_some() {
        return Ok("not_strict");
    }
    Ok(without_a_date(computed))
}

/// The same by the newest date that was computed: what was and is not published has inputs that changed.
pub(super) fn without_a_date(computed: Option<NaiveDate>) -> &'static str {
    computed.map_or("nothing_published", |_| "stale")
}

async fn unpublished(
    db: &mut ReadTx<'_>,
    clock: &Clock,
    portfolio: &Portfolio,
    date: NaiveDate,
) -> Result<&'static str, Problem> {
    let no_result = no_result(clock, date)?;
    if no_result != Some("no_session") && date < portfolio.inception {
        return Ok("before_inception");
    }
    if let Some(reason) = no_result {
        return Ok(reason);
    }
    Ok(
        match reports::why_unpublished(db, portfolio.id, date).await? {
            Unpublished::Stale => "stale",
            Unpublished::NotComputed => "not_computed",
        },
    )
}

/// Why nothing can have a result of a date, as a code: the exchange was closed, or its closes are not final yet.
pub(super) fn no_result(clock: &Clock, date: NaiveDate) -> Result<Option<&'static str>, Problem> {
    let calendar = Calendar::nyse();
    let session = calendar.session(date);
    let session = session.map_err(|error| Problem::field("date", error.to_string()))?;
    Ok(match session {
        None => Some("no_session"),
        Some(session) if !calendar.is_eligible(session, clock.now()) => Some("not_eligible"),
        Some(_) => None,
    })
}

fn missing(portfolio: &Portfolio, section: &str, date: Option<NaiveDate>, reason: &str) -> Value {
    json!({
        "portfolio_id": portfolio.id,
        "section": section,
        "available": false,
        "reason": reason,
        "reason_text": null,
        "as_of": null,
        "calculation_date": date,
        "run_id": null,
        "computed_at": null,
        "quality": null,
        "coverage": null,
        "coverage_reason": reason,
        "data": null,
    })
}

fn envelope(report: &Report, section: &Section, date: Option<NaiveDate>) -> Value {
    let data = (section.data)(report);
    let missing = section.missing(report, &data);
    let (reason, words) = missing.unzip();
    let published = report.published;
    json!({
        "portfolio_id": report.portfolio.id,
        "section": section.name,
        "available": reason.is_none(),
        "reason": reason,
        "reason_text": words,
        "as_of": published.as_of,
        "calculation_date": date.unwrap_or(published.as_of),
        "run_id": published.run,
        "computed_at": report.provenance.computed_at,
        // How many lots are valued with prices of which quality, and whether nothing failed.
        "quality": { "strict": published.strict, "prices": report.price_qualities },
        "coverage": report.completeness.coverage,
        "coverage_reason": portfolio::coverage_reason(report),
        "data": data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_for_those_who_like_it_best() {
        let csv = |accept: &str| {
            let value = axum::http::HeaderValue::from_str(accept).unwrap();
            wants_csv(&HeaderMap::from_iter([(header::ACCEPT, value)]))
        };
        for accept in [
            "text/csv",
            "TEXT/CSV; charset=utf-8",
            "text/csv, application/json;q=0.5",
            "text/html, text/csv;q=0.9",
            "text/csv, */*",
            "text/csv;q=0.5, application/json;q=0.4, */*",
        ] {
            assert!(csv(accept), "{accept}");
        }
        for accept in [
            "*/*",
            "application/json, text/csv;q=0.1",
            "text/csv;q=0",
            "text/csv;Q=0",
            "*/*, text/csv;q=0.1",
            "application/*, text/csv;q=0.1",
            "text/csvx",
            "",
        ] {
            assert!(!csv(accept), "{accept}");
        }
        assert!(!wants_csv(&HeaderMap::new()));
    }

    #[test]
    fn who_takes_anything_takes_json() {
        let json = |accept: &str| {
            let value = axum::http::HeaderValue::from_str(accept).unwrap();
            takes_json(&HeaderMap::from_iter([(header::ACCEPT, value)]))
        };
        for accept in [
            "*/*",
            "text/csv, */*;q=0.1",
            "text/csv, application/json;q=0.5",
        ] {
            assert!(json(accept), "{accept}");
        }
        for accept in ["text/csv", "text/csv, application/json;q=0, */*", ""] {
            assert!(!json(accept), "{accept}");
        }
        assert!(takes_json(&HeaderMap::new()));
    }
}
