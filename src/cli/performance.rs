//! `performance`: what a portfolio made over a range, from its stored snapshots.

use std::fmt::Write as _;

use super::text::{count, indented, left, money, number, or_dash, percent, right, signed, table};
use super::{Error, Output, PerformanceArgs, find, show};
use crate::documents::performance;
use crate::domain::Portfolio;
use crate::engine::performance::{
    CONVENTION_ID, Figure, Performance, PerformanceError, Question, load,
};
use crate::store::{Pools, ReadTx, portfolios, reports};

/// Contributions that a page shows; JSON has all.
const LISTED: usize = 15;

/// Reads, computes and renders.
pub async fn run(pools: &Pools, args: &PerformanceArgs, json: bool) -> Result<Output, Error> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        let message = format!("--from {from} is after --to {to}");
        return Err(Error::misuse(message, "give the earlier date first"));
    }
    let mut db = ReadTx::lazy(&pools.control);
    let id = find::portfolio(&mut db, &args.portfolio).await?;
    let gone = || Error::misuse(format!("no portfolio {id}"), "it was deleted just now");
    let portfolio = portfolios::get(&mut db, id).await?.ok_or_else(gone)?;
    let question = Question {
        from: args.from,
        to: args.to,
        benchmark: args.benchmark.clone(),
    };
    let told = |error| match error {
        PerformanceError::Store(error) => error.into(),
        other => Error::misuse(other.to_string(), "give another range"),
    };
    let sources = load(&mut db, &portfolio, &question).await.map_err(told)?;
    let Some(sources) = sources else {
        return Err(without_snapshots(&mut db, &portfolio).await?);
    };
    db.close().await?;
    let found = sources.answer().map_err(told)?;
    Ok(Output::either(
        json,
        || performance::document(&portfolio, &found),
        || page(&portfolio, &found),
    ))
}

/// Why there is nothing to look at: nothing is published at all, or nothing of the range.
async fn without_snapshots(db: &mut ReadTx<'_>, portfolio: &Portfolio) -> Result<Error, Error> {
    let Some(newest) = reports::newest_published(db, portfolio.id).await? else {
        return show::unpublished(db, portfolio, None).await;
    };
    let Portfolio { id, name, .. } = portfolio;
    Ok(Error::not_there(
        format!(
            "no snapshot of portfolio {name:?} in this range; its newest is of {}",
            newest.as_of
        ),
        format!("compute some: sigmabatch run --portfolio {id} --from DATE --to DATE --wait"),
    ))
}

/// The page.
pub fn page(portfolio: &Portfolio, found: &Performance) -> String {
    let mut page = String::new();
    let _ = writeln!(
        page,
        "{} from {} to {} in {}, {}, conventions {CONVENTION_ID}\n",
        portfolio.name,
        found.from,
        found.to,
        portfolio.currency,
        count(found.sessions, "session")
    );
    let amounts = [
        ("opening NAV", money(found.opening)),
        ("flows", signed(money(found.flows))),
        ("profit", signed(money(found.profit))),
        ("closing NAV", money(found.closing)),
    ];
    let rows = amounts
        .into_iter()
        .map(|(name, text)| vec![name.to_owned(), text]);
    page.push_str(&indented(&table(&[left(""), right("")], rows)));
    if found.low_coverage > 0 {
        let _ = writeln!(
            page,
            "  on {} of {} less than 80 % of gross is priced and modelled, at the lowest {}",
            found.low_coverage,
            count(found.sessions, "session"),
            or_dash(found.coverage, percent)
        );
    }
    page.push('\n');
    let figures = &found.figures;
    let ratio = |value: f64| number(value, 2);
    let line = |name: &str, figure: &Figure, show: fn(f64) -> String| {
        let text = or_dash(figure.as_ref().ok().copied(), show);
        vec![
            name.to_owned(),
            text,
            figure.as_ref().err().cloned().unwrap_or_default(),
        ]
    };
    let mut rows = vec![
        line("time-weighted return", &figures.total, percent),
        line("  per year", &figures.annual, percent),
        line("internal rate of return", &figures.xirr, percent),
        line("volatility", &figures.volatility, percent),
        line("deepest drawdown", &figures.max_drawdown, percent),
        line("Sharpe", &figures.sharpe, ratio),
        line("Sortino", &figures.sortino, ratio),
        line("Calmar", &figures.calmar, ratio),
    ];
    if let Some(against) = &figures.benchmark {
        rows.push(line(
            &format!("return of {}", against.symbol),
            &against.total,
            percent,
        ));
        rows.push(line("  beta", &against.beta, ratio));
        rows.push(line("  alpha", &against.alpha, percent));
        rows.push(line("  tracking error", &against.tracking_error, percent));
        rows.push(line(
            "  information ratio",
            &against.information_ratio,
            ratio,
        ));
    }
    page.push_str(&indented(&table(&[left(""), right(""), left("")], rows)));
    drawdowns(&mut page, found);
    contributions(&mut page, found);
    page
}

/// Falls from a peak, where there were some.
fn drawdowns(page: &mut String, found: &Performance) {
    if found.figures.drawdowns.is_empty() {
        return;
    }
    let rows = found.figures.drawdowns.iter().map(|fall| {
        let recovery = fall
            .recovery
            .map_or_else(|| "not yet".to_owned(), |date| date.to_string());
        vec![
            percent(fall.depth),
            fall.peak.to_string(),
            fall.trough.to_string(),
            recovery,
        ]
    });
    let columns = [
        right("drawdown"),
        left("from"),
        left("low"),
        left("recovered"),
    ];
    page.push('\n');
    page.push_str(&indented(&table(&columns, rows)));
}

/// What each symbol made; its lots are in the document.
fn contributions(page: &mut String, found: &Performance) {
    page.push('\n');
    if let Some(why) = &found.contributions_reason {
        let _ = writeln!(page, "  no contributions: {why}");
        return;
    }
    let rows = found.contributions.iter().take(LISTED).map(|part| {
        vec![
            part.name.clone(),
            signed(money(part.profit)),
            or_dash(part.fraction, percent),
        ]
    });
    let columns = [
        left("contribution"),
        right("profit"),
        right("of opening NAV"),
    ];
    page.push_str(&indented(&table(&columns, rows)));
    if found.contributions.len() > LISTED {
        let _ = writeln!(page, "  and {} more", found.contributions.len() - LISTED);
    }
}
