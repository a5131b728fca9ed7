//! `sigmabatch serve`, in a process of its own with its own connections.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use super::super::world::World;
use super::client::broken;
use crate::cli::Error;
use crate::domain::{Access, Token};
use crate::engine::{self, Order};

const PROGRAM: &str = "sigmabatch";
/// It listens long before.
const START: Duration = Duration::from_secs(30);

/// A process, and a token that is good for reading.
pub(super) struct Served {
    child: Child,
    pub(super) pid: Option<u32>,
    pub(super) address: SocketAddr,
    pub(super) token: String,
}

impl Served {
    /// Starts it on any free port.
    pub(super) async fn start(world: &World) -> Result<Self, Error> {
        let token = Token::fresh().map_err(broken)?;
        let order = Order {
            who: "bench",
            reason: "to ask",
        };
        let pools = &world.engine.pools;
        engine::create_token(pools, &token, "bench", &Access::Viewer, order).await?;
        let mut child = world
            .program(PROGRAM)?
            .args(["serve", "--until-stdin-closes", "--listen", "127.0.0.1:0"])
            .args(["--log", "warn"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Start {
                program: PROGRAM,
                source,
            })?;
        let mut hello = String::new();
        if let Some(output) = child.stdout.take() {
            let mut output = BufReader::new(output);
            let read = tokio::time::timeout(START, output.read_line(&mut hello)).await;
            read.map_err(broken)?.map_err(broken)?;
        }
        let address = hello.trim().rsplit("://").next().unwrap_or_default();
        let address = address.parse().map_err(broken)?;
        Ok(Self {
            pid: child.id(),
            child,
            address,
            token: token.reveal(),
        })
    }

    /// Lets it end.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(START, self.child.wait())
            .await
            .is_err()
        {
            // Nothing to do when it is gone already.
            let _ = self.child.kill().await;
        }
    }
}
