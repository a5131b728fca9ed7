//! `audit`: whether every result that should be there is there, and current.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use clap::Args;
use serde_json::{Value, json};

use super::text::{count, indented, left, right, table};
use super::{Error, Output, exit, find};
use crate::clock::Clock;
use crate::domain::TradingDate;
use crate::engine::{self, Audit};
use crate::store::reports::Expected;
use crate::store::{Pools, ReadTx};

/// Rows of a page; a document has all.
const LISTED: usize = 60;

/// `audit`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Exit codes: 0 everything is there and current, 3 something lacks.")]
pub struct AuditArgs {
    /// First session.
    #[arg(long, value_name = "DATE")]
    pub from: NaiveDate,
    /// Last session; those whose closes are not final are left out.
    #[arg(long, value_name = "DATE")]
    pub to: NaiveDate,
    /// Only this portfolio, by id or name, and the symbols that it holds.
    #[arg(long, value_name = "PORTFOLIO")]
    pub portfolio: Option<String>,
}

/// Compares and renders.
pub async fn run(
    pools: &Pools,
    clock: &Clock,
    args: &AuditArgs,
    json: bool,
) -> Result<Output, Error> {
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = match &args.portfolio {
        Some(text) => Some(find::portfolio(&mut db, text).await?),
        None => None,
    };
    db.close().await?;
    let audit = engine::audit(pools, clock, (args.from, args.to), portfolio).await;
    let audit = audit.map_err(super::run::explain)?;
    let mut output = Output::either(json, || document(&audit), || page(&audit));
    if !audit.complete() {
        output.code = exit::PARTIAL;
    }
    Ok(output)
}

/// The states in which a result lacks something.
fn lacks(row: &Expected) -> [(&'static str, &[NaiveDate]); 4] {
    [
        ("missing", &row.missing),
        ("stale", &row.stale),
        ("outdated", &row.outdated),
        ("not_strict", &row.not_strict),
    ]
}

/// How many results of a kind are in which state.
#[derive(Debug, Default)]
struct Totals {
    expected: i64,
    lacking: [usize; 4],
}

impl Totals {
    fn current(&self) -> i64 {
        let lacking: usize = self.lacking.iter().sum();
        self.expected - i64::try_from(lacking).unwrap_or(0)
    }
}

fn totals(audit: &Audit) -> BTreeMap<&str, Totals> {
    let mut kinds: BTreeMap<&str, Totals> = BTreeMap::new();
    for row in &audit.expected {
        let totals = kinds.entry(&row.kind).or_default();
        totals.expected += row.dates;
        for (sum, (_, dates)) in totals.lacking.iter_mut().zip(lacks(row)) {
            *sum += dates.len();
        }
    }
    kinds
}

fn document(audit: &Audit) -> Value {
    let kinds = totals(audit).into_iter().map(|(kind, totals)| {
        let [missing, stale, outdated, not_strict] = totals.lacking;
        json!({
            "kind": kind,
            "expected": totals.expected,
            "current": totals.current(),
            "missing": missing,
            "stale": stale,
            "outdated": outdated,
            "not_strict": not_strict,
        })
    });
    let lacking = audit.expected.iter().flat_map(|row| {
        let some = lacks(row)
            .into_iter()
            .filter(|(_, dates)| !dates.is_empty());
        some.map(|(state, dates)| {
            json!({
                "kind": row.kind,
                "owner": row.owner,
                "name": row.name,
                "state": state,
                "dates": dates,
            })
        })
    });
    json!({
        "from": audit.sessions.first(),
        "to": audit.sessions.last(),
        "sessions": audit.sessions.len(),
        "complete": audit.complete(),
        "kinds": kinds.collect::<Vec<_>>(),
        "lacking": lacking.collect::<Vec<_>>(),
    })
}

fn page(audit: &Audit) -> String {
    let (Some(first), Some(last)) = (audit.sessions.first(), audit.sessions.last()) else {
        return String::new();
    };
    let verdict = if audit.complete() {
        "everything is there and current"
    } else {
        "something lacks"
    };
    let mut page = format!(
        "{} from {first} to {last}: {verdict}\n",
        count(audit.sessions.len(), "session")
    );
    let rows = totals(audit).into_iter().map(|(kind, totals)| {
        let mut row = vec![
            kind.to_owned(),
            totals.expected.to_string(),
            totals.current().to_string(),
        ];
        let blank = |n: usize| if n == 0 { String::new() } else { n.to_string() };
        row.extend(totals.lacking.map(blank));
        row
    });
    let columns = [
        left("kind"),
        right("expected"),
        right("current"),
        right("missing"),
        right("stale"),
        right("outdated"),
        right("not strict"),
    ];
    page.push_str(&indented(&table(&columns, rows)));
    if !audit.complete() {
        let _ = write!(page, "\nLacking\n{}", indented(&lacking(audit)));
        let _ = writeln!(
            page,
            "\none of them from its cause: sigmabatch why PORTFOLIO DATE\nfill them: sigmabatch run --from {first} --to {last}"
        );
    }
    page
}

fn lacking(audit: &Audit) -> String {
    let mut rows: Vec<Vec<String>> = audit
        .expected
        .iter()
        .flat_map(|row| {
            let some = lacks(row)
                .into_iter()
                .filter(|(_, dates)| !dates.is_empty());
            some.map(|(state, dates)| {
                vec![
                    row.name.clone().unwrap_or_else(|| row.owner.clone()),
                    row.kind.clone(),
                    state.replace('_', " "),
                    dates.len().to_string(),
                    ranges(dates, &audit.sessions),
                ]
            })
        })
        .collect();
    let more = rows.len().saturating_sub(LISTED);
    rows.truncate(LISTED);
    let columns = [
        left("of"),
        left("kind"),
        left("is"),
        right("sessions"),
        left("dates"),
    ];
    let mut text = table(&columns, rows);
    if more > 0 {
        let _ = writeln!(text, "… and {more} more: --json has all");
    }
    text
}

/// Dates as ranges of sessions that follow each other: `2016-12-19..2016-12-23, 2016-12-28`.
fn ranges(dates: &[NaiveDate], sessions: &[TradingDate]) -> String {
    let place = |date: &NaiveDate| sessions.iter().position(|session| session.date() == *date);
    let mut ranges: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for date in dates {
        match ranges.last_mut() {
            Some((_, last)) if place(last).map(|at| at + 1) == place(date) => *last = *date,
            _ => ranges.push((*date, *date)),
        }
    }
    let text = ranges.into_iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}..{last}")
        }
    });
    text.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_follow_each_other_are_one_range() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let sessions = [
            "2016-12-22",
            "2016-12-23",
            "2016-12-27",
            "2016-12-28",
            "2016-12-29",
        ];
        let sessions: Vec<TradingDate> = sessions
            .map(|text| TradingDate::trusted(day(text)))
            .to_vec();
        let dates = ["2016-12-22", "2016-12-23", "2016-12-27", "2016-12-29"].map(day);
        assert_eq!(
            ranges(&dates, &sessions),
            "2016-12-22..2016-12-27, 2016-12-29"
        );
    }
}
