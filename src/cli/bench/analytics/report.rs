//! What was measured, beside the targets and Python.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::python::Python;
use crate::cli::{left, right, table};

/// One workload.
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) what: String,
    pub(super) target_ms: f64,
    /// Ascending.
    pub(super) times_ms: Vec<f64>,
}

impl Measured {
    fn median(&self) -> f64 {
        let times = &self.times_ms;
        times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Everything.
pub(super) struct Report {
    pub(super) rounds: usize,
    pub(super) measured: Vec<Measured>,
    pub(super) python: Python,
}

/// Another library at the same work.
struct Other {
    workload: &'static str,
    /// Of the script's answer.
    key: &'static str,
    library: &'static str,
    what: &'static str,
    /// So many times as long as ours it should take at least.
    target: Option<f64>,
}

const OTHERS: [Other; 3] = [
    Other {
        workload: "joint_fits",
        key: "joint_fits_ms",
        library: "statsmodels",
        what: "statsmodels WLS with HAC errors, p, intervals, condition; no prior, no variance inflation",
        target: Some(20.0),
    },
    Other {
        workload: "correlations",
        key: "correlations_ms",
        library: "numpy",
        what: "numpy corrcoef, no holes, no intervals",
        target: None,
    },
    Other {
        workload: "correlations",
        key: "pairwise_ms",
        library: "pandas",
        what: "pandas corr, pairwise complete, no intervals",
        target: None,
    },
];

impl Report {
    fn median(&self, name: &str) -> f64 {
        let found = self.measured.iter().find(|one| one.name == name);
        found.map_or(f64::NAN, Measured::median)
    }

    /// With stable keys.
    pub(super) fn document(&self) -> Value {
        let mut document = Map::new();
        for one in &self.measured {
            let times = &one.times_ms;
            let value = json!({
                "what": one.what, "median_ms": one.median(), "min_ms": times.first(), "max_ms": times.last(),
                "target_ms": one.target_ms, "reached": one.median() <= one.target_ms,
            });
            document.insert(one.name.to_owned(), value);
        }
        let mut python = Map::new();
        python.insert("version".to_owned(), json!(self.python.version("python")));
        for other in OTHERS {
            let found = self.python.ms(other.key, other.library);
            let times = found
                .as_ref()
                .ok()
                .map(|ms| ms / self.median(other.workload));
            let value = json!({
                "what": other.what, "version": self.python.version(other.library), "median_ms": found.as_ref().ok(),
                "reason": found.as_ref().err(), "times_ours": times, "target_times": other.target,
                "reached": times.zip(other.target).map(|(times, target)| times >= target),
            });
            let name = format!("{}_{}", other.workload, other.library);
            python.insert(name, value);
        }
        document.insert("python".to_owned(), Value::Object(python));
        document.insert("settings".to_owned(), json!({ "rounds": self.rounds }));
        Value::Object(document)
    }

    /// For people.
    pub(super) fn page(&self) -> String {
        let ms = |value: f64| format!("{value:.2} ms");
        let rows = self.measured.iter().map(|one| {
            let range = one.times_ms.first().zip(one.times_ms.last());
            let range = range.map(|(low, high)| format!("{low:.2} to {high:.2}"));
            vec![
                one.what.clone(),
                ms(one.median()),
                range.unwrap_or_default(),
                ms(one.target_ms),
            ]
        });
        let columns = [
            left("on one core"),
            right("median"),
            right("range"),
            right("target"),
        ];
        let mut text = table(&columns, rows);
        let others = OTHERS.map(|other| {
            let version = self.python.version(other.library).unwrap_or_default();
            let what = format!("{} {version}", other.what).trim_end().to_owned();
            let target = other
                .target
                .map_or_else(|| "–".to_owned(), |target| format!("{target:.0} ×"));
            match self.python.ms(other.key, other.library) {
                Ok(took) => vec![
                    what,
                    ms(took),
                    format!("{:.1} ×", took / self.median(other.workload)),
                    target,
                ],
                Err(reason) => vec![what, "–".to_owned(), reason, target],
            }
        });
        text.push('\n');
        text.push_str(&table(
            &[
                left("in Python"),
                right("median"),
                right("of ours"),
                right("target"),
            ],
            others,
        ));
        let _ = writeln!(text, "\nprocessor time, median of {} rounds", self.rounds);
        text
    }
}
