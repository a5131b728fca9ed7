//! A caller: one connection for each request, with the bytes as they come.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Somebody who asks, with a token or without.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.text()))
    }

    /// The document of an answer that must have this status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: Option<String>) -> Self {
        Self { address, token }
    }

    pub(crate) fn with(&self, token: &str) -> Self {
        Self::new(self.address, Some(token.to_owned()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let kind = [("content-type", "application/json")];
        self.ask("POST", path, &kind, body.as_bytes()).await
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut stream = self.send(method, path, headers, body).await;
        let (status, headers) = head(&mut stream).await;
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).await.unwrap();
        let chunked = headers
            .get("transfer-encoding")
            .is_some_and(|how| how == "chunked");
        let body = if chunked { unchunked(&raw) } else { raw };
        Answer {
            status,
            headers,
            body,
        }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n");
        if let Some(token) = &self.token {
            let _ = write!(head, "authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses the head need not read the rest.
        let _ = stream.write_all(body).await;
        BufReader::new(stream)
    }

    /// How a request for a stream is answered; what would come is not waited for.
    pub(crate) async fn events_status(&self, path: &str) -> u16 {
        self.begun(path, &[]).await.status
    }

    /// The same, with headers and with what they are answered; of a stream, without what would come.
    pub(crate) async fn begun(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.send("GET", path, headers, b"").await;
        let (status, headers) = head(&mut stream).await;
        let mut body = Vec::new();
        if status != 200 {
            stream.read_to_end(&mut body).await.unwrap();
        }
        Answer {
            status,
            headers,
            body,
        }
    }

    /// A stream of events, that begins after `last`.
    pub(crate) async fn events(&self, path: &str, last: Option<&str>) -> Events {
        let headers: Vec<_> = last.iter().map(|id| ("last-event-id", *id)).collect();
        let mut stream = self.send("GET", path, &headers, b"").await;
        let (status, headers) = head(&mut stream).await;
        assert_eq!(status, 200);
        assert_eq!(headers["content-type"], "text/event-stream");
        Events { stream }
    }
}

/// Events as they come.
pub(crate) struct Events {
    stream: BufReader<TcpStream>,
}

impl Events {
    /// The id and the data of the next event; `None` where the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        let (mut id, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await.unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(':') {
                Some(("id", text)) => id = text.trim().to_owned(),
                Some(("data", text)) => data.push_str(text.trim()),
                _ if !data.is_empty() => return Some((id, serde_json::from_str(&data).unwrap())),
                // Lengths of chunks, empty lines, comments that keep the line alive.
                _ => {}
            }
        }
    }
}

async fn head(stream: &mut BufReader<TcpStream>) -> (u16, BTreeMap<String, String>) {
    let mut status = String::new();
    stream.read_line(&mut status).await.unwrap();
    let code = status.split(' ').nth(1).and_then(|code| code.parse().ok());
    let code = code.unwrap_or_else(|| panic!("no answer: {status:?}"));
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return (code, headers);
        };
        let name = name.to_ascii_lowercase();
        let value = value.trim();
        // Lines of one name are one list.
        let said = headers.entry(name).and_modify(|said: &mut String| {
            said.push_str(", ");
            said.push_str(value);
        });
        said.or_insert_with(|| value.to_owned());
    }
}

fn unchunked(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|pair| pair == b"\r\n") {
        let size = std::str::from_utf8(&raw[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend(&raw[end + 2..end + 2 + size]);
        if size == 0 {
            break;
        }
        raw = &raw[end + 4 + size..];
    }
    body
}
