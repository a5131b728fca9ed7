//! Groups of equal mistakes.

use serde_json::{Value, json};

use crate::store::tasks_report::ErrorGroup;

/// One group of a document.
pub fn document(group: &ErrorGroup) -> Value {
    json!({
        "fingerprint": group.fingerprint,
        "phase": group.phase.as_str(),
        "number": group.phase.number(),
        "class": group.class,
        "sample": group.sample,
        "task_id": group.task,
        "count": group.count,
        "dead": group.dead,
        "repaired": group.repaired,
        "retrying": group.retrying,
        "died_at": group.died_at,
    })
}
