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
                "xadd_per_s": ceilings.xadd_per_s,
                "read_ack_del_per_s": ceilings.read_ack_del_per_s,
                "fenced_rows_per_s": ceilings.fenced_rows_per_s,
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
                ("xadd", self.ceilings.xadd_per_s),
                ("read_ack_del", self.ceilings.read_ack_del_per_s),
                ("fenced_rows", self.ceilings.fenced_rows_per_s),
            ] {
                ratios.insert(format!("{name}_to_{ceiling}"), json!(speed / limit));
            }
        }
        Value::Object(ratios)
    }

    /// For people.
    pub(super) fn page(&self) -> String {
        let speed = |rounds: &Rounds| {
            let (median, best) = (rounds.median(), rounds.best());
            format!(
                "{:.0}/s, best {:.0}/s",
                median.map_or(0.0, Round::tasks_per_s),
                best.map_or(0.0, Round::tasks_per_s)
            )
        };
        let ms =
            |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2} ms"));
        let plan = self.planning.median();
        let row = |what: &str, measured: String, target: &str| {
            vec![what.to_owned(), measured, target.to_owned()]
        };
        let rows = vec![
            row("batches of up to 64 tasks", speed(&self.batched), "12000/s"),
            row("one commit per task", speed(&self.single), "2000/s"),
            row(
                &format!("planning {} tasks", plan.map_or(0, |round| round.tasks)),
                format!("{:.2} s", plan.map_or(0.0, |round| round.seconds)),
                "100000 in 2 s",
            ),
            row(
                "pickup at low load, p50",
                ms(Some(self.pickup.p50_ms)),
                "5 ms",
            ),
            row(
                "pickup at low load, p99",
                ms(Some(self.pickup.p99_ms)),
                "50 ms",
            ),
            row(
                "read transaction, p99",
                ms(self.counter("read_hold_p99_ms")),
                "",
            ),
            row(
                "commit transaction, p99",
                ms(self.counter("commit_hold_p99_ms")),
                "20 ms",
            ),
            row(
                "killed worker's tasks done by another",
                format!("{:.1} s", self.taken_over),
                &format!("lease {} s + 5 s", LEASE.as_secs()),
            ),
            row(
                &format!(
                    "FLUSHALL with {} ready tasks, from notice to full streams",
                    self.args.tasks
                ),
                format!("{:.2} s", self.refilled),
                "2 s",
            ),
            row(
                "Postgres connections of a worker",
                self.connections.to_string(),
                "5",
            ),
        ];
        let columns = [
            left("from publish to acknowledge"),
            right("median"),
            right("target"),
        ];
        let mut text = table(&columns, rows);
        text.push('\n');
        let ceilings = [
            ("pipelined XADD", self.ceilings.xadd_per_s),
            ("XREADGROUP + XACK + XDEL", self.ceilings.read_ack_del_per_s),
            ("fenced update of 100 rows", self.ceilings.fenced_rows_per_s),
        ];
        let ours = self.batched.median().map_or(0.0, Round::tasks_per_s);
        let rows = ceilings.map(|(name, limit)| {
            vec![
                name.to_owned(),
                format!("{limit:.0}/s"),
                format!("{:.1} %", 100.0 * ours / limit),
            ]
        });
        let columns = [
            left("ceilings of this machine"),
            right("bare"),
            right("batched is"),
        ];
        text.push_str(&table(&columns, rows));
        text.push('\n');
        for (name, rounds) in [
            ("planning", &self.planning),
            ("batched", &self.batched),
            ("single", &self.single),
        ] {
            let _ = writeln!(text, "{name}: processor time per task {}", cpu(rounds));
        }
        let machine = &self.machine;
        let _ = writeln!(
            text,
            "{} cores, {} Postgres {} (fsync {}, synchronous_commit {}, shared_buffers {}), Redis {}, \
             concurrency {}, {} rounds",
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
    format!(
        "{} ({:.0} µs of {} in all)",
        parts.join(", "),
        round.cpu.values().sum::<f64>() * 1e6 / round.tasks as f64,
        format_args!("{:.0} µs elapsed", round.seconds * 1e6 / round.tasks as f64),
    )
}
