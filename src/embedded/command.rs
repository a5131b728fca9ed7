//! A command that runs on the private services.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

use super::watchdog::Group;
use super::{Error, Options, Services};

/// Servers that the caller has already (the values of `DATABASE_URL` and `REDIS_URL`).
#[derive(Clone, Default)]
pub struct Given {
    /// Where a Postgres is.
    pub database_url: Option<String>,
    /// Where a Redis is.
    pub redis_url: Option<String>,
}

/// Runs a command with `DATABASE_URL` and `REDIS_URL` set, on the given servers if there are both, otherwise on private
/// ones that are started before and stopped after it. SIGINT, SIGTERM and SIGHUP are passed on to the command, and the
/// servers outlive it. Returns its exit code, 128 + the signal's number if one has ended it.
pub async fn run(options: &Options, given: Given, command: &[OsString]) -> Result<u8, Error> {
    // Before anything is started, so that nothing is left when a signal comes early.
    let mut signals = Signals::listen()?;
    if let Given {
        database_url: Some(database_url),
        redis_url: Some(redis_url),
    } = &given
    {
        return execute(command, [database_url, redis_url], &mut signals, None).await;
    }
    if given.database_url.is_some() || given.redis_url.is_some() {
        tracing::warn!(
            "only one of DATABASE_URL and REDIS_URL is set; it is not used, private services are started"
        );
    }
    let mut services = tokio::select! {
        services = Services::start(options) => services?,
        signal = signals.next() => return Ok(code_of(signal)),
    };
    let urls = [&services.database_url(), &services.redis_url()];
    let code = execute(command, urls, &mut signals, Some(&mut services)).await;
    services.stop().await?;
    code
}

async fn execute(
    command: &[OsString],
    [database_url, redis_url]: [&String; 2],
    signals: &mut Signals,
    mut services: Option<&mut Services>,
) -> Result<u8, Error> {
    let [program, arguments @ ..] = command else {
        let source = std::io::ErrorKind::InvalidInput.into();
        return Err(Error::System {
            attempt: "run an empty command; name one after --".to_owned(),
            source,
        });
    };
    // In the foreground of a terminal the command has to stay in our process group, or it could not read from the
    // terminal; the terminal then sends Ctrl-C to both of us. Everywhere else it gets a group of its own, which can be
    // signalled, and in the end be swept, as a whole.
    let terminal = in_foreground();
    let mut builder = Command::new(program);
    builder
        .args(arguments)
        .env("DATABASE_URL", database_url)
        .env("REDIS_URL", redis_url);
    let group = match &mut services {
        Some(services) if !terminal => Some(services.watchdog.group()?),
        _ => None,
    };
    if !terminal {
        builder.process_group(group.as_ref().map_or(0, Group::id));
    }
    let mut child = builder
        .spawn()
        .map_err(Error::system(format!("run {}", program.display())))?;
    let target = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .map(|pid| match &group {
            Some(group) => -group.id(),
            None if terminal => pid,
            None => -pid,
        });
    drop(group);
    if let (true, Some(services), Some(pid)) = (terminal, &mut services, target) {
        services.watchdog.note(format!("command {pid}"));
    }

    let status = loop {
        tokio::select! {
            status = child.wait() => break status.map_err(Error::system(format!("wait for {}", program.display())))?,
            // The terminal has sent its own Ctrl-C already; a second one means "at once" to many programs.
            signal = signals.next() => if !(terminal && signal == Signal::SIGINT) { pass_on(signal, target, &child) },
        }
    };
    if terminal && let Some(services) = &mut services {
        services.watchdog.note("command");
    }
    Ok(code(status))
}

fn pass_on(signal: Signal, target: Option<i32>, child: &Child) {
    // Without an id the child has ended, and its number may be another one's.
    if let (Some(target), Some(_)) = (target, child.id()) {
        _ = kill(Pid::from_raw(target), signal);
    }
}

/// Whether we are the job that the terminal's keyboard belongs to.
fn in_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(&terminal) == Ok(getpgrp()))
}

fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    u8::try_from(code & 0xff).unwrap_or(1)
}

fn code_of(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(1)
}

/// The signals that ask us to end.
struct Signals {
    interrupt: Listener,
    terminate: Listener,
    hangup: Listener,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(Error::system("listen for signals"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hangup.recv() => Signal::SIGHUP,
        }
    }
}
