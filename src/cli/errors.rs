//! Groups of equal mistakes, as several pages show them.

use super::text::{NONE, instant, left, right, table};
use crate::store::tasks_report::ErrorGroup;

/// The groups as a table.
pub(super) fn page(groups: &[ErrorGroup]) -> String {
    let blank = |n: i64| if n == 0 { String::new() } else { n.to_string() };
    let rows = groups.iter().map(|group| {
        vec![
            or_none(&group.fingerprint),
            group.phase.to_string(),
            group.count.to_string(),
            blank(group.dead),
            blank(group.repaired),
            blank(group.retrying),
            or_none(&group.class),
            group.died_at.map(instant).unwrap_or_default(),
            group.sample.clone(),
        ]
    });
    let columns = [
        left("error"),
        left("phase"),
        right("tasks"),
        right("dead"),
        right("repaired"),
        right("retrying"),
        left("class"),
        left("last death (UTC)"),
        left("for example"),
    ];
    table(&columns, rows)
}

fn or_none(text: &str) -> String {
    if text.is_empty() { NONE } else { text }.to_owned()
}
