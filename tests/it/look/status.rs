//! `status`, also while a run goes on.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{ChildStdout, Stdio};
use std::sync::Arc;

use nix::sys::signal::Signal;
use sigmabatch::domain::PhaseName;
use sigmabatch::engine::{Planned, Request};

use super::{books, column, rows};
use crate::control::{Door, Opener};
use crate::world::{Process, World, range, request};

/// A worker that stands at the door of a phase, in the middle of a run.
struct Stopped {
    /// First, so that the door is open when the world ends.
    opener: Option<Opener>,
    world: World,
    planned: Planned,
}

impl Stopped {
    async fn at(phase: PhaseName, before: Option<Request>) -> Self {
        let world = World::new().await;
        books(&world).await;
        let door = Arc::new(Door::default());
        let mut options = world.options();
        options.concurrency = 1;
        if let Some(before) = before {
            let mut quick = world.worker_process(&[]);
            world.run(&before).await;
            quick.signal(Signal::SIGTERM);
            quick.ended().await;
        }
        options.probe = Some(door.probe(phase));
        let opener = Some(Opener(Arc::clone(&door)));
        world.worker_with(options).await;
        let planned = world.begin(&night()).await;
        door.reached().await;
        Self {
            opener,
            world,
            planned,
        }
    }
}

fn night() -> Request {
    request(range("2016-12-28", "2016-12-29"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_shows_its_progress_what_runs_and_what_is_held_back() {
    let first = request(range("2016-12-21", "2016-12-22"));
    let stopped = Stopped::at(PhaseName::PositionValues, Some(first)).await;
    let world = &stopped.world;
    let pause = ["pause", "lane", "nightly", "--reason", "disk"];
    assert_eq!(world.command(&pause).await.0, 0);

    let (code, status) = world.command(&["status"]).await;

    assert_eq!(code, 0);
    assert_eq!(status["runs"][0]["run_id"], stopped.planned.run.to_string());
    let total: usize = stopped.planned.tasks.iter().map(|(_, n)| n).sum();
    let progress = &status["progress"];
    assert_eq!(progress["total"], total);
    let ended = world
        .count("select count(*) from task t join run r on r.id = t.run_id where r.verdict is null and t.state = 'done'")
        .await;
    assert_eq!(progress["ended"], ended);
    assert_eq!(progress["running"], 1);
    // The run before shows the pace of the phases that have not begun.
    assert!(
        progress["eta_seconds"].as_f64().unwrap() > 0.0,
        "{status:#}"
    );
    let [running] = rows(&status, "running") else {
        panic!("{status:#}");
    };
    assert_eq!(running["phase"], "position-values");
    let living = rows(&status, "workers");
    assert!(
        living
            .iter()
            .any(|worker| worker["consumer"] == running["consumer"])
    );
    assert_eq!(status["paused"][0]["name"], "nightly");
    assert_eq!(status["paused"][0]["reason"], "disk");
    let (_, page) = world.page(&["status"]).await;
    for part in [
        "going on for",
        "1 running",
        "left",
        "lane nightly",
        "position-values",
    ] {
        assert!(page.contains(part), "{part} in\n{page}");
    }

    drop(stopped.opener);
    assert_eq!(world.verdict(stopped.planned.run).await, "succeeded");
    let (_, status) = world.command(&["status", &stopped.planned.label]).await;
    assert_eq!(status["progress"]["fraction"], 1.0);
    assert_eq!(rows(&status, "running").len(), 0);
    assert_eq!(column(&status, "runs", "verdict"), ["succeeded"]);
}

fn lines(process: &mut Process) -> std::io::Lines<BufReader<ChildStdout>> {
    BufReader::new(process.stdout()).lines()
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_ends_with_the_run_and_says_what_changes_in_plain_lines() {
    let mut stopped = Stopped::at(PhaseName::PositionValues, None).await;
    let mut command = stopped.world.program("sigmabatch");
    command.args(["status", "--watch"]).stdout(Stdio::piped());
    let mut watch = Process::start(&mut command);
    let mut lines = lines(&mut watch);

    let first = lines.next().unwrap().unwrap();
    assert!(
        first.contains(&stopped.planned.label) && first.contains("1 running"),
        "{first}"
    );
    assert!(
        !first.contains('\u{1b}'),
        "no terminal, no escapes: {first}"
    );
    stopped.opener.take();

    let rest: Vec<String> =
        tokio::task::spawn_blocking(move || lines.map(Result::unwrap).collect())
            .await
            .unwrap();
    let last = rest.last().unwrap();
    assert!(
        last.contains("(100 %)") && last.contains("succeeded after"),
        "{rest:?}"
    );
    assert_eq!(watch.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_as_documents_is_one_a_line_and_stops_when_asked_to() {
    let stopped = Stopped::at(PhaseName::PositionValues, None).await;
    let mut command = stopped.world.program("sigmabatch");
    command
        .args(["status", &stopped.planned.label, "--watch", "--json"])
        .stdout(Stdio::piped());
    let mut watch = Process::start(&mut command);
    let mut lines = lines(&mut watch);
    for _ in 0..2 {
        let line = lines.next().unwrap().unwrap();
        let document: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(document["progress"]["running"], 1);
    }

    watch.signal(Signal::SIGINT);

    assert_eq!(watch.ended().await.code(), Some(0));
    // The run goes on: nobody stopped it.
    assert_eq!(
        stopped
            .world
            .count("select count(*) from run where verdict is null")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_the_page_is_redrawn_in_its_place() {
    let stopped = Stopped::at(PhaseName::PositionValues, None).await;
    let size = nix::pty::Winsize {
        ws_row: 50,
        ws_col: 160,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pty = nix::pty::openpty(Some(&size), None).unwrap();
    let mut command = stopped.world.program("sigmabatch");
    command
        .args(["status", "--watch"])
        .env("TERM", "xterm")
        .stdout(Stdio::from(pty.slave.as_fd().try_clone_to_owned().unwrap()));
    let mut watch = Process::start(&mut command);
    drop((command, pty.slave));
    let screen = tokio::task::spawn_blocking(move || read_twice(pty.master));
    let (screen, master) = screen.await.unwrap();

    assert!(
        screen.contains("Phases") && screen.contains("position-values"),
        "{screen}"
    );
    // Up again, over what was drawn before.
    assert!(screen.contains("\u{1b}["), "{screen:?}");
    watch.signal(Signal::SIGINT);
    let drained = tokio::task::spawn_blocking(move || {
        // Until the other side is closed, which a terminal reports as an error.
        let _ = std::fs::File::from(master).read_to_end(&mut Vec::new());
    });
    assert_eq!(watch.ended().await.code(), Some(0));
    drained.await.unwrap();
}

/// Reads until the page was drawn twice.
fn read_twice(master: OwnedFd) -> (String, OwnedFd) {
    let mut file = std::fs::File::from(master);
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    while text.matches("going on for").count() < 2 {
        let read = file.read(&mut buffer).unwrap();
        assert!(read > 0, "the terminal was closed: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    (text, file.into())
}
