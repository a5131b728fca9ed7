//! `demo --serve`: the API of the undisturbed night, as a process of its own, until Ctrl-C.

use std::io::Write as _;
use std::process::Stdio;

use tokio::process::Command;

use crate::cli::{DemoArgs, Error, Output};

/// What the nights came to, and the program that can serve them.
pub(super) struct Shown {
    pub(super) output: Output,
    pub(super) api: Command,
}

/// Without `--serve`, the output. With it, the output is printed, then the API says its address and a token, and this
/// ends with it.
pub(super) async fn shown(shown: Shown, args: &DemoArgs) -> Result<Output, Error> {
    let Shown {
        mut output,
        mut api,
    } = shown;
    if !args.serve {
        return Ok(output);
    }
    let text = format!("{}\nThe API stays up until Ctrl-C:\n", output.text);
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
    output.text.clear();
    // It ends when our end of the pipe closes, whatever becomes of us.
    let child = api
        .args(["serve", "--until-stdin-closes", "--listen"])
        .arg(args.listen.to_string())
        .stdin(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|source| Error::Start {
        program: "sigmabatch",
        source,
    })?;
    let pipe = child.stdin.take();
    let ended = tokio::select! {
        ended = child.wait() => ended,
        _ = tokio::signal::ctrl_c() => {
            drop(pipe);
            child.wait().await
        }
    };
    match ended {
        Ok(status) if status.success() => Ok(output),
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
