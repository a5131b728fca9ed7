//! `bench analytics`: how fast the numbers are made on one core of this machine, by the code of production on made-up inputs, and beside it
//! how long numpy and statsmodels take for the same sizes in the same minute, where `python3` has them.

mod python;
mod report;

use std::ffi::OsString;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use nix::time::{ClockId, clock_gettime};

use super::say;
use super::world::Scratch;
use crate::cli::{Error, Output};
use crate::workloads;
use crate::workloads::ledger::LongBook;
use crate::workloads::night::Night;
use crate::workloads::series::Universe;
use report::{Measured, Report};

/// `bench analytics`.
#[derive(Debug, Clone, Args)]
pub struct AnalyticsArgs {
    /// Times that everything is computed; the median counts.
    #[arg(long, default_value_t = 31, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub rounds: usize,
    /// The Python that numpy and statsmodels are looked for in.
    #[arg(long, default_value = "python3", value_name = "PROGRAM")]
    pub python: OsString,
    /// Where fresh folders go.
    #[arg(long, env = "TMPDIR", hide = true)]
    pub temp_dir: Option<PathBuf>,
}

const SYMBOLS: usize = 500;
const SESSIONS: usize = 252;
const POSITIONS: usize = 50;
const LOTS: usize = 100;
const LEDGER_SESSIONS: usize = 2_520;

/// Measures one after the other, on the calling thread alone.
pub async fn run(args: &AnalyticsArgs, json: bool) -> Result<Output, Error> {
    let args = args.clone();
    let measured = tokio::task::spawn_blocking(move || measure(&args)).await;
    let report =
        measured.map_err(|error| Error::not_there(error.to_string(), "it is a defect"))??;
    Ok(Output::either(json, || report.document(), || report.page()))
}

fn measure(args: &AnalyticsArgs) -> Result<Report, Error> {
    let broken = |error: workloads::Error| Error::not_there(error.to_string(), "it is a defect");
    let scratch = Scratch::new(args.temp_dir.as_deref(), "analytics")?;
    let night = Night::new(POSITIONS, &scratch.provider()).map_err(broken)?;
    let universe = Universe::new(SYMBOLS, SESSIONS);
    let book = LongBook::new(LOTS, LEDGER_SESSIONS).map_err(broken)?;
    let workloads = [
        Workload {
            name: "joint_fits",
            what: format!(
                "joint fits with Newey–West errors, {SYMBOLS} symbols × {SESSIONS} sessions × 8 factors"
            ),
            target_ms: 150.0,
            work: &|| {
                black_box(black_box(&universe).joint_fits()?);
                Ok(())
            },
        },
        Workload {
            name: "correlations",
            what: format!(
                "pairwise correlations with intervals, {SYMBOLS} symbols × {SESSIONS} sessions"
            ),
            target_ms: 60.0,
            work: &|| {
                black_box(black_box(&universe).correlations()?);
                Ok(())
            },
        },
        Workload {
            name: "night",
            what: format!(
                "phase 6 of {POSITIONS} positions, {} scenarios included",
                night.scenarios
            ),
            target_ms: 5.0,
            work: &|| black_box(&night).compute(),
        },
        Workload {
            name: "ledger",
            what: format!("ledger of {LOTS} lots × {LEDGER_SESSIONS} sessions"),
            target_ms: 20.0,
            work: &|| {
                black_box(black_box(&book).totals()?);
                Ok(())
            },
        },
    ];
    say("our own kernels");
    let measured = times(args.rounds, &workloads).map_err(broken)?;
    say("numpy and statsmodels");
    let python = python::measure(&args.python, args.rounds.min(5));
    Ok(Report {
        rounds: args.rounds,
        measured,
        python,
    })
}

/// What is timed.
struct Workload<'a> {
    name: &'static str,
    what: String,
    target_ms: f64,
    work: &'a dyn Fn() -> Result<(), workloads::Error>,
}

/// Milliseconds of processor time of each round, after one that warms up: what else the machine does is no part of it. One round of each
/// after the other, so that a moment in which the machine is slow meets a round of all and not all rounds of one.
fn times(rounds: usize, workloads: &[Workload<'_>]) -> Result<Vec<Measured>, workloads::Error> {
    let mut times = vec![Vec::with_capacity(rounds); workloads.len()];
    for round in 0..=rounds {
        for (workload, times) in workloads.iter().zip(&mut times) {
            let before = processor_time()?;
            (workload.work)()?;
            let used = processor_time()?.saturating_sub(before);
            if round > 0 {
                times.push(used.as_secs_f64() * 1e3);
            }
        }
    }
    let measured = workloads.iter().zip(times);
    let measured = measured.map(|(workload, mut times_ms)| {
        times_ms.sort_by(f64::total_cmp);
        Measured {
            name: workload.name,
            what: workload.what.clone(),
            target_ms: workload.target_ms,
            times_ms,
        }
    });
    Ok(measured.collect())
}

/// What this thread has used.
fn processor_time() -> Result<Duration, workloads::Error> {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(Duration::from(now))
}
