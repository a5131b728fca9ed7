//! Postgres: making the data folder, settings, readiness.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::Server;
use super::watchdog::Watchdog;
use super::{Account, Binaries, Error, Folder, Stop};

/// The name of the superuser and of the database.
pub(super) const NAME: &str = "sigmabatch";

/// `initdb` takes about a second; a machine on which it needs a minute cannot run a batch.
const INIT_LIMIT: Duration = Duration::from_mins(1);

/// A fast shutdown writes a checkpoint, up to `max_wal_size` of it.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A socket's path must fit into `sockaddr_un`: 108 bytes on Linux, 104 on macOS, with its final zero.
const SOCKET_PATH_MAX: usize = 103;

/// Makes the data folder, unless an earlier start did. It gets its name last, so an interrupted start leaves none.
pub(super) async fn init(
    binaries: &Binaries,
    account: &Account,
    folder: &Folder,
    watchdog: &mut Watchdog,
    durable: bool,
) -> Result<(), Error> {
    let data = folder.join("postgres");
    if data.join("PG_VERSION").exists() {
        return Ok(());
    }
    folder.remove("postgres.new")?;
    let unfinished = folder.join("postgres.new");
    let log = folder.join("postgres.log");

    let mut command = watchdog.guarded(account, "setup", &log, &binaries.initdb)?;
    command
        .arg("--pgdata")
        .arg(&unfinished)
        .arg("--pwfile")
        .arg(folder.join("password"));
    command.args([
        "--username",
        NAME,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-instructions",
    ]);
    if !(durable && folder.is_kept()) {
        // A temporary folder is of no use after a crash of the machine, so it need not survive one.
        command.arg("--no-sync");
    }
    command.current_dir(folder.path());
    let initdb = Server::spawn("initdb", command, &log)?;
    finish(initdb, watchdog).await?;

    // Single-user mode needs neither a running server, nor a client program, nor the password.
    let mut command = watchdog.guarded(account, "setup", &log, &binaries.postgres)?;
    command
        .args(["--single", "-j", "-D"])
        .arg(&unfinished)
        .arg("postgres")
        .current_dir(folder.path());
    let (reader, mut writer) = std::io::pipe().map_err(Error::system("open a pipe"))?;
    writer
        .write_all(format!("create database {NAME};\n\n").as_bytes())
        .map_err(Error::system("write to a pipe"))?;
    drop(writer);
    command.stdin(Stdio::from(reader));
    let single = Server::spawn("postgres --single", command, &log)?;
    finish(single, watchdog).await?;

    fs::rename(&unfinished, &data).map_err(Error::system(format!(
        "rename {} to {}",
        unfinished.display(),
        data.display()
    )))
}

async fn finish(mut program: Server, watchdog: &mut Watchdog) -> Result<(), Error> {
    let status = program.wait(INIT_LIMIT).await;
    match status {
        Some(status) => {
            watchdog.note("setup");
            if status.success() {
                Ok(())
            } else {
                Err(program.exited(status))
            }
        }
        None => Err(program.silent(INIT_LIMIT)),
    }
}

pub(super) fn spawn(
    binaries: &Binaries,
    account: &Account,
    folder: &Folder,
    watchdog: &Watchdog,
    port: u16,
    durable: bool,
) -> Result<Server, Error> {
    let log = folder.join("postgres.log");
    let mut command = watchdog.guarded(account, "postgres", &log, &binaries.postgres)?;
    command
        .arg("-D")
        .arg(folder.join("postgres"))
        .current_dir(folder.path());
    for setting in settings(folder.path(), port, durable) {
        command.arg("-c").arg(setting);
    }
    Server::spawn("postgres", command, &log)
}

fn settings(folder: &Path, port: u16, durable: bool) -> Vec<OsString> {
    let mut settings: Vec<OsString> = [
        "listen_addresses=127.0.0.1",
        "shared_buffers=128MB",
        "max_connections=200", // each test has a database and a pool of its own
        "jit=off",             // costs more than it saves in statements of milliseconds
        "max_wal_size=1GB",
        "checkpoint_timeout=15min",
        "log_checkpoints=off",
        "timezone=UTC",
        "log_timezone=UTC",
    ]
    .map(OsString::from)
    .into();
    settings.push(format!("port={port}").into());

    // Without fsync a commit reaches the kernel, not the disk: it survives the death of every Postgres process, but not
    // that of the machine. `synchronous_commit` and `full_page_writes` stay on, as they do matter when a process dies.
    settings.push(if durable { "fsync=on" } else { "fsync=off" }.into());

    let socket = folder.join(format!(".s.PGSQL.{port}"));
    let fits = socket.as_os_str().len() <= SOCKET_PATH_MAX;
    let mut sockets = OsString::from("unix_socket_directories=");
    // The value is a list, so a name in it is quoted; clients use TCP anyway.
    if let (true, Some(folder)) = (fits, folder.to_str()) {
        sockets.push(format!("\"{}\"", folder.replace('"', "\"\"")));
    }
    settings.push(sockets);
    settings
}

/// Whether the server with this process id accepts connections on this port. Both parts are needed: the file says that it
/// is ours (another one may have taken the port), the answer says that it is reachable.
pub(super) async fn is_ready(folder: &Folder, pid: u32, port: u16) -> bool {
    let Ok(state) = fs::read_to_string(folder.join("postgres").join("postmaster.pid")) else {
        return false;
    };
    let mut lines = state.lines();
    let ours = lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid);
    // The eighth line; it says "starting" during recovery.
    let ready = lines.nth(6).is_some_and(|line| line.trim() == "ready");
    ours && ready && answers(port).await.unwrap_or(false)
}

/// Sends the first packet of a connection. A server that accepts sessions asks for the password ("R"); one that is
/// starting up or shutting down answers with an error ("E").
async fn answers(port: u16) -> std::io::Result<bool> {
    const PROTOCOL: u32 = 3 << 16;
    let mut packet = PROTOCOL.to_be_bytes().to_vec();
    packet.extend(format!("user\0{NAME}\0database\0{NAME}\0\0").bytes());
    let length = u32::try_from(packet.len() + 4).map_err(std::io::Error::other)?;

    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream
        .write_all(&[&length.to_be_bytes(), packet.as_slice()].concat())
        .await?;
    Ok(stream.read_u8().await? == b'R')
}

pub(super) async fn stop(server: &mut Server, mode: Stop) -> Result<(), Error> {
    let signal = match mode {
        Stop::Fast => Signal::SIGINT,
        Stop::Immediate => Signal::SIGQUIT,
    };
    server.stop(signal, STOP_LIMIT).await
}
