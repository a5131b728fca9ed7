//! `workers`: who works, how their connections are used, and who is steward.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::text::{count, duration, instant, left, number, or_dash, right, table};
use super::{Error, Output};
use crate::store::reports::{self, Standing, StewardRow, WorkerRow};
use crate::store::{Pools, ReadTx};

/// Counters that the document shows under their own names, null where a worker does not count them.
const COUNTERS: [&str; 13] = [
    "in_hand",
    "claimed",
    "committed",
    "failed",
    "batch_mean",
    "pool_wait_p99_ms",
    "read_hold_p50_ms",
    "read_hold_p99_ms",
    "commit_hold_p50_ms",
    "commit_hold_p99_ms",
    "stale_hints",
    "foreign",
    "garbage",
];

/// Reads and renders.
pub async fn run(pools: &Pools, json: bool) -> Result<Output, Error> {
    let mut db = ReadTx::lazy(&pools.control);
    let workers = reports::workers(&mut db).await?;
    let steward = reports::steward(&mut db).await?;
    db.close().await?;
    let document = || {
        json!({
            "workers": workers.iter().map(|worker| document(worker, &steward)).collect::<Vec<_>>(),
            "steward": crate::documents::runs::steward(&steward),
        })
    };
    Ok(Output::either(json, document, || page(&workers, &steward)))
}

fn document(worker: &WorkerRow, steward: &StewardRow) -> Value {
    let mut value = json!({
        "worker_id": worker.id,
        "consumer": worker.id.consumer(),
        "standing": worker.standing().as_str(),
        "steward": is_steward(worker, steward),
        "host": worker.host,
        "pid": worker.pid,
        "version": worker.version,
        "started_at": worker.started_at,
        "lease_seconds": worker.lease_seconds,
        "lost_at": worker.lost_at,
        "draining": worker.draining,
        "running": worker.running,
        "redis_down": redis_down(worker),
        "pool_in_use": worker.counters.get("pool_in_use"),
        "permits": worker.counters.get("permits"),
    });
    for name in COUNTERS {
        value[name] = json!(worker.counters.get(name));
    }
    value
}

fn is_steward(worker: &WorkerRow, steward: &StewardRow) -> bool {
    steward.held && steward.holder == Some(worker.id)
}

fn redis_down(worker: &WorkerRow) -> Option<bool> {
    worker.counters.get("redis_down")?.as_bool()
}

fn page(workers: &[WorkerRow], steward: &StewardRow) -> String {
    if workers.is_empty() {
        return String::from("no worker: `sigmabatch-worker` starts one\n");
    }
    let mut text = who(workers, steward);
    let _ = write!(text, "\nWork and connections\n{}", work(workers));
    let holder = steward.holder.filter(|_| steward.held);
    let _ = match holder {
        Some(holder) => writeln!(
            text,
            "\nsteward: {} (term {})",
            holder.consumer(),
            steward.term
        ),
        None => writeln!(
            text,
            "\nno steward: a living worker becomes it within a second"
        ),
    };
    let living = workers.iter().filter(|worker| worker.has_lease()).count();
    if living == 0 {
        text.push_str("no worker is alive: `sigmabatch-worker` starts one\n");
    }
    text
}

/// Who they are.
fn who(workers: &[WorkerRow], steward: &StewardRow) -> String {
    let rows = workers.iter().map(|worker| {
        let until = match worker.standing() {
            Standing::Lost => or_dash(worker.lost_at, |at| format!("lost {}", instant(at))),
            Standing::Late => format!("ran out {} ago", duration(-worker.lease_seconds)),
            Standing::Living | Standing::Draining => duration(worker.lease_seconds),
        };
        let mut remarks = Vec::new();
        if is_steward(worker, steward) {
            remarks.push(String::from("steward"));
        }
        if redis_down(worker) == Some(true) {
            remarks.push(String::from("redis down: claims from postgres"));
        }
        for (name, noun) in [("foreign", "foreign hint"), ("garbage", "garbage hint")] {
            let n = worker.counters.get(name).and_then(Value::as_u64);
            let n = n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            if n > 0 {
                remarks.push(count(n, noun));
            }
        }
        vec![
            worker.id.consumer(),
            worker.standing().as_str().to_owned(),
            worker.host.clone(),
            worker.pid.to_string(),
            worker.version.clone(),
            instant(worker.started_at),
            until,
            remarks.join(", "),
        ]
    });
    let columns = [
        left("worker"),
        left("is"),
        left("host"),
        right("pid"),
        left("version"),
        left("since (UTC)"),
        right("lease"),
        left(""),
    ];
    table(&columns, rows)
}

/// What they do. A dash stands where a worker does not count something.
fn work(workers: &[WorkerRow]) -> String {
    let rows = workers.iter().map(|worker| {
        let whole = |name| or_dash(worker.counter(name), |n| number(n, 0));
        let ms = |name| or_dash(worker.counter(name), |n| number(n, 1));
        let pool = |name| worker.counters.get("pool_in_use")?.get(name)?.as_u64();
        let in_use: Option<u64> = ["control", "load", "commit"].into_iter().map(pool).sum();
        vec![
            worker.id.consumer(),
            worker.running.to_string(),
            whole("committed"),
            whole("failed"),
            ms("batch_mean"),
            or_dash(in_use, |n| n.to_string()),
            ms("pool_wait_p99_ms"),
            ms("read_hold_p50_ms"),
            ms("read_hold_p99_ms"),
            ms("commit_hold_p50_ms"),
            ms("commit_hold_p99_ms"),
        ]
    });
    let columns = [
        left("worker"),
        right("in hand"),
        right("committed"),
        right("failed"),
        right("batch"),
        right("connections"),
        right("wait p99 ms"),
        right("read p50"),
        right("p99"),
        right("commit p50"),
        right("p99"),
    ];
    table(&columns, rows)
}
