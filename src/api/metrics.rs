//! Numbers for Prometheus, in its text form.

use std::fmt::{Display, Write as _};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Api;
use super::auth::Caller;
use super::problem::Problem;
use crate::domain::Calendar;
use crate::store::reports::{self, Gauges, QUANTILES, Reached, WorkerRow};
use crate::store::{Pools, ReadTx, alerts};

/// Counters of workers' heartbeats that add up, and what they count.
const COUNTED: [(&str, &str); 6] = [
    ("claimed", "Tasks that a worker has claimed"),
    ("committed", "Tasks that a worker has committed"),
    (
        "failed",
        "Attempts of a worker that ended without results (failed, past their deadline, parked or split), cancelled ones left out",
    ),
    (
        "stale_hints",
        "Hints that a worker has read of tasks that were no longer to be claimed",
    ),
    (
        "foreign",
        "Hints of another installation that a worker has read",
    ),
    (
        "garbage",
        "Entries of streams that a worker has read and that are no hints",
    ),
];

/// Runs, tasks, workers and connections, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain"),
              (status = 404, description = "The token is an owner's: these are numbers of everybody's portfolios")))]
pub(super) async fn metrics(caller: Caller, State(api): State<Api>) -> Result<Response, Problem> {
    if caller.access.only().is_some() {
        // Numbers of everybody's portfolios.
        return Err(Problem::not_found("path"));
    }
    let mut db = ReadTx::lazy(&api.pools().load);
    let gauges = reports::gauges(&mut db).await?;
    let workers = reports::workers(&mut db).await?;
    let raised = alerts::counts(&mut db).await?;
    db.close().await?;
    let newest = Calendar::nyse().newest_eligible(api.clock().now()).ok();
    // The worst of them: one portfolio that is late is not hidden by others that are not.
    let worst = gauges.furthest_behind();
    let lag = worst.zip(newest).map(|(reached, newest)| {
        let since = |date| {
            let sessions = Calendar::nyse().sessions(date, newest.date());
            sessions.as_deref().map_or(0, <[_]>::len)
        };
        match reached {
            Reached::Published(date) => since(date).saturating_sub(1),
            Reached::Nothing { inception } => since(inception),
        }
    });
    let lagging = newest.and_then(|newest| gauges.lagging(newest.date()));
    let mut text = Text::default();
    text.gauges(&gauges, lag, lagging);
    let raised = raised.iter().map(|(kind, n)| (label("kind", kind), *n));
    text.metric("alerts", "gauge", "Alerts by kind.", raised);
    text.workers(&workers);
    text.process(api.pools(), api.feed().open());
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text.0).into_response())
}

#[derive(Default)]
struct Text(String);

impl Text {
    /// One metric with its samples: labels, as they stand between the braces, and a value.
    fn metric<V: Display>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (String, V)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let _ = writeln!(self.0, "# HELP sigmabatch_{name} {help}");
        let _ = writeln!(self.0, "# TYPE sigmabatch_{name} {kind}");
        for (labels, value) in samples {
            let _ = if labels.is_empty() {
                writeln!(self.0, "sigmabatch_{name} {value}")
            } else {
                writeln!(self.0, "sigmabatch_{name}{{{labels}}} {value}")
            };
        }
    }

    fn one<V: Display>(&mut self, name: &str, help: &str, value: Option<V>) {
        self.metric(
            name,
            "gauge",
            help,
            value.map(|value| (String::new(), value)),
        );
    }

    /// Gauges, for the next run begins from nothing: no buckets of a histogram, which only grow.
    fn quantiles(&mut self, name: &str, help: &str, seconds: &[f64]) {
        let samples = QUANTILES.iter().zip(seconds);
        let samples = samples.map(|(of, value)| (label("quantile", &of.to_string()), *value));
        self.metric(name, "gauge", help, samples);
    }

    fn gauges(&mut self, gauges: &Gauges, lag: Option<usize>, lagging: Option<i64>) {
        let runs = gauges.runs.iter();
        let runs = runs.map(|(status, n)| (label("status", status), *n));
        self.metric("runs", "gauge", "Runs by status.", runs);
        let tasks = gauges.tasks.iter();
        let tasks = tasks.map(|(phase, state, n)| {
            (
                format!("{},{}", label("phase", phase), label("state", state)),
                *n,
            )
        });
        let help = "Tasks of the runs that go on and of the newest one, by phase and state.";
        self.metric("tasks", "gauge", help, tasks);
        let help = "Dead tasks that no repair run was planned for.";
        self.one("tasks_dead", help, Some(gauges.dead));
        let help = "Seconds since the oldest task that may be claimed became ready.";
        self.one("oldest_ready_seconds", help, gauges.oldest_ready_seconds);
        let phases = gauges.phase_seconds.iter();
        let phases = phases.map(|(phase, seconds)| (label("phase", phase), *seconds));
        let help = "Seconds that the phases of the newest finished run with tasks took, those that were cancelled whole left out.";
        self.metric("phase_seconds", "gauge", help, phases);
        let help = "Seconds until committed tasks of the newest finished run with some were claimed, by quantile.";
        self.quantiles("last_run_pickup_seconds", help, &gauges.pickup);
        let help = "Seconds that committed tasks of phase 6 of the newest finished run with some took, by quantile.";
        self.quantiles("last_run_phase6_task_seconds", help, &gauges.analytics);
        let help = "Seconds of the longest transaction on the server.";
        self.one(
            "longest_transaction_seconds",
            help,
            gauges.longest_transaction_seconds,
        );
        let help = "Mean coverage of the newest published results of live portfolios, a fraction.";
        self.one("coverage", help, gauges.coverage);
        let help = "Sessions without published results of the live portfolio that is furthest behind, up to the newest session whose closes are final: after its newest results, or since its inception where it has none.";
        self.one("business_date_lag_sessions", help, lag);
        let help = "Live portfolios without published results of the newest session whose closes are final, those without any among them.";
        self.one("portfolios_lagging", help, lagging);
    }

    fn workers(&mut self, workers: &[WorkerRow]) {
        let living = workers.iter().filter(|worker| worker.has_lease()).count();
        self.one("workers", "Workers with a lease.", Some(living));
        let waits = workers.iter().filter_map(|worker| {
            let value = worker.counter("pool_wait_p99_ms")? / 1e3;
            Some((label("worker", &worker.id.consumer()), value))
        });
        let help = "Seconds that 99 of 100 waits of a worker for a connection do not exceed.";
        self.metric("worker_pool_wait_p99_seconds", "gauge", help, waits);
        let living = || workers.iter().filter(|worker| worker.has_lease());
        for (name, key, help) in [
            (
                "worker_connections_in_use",
                "pool_in_use",
                "Connections of a worker that are in use, at its last heartbeat.",
            ),
            (
                "worker_connections_most",
                "pool_size",
                "Connections that a worker may have.",
            ),
        ] {
            let samples = living().flat_map(|worker| {
                let pools = worker.counters.get(key).and_then(Value::as_object);
                let consumer = label("worker", &worker.id.consumer());
                pools.into_iter().flatten().filter_map(move |(pool, n)| {
                    Some((format!("{consumer},{}", label("pool", pool)), n.as_u64()?))
                })
            });
            self.metric(name, "gauge", help, samples);
        }
        for (name, help) in COUNTED {
            let samples = workers.iter().filter_map(|worker| {
                let value = worker.counter(name)?;
                Some((label("worker", &worker.id.consumer()), value))
            });
            let help = format!("{help}, at its last heartbeat.");
            self.metric(&format!("worker_{name}_total"), "counter", &help, samples);
        }
    }

    fn process(&mut self, pools: &Pools, streams: usize) {
        let all = [
            ("control", &pools.control),
            ("read", &pools.load),
            ("events", &pools.commit),
        ];
        let used = all.map(|(name, pool)| (label("pool", name), pool.in_use()));
        let help = "Connections of this process that are in use.";
        self.metric("api_connections_in_use", "gauge", help, used);
        let most = all.map(|(name, pool)| (label("pool", name), pool.size()));
        let help = "Connections that this process may have.";
        self.metric("api_connections_most", "gauge", help, most);
        let taken = all.map(|(name, pool)| (label("pool", name), pool.waits().0));
        let help = "How often a connection was taken.";
        self.metric("api_connections_taken_total", "counter", help, taken);
        let waited = all.map(|(name, pool)| (label("pool", name), pool.waits().1.as_secs_f64()));
        let help = "Seconds that were waited for connections.";
        self.metric("api_connection_wait_seconds_total", "counter", help, waited);
        let help = "Streams of events that this process serves.";
        self.one("api_event_streams", help, Some(streams));
    }
}

fn label(name: &str, value: &str) -> String {
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}
