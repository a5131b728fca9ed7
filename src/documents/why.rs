//! What the result of a portfolio and date waits for.

mod sentence;

use serde_json::{Value, json};

use crate::engine::{Link, Why};

pub use sentence::{Words, because, sentence};

/// The document: `chain` from the result to what holds it, each link with `what` it is.
pub fn document(why: &Why) -> Value {
    let blocked_by = why.blocked_by();
    json!({
        "portfolio_id": why.portfolio.id,
        "name": why.portfolio.name,
        "date": why.date,
        "published": why.published().is_some(),
        "strict": why.published(),
        "blocked_by": blocked_by.map(|link| json!(link)["what"].clone()),
        "remedy": blocked_by.and_then(|link| remedy(why, link)),
        "chain": why.chain,
    })
}

/// What to do about what holds it, where there is something to do.
pub fn remedy(why: &Why, link: &Link) -> Option<String> {
    let (id, date) = (why.portfolio.id, why.date);
    let text = match link {
        Link::NotPlanned | Link::TaskCancelled { .. } | Link::Skipped { .. } => {
            format!("sigmabatch run --date {date} --portfolio {id} --wait")
        }
        Link::TaskDead {
            task,
            repair_run: None,
            fingerprint,
            ..
        } => {
            let phase = task.phase;
            format!(
                "once the cause is gone: sigmabatch retry --error {fingerprint} --phase {phase} --reason '…'"
            )
        }
        Link::Incomplete { .. } => {
            format!("once the cause is gone: sigmabatch run --date {date} --portfolio {id} --force")
        }
        Link::Paused { kind, name, .. } => {
            format!("sigmabatch resume {kind} {name} --reason '…'")
        }
        Link::NoWorker { .. } => String::from("start a worker: sigmabatch-worker"),
        Link::VersionUnknown { .. } => String::from("start workers of the newer version"),
        Link::PermitsBusy { .. } => {
            String::from("wait, start more workers, or give them more SIGMABATCH_CONCURRENCY")
        }
        Link::RedisDown { .. } => String::from("start Redis; until then it is only slower"),
        _ => return None,
    };
    Some(text)
}
