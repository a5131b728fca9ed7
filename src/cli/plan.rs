//! `plan`: what a run would do, with nothing stored.

use std::fmt::Write as _;

use super::run::{explain, request};
use super::text::{count, left, right, table};
use super::{Error, GlobalSettings, Output, PlanArgs};
use crate::documents::planned::preview as document;
use crate::domain::Symbol;
use crate::engine::{self, Preview};

/// Plans, undoes it, and says what it was.
pub async fn run(settings: &GlobalSettings, args: &PlanArgs, json: bool) -> Result<Output, Error> {
    let engine = super::engine(settings).await?;
    let request = request(&engine, &args.scope).await?;
    let preview = engine::preview(&engine, &request).await.map_err(explain)?;
    Ok(Output::either(
        json,
        || document(&preview),
        || page(&preview),
    ))
}

fn page(preview: &Preview) -> String {
    let planned = &preview.planned;
    if planned.existing {
        let (label, run) = (&planned.label, planned.run);
        return format!("{label} goes on already: run {run}; a request like this one joins it\n");
    }
    let span = match planned.dates.as_slice() {
        [] => String::new(),
        [only] => only.to_string(),
        [first, .., last] => format!("{first} to {last}"),
    };
    let mut page = format!(
        "{}: {} ({span}), {}, {}\n",
        planned.label,
        count(planned.dates.len(), "session"),
        count(planned.portfolios, "portfolio"),
        count(planned.symbols, "symbol"),
    );
    let _ = writeln!(
        page,
        "{} of {} are current and stay as they are\n",
        preview.reused,
        count(preview.portfolio_dates, "portfolio date"),
    );
    let columns = [
        left("phase"),
        left(""),
        right("tasks"),
        right("provider calls"),
        right("symbols asked"),
    ];
    let mut total = 0;
    let mut rows = Vec::new();
    for (phase, tasks) in &planned.tasks {
        total += tasks;
        let asked = preview.provider.iter().find(|asked| asked.phase == *phase);
        let number = |n: Option<usize>| n.map_or_else(String::new, |n| n.to_string());
        rows.push(vec![
            phase.number().to_owned(),
            phase.to_string(),
            tasks.to_string(),
            number(asked.map(|asked| asked.calls)),
            number(asked.map(|asked| asked.symbols)),
        ]);
    }
    rows.push(vec![
        String::new(),
        "in all".to_owned(),
        total.to_string(),
        String::new(),
        String::new(),
    ]);
    page.push_str(&table(&columns, rows));
    let without = &preview.without_closes;
    let (asked_for, known): (Vec<&Symbol>, Vec<&Symbol>) = without
        .iter()
        .partition(|symbol| preview.closes_asked_for.contains(symbol));
    for (symbols, why) in [
        (asked_for, "providers will be asked, and may have none"),
        (known, "providers were asked before and had none"),
    ] {
        if !symbols.is_empty() {
            let names: Vec<&str> = symbols.iter().map(|symbol| symbol.as_str()).collect();
            let names = names.join(", ");
            let _ = writeln!(page, "\nNo close is stored of {names}: {why}.");
        }
    }
    page.push_str("\nNothing was stored: `sigmabatch run` with the same arguments plans it.\n");
    page
}
