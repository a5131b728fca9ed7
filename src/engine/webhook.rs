//! Tells somebody about alerts: one POST of JSON each, over HTTP or TLS, with a limit of time. What is not taken is tried again,
//! a few times; the row says what came of it.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::store::Pool;
use crate::store::alerts::{self, AlertRow};

/// For one delivery, from the first packet to the status.
const LIMIT: Duration = Duration::from_secs(5);
/// Then somebody has to look by themselves.
const TRIES: i16 = 6;

/// Where alerts go.
#[derive(Debug, Clone)]
pub struct Webhook(Arc<Address>);

#[derive(Debug)]
struct Address {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an address of http:// or https:// with a host")]
pub struct BadWebhook;

impl std::str::FromStr for Webhook {
    type Err = BadWebhook;

    fn from_str(text: &str) -> Result<Self, BadWebhook> {
        let uri: Uri = text.parse().map_err(|_| BadWebhook)?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(BadWebhook),
        };
        let host = uri
            .host()
            .filter(|host| !host.is_empty())
            .ok_or(BadWebhook)?;
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self(Arc::new(Address {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            tls,
            uri,
        })))
    }
}

impl Webhook {
    /// Tells everything that is due; says how many were taken.
    pub(super) async fn deliver(&self, pool: &Pool) -> crate::store::Result<usize> {
        let mut taken = 0;
        while let Some(alert) = alerts::to_deliver(pool, TRIES).await? {
            let answer = tokio::time::timeout(LIMIT, self.tell(&alert)).await;
            let error = match answer {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_elapsed) => Some("no answer in time".to_owned()),
            };
            alerts::delivered(pool, alert.id, error.as_deref()).await?;
            match error {
                None => taken += 1,
                Some(error) => {
                    tracing::warn!(alert = alert.id, error, "the webhook did not take an alert");
                }
            }
        }
        Ok(taken)
    }

    async fn tell(&self, alert: &AlertRow) -> Result<(), String> {
        let stream = TcpStream::connect((self.0.host.as_str(), self.0.port)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        if !self.0.tls {
            return self.post(stream, alert).await;
        }
        let name = ServerName::try_from(self.0.host.clone()).map_err(|error| error.to_string())?;
        let stream = connector()?.connect(name, stream).await;
        self.post(stream.map_err(|error| error.to_string())?, alert)
            .await
    }

    async fn post<S>(&self, stream: S, alert: &AlertRow) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let told = |error: hyper::Error| error.to_string();
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
        // Ends with the sender, or with the limit around all of this.
        let connection = tokio::spawn(connection);
        let body = json!({
            "id": alert.id,
            "at": alert.at,
            "kind": alert.kind,
            "cause": alert.cause,
            "run_id": alert.run_id,
            "detail": alert.detail,
        });
        let path = self
            .0
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let authority = self.0.uri.authority().map_or("", |known| known.as_str());
        let host = authority.rsplit('@').next().unwrap_or_default();
        let request = Request::post(path)
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(told);
        drop(sender);
        connection.abort();
        let status = response?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("it answered {status}"))
        }
    }
}

/// Trusts what the system trusts.
fn connector() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    for known in rustls_native_certs::load_native_certs().certs {
        // One that cannot be read is one less.
        let _ = roots.add(known);
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        let known: Webhook = "https://hooks.example/a?b=c".parse().unwrap();
        assert_eq!(
            (known.0.host.as_str(), known.0.port, known.0.tls),
            ("hooks.example", 443, true)
        );
        let known: Webhook = "http://[::1]:9000".parse().unwrap();
        assert_eq!(
            (known.0.host.as_str(), known.0.port, known.0.tls),
            ("::1", 9000, false)
        );
        for wrong in ["", "hooks.example", "ftp://a", "http://", "/path"] {
            assert!(wrong.parse::<Webhook>().is_err(), "{wrong}");
        }
    }
}
