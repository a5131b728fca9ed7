//! Whom the servers run as: Postgres refuses to run as root.

use std::os::unix::fs::lchown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User};

use super::Error;

/// Tried in this order when started by root; the first one exists wherever the Debian package is installed.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The account of the servers and of their watchdog.
#[derive(Debug)]
pub(super) enum Account {
    /// Not started by root: our own.
    Own,
    /// Started by root: privileges are dropped to this one.
    Other(User),
}

impl Account {
    pub(super) fn choose() -> Result<Self, Error> {
        if !Uid::effective().is_root() {
            return Ok(Self::Own);
        }
        for name in UNPRIVILEGED {
            let found =
                User::from_name(name).map_err(Error::system(format!("look up the user {name}")))?;
            if let Some(user) = found.filter(|user| !user.uid.is_root()) {
                return Ok(Self::Other(user));
            }
        }
        Err(Error::NoAccount)
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Own => {
                let uid = Uid::effective();
                User::from_uid(uid)
                    .ok()
                    .flatten()
                    .map_or_else(|| uid.to_string(), |user| user.name)
            }
            Self::Other(user) => user.name.clone(),
        }
    }

    /// A command that will run as this account, in a process group of its own (so that Ctrl-C in the terminal does not
    /// reach it before what uses it has ended), and with nothing from our environment but `PATH`.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Variables such as PGDATA or PGOPTIONS of the caller must not redirect our server.
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        command.stdin(Stdio::null()).process_group(0);
        if let Self::Other(user) = self {
            // The standard library drops root's supplementary groups as well when it changes the user.
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// Hands a file or folder that we made to this account.
    pub(super) fn own(&self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Own => Ok(()),
            Self::Other(user) => {
                lchown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(
                    Error::system(format!("give {} to the user {}", path.display(), user.name)),
                )
            }
        }
    }

    /// Whether this account can enter the folder and write in it: asked of the system by trying, because the answer
    /// depends on every folder above, on access lists and on mount options.
    pub(super) fn can_work_in(&self, folder: &Path) -> Result<bool, Error> {
        let status = self
            .command(Path::new("/bin/sh"))
            .args(["-c", "cd \"$1\" && test -w .", "sh"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .status()
            .map_err(Error::system(format!(
                "run /bin/sh as the user {}",
                self.name()
            )))?;
        Ok(status.success())
    }
}
