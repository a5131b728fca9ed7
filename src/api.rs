//! The HTTP API: it reads what is committed, and plans and steers runs through the same functions as the
//! command line. It touches Postgres only, never computes, and keeps nothing: several may run at once.
//!
//! Errors are problems of RFC 9457; every answer has a trace id, and no error shows a statement or a path.

mod admission;
mod alerts;
pub(crate) mod auth;
mod calendar;
pub(crate) mod control;
mod docs;
pub(crate) mod events;
pub(crate) mod explain;
mod health;
pub(crate) mod import;
mod json;
mod listen;
mod metrics;
pub(crate) mod params;
mod performance;
pub(crate) mod portfolios;
pub(crate) mod problem;
mod refusals;
pub(crate) mod results;
mod routes;
mod rows;
pub(crate) mod runs;
pub mod shapes;
pub(crate) mod start;
mod symbols;
mod table;
mod tagged;
pub(crate) mod tasks;
mod tls;
pub(crate) mod trace;
pub(crate) mod upload;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config;
use crate::domain::{InstallId, Token};
use crate::engine::{self, Engine, Order};
use crate::queue::{self, Queue};
use crate::store::{self, Connections, Pools, Settings};

pub use listen::Limits;
pub use routes::openapi;
pub use tls::{Tls, TlsError};

/// Connections that plan and steer; a slow plan holds up no reader.
const CONTROL_CONNECTIONS: usize = 2;
/// A caller waits no longer for a connection; then it hears that the database is busy.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where.
    pub listen: SocketAddr,
    /// Connections that read.
    pub connections: usize,
    /// What runs that are planned here set for the database; without it they leave what is there.
    pub risk_free_rate: Option<f64>,
    /// Without it, what is said is not encrypted.
    pub tls: Option<Tls>,
    /// Of those who ask.
    pub limits: Limits,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not ours.
    #[error("cannot listen on {1}")]
    Listen(#[source] std::io::Error, SocketAddr),
    /// The socket is gone.
    #[error("serving")]
    Serve(#[source] std::io::Error),
    /// The certificate or its key.
    #[error("TLS")]
    Tls(#[from] TlsError),
    /// Postgres.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Redis.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// A setting.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The system has no randomness.
    #[error("making the first token: {0}")]
    Random(getrandom::Error),
}

/// What every handler has at hand.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

struct Inner {
    engine: Engine,
    redis: bool,
    feed: events::Feed,
    stop: CancellationToken,
    encrypted: bool,
}

impl Api {
    /// Whether this process itself speaks TLS.
    pub(crate) fn encrypted(&self) -> bool {
        self.0.encrypted
    }

    /// Plans and steers: on connections of its own.
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.0.engine.pools
    }

    /// Redis, if this process knows one: only whether it answers is asked.
    pub(crate) fn redis(&self) -> Option<&Queue> {
        self.0.redis.then_some(&self.0.engine.queue)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.engine.clock
    }

    fn feed(&self) -> &events::Feed {
        &self.0.feed
    }

    /// Cancelled when the process is asked to stop: streams end then.
    fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }
}

/// Pages for people, answered beside the API by what stands above it.
pub struct Pages {
    pub(crate) router: Router<Api>,
    /// What a browser sees of a problem, whose trace id is the other text.
    pub(crate) problem: fn(&problem::Problem, &str) -> String,
}

/// A server that listens and does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    api: Api,
    first: Option<Token>,
    pages: Option<Pages>,
    tls: Option<TlsAcceptor>,
    limits: Limits,
}

/// Connects, listens, and makes the first token where there is none. `queue` opens Redis, if there is one.
pub async fn bind(
    options: &Options,
    settings: &Settings,
    queue: impl FnOnce(InstallId) -> Result<Option<Queue>, config::Error>,
    clock: Clock,
) -> Result<Server, Error> {
    let tls = options.tls.as_ref().map(Tls::acceptor).transpose()?;
    let settings = Settings {
        acquire_timeout: settings.acquire_timeout.min(ACQUIRE),
        connections: Connections {
            control: CONTROL_CONNECTIONS,
            load: options.connections,
            commit: 1,
        },
        ..settings.clone()
    };
    let pools = store::connect(&settings).await?;
    let install = store::install_id(&pools).await?;
    let given = queue(install.clone())?;
    let redis = given.is_some();
    let queue = given.map_or_else(|| Queue::absent(install), Ok)?;
    let listening = TcpListener::bind(options.listen).await;
    let listener = listening.map_err(|source| Error::Listen(source, options.listen))?;
    let address = listener.local_addr().map_err(Error::Serve)?;
    let token = Token::fresh().map_err(Error::Random)?;
    let order = Order {
        who: "serve",
        reason: "no token existed",
    };
    let made = engine::first_token(&pools, &token, order).await?;
    let stop = CancellationToken::new();
    let feed = events::Feed::new(pools.clone(), stop.clone());
    let engine = Engine::new(pools, queue, clock).with_risk_free_rate(options.risk_free_rate);
    Ok(Server {
        listener,
        address,
        api: Api(Arc::new(Inner {
            engine,
            redis,
            feed,
            stop,
            encrypted: tls.is_some(),
        })),
        first: made.then_some(token),
        pages: None,
        tls,
        limits: options.limits,
    })
}

impl Server {
    /// `http`, or `https` with a certificate.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token that was made because there was none: for the one who started the process.
    pub fn first_token(&self) -> Option<String> {
        self.first.as_ref().map(Token::reveal)
    }

    /// Answers with these pages too.
    #[must_use]
    pub fn with(self, pages: Pages) -> Self {
        Self {
            pages: Some(pages),
            ..self
        }
    }

    /// Answers until `stop`, then lets requests end.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let router: Router = routes::router(self.api.clone(), self.pages, self.limits);
        let ours = self.api.stop().clone();
        let asked = stop.clone();
        tokio::spawn(async move {
            asked.cancelled().await;
            ours.cancel();
        });
        tracing::info!(address = %self.address, "serving");
        let ended = self.api.stop().clone();
        let serving = listen::serve(self.listener, router, self.tls, self.limits, ended);
        let late = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            () = serving => {}
            () = late => tracing::warn!("requests that did not end were cut off"),
        }
        self.api.pools().close().await;
        tracing::info!("stopped");
        Ok(())
    }
}
