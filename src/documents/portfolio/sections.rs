//! A portfolio's document in sections, each with the parts of the report that it is made of: whoever asks for one reads no others.

use serde_json::{Value, json};

use super::{fits, holdings, losses, overview, quality, risk, series, vector};
use crate::store::reports::{Part, Report};

/// A section.
pub struct Section {
    /// Its name in addresses.
    pub name: &'static str,
    /// The entry of the completeness vector that says why it is missing.
    pub entry: &'static str,
    /// What of the report it looks at.
    pub parts: &'static [Part],
    /// Its content.
    pub data: fn(&Report) -> Value,
    shown: Shown,
}

/// When a section is there.
#[derive(Clone, Copy)]
enum Shown {
    /// Whenever the date is published.
    Always,
    /// When its entry is done.
    WhenDone,
    /// When a row of it is done.
    WhenSomeDone,
    /// When its entry is done, or one of its tables is there: the others have their reasons.
    WhenSomeThere,
    /// It says so itself.
    Itself,
}

impl Section {
    /// The section of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        SECTIONS.iter().find(|known| known.name == name)
    }

    /// Why the section is not there, as a code and in words; nothing where it is.
    pub fn missing(&self, report: &Report, data: &Value) -> Option<(String, String)> {
        let vector = &report.completeness;
        let entry = vector.entries.iter().find(|known| known.name == self.entry);
        let outcome = entry.map_or("not_computed", |entry| entry.outcome.as_str());
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let from_entry = || {
            let words = vector.reason(self.entry);
            Some((
                outcome.to_owned(),
                words.unwrap_or_else(|| outcome.to_owned()),
            ))
        };
        match self.shown {
            Shown::Always => None,
            Shown::WhenDone | Shown::WhenSomeThere if outcome == "done" => None,
            Shown::WhenSomeThere if some_there(data) => None,
            Shown::Itself if data["available"] == true => None,
            Shown::Itself if outcome == "done" => {
                let words = text(&data["reason"]).unwrap_or_else(|| "not computed".to_owned());
                Some(("not_computed".to_owned(), words))
            }
            Shown::WhenDone | Shown::WhenSomeThere | Shown::Itself => from_entry(),
            Shown::WhenSomeDone => {
                let rows = data.as_array().map_or(&[][..], Vec::as_slice);
                if rows.iter().any(|row| row["outcome"] == "done") {
                    return None;
                }
                let Some(row) = rows.first() else {
                    return from_entry();
                };
                let outcome = text(&row["outcome"])?;
                let words = text(&row["reason"]).unwrap_or_else(|| outcome.clone());
                Some((outcome, words))
            }
        }
    }
}

/// All of them.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "overview",
        entry: "snapshot",
        parts: &[],
        data: overview,
        shown: Shown::Always,
    },
    Section {
        name: "positions",
        entry: "snapshot",
        parts: &[Part::Positions, Part::Risk, Part::Contributions],
        data: holdings::positions,
        shown: Shown::Always,
    },
    Section {
        name: "exposures",
        entry: "factors",
        parts: &[Part::Positions, Part::Factors],
        data: exposures,
        shown: Shown::WhenDone,
    },
    Section {
        name: "fits",
        entry: "betas",
        parts: &[Part::Fits],
        data: fits::tables,
        shown: Shown::WhenSomeThere,
    },
    Section {
        name: "risk",
        entry: "factors",
        parts: &[Part::Risk, Part::Contributions, Part::Bias],
        data: risk::risk,
        shown: Shown::Itself,
    },
    Section {
        name: "volatility",
        entry: "volatility",
        parts: &[Part::Volatility],
        data: series::volatility,
        shown: Shown::Itself,
    },
    Section {
        name: "correlation",
        entry: "correlation",
        parts: &[Part::Correlation],
        data: series::correlation,
        shown: Shown::Itself,
    },
    Section {
        name: "concentration",
        entry: "concentration",
        parts: &[Part::Concentration],
        data: holdings::concentration,
        shown: Shown::Itself,
    },
    Section {
        name: "sectors",
        entry: "snapshot",
        parts: &[Part::Sectors],
        data: holdings::sectors,
        shown: Shown::Always,
    },
    Section {
        name: "stress",
        entry: "stress",
        parts: &[Part::Stress],
        data: |report| report.stress.iter().map(losses::stress).collect(),
        shown: Shown::WhenSomeDone,
    },
    Section {
        name: "options",
        entry: "betas",
        parts: &[Part::Losses],
        data: |report| report.losses.options.iter().map(losses::option).collect(),
        shown: Shown::Always,
    },
    Section {
        name: "value-at-risk",
        entry: "value_at_risk",
        parts: &[Part::Losses],
        data: |report| {
            report
                .losses
                .value_at_risk
                .iter()
                .map(losses::value_at_risk)
                .collect()
        },
        shown: Shown::WhenSomeDone,
    },
    Section {
        name: "replays",
        entry: "replay",
        parts: &[Part::Losses],
        data: |report| report.losses.replays.iter().map(losses::replay).collect(),
        shown: Shown::WhenSomeDone,
    },
    Section {
        name: "reverse-stress",
        entry: "reverse_stress",
        parts: &[Part::Losses],
        data: |report| report.losses.reverse.iter().map(losses::reverse).collect(),
        shown: Shown::WhenSomeDone,
    },
    Section {
        name: "data-quality",
        entry: "snapshot",
        parts: &[Part::Quality],
        data: quality::document,
        shown: Shown::Itself,
    },
    Section {
        name: "completeness",
        entry: "snapshot",
        parts: &[Part::Quality],
        data: vector,
        shown: Shown::Always,
    },
];

fn some_there(tables: &Value) -> bool {
    let mut tables = tables.as_object().into_iter().flatten();
    tables.any(|(_, table)| table["available"] == true)
}

fn exposures(report: &Report) -> Value {
    let positions = report.positions.iter().map(|position| {
        json!({
            "position_id": position.id,
            "symbol": position.symbol,
            "betas": fits::betas(&position.betas),
            "slopes": fits::slopes(&position.betas),
            "reason": holdings::left_out(position, report),
        })
    });
    json!({ "factors": risk::factors(report), "positions": positions.collect::<Vec<_>>() })
}
