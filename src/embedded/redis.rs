//! Redis: settings, readiness.

use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::server::Server;
use super::watchdog::Watchdog;
use super::{Account, Binaries, Error, Folder};

/// Writing what is left of the append-only file takes moments.
const STOP_LIMIT: Duration = Duration::from_secs(10);

pub(super) fn spawn(
    binaries: &Binaries,
    account: &Account,
    folder: &Folder,
    watchdog: &Watchdog,
    port: u16,
) -> Result<Server, Error> {
    let log = folder.join("redis.log");
    let data = folder.sub(account, "redis")?;
    let mut command = watchdog.guarded(account, "redis", &log, &binaries.redis)?;
    command
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--protected-mode",
            "yes",
            "--dir",
        ])
        .arg(data);
    // As in production: streams survive a restart, and nothing is thrown away when memory is short.
    command.args([
        "--appendonly",
        "yes",
        "--save",
        "",
        "--maxmemory-policy",
        "noeviction",
        "--daemonize",
        "no",
    ]);
    command.current_dir(folder.path());
    Server::spawn("redis-server", command, &log)
}

/// Whether the server with this process id serves commands on this port. `PING` alone would not tell it from another
/// start's server that took the port first; a server that is still loading answers with an error to both.
pub(super) async fn is_ready(pid: u32, port: u16) -> bool {
    ping(pid, port).await.unwrap_or(false)
}

async fn ping(pid: u32, port: u16) -> std::io::Result<bool> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"PING\r\nINFO server\r\nQUIT\r\n").await?;
    let mut lines = stream.lines();
    if lines.next_line().await?.as_deref() != Some("+PONG") {
        return Ok(false);
    }
    let ours = format!("process_id:{pid}");
    while let Some(line) = lines.next_line().await? {
        if line == ours {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) async fn stop(server: &mut Server) -> Result<(), Error> {
    server.stop(Signal::SIGTERM, STOP_LIMIT).await
}
