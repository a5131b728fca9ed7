//! The HTTP API on a real server, as callers see it.

mod alert_causes;
mod alerts;
mod audit;
mod bodies;
pub(crate) mod client;
pub(crate) mod document;
mod events;
mod explain;
mod fuzz;
mod headers;
mod import;
mod incidents;
mod limits;
mod load;
mod logs;
mod malformed;
mod market;
mod opening;
mod performance;
mod results;
mod roles;
mod run_shapes;
mod runs;
mod serve;
mod shapes;
mod shared;
mod starts;
mod tagged;
mod tls;
mod webhook;

use std::net::SocketAddr;

use chrono::Utc;
use sigmabatch::api::{self, Limits, Options};
use sigmabatch::clock::Clock;
use sigmabatch::domain::{Access, PortfolioId, Token};
use sigmabatch::engine::{self, Order};
use sigmabatch::store::Settings;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::client::Client;
use crate::market::close;
use crate::world::World;

/// A server inside this process, without Redis, with a token of each role.
pub(crate) struct Served {
    pub(crate) operator: Client,
    pub(crate) viewer: Client,
    pub(crate) nobody: Client,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Served {
    pub(crate) async fn new(world: &World) -> Self {
        Self::on(world, &world.options().store).await
    }

    /// One that reaches the database another way.
    pub(crate) async fn on(world: &World, store: &Settings) -> Self {
        let options = Options {
            listen: "127.0.0.1:0".parse().unwrap(),
            connections: 4,
            risk_free_rate: None,
            tls: None,
            limits: Limits::default(),
        };
        Self::with(world, store, &options).await
    }

    /// One with other limits, or with a certificate.
    pub(super) async fn with(world: &World, store: &Settings, options: &Options) -> Self {
        let now = world.engine.clock.now();
        let clock = Clock::starting_at(now.with_timezone(&Utc));
        let server = api::bind(options, store, |_| Ok(None), clock)
            .await
            .unwrap()
            .with(sigmabatch::dashboard::pages());
        let address = server.address();
        let operator = server.first_token();
        let operator = match operator {
            Some(token) => token,
            None => token(world, &Access::Operator).await,
        };
        let viewer = token(world, &Access::Viewer).await;
        let stop = CancellationToken::new();
        let until = stop.clone();
        let server = tokio::spawn(async move { server.run(until).await.unwrap() });
        let client = Client::new(address, None);
        Self {
            operator: client.with(&operator),
            viewer: client.with(&viewer),
            nobody: client,
            address,
            stop,
            server: Some(server),
        }
    }

    /// A caller who sees these portfolios only.
    pub(crate) async fn owner(&self, world: &World, own: &[PortfolioId]) -> Client {
        let access = Access::Owner(own.iter().copied().collect());
        self.nobody.with(&token(world, &access).await)
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stopped(mut self) {
        self.stop.cancel();
        self.server.take().unwrap().await.unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A token of a role.
pub(crate) async fn token(world: &World, access: &Access) -> String {
    let token = Token::fresh().unwrap();
    let order = Order {
        who: "it",
        reason: "test",
    };
    engine::create_token(&world.engine.pools, &token, "it", access, order)
        .await
        .unwrap();
    token.reveal()
}

/// A book of one lot.
pub(crate) async fn book(world: &World, name: &str) -> PortfolioId {
    let row = format!("AAA,300,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19"));
    world.book(name, "100000", "2016-12-19", &[&row]).await
}
