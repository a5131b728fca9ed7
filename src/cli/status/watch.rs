//! `status --watch`: the page of a run, again every second, until the run ends.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Depth, Status, StatusArgs, json, page, read, state};
use crate::cli::text::{duration, instant};
use crate::cli::{Error, Output, find};
use crate::clock::Clock;
use crate::domain::RunId;
use crate::store::{Pools, ReadTx, runs};

const INTERVAL: Duration = Duration::from_secs(1);
/// A database that is away for as many looks is an error; a restart is none.
const PATIENCE: u32 = 60;

/// Shows the run that is named, else the newest one, until it ends or somebody presses Ctrl-C.
pub(super) async fn watch(
    pools: &Pools,
    clock: &Clock,
    args: &StatusArgs,
    json: bool,
) -> Result<Output, Error> {
    let id = chosen(pools, args).await?;
    let mut show = if json {
        Show::Documents
    } else if io::stdout().is_terminal() {
        Show::screen()
    } else {
        Show::Lines(String::new())
    };
    // One listener for all rounds: a signal that comes while a page is read must not be lost.
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut away = 0;
    let mut last = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut interrupted => break,
        }
        match read(pools, clock, Some(id), Depth::Live).await {
            Ok(status) => {
                away = 0;
                let ended = status.run().is_none_or(|run| run.verdict.is_some());
                // Nobody reads any more (`| head`): nothing is left to do.
                let heard = ended || show.show(&status).is_ok();
                last = Some(status);
                if ended || !heard {
                    break;
                }
            }
            Err(error) if away >= PATIENCE => return Err(error),
            Err(error) => {
                away += 1;
                show.trouble(&error);
            }
        }
    }
    Ok(show.finish(last.as_ref()))
}

/// The run to look at.
async fn chosen(pools: &Pools, args: &StatusArgs) -> Result<RunId, Error> {
    if let Some(text) = &args.run {
        let mut db = ReadTx::lazy(&pools.control);
        let id = find::run(&mut db, text).await?;
        db.close().await?;
        return Ok(id);
    }
    let newest = runs::list(&pools.control, None, 1).await?;
    newest.first().map(|run| run.id).ok_or_else(|| {
        let remedy = "`sigmabatch run` plans one for the newest session";
        Error::not_there("no run yet", remedy)
    })
}

/// How it is shown.
enum Show {
    /// The whole page, redrawn in its place.
    Screen(ProgressBar),
    /// A line when something has changed.
    Lines(String),
    /// A document in one line, every second.
    Documents,
}

impl Show {
    fn screen() -> Self {
        let screen = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            screen.set_style(style);
        }
        Self::Screen(screen)
    }

    fn show(&mut self, status: &Status) -> io::Result<()> {
        match self {
            Self::Screen(screen) => {
                screen.set_message(page::page(status));
                screen.tick();
            }
            Self::Lines(said) => {
                let line = line(status);
                if *said != line {
                    put(&timed(status, &line))?;
                    *said = line;
                }
            }
            Self::Documents => put(&json::document(status).to_string())?,
        }
        Ok(())
    }

    fn trouble(&mut self, error: &Error) {
        let line = format!("{}: asking again", error.message());
        match self {
            Self::Screen(screen) => {
                screen.set_message(line);
                screen.tick();
            }
            Self::Lines(said) if *said != line => {
                // Whether somebody reads shows with the next line that matters.
                let _ = put(&line);
                *said = line;
            }
            Self::Lines(_) | Self::Documents => {}
        }
    }

    /// What is left to say.
    fn finish(self, last: Option<&Status>) -> Output {
        let text = match (self, last) {
            (Self::Screen(screen), last) => {
                screen.finish_and_clear();
                last.map(page::page)
            }
            (Self::Lines(_), last) => {
                last.map(|status| format!("{}\n", timed(status, &line(status))))
            }
            (Self::Documents, last) => last.map(|status| format!("{}\n", json::document(status))),
        };
        Output::page(text.unwrap_or_default())
    }
}

/// A run in one line, without what changes every second.
fn line(status: &Status) -> String {
    let Some(run) = status.run() else {
        return String::from("no run");
    };
    let progress = status.progress();
    let mut line = format!(
        "{} {}/{} tasks ({:.0} %), {} running, {} attempts failed, {} dead",
        run.label,
        progress.worked(),
        progress.total,
        (progress.worked_fraction() * 100.0).floor(),
        progress.running,
        status.retries(),
        progress.dead,
    );
    if progress.cancelled > 0 {
        let _ = write!(line, ", {} cancelled", progress.cancelled);
    }
    for pause in &status.pauses {
        let _ = write!(line, ", {} paused", pause.held);
    }
    if status.workers.is_empty() && run.verdict.is_none() {
        line.push_str(", no living worker");
    }
    line
}

/// The same with the time of day and with how long it takes.
fn timed(status: &Status, line: &str) -> String {
    let Some(run) = status.run() else {
        return line.to_owned();
    };
    let at = instant(run.created_at + Duration::from_secs_f64(run.elapsed_seconds.max(0.0)));
    let rest = match status.eta_seconds {
        Some(seconds) if run.verdict.is_none() => format!(", about {} left", duration(seconds)),
        _ => String::new(),
    };
    format!("{at} {line}, {}{rest}", state(run))
}

/// Writes a line at once.
fn put(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
