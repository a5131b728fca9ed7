//! Who asks: connections that are kept and used again, as many as there are requests at once.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::cli::Error;

type Sender = SendRequest<Empty<Bytes>>;

/// Somebody with a token.
#[derive(Clone)]
pub(super) struct Client {
    address: SocketAddr,
    token: Arc<str>,
    idle: Arc<Mutex<Vec<Sender>>>,
}

impl Client {
    pub(super) fn new(address: SocketAddr, token: String) -> Self {
        Self {
            address,
            token: token.into(),
            idle: Arc::default(),
        }
    }

    /// The answer, when all of it is there; anything but 200 is an error.
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, Error> {
        // A line of its own: the guard must not be held while somebody connects.
        let idle = self.lock().pop();
        let mut sender = match idle {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.connect().await?,
        };
        let answer = self.send(&mut sender, path).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(broken)?;
        self.lock().push(sender);
        if status != StatusCode::OK {
            return Err(refused(path, status));
        }
        Ok(body.to_bytes())
    }

    /// A stream of events, on a connection of its own; it listens when this returns.
    pub(super) async fn listen(&self, path: &str) -> Result<(Sender, Incoming), Error> {
        let mut sender = self.connect().await?;
        let answer = self.send(&mut sender, path).await?;
        match answer.status() {
            StatusCode::OK => Ok((sender, answer.into_body())),
            status => Err(refused(path, status)),
        }
    }

    async fn connect(&self) -> Result<Sender, Error> {
        let stream = TcpStream::connect(self.address).await.map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // Ends with the sender.
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn send(&self, sender: &mut Sender, path: &str) -> Result<Response<Incoming>, Error> {
        let request = Request::get(path)
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Empty::new())
            .map_err(broken)?;
        sender.ready().await.map_err(broken)?;
        sender.send_request(request).await.map_err(broken)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that failed.
pub(super) fn broken(error: impl std::fmt::Display) -> Error {
    Error::not_there(
        format!("the API does not answer: {error}"),
        "run it again with --log=info",
    )
}

fn refused(path: &str, status: StatusCode) -> Error {
    Error::not_there(
        format!("{path} answered {status}"),
        "this is a bug: please report it",
    )
}
