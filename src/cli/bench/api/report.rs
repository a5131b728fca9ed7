//! What was measured, beside the targets.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::super::pickup::percentile;
use super::ApiArgs;
use super::listeners::Events;
use super::rate::Rate;
use crate::cli::{left, right, table};
use crate::store::bench::Server;

const P99_MS: f64 = 20.0;
const PAGE_MS: f64 = 100.0;
const PEAK_MIB: f64 = 150.0;

/// One page of one run.
pub(super) struct Pages {
    /// `over` or `going`.
    pub(super) state: &'static str,
    pub(super) name: &'static str,
    /// Ascending.
    pub(super) times_ms: Vec<f64>,
}

impl Pages {
    fn median(&self) -> f64 {
        percentile(&self.times_ms, 50)
    }

    fn max(&self) -> f64 {
        self.times_ms.last().copied().unwrap_or_default()
    }
}

/// Everything.
pub(super) struct Report {
    pub(super) args: ApiArgs,
    pub(super) server: Server,
    pub(super) seed_seconds: f64,
    pub(super) megabytes: f64,
    /// Ascending.
    pub(super) round_trips_ms: Vec<f64>,
    pub(super) rate: Rate,
    /// Of the run that is going.
    pub(super) tasks: usize,
    pub(super) pages: Vec<Pages>,
    pub(super) events: Events,
    pub(super) peak_mib: Option<f64>,
}

impl Report {
    fn round_trip_ms(&self) -> f64 {
        percentile(&self.round_trips_ms, 50)
    }

    /// With stable keys.
    pub(super) fn document(&self) -> Value {
        let (rate, all, events) = (&self.rate, &self.rate.all, &self.events);
        let trip = self.round_trip_ms();
        let sections: Map<String, Value> = rate
            .sections
            .iter()
            .map(|(name, ms)| {
                let value = json!({
                    "requests": ms.count(), "p50_ms": ms.at(50), "p99_ms": ms.at(99), "max_ms": ms.max(),
                });
                ((*name).to_owned(), value)
            })
            .collect();
        let mut run = Map::new();
        for pages in &self.pages {
            let value = json!({
                "median_ms": pages.median(), "max_ms": pages.max(), "target_ms": PAGE_MS,
                "reached": pages.median() < PAGE_MS,
            });
            run.insert(format!("{}_{}", pages.state, pages.name), value);
        }
        json!({
            "results": {
                "requests": all.count(), "errors": rate.errors, "seconds": rate.seconds,
                "p50_ms": all.at(50), "p99_ms": all.at(99), "max_ms": all.max(), "mean_bytes": rate.mean_bytes,
                "available": rate.published as f64 / all.count().max(1) as f64,
                "target_p99_ms": P99_MS, "reached": rate.errors == 0 && all.at(99) < P99_MS,
                "calm": {
                    "requests": rate.calm.count(), "p50_ms": rate.calm.at(50), "p99_ms": rate.calm.at(99), "max_ms": rate.calm.max(),
                    "reached": rate.errors == 0 && rate.calm.at(99) < P99_MS,
                },
                "sections": sections,
            },
            "live": {
                "requests": rate.probes.count(), "p50_ms": rate.probes.at(50), "p99_ms": rate.probes.at(99),
                "max_ms": rate.probes.max(),
            },
            "run": run,
            "events": {
                "subscribers": self.args.subscribers, "heard": events.heard, "first_ms": events.first_ms,
                "last_ms": events.last_ms, "reached": events.heard == self.args.subscribers,
            },
            "memory": {
                "peak_mib": self.peak_mib, "target_mib": PEAK_MIB,
                "reached": self.peak_mib.map(|peak| peak < PEAK_MIB),
            },
            "round_trip": { "median_ms": trip, "p99_ms": percentile(&self.round_trips_ms, 99) },
            "ratios": {
                "p50_to_round_trip": all.at(50) / trip, "p99_to_round_trip": all.at(99) / trip,
                "p50_to_live": all.at(50) / rate.probes.at(50), "p99_to_live": all.at(99) / rate.probes.at(99),
            },
            "machine": {
                "cores": std::thread::available_parallelism().map_or(0, usize::from),
                "postgres": self.server.version, "shared_buffers": self.server.shared_buffers, "build": build(),
                "private_services": !self.args.given_services,
                "stalled_idle": rate.idle.share, "stalled": rate.stalls.share,
                "calls_median_us": rate.stalls.median.as_secs_f64() * 1e6,
                "calls_slowest_us": rate.stalls.slowest.as_secs_f64() * 1e6,
            },
            "settings": {
                "portfolios": self.args.portfolios, "sessions": self.args.sessions, "rate": self.args.rate,
                "seconds": self.args.seconds, "tasks": self.tasks, "seed_seconds": self.seed_seconds,
                "database_mib": self.megabytes,
            },
        })
    }

    /// For people.
    pub(super) fn page(&self) -> String {
        let (rate, all, events) = (&self.rate, &self.rate.all, &self.events);
        let line = |what: String, measured: String, target: String, reached: Option<bool>| {
            let word = reached.map_or("", |it| if it { "reached" } else { "missed" });
            vec![what, measured, target, word.to_owned()]
        };
        let args = &self.args;
        let mut rows = vec![
            line(
                format!(
                    "results at {} requests/s, {} portfolios × {} sessions, p99",
                    args.rate, args.portfolios, args.sessions
                ),
                ms(all.at(99)),
                format!("{P99_MS} ms"),
                Some(rate.errors == 0 && all.at(99) < P99_MS),
            ),
            line(
                format!(
                    "the same, the {} that met no stall of the machine, p99",
                    rate.calm.count()
                ),
                ms(rate.calm.at(99)),
                format!("{P99_MS} ms"),
                Some(rate.errors == 0 && rate.calm.at(99) < P99_MS),
            ),
            line(
                "the same, all, p50".into(),
                ms(all.at(50)),
                String::new(),
                None,
            ),
            line(
                "the same, slowest".into(),
                ms(all.max()),
                String::new(),
                None,
            ),
            line(
                "an answer that needs no database, between them, p99".into(),
                ms(rate.probes.at(99)),
                String::new(),
                None,
            ),
            line(
                "the same, p50".into(),
                ms(rate.probes.at(50)),
                String::new(),
                None,
            ),
            line(
                format!(
                    "errors of {} requests",
                    all.count() + rate.probes.count() + rate.errors
                ),
                rate.errors.to_string(),
                "0".into(),
                Some(rate.errors == 0),
            ),
        ];
        rows.extend(self.pages.iter().map(|pages| {
            line(
                format!("{} of a run that is {}, median", pages.name, pages.state),
                ms(pages.median()),
                format!("{PAGE_MS} ms"),
                Some(pages.median() < PAGE_MS),
            )
        }));
        rows.push(line(
            format!("subscribers of {} that hear an event", args.subscribers),
            events.heard.to_string(),
            args.subscribers.to_string(),
            Some(events.heard == args.subscribers),
        ));
        rows.push(line(
            "from its commit to the last of them".into(),
            ms(events.last_ms),
            String::new(),
            None,
        ));
        rows.push(line(
            "peak memory of serve".into(),
            self.peak_mib
                .map_or_else(|| "–".into(), |mib| format!("{mib:.0} MiB")),
            format!("{PEAK_MIB} MiB"),
            self.peak_mib.map(|mib| mib < PEAK_MIB),
        ));
        let columns = [
            left("over HTTP"),
            right("measured"),
            right("target"),
            left(""),
        ];
        let mut text = table(&columns, rows);
        text.push('\n');
        text.push_str(&self.details());
        text
    }

    /// Sections one by one, and what all of it was measured on.
    fn details(&self) -> String {
        let (rate, all, args) = (&self.rate, &self.rate.all, &self.args);
        let sections = rate.sections.iter().map(|(name, ms_of)| {
            vec![
                (*name).to_owned(),
                ms(ms_of.at(50)),
                ms(ms_of.at(99)),
                ms(ms_of.max()),
            ]
        });
        let columns = [
            left("section"),
            right("p50"),
            right("p99"),
            right("slowest"),
        ];
        let mut text = table(&columns, sections);
        let trip = self.round_trip_ms();
        let _ = writeln!(
            text,
            "\na bare round trip to Postgres takes {}: p50 is {:.0} and p99 {:.0} of them; {:.0} bytes an answer",
            ms(trip),
            all.at(50) / trip,
            all.at(99) / trip,
            rate.mean_bytes,
        );
        let _ = writeln!(
            text,
            "the machine stalled {:.1} % of the time, {:.1} % before anything was asked: the same calls took up to {:.0} times as long",
            100.0 * rate.stalls.share,
            100.0 * rate.idle.share,
            rate.stalls.slowest.as_secs_f64() / rate.stalls.median.as_secs_f64().max(1e-9),
        );
        let _ = writeln!(
            text,
            "{} build, {} Postgres {} (shared_buffers {}), {:.0} MiB seeded in {:.0} s, {} tasks in the run that is going",
            build(),
            if args.given_services {
                "given"
            } else {
                "private"
            },
            self.server.version,
            self.server.shared_buffers,
            self.megabytes,
            self.seed_seconds,
            self.tasks,
        );
        text
    }
}

fn ms(value: f64) -> String {
    format!("{value:.2} ms")
}

fn build() -> &'static str {
    if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    }
}
