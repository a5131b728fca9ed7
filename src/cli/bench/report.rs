//! What was measured: a page with the targets beside the numbers, and a document.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::ceilings::Ceilings;
use super::pickup::Pickup;
use super::throughput::{Round, Rounds};
use super::{BenchArgs, LEASE};
use crate::cli::{left, right, table};
use crate::store::bench::Server;

/// Where it was measured.
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) private: bool,
    pub(super) server: Server,
    pub(super) redis: String,
}

/// Everything that was measured.
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) args: BenchArgs,
    pub(super) planning: Rounds,
    pub(super) batched: Rounds,
    pub(super) single: Rounds,
    pub(super) pickup: Pickup,
    /// The worker's own, of the rounds with batches.
    pub(super) counters: Value,
    pub(super) connections: i64,
    pub(super) taken_over: f64,
    pub(super) refilled: f64,
    pub(super) ceilings: Ceilings,
}

impl Report {
    fn counter(&self, name: &str) -> Option<f64> {
        self.counters.get(name).and_then(Value::as_f64)
    }

    /// With stable keys.
    pub(super) fn document(&self) -> Value {
        let ceilings = self.ceilings;
        json!({
            "batched": speed(&self.batched),
            "single": speed(&self.single),
            "planning": speed(&self.planning),
            "pickup": {
                "p50_ms": self.pickup.p50_ms, "p99_ms": self.pickup.p99_ms, "tasks": self.pickup.tasks,
            },
            "hold": {
                "read_p50_ms": self.counter("read_hold_p50_ms"),
                "read_p99_ms": self.counter("read_hold_p99_ms"),
                "commit_p50_ms": self.counter("commit_hold_p50_ms"),
                "commit_p99_ms": self.counter("commit_hold_p99_ms"),
                "pool_wait_p99_ms": self.counter("pool_wait_p99_ms"),
                "batch_mean": self.counter("batch_mean"),
            },
            "killed_worker": { "seconds": self.taken_over, "bound_s": LEASE.as_secs() + 5 },
            "flushall": { "seconds": self.refilled, "tasks": self.args.tasks },
            "connections": { "worker": self.connections },
            "ceilings": {
                "xadd_per_s": ceilings.xadd,
                "read_ack_del_per_s": ceilings.read_ack_del,
                "fenced_rows_per_s": ceilings.fenced_rows,
            },
            "ratios": self.ratios(),
            "machine": {
                "cores": self.machine.cores,
                "postgres": self.machine.server.version,
                "redis": self.machine.redis,
                "private_services": self.machine.private,
            },
            "settings": {
                "tasks": self.args.tasks,
                "rounds": self.args.rounds,
                "concurrency": self.args.concurrency,
                "lease_s": LEASE.as_secs(),
                "fsync": self.machine.server.fsync,
                "synchronous_commit": self.machine.server.synchronous_commit,
                "shared_buffers": self.machine.server.shared_buffers,
            },
        })
    }

    fn ratios(&self) -> Value {
        let mut ratios = Map::new();
        for (name, rounds) in [("batched", &self.batched), ("single", &self.single)] {
            let speed = rounds.median().map_or(0.0, Round::tasks_per_s);
            for (ceiling, limit) in [
                ("xadd", self.ceilings.xadd),
                ("read_ack_del", self.ceilings.read_ack_del),
                ("fenced_rows", self.ceilings.fenced_rows),
            ] {
                ratios.insert(format!("{name}_to_{ceiling}"), json!(speed / limit));
            }
        }
        Value::Object(ratios)
    }

    /// For people.
    pub(super) fn page(&self) -> String {
        let mut text = self.targets();
        text.push('\n');
        text.push_str(&self.limits());
        text.push('\n');
        for (name, rounds) in [
            ("planning", &self.planning),
            ("batched", &self.batched),
            ("single", &self.single),
        ] {
            let _ = writeln!(text, "processor time per task, {name}: {}", cpu(rounds));
        }
        let machine = &self.machine;
        let _ = writeln!(
            text,
            "{} cores, {} Postgres {} (fsync {}, synchronous_commit {}, shared_buffers {}), Redis {}; \
             one worker with {} tasks in hand; median of {} rounds",
            machine.cores,
            if machine.private { "private" } else { "given" },
            machine.server.version,
            machine.server.fsync,
            machine.server.synchronous_commit,
            machine.server.shared_buffers,
            machine.redis,
            self.args.concurrency,
            self.args.rounds,
        );
        text
    }

    fn targets(&self) -> String {
        let planned = self.planning.median();
        let planning = format!("planning {} tasks", planned.map_or(0, |round| round.tasks));
        let flush = format!(
            "FLUSHALL of {} ready tasks, until refilled",
            self.args.tasks
        );
        let bound = format!("lease {} s + 5 s", LEASE.as_secs());
        let rows = [
            ("batches of up to 64 tasks", pace(&self.batched), "12000/s"),
            ("one commit per task", pace(&self.single), "2000/s"),
            (
                &planning,
                format!("{:.2} s", planned.map_or(0.0, |round| round.seconds)),
                "100000 in 2 s",
            ),
            (
                "pickup at low load, p50",
                ms(Some(self.pickup.p50_ms)),
                "5 ms",
            ),
            (
                "pickup at low load, p99",
                ms(Some(self.pickup.p99_ms)),
                "50 ms",
            ),
            (
                "read transaction, p99",
                ms(self.counter("read_hold_p99_ms")),
                "",
            ),
            (
                "commit transaction, p99",
                ms(self.counter("commit_hold_p99_ms")),
                "20 ms",
            ),
            (
                "killed worker's tasks done by another",
                format!("{:.1} s", self.taken_over),
                &bound,
            ),
            (&flush, format!("{:.2} s", self.refilled), "2 s"),
            (
                "Postgres connections of a worker",
                self.connections.to_string(),
                "5",
            ),
        ];
        let rows =
            rows.map(|(what, measured, target)| vec![what.to_owned(), measured, target.to_owned()]);
        table(
            &[
                left("from publish to acknowledge"),
                right("measured"),
                right("target"),
            ],
            rows,
        )
    }

    fn limits(&self) -> String {
        let limits = [
            ("stream entries added, pipelined", self.ceilings.xadd),
            (
                "entries read in a group, acknowledged and removed",
                self.ceilings.read_ack_del,
            ),
            ("fenced update of 100 rows", self.ceilings.fenced_rows),
        ];
        let speed = |rounds: &Rounds| rounds.median().map_or(0.0, Round::tasks_per_s);
        let (batched, single) = (speed(&self.batched), speed(&self.single));
        let rows = limits.map(|(name, limit)| {
            let share = |speed: f64| format!("{:.1} %", 100.0 * speed / limit);
            vec![
                name.to_owned(),
                format!("{limit:.0}/s"),
                share(batched),
                share(single),
            ]
        });
        let columns = [
            left("ceilings of this machine"),
            right("bare"),
            right("batched is"),
            right("single is"),
        ];
        table(&columns, rows)
    }
}

fn pace(rounds: &Rounds) -> String {
    let per_s = |round: Option<&Round>| round.map_or(0.0, Round::tasks_per_s);
    let (median, best) = (per_s(rounds.median()), per_s(rounds.best()));
    format!("{median:.0}/s, best {best:.0}/s")
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2} ms"))
}

fn speed(rounds: &Rounds) -> Value {
    let median = rounds.median();
    json!({
        "tasks_per_s": median.map(Round::tasks_per_s),
        "best_tasks_per_s": rounds.best().map(Round::tasks_per_s),
        "tasks": median.map(|round| round.tasks),
        "seconds": median.map(|round| round.seconds),
        "rounds": rounds.rounds.iter().map(Round::tasks_per_s).collect::<Vec<_>>(),
        "cpu_us_per_task": median.map(|round| {
            let per_task = |(name, seconds): (&&str, &f64)| {
                ((*name).to_owned(), json!(seconds * 1e6 / round.tasks as f64))
            };
            Value::Object(round.cpu.iter().map(per_task).collect())
        }),
    })
}

/// `postgres 60 µs, redis 9 µs, …`, of the median round.
fn cpu(rounds: &Rounds) -> String {
    let Some(round) = rounds.median() else {
        return String::new();
    };
    let part = |(name, seconds): (&&str, &f64)| {
        format!("{name} {:.0} µs", seconds * 1e6 / round.tasks as f64)
    };
    let parts: Vec<String> = round.cpu.iter().map(part).collect();
    let (used, elapsed) = (round.cpu.values().sum::<f64>(), round.seconds);
    let per_task = |seconds: f64| seconds * 1e6 / round.tasks as f64;
    let (used, elapsed) = (per_task(used), per_task(elapsed));
    format!("{}; {used:.0} µs in {elapsed:.0} µs", parts.join(", "))
}
