//! Many who listen to one run on one process: how long after the commit the last of them hears an event.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use tokio::task::JoinSet;

use super::super::world::World;
use super::client::Client;
use crate::cli::Error;
use crate::domain::RunId;
use crate::store::{WriteTx, events};

/// Of the event that is waited for.
const MARK: &str = "bench-heard";
/// Whoever has not heard it by then will not.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections that are opened at once.
const AT_ONCE: usize = 50;

/// What was heard.
pub(super) struct Events {
    pub(super) heard: usize,
    pub(super) first_ms: f64,
    pub(super) last_ms: f64,
}

/// Opens so many streams, then writes one event.
pub(super) async fn measure(
    world: &World,
    client: &Client,
    run: RunId,
    subscribers: usize,
) -> Result<Events, Error> {
    let path = format!("/api/v1/runs/{run}/events");
    let mut streams = Vec::with_capacity(subscribers);
    while streams.len() < subscribers {
        let some = AT_ONCE.min(subscribers - streams.len());
        streams.extend(try_join_all((0..some).map(|_| client.listen(&path))).await?);
    }
    let mut listening = JoinSet::new();
    // A stream ends with its sender.
    let (senders, bodies): (Vec<_>, Vec<_>) = streams.into_iter().unzip();
    for body in bodies {
        listening.spawn(tokio::time::timeout(PATIENCE, hears(body)));
    }
    let mut tx = WriteTx::begin(&world.engine.pools.control).await?;
    events::record(&mut tx, Some(run), MARK, &json!({})).await?;
    tx.commit().await?;
    let committed = Instant::now();
    let mut after_ms = Vec::with_capacity(subscribers);
    while let Some(heard) = listening.join_next().await {
        if let Ok(Ok(Some(at))) = heard {
            after_ms.push(at.saturating_duration_since(committed).as_secs_f64() * 1e3);
        }
    }
    drop(senders);
    after_ms.sort_by(f64::total_cmp);
    Ok(Events {
        heard: after_ms.len(),
        first_ms: after_ms.first().copied().unwrap_or_default(),
        last_ms: after_ms.last().copied().unwrap_or_default(),
    })
}

/// When the event came; nothing where the stream ended without it.
async fn hears(mut body: Incoming) -> Option<Instant> {
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if String::from_utf8_lossy(&text).contains(MARK) {
            return Some(Instant::now());
        }
    }
    None
}
