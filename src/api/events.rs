//! Events as they are committed, as a stream that can be resumed without loss.
//!
//! One poller for each process reads what became visible and hands it to every stream, with what decides who is told of
//! it: so many listeners of different sight cost no statement of their own. A stream begins with what lies between its
//! place and now, read after it listens; what comes twice is told by its place. Whoever falls behind reads again from
//! where he is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use serde_json::{Value, json};
use tokio::sync::{Notify, OnceCell, broadcast, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Api;
use super::auth::Caller;
use super::params::Params;
use super::problem::{Kind, Problem};
use super::results::takes_events;
use super::runs::visible;
use crate::domain::RunId;
use crate::store::events::{self, EventRow, Heard, Place};
use crate::store::{self, Pools, ReadTx, tokens};

/// Between two looks, while somebody listens.
const INTERVAL: Duration = Duration::from_millis(300);
/// Events that a stream may be behind before it reads again.
const BUFFER: usize = 1_024;
/// Events of one statement.
const BATCH: i64 = 500;
/// Streams of a process.
const STREAMS: usize = 2_000;
/// Streams of a token among them: no single one takes the places of all.
const STREAMS_OF_TOKEN: usize = 500;

/// The places of streams.
#[derive(Debug)]
struct Seats {
    /// How many each token has; no entry for those without.
    taken: Mutex<BTreeMap<Uuid, usize>>,
    all: usize,
    of_token: usize,
}

impl Seats {
    fn new(all: usize, of_token: usize) -> Self {
        Self {
            taken: Mutex::default(),
            all,
            of_token,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> usize {
        self.lock().values().sum()
    }

    /// A place for a stream of this token, if there is one; otherwise why not.
    fn take(self: &Arc<Self>, token: Uuid) -> Result<Seat, &'static str> {
        let mut taken = self.lock();
        if taken.values().sum::<usize>() >= self.all {
            return Err("too many streams are open");
        }
        let own = taken.entry(token).or_default();
        if *own >= self.of_token {
            return Err("too many streams of this token are open");
        }
        *own += 1;
        Ok(Seat {
            seats: Arc::clone(self),
            token,
        })
    }
}

/// The place of one stream, free again with its end.
#[derive(Debug)]
struct Seat {
    seats: Arc<Seats>,
    token: Uuid,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.lock();
        if let Some(own) = taken.get_mut(&self.token) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.token);
            }
        }
    }
}

/// The events of a process.
#[derive(Clone)]
pub(super) struct Feed {
    pools: Pools,
    sender: broadcast::Sender<Arc<Heard>>,
    /// Tokens that are worth nothing any more: their streams end.
    revoked: watch::Sender<BTreeSet<Uuid>>,
    listened: Arc<Notify>,
    begin: Arc<OnceCell<Place>>,
    seats: Arc<Seats>,
    stop: CancellationToken,
}

impl Feed {
    /// Starts the poller; it reads nothing while nobody listens.
    pub(super) fn new(pools: Pools, stop: CancellationToken) -> Self {
        let feed = Self {
            pools,
            sender: broadcast::channel(BUFFER).0,
            revoked: watch::channel(BTreeSet::new()).0,
            listened: Arc::default(),
            begin: Arc::default(),
            seats: Arc::new(Seats::new(STREAMS, STREAMS_OF_TOKEN)),
            stop: stop.clone(),
        };
        let poller = feed.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = poller.poll() => {}
                () = stop.cancelled() => {}
            }
        });
        feed
    }

    /// Streams that are open.
    pub(super) fn open(&self) -> usize {
        self.seats.count()
    }

    /// Where the poller begins: known before the first stream reads what lies behind it, or what is committed
    /// between the two would be lost.
    async fn begin(&self) -> store::Result<Place> {
        self.begin.get_or_try_init(|| self.newest()).await.copied()
    }

    /// The newest place of which anything may have been told.
    async fn newest(&self) -> store::Result<Place> {
        events::now(&self.pools.commit).await
    }

    async fn poll(&self) {
        let mut place = None;
        loop {
            if self.sender.receiver_count() == 0 {
                self.listened.notified().await;
            }
            match self.look(place).await {
                Ok(next) => place = Some(next),
                Err(error) => tracing::warn!(%error, "events were not read"),
            }
            if let Err(error) = self.look_at_tokens().await {
                tracing::warn!(%error, "tokens were not read");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Hands out what became visible; where the next look begins. The place is kept while nobody listens: a
    /// stream that reads what lies behind it at any time has then nothing between that and what it hears.
    async fn look(&self, place: Option<Place>) -> store::Result<Place> {
        let mut place = match place {
            Some(place) => place,
            None => self.begin().await?,
        };
        loop {
            let rows = events::after(&self.pools.commit, place, None, BATCH).await?;
            let Some(last) = rows.last() else {
                return Ok(place);
            };
            place = last.event.place;
            for row in rows {
                // Nobody listens any more.
                let _ = self.sender.send(Arc::new(row));
            }
        }
    }

    async fn look_at_tokens(&self) -> store::Result<()> {
        let mut db = ReadTx::lazy(&self.pools.commit);
        let all = tokens::list(&mut db).await?.into_iter();
        db.close().await?;
        let revoked = all.filter(|token| token.revoked_at.is_some());
        let revoked: BTreeSet<Uuid> = revoked.map(|token| token.id).collect();
        self.revoked.send_if_modified(|known| {
            let news = *known != revoked;
            *known = revoked;
            news
        });
        Ok(())
    }

    fn listen(&self) -> broadcast::Receiver<Arc<Heard>> {
        let receiver = self.sender.subscribe();
        self.listened.notify_one();
        receiver
    }
}

/// One stream.
struct Reader {
    feed: Feed,
    run: RunId,
    /// The portfolios whose events are told beside those of the run, where it is about others too.
    only: Option<Vec<Uuid>>,
    place: Place,
    /// Read and not sent yet, what is nothing of this reader's among it.
    ahead: VecDeque<Arc<Heard>>,
    /// What lies between the place and now has to be read.
    behind: bool,
    live: broadcast::Receiver<Arc<Heard>>,
    revoked: watch::Receiver<BTreeSet<Uuid>>,
    /// Of the token of whoever listens.
    seat: Seat,
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(heard) = self.ahead.pop_front() {
                let row = &heard.event;
                if row.place > self.place {
                    self.place = row.place;
                    if let Some(detail) = heard.told(self.only.as_deref()) {
                        return Some(event(row, &detail));
                    }
                }
                continue;
            }
            if self.behind {
                match self.catch_up().await {
                    Ok(()) => continue,
                    Err(error) => {
                        // The client comes back with the place that it has.
                        tracing::warn!(%error, "a stream of events ended");
                        return None;
                    }
                }
            }
            let token = self.seat.token;
            let revoked = async {
                // An error: the feed has ended.
                let _ = self.revoked.wait_for(|known| known.contains(&token)).await;
            };
            let heard = tokio::select! {
                biased;
                () = revoked => return None,
                () = self.feed.stop.cancelled() => return None,
                heard = self.live.recv() => heard,
            };
            match heard {
                Ok(heard) if heard.event.run == Some(self.run) => self.ahead.push_back(heard),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    async fn catch_up(&mut self) -> store::Result<()> {
        let pool = &self.feed.pools.load;
        let rows = events::after(pool, self.place, Some(self.run), BATCH).await?;
        self.behind = i64::try_from(rows.len()) == Ok(BATCH);
        self.ahead.extend(rows.into_iter().map(Arc::new));
        Ok(())
    }
}

/// What happens to a run, as server-sent events: everything since its beginning, or since `Last-Event-ID`. The last
/// one is `run-finished`. Of a run with portfolios of others an owner hears what happens to the run and to own portfolios.
#[utoipa::path(get, path = "/api/v1/runs/{run_id}/events", tag = "runs",
    params(("run_id" = uuid::Uuid, Path, description = "The run"),
           ("Last-Event-ID" = Option<String>, Header, description = "Go on after this event")),
    responses((status = 200, description = "A stream of events", body = String, content_type = "text/event-stream"),
              (status = 400, description = "`Last-Event-ID` is none that this stream has given, or there is a parameter"),
              (status = 406, description = "`Accept` does not take a stream of events"),
              (status = 404, description = "No such run")))]
pub(super) async fn of_run(
    caller: Caller,
    api: State<Api>,
    run: Path<String>,
    params: Params,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    params.only(&[])?;
    stream(caller, api, run, headers).await
}

/// The same for whoever is known otherwise than by a token.
pub(crate) async fn stream(
    caller: Caller,
    State(api): State<Api>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let seen = visible(&api, &caller, &run).await?;
    if !takes_events(&headers) {
        let what = "this is a stream of events: `Accept: text/event-stream`";
        return Err(Problem::new(Kind::NotAcceptable, what));
    }
    let feed = api.feed().clone();
    let place = match headers.get("last-event-id") {
        None => Place::default(),
        Some(value) => {
            let place = value.to_str().ok().and_then(parse);
            // Beyond what there is, a stream would be silent for ever.
            let newest = feed.newest().await?;
            place
                .filter(|place| place.transaction <= newest.transaction)
                .ok_or_else(|| {
                    Problem::field("Last-Event-ID", "not an id that this stream has given")
                })?
        }
    };
    let seat = feed.seats.take(caller.token);
    let seat = seat.map_err(|why| Problem::new(Kind::Busy, why))?;
    feed.begin().await?;
    let reader = Reader {
        live: feed.listen(),
        revoked: feed.revoked.subscribe(),
        feed,
        run: seen.run.id,
        only: seen.only,
        place,
        ahead: VecDeque::new(),
        behind: true,
        seat,
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

fn event(row: &EventRow, detail: &Value) -> Event {
    let data = json!({ "at": row.at, "run_id": row.run, "kind": row.kind, "detail": detail });
    Event::default()
        .id(format!("{}-{}", row.place.transaction, row.place.id))
        .event(&row.kind)
        .data(data.to_string())
}

fn parse(text: &str) -> Option<Place> {
    let (transaction, id) = text.trim().split_once('-')?;
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
    Some(Place {
        transaction: number(transaction)?,
        id: number(id)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_place_or_nothing() {
        let place = Place {
            transaction: 7,
            id: 12,
        };
        assert_eq!(parse("7-12"), Some(place));
        for text in ["", "7", "7-", "-7-1", "a-b", "99999999999999999999-1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_does_not_take_all_places() {
        let seats = Arc::new(Seats::new(3, 2));
        let [one, other, third] = [1, 2, 3].map(Uuid::from_u128);
        let first = seats.take(one).unwrap();
        let _second = seats.take(one).unwrap();
        let refused = seats.take(one).unwrap_err();
        assert!(refused.contains("of this token"), "{refused}");
        let theirs = seats.take(other).unwrap();
        let full = seats.take(third).unwrap_err();
        assert!(!full.contains("of this token"), "{full}");
        assert_eq!(seats.count(), 3);
        drop(theirs);
        assert!(seats.take(one).is_err(), "the place is for others");
        drop(first);
        let _again = seats.take(one).unwrap();
        assert_eq!(seats.count(), 2);
    }
}
