//! Progress of a run: a bar for each phase on a terminal, plain lines elsewhere. Only committed
//! tasks count.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::domain::PhaseName;
use crate::engine::RunProgress;

/// What is shown while a run goes on.
pub(super) enum Progress {
    /// Nothing.
    Silent,
    /// A line when a phase is finished.
    Lines(BTreeSet<PhaseName>),
    /// A bar for each phase.
    Bars(MultiProgress, BTreeMap<PhaseName, ProgressBar>),
}

impl Progress {
    pub(super) fn new(show: bool, terminal: bool) -> Self {
        match (show, terminal) {
            (false, _) => Self::Silent,
            (true, true) => Self::Bars(MultiProgress::new(), BTreeMap::new()),
            (true, false) => Self::Lines(BTreeSet::new()),
        }
    }

    pub(super) fn show(&mut self, run: &RunProgress) {
        let busy = run.phases.iter().filter(|phase| phase.total > 0);
        match self {
            Self::Silent => {}
            Self::Lines(said) => {
                for phase in busy {
                    if phase.done == phase.total && said.insert(phase.phase) {
                        let dead = match phase.dead {
                            0 => String::new(),
                            n => format!(", {n} dead"),
                        };
                        let line = format!(
                            "  phase {:<5} {:<20} {:>6} tasks{dead}, {:>6.1} s",
                            phase.phase.number(),
                            phase.phase,
                            phase.total,
                            run.elapsed_seconds
                        );
                        // A closed standard error is no reason to stop.
                        let _ = writeln!(std::io::stderr(), "{line}");
                    }
                }
            }
            Self::Bars(bars, by_phase) => {
                for phase in busy {
                    let bar = by_phase.entry(phase.phase).or_insert_with(|| {
                        let bar = bars.add(ProgressBar::new(phase.total));
                        let template = "  {prefix:<26} [{bar:32}] {pos:>6}/{len} {msg}";
                        if let Ok(style) = ProgressStyle::with_template(template) {
                            bar.set_style(style.progress_chars("=> "));
                        }
                        bar.set_prefix(format!("{:<5}{}", phase.phase.number(), phase.phase));
                        bar
                    });
                    bar.set_length(phase.total);
                    bar.set_position(phase.done);
                    if phase.dead > 0 {
                        bar.set_message(format!("{} dead", phase.dead));
                    }
                }
            }
        }
    }

    /// A line between the bars.
    pub(super) fn say(&self, line: &str) {
        match self {
            Self::Silent => {}
            // A closed standard error is no reason to stop.
            Self::Lines(_) => {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            Self::Bars(bars, _) => {
                let _ = bars.println(line);
            }
        }
    }

    pub(super) fn finish(&mut self) {
        if let Self::Bars(_, by_phase) = self {
            for bar in by_phase.values() {
                bar.abandon();
            }
        }
    }
}
