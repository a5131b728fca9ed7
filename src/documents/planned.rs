//! A run as it was planned.

use serde_json::{Value, json};

use crate::engine::{Planned, Preview, Repair};

/// The document; `workers`, `verdict` and `seconds` are for those who wait.
pub fn document(planned: &Planned) -> Value {
    let tasks: serde_json::Map<String, Value> = planned
        .tasks
        .iter()
        .map(|(phase, n)| (phase.to_string(), json!(n)))
        .collect();
    json!({
        "run_id": planned.run,
        "label": planned.label,
        "existing": planned.existing,
        "dates": planned.dates,
        "portfolios": planned.portfolios,
        "symbols": planned.symbols,
        "tasks": tasks,
        "workers": Value::Null,
        "verdict": Value::Null,
        "seconds": Value::Null,
    })
}

/// What a run would do.
pub fn preview(preview: &Preview) -> Value {
    let planned = &preview.planned;
    let tasks: serde_json::Map<String, Value> = planned
        .tasks
        .iter()
        .map(|(phase, n)| (phase.to_string(), json!(n)))
        .collect();
    let provider: Vec<Value> = preview
        .provider
        .iter()
        .map(
            |asked| json!({ "phase": asked.phase, "calls": asked.calls, "symbols": asked.symbols }),
        )
        .collect();
    json!({
        "label": planned.label,
        // A run that does all this already.
        "existing_run_id": planned.existing.then_some(planned.run),
        "dates": planned.dates,
        "portfolios": planned.portfolios,
        "symbols": planned.symbols,
        "tasks": tasks,
        "provider": provider,
        "portfolio_dates": preview.portfolio_dates,
        "reused": preview.reused,
        "without_closes": preview.without_closes,
        "closes_asked_for": preview.closes_asked_for,
    })
}

/// What a run repairs, beside what it is; a dry one has no id.
pub fn repair(repair: &Repair, dry: bool) -> Value {
    let mut value = document(&repair.planned);
    let repaired: serde_json::Map<String, Value> = repair
        .tasks
        .iter()
        .map(|(phase, n)| (phase.to_string(), json!(n)))
        .collect();
    value["repaired"] = Value::Object(repaired);
    value["repairs"] = json!(repair.runs);
    let left_out = repair.left_out.iter();
    let left_out = left_out
        .map(|one| json!({ "task_id": one.task, "phase": one.phase, "reason": one.reason }));
    value["left_out"] = left_out.collect();
    value["dry_run"] = json!(dry);
    if dry {
        value["run_id"] = Value::Null;
    }
    value
}
