//! A program that we started: its process and what it wrote.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

use super::Error;

/// Between two looks at a process or a port. Short against a start, long against the cost of looking.
pub(super) const POLL: Duration = Duration::from_millis(10);

/// Of a log, so many bytes at the end go into an error message.
const TAIL_BYTES: u64 = 2_000;

/// A running, or just ended, program.
#[derive(Debug)]
pub(super) struct Server {
    program: &'static str,
    child: Child,
    log: PathBuf,
    /// Where the log of this start begins in the file.
    log_start: u64,
}

impl Server {
    pub(super) fn spawn(
        program: &'static str,
        mut command: Command,
        log: &Path,
    ) -> Result<Self, Error> {
        let log_start = std::fs::metadata(log).map_or(0, |it| it.len());
        let child = command
            .spawn()
            .map_err(Error::system(format!("start {program}")))?;
        Ok(Self {
            program,
            child,
            log: log.to_path_buf(),
            log_start,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The child's end, if it has come; also takes it off the process table.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal unless the process has ended: its number may belong to another one by then.
    pub(super) fn signal(&mut self, signal: Signal) {
        if self.ended().is_none()
            && let Ok(pid) = i32::try_from(self.pid())
        {
            _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Waits for the end, at most `limit`.
    pub(super) async fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks to end, insists after `limit`, and waits until it has.
    pub(super) async fn stop(&mut self, signal: Signal, limit: Duration) -> Result<(), Error> {
        self.signal(signal);
        if self.wait(limit).await.is_none() {
            tracing::warn!(program = self.program, "did not stop in time and is killed");
            self.kill().await?;
        }
        Ok(())
    }

    async fn kill(&mut self) -> Result<(), Error> {
        const LIMIT: Duration = Duration::from_secs(5);
        self.signal(Signal::SIGKILL);
        match self.wait(LIMIT).await {
            Some(_) => Ok(()),
            None => Err(Error::Unstoppable {
                program: self.program,
                pid: self.pid(),
                seconds: LIMIT.as_secs(),
            }),
        }
    }

    /// As [`stop`](Self::stop), for the last moment: it blocks, and nothing is reported.
    pub(super) fn end(&mut self, signal: Signal) {
        const LIMIT: Duration = Duration::from_secs(2);
        for signal in [signal, Signal::SIGKILL] {
            self.signal(signal);
            let deadline = Instant::now() + LIMIT;
            while self.ended().is_none() && Instant::now() < deadline {
                std::thread::sleep(POLL);
            }
        }
    }

    /// The end of what this start of the program wrote.
    pub(super) fn log(&self) -> String {
        let read = || {
            let mut file = File::open(&self.log)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(
                self.log_start.max(end.saturating_sub(TAIL_BYTES)),
            ))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            std::io::Result::Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
        };
        read().unwrap_or_else(|error| format!("(could not read {}: {error})", self.log.display()))
    }

    pub(super) fn exited(&self, status: ExitStatus) -> Error {
        Error::Exited {
            program: self.program,
            status,
            log: self.log(),
        }
    }

    pub(super) fn silent(&self, limit: Duration) -> Error {
        Error::Silent {
            program: self.program,
            seconds: limit.as_secs(),
            log: self.log(),
        }
    }
}

impl Drop for Server {
    /// Matters when the future that waits for it is dropped; otherwise it has ended by now.
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
