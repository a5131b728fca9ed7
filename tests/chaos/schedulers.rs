//! Schedulers, any number of them at once, some killed: one nightly run per date, none skipped, and the
//! numbers of a run that does all dates at once.

use std::sync::Arc;

use sigmabatch::domain::{Calendar, RunId};

use crate::dice::Dice;
use crate::stage::{Casting, FIRST, LAST, Stage};
use crate::watcher::Watcher;
use crate::world::{Process, day, eventually};

const NAME: &str = "schedulers";

/// A scheduler that thinks it is eleven in the evening, UTC, of that date.
fn scheduler(stage: &Stage, date: &str, mode: &[&str]) -> Process {
    let mut command = stage.world.program("sigmabatch-scheduler");
    stage.crew.log(&mut command, "scheduler");
    command
        .args(mode)
        .env("SIGMABATCH_NOW", format!("{date}T23:00:00Z"))
        .env("SIGMABATCH_LOG", "info");
    Process::start(&mut command)
}

/// Every run of that nightly date, once there is one.
async fn nights(stage: &Stage, date: &str) -> Vec<RunId> {
    let runs = eventually(async || {
        let runs: Vec<uuid::Uuid> = sqlx::query_scalar(
            "select id from run where trigger = 'nightly' and final_date = $1::date",
        )
        .bind(day(date))
        .fetch_all(&stage.world.db)
        .await
        .unwrap();
        (!runs.is_empty()).then_some(runs)
    });
    runs.await
        .expect("a night is planned")
        .into_iter()
        .map(RunId)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn schedulers_at_once_some_killed_make_each_night_once_and_the_numbers_of_one_run() {
    let stage = Stage::set(NAME, Dice::of(Dice::seed(), NAME), Casting::default()).await;
    let watcher = Watcher::start(&stage.world, Arc::clone(&stage.crew), true);
    let sessions = Calendar::nyse().sessions(day(FIRST), day(LAST)).unwrap();

    for session in &sessions {
        let date = session.to_string();
        let daemons = [1, 2].map(|_| scheduler(&stage, &date, &["daemon", "--every", "1"]));
        let mut once = [1, 2, 3].map(|_| scheduler(&stage, &date, &["once"]));
        let victim = stage.dice.below(once.len());
        stage.dice.pause(0, 80).await;
        once[victim].signal(nix::sys::signal::Signal::SIGKILL);
        for (number, process) in once.iter_mut().enumerate() {
            let status = process.ended().await;
            assert!(
                number == victim || status.code() == Some(0),
                "a scheduler ended with {status}"
            );
        }
        for run in nights(&stage, &date).await {
            let verdict = stage.verdict(run).await;
            assert_eq!(verdict, "succeeded", "{}", stage.troubles().await);
        }
        drop(daemons);
    }

    let dates = stage
        .world
        .texts("select as_of || ' ' || decision from business_date order by 1")
        .await;
    let wanted: Vec<String> = sessions
        .iter()
        .map(|date| format!("{date} nightly"))
        .collect();
    assert_eq!(
        dates, wanted,
        "11: one nightly run per as-of date, and none is skipped"
    );
    let runs = stage.world.count("select count(*) from run").await;
    assert_eq!(usize::try_from(runs).unwrap(), sessions.len());
    let seen = watcher.stop().await;
    stage
        .assert_nothing_had_happened(Casting::default().workers)
        .await;
    seen.assert_sound(&stage.world).await;
    stage.strike(NAME, &seen).await;
}
