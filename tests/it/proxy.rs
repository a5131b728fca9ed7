//! A bad line: stands between a worker and a server, and drops, delays or swallows what goes through.
//!
//! A swallowed connection is the one that hurts: both ends think that it is open, and nothing arrives.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A swallowed connection is reset after so long, as a router does that has forgotten it.
const FORGOTTEN: Duration = Duration::from_secs(20);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the server.
    There,
    /// To the client.
    Back,
}

/// The proxy; its connections end with it.
pub(crate) struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    over: CancellationToken,
}

/// What goes on at the moment.
#[derive(Default)]
struct Line {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    open: BTreeMap<u64, Open>,
    /// How long each piece waits.
    delay: Duration,
    /// New connections are accepted, and nothing of them is forwarded.
    deaf: bool,
    /// Once a client has sent this, it gets no answer, and is cut off when there is one.
    unanswered: Option<&'static [u8]>,
    lost_answers: usize,
    /// What clients sent, by connection, since somebody wanted to know.
    heard: Option<BTreeMap<u64, Vec<u8>>>,
}

struct Open {
    cut: CancellationToken,
    swallowed: Vec<Way>,
    /// Hang up instead of passing the next answer on.
    unanswered: bool,
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Listens, and forwards to a port of this machine.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, over) = (Arc::<Line>::default(), CancellationToken::new());
        let accepting = accept(listener, port, Arc::clone(&line), over.clone());
        tokio::spawn(over.clone().run_until_cancelled_owned(accepting));
        Self {
            address,
            line,
            over,
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of the server, with our port in place of its own.
    pub(crate) fn url(&self, direct: &str) -> String {
        let port = port_of(direct);
        direct.replacen(&format!(":{port}/"), &format!(":{}/", self.port()), 1)
    }

    /// Connections that clients hold open.
    pub(crate) fn open(&self) -> usize {
        self.line.state().open.len()
    }

    /// Breaks every connection.
    pub(crate) fn cut(&self) {
        for open in self.line.state().open.values() {
            open.cut.cancel();
        }
    }

    /// Swallows one way of every connection that is open now; new ones go through.
    pub(crate) fn swallow(&self, way: Way) {
        for open in self.line.state().open.values_mut() {
            open.swallowed.push(way);
            let cut = open.cut.clone();
            tokio::spawn(async move {
                tokio::time::sleep(FORGOTTEN).await;
                cut.cancel();
            });
        }
    }

    /// From now on each piece waits so long.
    pub(crate) fn delay(&self, by: Duration) {
        self.line.state().delay = by;
    }

    /// Whether new connections are accepted and then ignored.
    pub(crate) fn deaf(&self, deaf: bool) {
        self.line.state().deaf = deaf;
    }

    /// The next client that sends this gets no answer: the server has done it, and nobody knows.
    pub(crate) fn lose_the_answer_to(&self, what: &'static [u8]) {
        self.line.state().unanswered = Some(what);
    }

    /// Answers that were lost.
    pub(crate) fn lost_answers(&self) -> usize {
        self.line.state().lost_answers
    }

    /// Connections that clients have made so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.line.state().next
    }

    /// Keeps what clients send from now on.
    pub(crate) fn listen(&self) {
        self.line.state().heard = Some(BTreeMap::new());
    }

    /// What was kept, by connection.
    pub(crate) fn heard(&self) -> Vec<Vec<u8>> {
        let heard = self.line.state().heard.take();
        heard.unwrap_or_default().into_values().collect()
    }

    /// Everything goes through again; what was swallowed is broken.
    pub(crate) fn heal(&self) {
        let mut state = self.line.state();
        state.delay = Duration::ZERO;
        state.deaf = false;
        state.unanswered = None;
        for open in state.open.values() {
            if !open.swallowed.is_empty() {
                open.cut.cancel();
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.cancel();
        self.cut();
    }
}

/// The port in a URL of `127.0.0.1`.
pub(crate) fn port_of(url: &str) -> u16 {
    let (_, rest) = url.split_once("127.0.0.1:").unwrap();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

async fn accept(listener: TcpListener, port: u16, line: Arc<Line>, over: CancellationToken) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let cut = over.child_token();
        let number = {
            let mut state = line.state();
            let deaf = state.deaf;
            let open = Open {
                cut: cut.clone(),
                swallowed: if deaf {
                    vec![Way::There, Way::Back]
                } else {
                    Vec::new()
                },
                unanswered: false,
            };
            state.next += 1;
            let number = state.next;
            state.open.insert(number, open);
            number
        };
        let line = Arc::clone(&line);
        tokio::spawn(async move {
            cut.run_until_cancelled(serve(client, port, &line, number))
                .await;
            line.state().open.remove(&number);
        });
    }
}

async fn serve(client: TcpStream, port: u16, line: &Line, number: u64) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        return;
    };
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Either end ends both: nobody here half-closes a connection on purpose.
    tokio::select! {
        () = pump(from_client, to_server, Way::There, line, number) => {}
        () = pump(from_server, to_client, Way::Back, line, number) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, line: &Line, number: u64) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let delay = line.state().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match line.pass(&buffer[..length], way, number) {
            Pass::On => {
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
            Pass::Nothing => {}
            Pass::HangUp => return,
        }
    }
}

/// What becomes of a piece.
enum Pass {
    On,
    Nothing,
    HangUp,
}

impl Line {
    fn pass(&self, piece: &[u8], way: Way, number: u64) -> Pass {
        let mut state = self.state();
        let State {
            open,
            unanswered,
            lost_answers,
            heard,
            ..
        } = &mut *state;
        let Some(open) = open.get_mut(&number) else {
            return Pass::HangUp;
        };
        if open.swallowed.contains(&way) {
            return Pass::Nothing;
        }
        match way {
            Way::There => {
                if let Some(heard) = heard {
                    heard.entry(number).or_default().extend(piece);
                }
                let says = |what: &[u8]| {
                    let mut parts = piece.windows(what.len());
                    parts.any(|part| part.eq_ignore_ascii_case(what))
                };
                if unanswered.take_if(|what| says(what)).is_some() {
                    open.unanswered = true;
                }
                Pass::On
            }
            Way::Back if open.unanswered => {
                *lost_answers += 1;
                Pass::HangUp
            }
            Way::Back => Pass::On,
        }
    }
}
