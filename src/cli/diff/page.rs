//! The page of `diff`: both runs side by side, then what differs.

use std::fmt::Write as _;

use crate::cli::text::{duration, indented, left, or_dash, percent, right, table};
use crate::documents::diff::{Side, attempts, changed, errors, mean_coverage, phases};
use crate::domain::Verdict;
use crate::store::runs::PhaseRow;

/// The page.
pub(super) fn page(sides: &[Side; 2]) -> String {
    let mut page = head(sides);
    section(&mut page, "Phases", &of_phases(sides));
    let attempts = attempts(sides);
    if !attempts.is_empty() {
        let rows = attempts.into_iter().map(|(how, [first, second])| {
            let number = |n: Option<i64>| n.unwrap_or(0).to_string();
            vec![how.to_owned(), number(first), number(second)]
        });
        let columns = [left("attempts that were"), right("first"), right("second")];
        section(&mut page, "Without a commit", &table(&columns, rows));
    }
    let errors = errors(sides);
    if !errors.is_empty() {
        let rows = errors.into_iter().map(|((phase, fingerprint), pair)| {
            let [first, second] = pair.map(|group| group.map_or(0, |group| group.count));
            let any = pair[1].or(pair[0]);
            vec![
                fingerprint.to_owned(),
                phase.to_string(),
                first.to_string(),
                second.to_string(),
                any.map(|group| group.sample.clone()).unwrap_or_default(),
            ]
        });
        let columns = [
            left("error"),
            left("phase"),
            right("first"),
            right("second"),
            left("for example"),
        ];
        section(&mut page, "Errors, in tasks", &table(&columns, rows));
    }
    completeness(&mut page, sides);
    page
}

fn section(page: &mut String, title: &str, content: &str) {
    let _ = write!(page, "\n{title}\n{}", indented(content));
}

/// A line of the table of both runs.
type Line = (&'static str, fn(&Side) -> String);

fn head(sides: &[Side; 2]) -> String {
    let lines: [Line; 8] = [
        ("run", |side| side.run.label.clone()),
        ("id", |side| side.run.id.to_string()),
        ("verdict", |side| {
            side.run
                .verdict
                .map_or("goes on", Verdict::as_str)
                .to_owned()
        }),
        ("took", |side| duration(side.run.elapsed_seconds)),
        ("tasks", |side| {
            side.phases
                .iter()
                .map(|phase| phase.total)
                .sum::<i64>()
                .to_string()
        }),
        ("published", |side| {
            format!("{} of {}", side.scope.published, side.scope.wanted)
        }),
        ("strict", |side| {
            format!("{} of {}", side.scope.strict, side.scope.wanted)
        }),
        ("coverage", |side| or_dash(mean_coverage(side), percent)),
    ];
    let rows = lines
        .into_iter()
        .map(|(name, text)| vec![name.to_owned(), text(&sides[0]), text(&sides[1])]);
    table(&[left(""), left("first"), left("second")], rows)
}

fn of_phases(sides: &[Side; 2]) -> String {
    let rows = phases(sides).into_iter().map(|(phase, pair)| {
        let number =
            |of: fn(&PhaseRow) -> i64| pair.map(|row| or_dash(row, |row| of(row).to_string()));
        let seconds = pair.map(|row| row.and_then(|row| row.elapsed_seconds));
        let times = match seconds {
            [Some(first), Some(second)] if first > 0.05 => format!("{:.1}", second / first),
            _ => String::new(),
        };
        let [first, second] = seconds.map(|seconds| or_dash(seconds, duration));
        let [tasks_before, tasks_after] = number(|row| row.total);
        let [dead_before, dead_after] = number(|row| row.dead);
        vec![
            format!("{} {phase}", phase.number()),
            first,
            second,
            times,
            tasks_before,
            tasks_after,
            dead_before,
            dead_after,
        ]
    });
    let columns = [
        left("phase"),
        right("first"),
        right("second"),
        right("times"),
        right("tasks"),
        right("tasks"),
        right("dead"),
        right("dead"),
    ];
    table(&columns, rows)
}

/// Portfolios that differ between the runs' final dates.
fn completeness(page: &mut String, sides: &[Side; 2]) {
    let dates = sides.each_ref().map(|side| side.run.to);
    let portfolios = changed(sides);
    if portfolios.is_empty() {
        let _ = writeln!(
            page,
            "\nNo portfolio differs in completeness between {} and {}.",
            dates[0], dates[1]
        );
        return;
    }
    let rows = portfolios.into_values().flat_map(|changed| {
        let [first, second] = changed.coverage();
        let mut rows = Vec::new();
        if first != second {
            let [first, second] = [first, second].map(|coverage| or_dash(coverage, percent));
            rows.push(vec![
                changed.name.to_owned(),
                "coverage".into(),
                first,
                second,
            ]);
        }
        rows.extend(changed.entries.iter().map(|(entry, pair)| {
            let [first, second] = pair.map(|text| or_dash(text, |text| text.replace('_', " ")));
            vec![changed.name.to_owned(), (*entry).to_owned(), first, second]
        }));
        rows
    });
    let columns = [
        left("portfolio"),
        left("what"),
        left("first"),
        left("second"),
    ];
    let title = format!("Completeness on {} and {}", dates[0], dates[1]);
    section(page, &title, &table(&columns, rows));
}
