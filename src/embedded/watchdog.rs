//! The process that outlives us: it stops the servers when we end, even by SIGKILL.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{PipeWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Account, Error};

/// What the watchdog waits for in the worst case, and a little more; see the numbers in `watchdog.sh`.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Writes its own process id into the watchdog's pipe and becomes the program. The watchdog therefore knows the program
/// before it exists: there is no moment at which our sudden end would leave it behind.
const ANNOUNCE: &str = r#"echo "$1 $$"; log=$2; shift 2; exec "$@" >>"$log" 2>&1"#;

/// A shell that holds the other end of a pipe. It stops everything on [`release`](Self::release), or when the pipe
/// closes because this process is gone.
#[derive(Debug)]
pub(super) struct Watchdog {
    child: Child,
    /// Close-on-exec, so no program that we start keeps it open.
    pipe: Option<PipeWriter>,
}

impl Watchdog {
    /// `lock` is held until the watchdog has ended.
    pub(super) fn start(lock: Option<File>) -> Result<Self, Error> {
        let (reader, writer) = std::io::pipe().map_err(Error::system("open a pipe"))?;
        // With our own privileges, not the servers': it also has to end the command that uses them.
        let child = Account::Own
            .command(Path::new("/bin/sh"))
            .args(["-c", include_str!("watchdog.sh"), "sigmabatch-watchdog"])
            .stdin(reader)
            .stdout(lock.map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .map_err(Error::system("start /bin/sh as watchdog of the services"))?;
        Ok(Self {
            child,
            pipe: Some(writer),
        })
    }

    /// A command for `program` that makes itself known under `name` and appends what it writes to `log`.
    pub(super) fn guarded(
        &self,
        account: &Account,
        name: &str,
        log: &Path,
        program: &Path,
    ) -> Result<Command, Error> {
        let pipe = self
            .pipe
            .as_ref()
            .map(PipeWriter::try_clone)
            .transpose()
            .map_err(Error::system("share a pipe"))?;
        let mut command = account.command(Path::new("/bin/sh"));
        command
            .args(["-c", ANNOUNCE, "sh", name])
            .arg(log)
            .arg(program);
        command
            .stdout(pipe.map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::null());
        Ok(command)
    }

    /// A process group that the watchdog knows before a command joins it: a command that made its own would be unknown
    /// until its number had been told, and one whose owner was killed in between would stay for ever.
    pub(super) fn group(&mut self) -> Result<Group, Error> {
        let holder = Account::Own
            .command(Path::new("/bin/sh"))
            .args(["-c", "read -r line"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::system(
                "start /bin/sh to hold the command's process group",
            ))?;
        let group = Group(holder);
        self.note(format!("command -{}", group.id()));
        Ok(group)
    }

    /// Tells a line; `watchdog.sh` says which there are. A watchdog that cannot be told is a lost safety net, not a
    /// reason to fail.
    pub(super) fn note(&mut self, line: impl AsRef<OsStr>) {
        let line = [line.as_ref().as_bytes(), b"\n"].concat();
        if let Some(Err(error)) = self.pipe.as_mut().map(|pipe| pipe.write_all(&line)) {
            tracing::warn!(%error, "the watchdog of the services is gone");
        }
    }

    /// Begins the stop. The line comes first because on systems without `pipe2` another thread's child may hold the pipe.
    pub(super) fn release(&mut self) {
        if self.pipe.is_some() {
            self.note("end");
            self.pipe = None;
        }
    }

    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

/// A process group with nobody in it but a shell that waits for our end, or for that of this value.
#[derive(Debug)]
pub(super) struct Group(Child);

impl Group {
    pub(super) fn id(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a process id is a pid_t")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What it reads from is closed, so it ends.
        _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use crate::embedded::{Options, Services};

    #[tokio::test]
    async fn without_its_watchdog_a_start_ends_its_servers_itself() {
        let options = Options {
            path: std::env::var_os("PATH"),
            durable: false,
            ..Options::default()
        };
        let services = Services::start(&options).await.unwrap();
        let [watchdog, postgres, redis] = [
            services.watchdog.child.id(),
            services.postgres_pid().unwrap(),
            services.redis_pid().unwrap(),
        ]
        .map(|pid| Pid::from_raw(i32::try_from(pid).unwrap()));
        let folder = services.data_dir().to_path_buf();
        kill(watchdog, Signal::SIGKILL).unwrap();

        services.stop().await.unwrap();

        assert!(kill(postgres, None).is_err());
        assert!(kill(redis, None).is_err());
        assert!(!folder.exists());
    }
}
