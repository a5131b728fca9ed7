//! A portfolio at a published date: what it is worth, what moves it, what may hurt it; each number leads to how it was computed.

mod book;
mod history;
mod losses;
mod quality;
mod risk;

use axum::extract::{Path, State};
use axum::response::Html;
use chrono::NaiveDate;
use maud::{Markup, html};
use rust_decimal::Decimal;

use super::frame;
use super::login::encoded;
use super::session::Visitor;
use super::text::{cli, facts, or_dash, run_link};
use crate::api::Api;
use crate::api::params::{Params, id};
use crate::api::problem::Problem;
use crate::api::results;
use crate::domain::{Portfolio, PortfolioId};
use crate::store::ReadTx;
use crate::store::reports::{self, Report};

/// The page, of the newest published date or of `date`.
pub(super) async fn page(
    visitor: Visitor,
    State(api): State<Api>,
    Path(portfolio): Path<String>,
    params: Params,
) -> Result<Html<String>, Problem> {
    let params = params.only(&["date", "strict"])?;
    let (date, strict) = (params.one::<NaiveDate>("date")?, params.flag("strict")?);
    let portfolio: PortfolioId = id("portfolio", &portfolio)?;
    let mut db = ReadTx::lazy(&api.pools().load);
    let portfolio = visitor.portfolio(&mut db, portfolio).await?;
    let published = results::find(&mut db, api.clock(), &portfolio, date, strict).await?;
    let published = match published {
        Ok(published) => published,
        Err(reason) => {
            db.close().await?;
            let body = nothing(&portfolio, date, reason);
            return Ok(frame::page(&visitor, "/portfolios", &portfolio.name, &body));
        }
    };
    let days = history::read(&mut db, portfolio.id, published.as_of).await?;
    let report = reports::portfolio(&mut db, portfolio.id, published).await?;
    db.close().await?;
    let report = report.ok_or_else(|| Problem::not_found("portfolio"))?;
    let how = How(&report);
    let body = html! {
        (head(&report, &how))
        (history::charts(&days, &how))
        (risk::sections(&report, &how))
        (losses::sections(&report, &how, &days))
        (risk::correlation(&report, &how))
        (book::sections(&report, &how))
        (quality::section(&report))
    };
    let title = format!("{} · {}", report.portfolio.name, published.as_of);
    Ok(frame::page(&visitor, "/portfolios", &title, &body))
}

/// Ways to where numbers come from.
struct How<'a>(&'a Report);

impl How<'_> {
    /// A number that leads to how it was computed.
    fn link(&self, metric: &str, shown: &str) -> Markup {
        self.link_on(self.0.published.as_of, metric, shown)
    }

    /// The same for a number of another published date.
    fn link_on(&self, date: NaiveDate, metric: &str, shown: &str) -> Markup {
        let id = self.0.portfolio.id;
        let title = format!("How {metric} was computed");
        let metric = segment(metric);
        html! {
            a.how href=(format!("/portfolios/{id}/explain/{metric}?date={date}")) title=(title) { (shown) }
        }
    }

    /// The same for a number that may be missing; a note or the section says why.
    fn of(&self, metric: &str, shown: Option<String>) -> Markup {
        self.or_reason(metric, shown, Some("–"))
    }

    /// The same for a number that may be missing, with its reason.
    fn or_reason(&self, metric: &str, shown: Option<String>, reason: Option<&str>) -> Markup {
        let none = || html! { span.soft { (reason.unwrap_or("not computed")) } };
        shown.map_or_else(none, |shown| self.link(metric, &shown))
    }
}

/// A text as one segment of a path. A colon and an @ may stand in it as they are, and metrics are easier to read with theirs.
fn segment(text: &str) -> String {
    let text = encoded(text).replace('/', "%2F");
    text.replace("%3A", ":").replace("%40", "@")
}

/// Why nothing is shown of a date, or of any where none was asked for: the words of a code.
pub(super) fn why(reason: &str, dated: bool) -> &str {
    match reason {
        "nothing_published" => "No date of it is published yet.",
        "not_computed" => "The date is not computed.",
        "stale" if dated => "Inputs of the date have changed, and it is not computed again yet.",
        "stale" => "Inputs of all its dates have changed, and none is computed again yet.",
        "not_strict" if dated => "Something of the date failed.",
        "not_strict" => "Something of every published date failed.",
        "no_session" => "The exchange is closed on that date.",
        "before_inception" => "The portfolio begins later.",
        "not_eligible" => "The session has not ended.",
        other => other,
    }
}

fn nothing(portfolio: &Portfolio, date: Option<NaiveDate>, reason: &str) -> Markup {
    let name = portfolio.id.to_string();
    let shown = date.map(|date| date.to_string());
    let mut words = vec!["why", name.as_str()];
    words.extend(shown.as_deref());
    html! {
        div.alert role="status" data-reason=(reason) { (why(reason, date.is_some())) }
        @if date.is_some() { p { a href=(format!("/portfolios/{name}")) { "The newest published date" } } }
        pre.cli { (cli(&words)) }
    }
}

fn head(report: &Report, how: &How<'_>) -> Markup {
    let (snapshot, vector) = (&report.snapshot, &report.completeness);
    let currency = &report.portfolio.currency;
    let worst = losses::worst(report, how);
    let market = report
        .factors
        .iter()
        .find(|one| one.role.as_deref() == Some("market"));
    let market = market.map_or_else(
        || html! { span.soft { "no market factor" } },
        |factor| {
            let shown = factor.beta.map(|beta| format!("{beta:.2}"));
            how.or_reason(
                &format!("beta:{}", factor.factor),
                shown,
                factor.reason.as_deref(),
            )
        },
    );
    // The whole result's coverage is the risk model's where there is one.
    let coverage = html! {
        @match (vector.coverage, &report.risk) {
            (Some(part), Some(_)) => (how.link("risk:coverage", &percent(part))),
            (part, _) => (or_dash(part.map(percent))),
        }
    };
    let forecast = report.volatility.as_ref();
    let forecast = how.or_reason(
        "forecast_21",
        forecast.and_then(|row| row.forecast_21).map(percent),
        vector.reason("volatility").as_deref(),
    );
    let failed = vector
        .entries
        .iter()
        .filter(|entry| entry.outcome != "done");
    html! {
        (facts(&[
            ("Net asset value", html! { span #nav { (how.link("nav", &money(snapshot.nav))) } " " (currency) }),
            ("P&L of the day", how.link("pnl_day", &money(snapshot.pnl_day))),
            ("Return of the day", how.of("snapshot:return_day", snapshot.return_day.map(signed))),
            ("Market beta", html! { span #beta { (market) } }),
            ("Volatility forecast", forecast),
            ("Worst plausible stress", html! { span #worst { (worst) } }),
            ("Coverage", coverage),
            ("Strict", html! { (if vector.strict { "yes" } else { "no: something failed" }) }),
        ]))
        p.soft {
            "Computed by " (run_link(report.published.run, "this run")) ", " (super::text::time(report.provenance.computed_at))
            ", model " (report.provenance.model_version) ", conventions " (report.provenance.convention_id)
            ", prices " (report.provenance.provider_basis) "."
        }
        @let missing: Vec<_> = failed.collect();
        @if !missing.is_empty() {
            details { summary { "Not computed: " (missing.len()) " of " (vector.entries.len()) }
                ul { @for entry in missing { li { strong { (entry.name) } ": " (entry.outcome)
                    @if let Some(reason) = &entry.reason { ", " (reason) } } } } }
        }
        @if !vector.missing.is_empty() {
            details { summary { "Missing in its numbers: " (vector.missing.len()) }
                ul { @for (what, why) in &vector.missing { li { strong { (what) } ": " (why) } } } }
        }
        @let name = report.portfolio.id.to_string();
        @let date = report.published.as_of.to_string();
        pre.cli { (cli(&["show", &name, "--date", &date])) }
    }
}

/// Money to the cent, with thousands apart.
fn money(value: Decimal) -> String {
    let text = format!("{:.2}", value.round_dp(2));
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |rest| ("−", rest));
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, "00"));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{cents}")
}

/// A fraction as a percentage.
fn percent(value: f64) -> String {
    format!("{:.2} %", 100.0 * value).replace('-', "−")
}

/// The same with its sign.
fn signed(value: f64) -> String {
    format!("{:+.2} %", 100.0 * value).replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_one_segment_of_the_link_whatever_is_in_its_names() {
        let report = crate::documents::portfolio::sample::report();
        let link = How(&report).link("sector:Oil/Gas? #1 100%:net_value", "5");
        let wanted = format!(
            "href=\"/portfolios/{}/explain/sector:Oil%2FGas%3F%20%231%20100%25:net_value?date=2016-12-30\"",
            report.portfolio.id
        );
        let link = link.into_string();
        assert!(link.contains(&wanted), "{link}");
        // What looks like an encoded colon is none.
        assert_eq!(segment("a%3Ab:c"), "a%253Ab:c");
        assert_eq!(segment("option:C@94.25:spot"), "option:C@94.25:spot");
        assert_eq!(segment("a%40b"), "a%2540b");
    }

    #[test]
    fn money_and_percentages_are_written_for_people() {
        let texts =
            ["1234567.891", "-0.5", "999", "-1000"].map(|text| money(text.parse().unwrap()));
        assert_eq!(texts, ["1,234,567.89", "−0.50", "999.00", "−1,000.00"]);
        assert_eq!(
            (percent(-0.12345).as_str(), signed(0.1).as_str()),
            ("−12.35 %", "+10.00 %")
        );
    }
}
