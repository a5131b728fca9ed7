//! The worker processes of a scenario: started, killed, frozen, and each with a log of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::dice::Dice;
use crate::world::{Process, World};

/// Connections of one worker: 1 for the heartbeat, 1 to claim and for the steward, 1 to load, 2 to commit.
const CONNECTIONS: usize = 5;
/// A killed process's sessions are closed by the kernel; the server needs a moment to see it.
const FUNERAL: Duration = Duration::from_secs(3);

/// Who works.
pub(crate) struct Crew {
    folder: PathBuf,
    members: Mutex<Vec<Member>>,
    died: Mutex<Vec<Instant>>,
    number: Mutex<usize>,
    /// Some were told to leave.
    departures: AtomicBool,
}

struct Member {
    process: Process,
    frozen: bool,
}

impl Crew {
    /// Nobody yet; logs go to a folder of this name.
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("chaos")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            members: Mutex::default(),
            died: Mutex::default(),
            number: Mutex::default(),
            departures: AtomicBool::new(false),
        }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap()
    }

    /// Starts a worker. `prepare` changes its environment.
    pub(crate) fn start(&self, world: &World, prepare: impl FnOnce(&mut Command)) -> i32 {
        let mut command = world.program("sigmabatch-worker");
        self.log(&mut command, "worker");
        command
            .env("SIGMABATCH_MAX_CRASHES", MAX_CRASHES.to_string())
            .env("SIGMABATCH_LOG", "info,sigmabatch=debug");
        prepare(&mut command);
        let process = Process::start(&mut command);
        let pid = process.pid().as_raw();
        let frozen = false;
        self.members().push(Member { process, frozen });
        pid
    }

    /// Gives a program a log in the folder.
    pub(crate) fn log(&self, command: &mut Command, name: &str) {
        let mut number = self.number.lock().unwrap();
        *number += 1;
        let path = self.folder.join(format!("{number:03}-{name}.log"));
        let file = File::create(&path).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
    }

    /// Kills one of them, whoever it is.
    pub(crate) fn kill_one(&self, dice: &Dice) {
        let mut members = self.members();
        if !members.is_empty() {
            let victim = dice.below(members.len());
            let victim = members.swap_remove(victim);
            self.died.lock().unwrap().push(Instant::now());
            // Kills with its drop.
            drop(victim);
        }
    }

    /// Freezes one that is not; says who.
    pub(crate) fn freeze_one(&self, dice: &Dice) -> Option<i32> {
        let mut members = self.members();
        let mut awake: Vec<&mut Member> = members.iter_mut().filter(|m| !m.frozen).collect();
        if awake.is_empty() {
            return None;
        }
        let at = dice.below(awake.len());
        awake[at].frozen = true;
        awake[at].process.signal(Signal::SIGSTOP);
        Some(awake[at].process.pid().as_raw())
    }

    /// Lets everybody go on.
    pub(crate) fn thaw(&self) {
        for member in self.members().iter_mut() {
            member.frozen = false;
            member.process.signal(Signal::SIGCONT);
        }
    }

    /// Asks everybody to stop, or kills who does not.
    pub(crate) async fn dismiss(&self) {
        self.thaw();
        let members = std::mem::take(&mut *self.members());
        for member in &members {
            member.process.signal(Signal::SIGTERM);
        }
        for mut member in members {
            let status = member.process.ended().await;
            assert_eq!(
                status.code(),
                Some(0),
                "a worker that was told to stop: {status}"
            );
        }
    }

    /// How many there are.
    pub(crate) fn size(&self) -> usize {
        self.members().len()
    }

    /// From now on members may leave by themselves, in good order.
    pub(crate) fn expect_departures(&self) {
        self.departures.store(true, Ordering::Relaxed);
    }

    /// Nobody has ended but by our hand, or because he was asked to.
    pub(crate) fn assert_nobody_ended(&self) {
        let may_leave = self.departures.load(Ordering::Relaxed);
        self.members().retain_mut(|member| {
            let ended = member.process.try_ended();
            let fine = ended.is_none_or(|status| may_leave && status.success());
            assert!(fine, "a worker has ended by itself: {ended:?}");
            ended.is_none()
        });
    }

    /// Connections that the workers may have at this moment.
    pub(crate) fn budget(&self) -> usize {
        let mut died = self.died.lock().unwrap();
        died.retain(|at| at.elapsed() < FUNERAL);
        CONNECTIONS * (self.size() + died.len())
    }

    /// Where the logs are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Random kills are nobody's fault: the budget is out of the way. The real one has its own test.
pub(crate) const MAX_CRASHES: i16 = 100;
