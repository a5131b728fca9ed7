//! `demo --serve`: the API of the undisturbed night, as a process of its own, until Ctrl-C.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use tokio::process::Command;

use crate::cli::{DemoArgs, Error, Output};

/// Where the API listens when nobody says where, and nobody else does.
const USUAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// What the nights came to, and the program that can serve them.
pub(super) struct Shown {
    pub(super) output: Output,
    pub(super) api: Command,
}

/// Without `--serve`, the output. With it, the output is printed, then the API says its address and a token, and this
/// ends with it.
pub(super) async fn shown(shown: Shown, args: &DemoArgs) -> Result<Output, Error> {
    let Shown { mut output, api } = shown;
    if !args.serve {
        return Ok(output);
    }
    let text = format!("{}\nThe API stays up until Ctrl-C:\n", output.text);
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
    output.text.clear();
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    serve(api, args.listen, interrupted).await?;
    Ok(output)
}

/// Starts the API, which says its address and a token where the command's output goes, and asks it to end at `stop`. It
/// listens on `listen` and nowhere else; without one, on port 8080, or on any free port when that one is taken.
pub async fn serve(
    mut api: Command,
    listen: Option<SocketAddr>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let listen = listen.unwrap_or_else(free);
    // It ends when our end of the pipe closes, whatever becomes of us.
    let child = api
        .args(["serve", "--until-stdin-closes", "--listen"])
        .arg(listen.to_string())
        .stdin(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|source| Error::Start {
        program: "sigmabatch",
        source,
    })?;
    // Whoever reads what the command prints sees the end of it when the API ends.
    drop(api);
    let pipe = child.stdin.take();
    let ended = tokio::select! {
        ended = child.wait() => ended,
        () = stop => {
            drop(pipe);
            child.wait().await
        }
    };
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::not_there(
            format!("the API ended: {status}"),
            "its message is above; --listen takes another address",
        )),
        Err(source) => Err(Error::Start {
            program: "sigmabatch",
            source,
        }),
    }
}

/// The usual address; a free port beside it where somebody listens there already.
fn free() -> SocketAddr {
    match TcpListener::bind(USUAL) {
        Ok(_probe) => USUAL,
        Err(error) => {
            super::say(&format!(
                "{USUAL} is not free ({error}): taking another port"
            ));
            SocketAddr::new(USUAL.ip(), 0)
        }
    }
}
