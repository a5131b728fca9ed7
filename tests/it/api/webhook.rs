//! A webhook behind TLS: told by a real worker, if the authority of its certificate is one that the worker trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::alerts::take;
use super::{Served, book};
use crate::world::{Process, World, eventually};

/// A server whose certificate an authority of our own has signed.
struct Hook {
    url: String,
    /// The certificate of the authority.
    authority: PathBuf,
    /// What it was told.
    told: UnboundedReceiver<(String, Value)>,
}

async fn hook() -> Hook {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = authority.self_signed(&key).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(crate::world::random());
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("authority.pem");
    std::fs::write(&file, certificate.pem()).unwrap();

    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, told) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who does not trust the certificate ends here.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = sender.send(take(&mut stream, "204 No Content").await);
        }
    });
    Hook {
        url: format!("https://localhost:{port}/alert"),
        authority: file,
        told,
    }
}

/// A worker that finds a session overdue, and tells the hook.
fn worker(world: &World, hook: &Hook, authority: Option<&Path>) -> Process {
    let mut command = world.program("sigmabatch-worker");
    command
        .env("SIGMABATCH_OVERDUE_HOURS", "1")
        .env("SIGMABATCH_ALERT_WEBHOOK", &hook.url)
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR");
    if let Some(authority) = authority {
        command.env("SSL_CERT_FILE", authority);
    }
    Process::start(&mut command)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_goes_over_tls_to_whom_the_system_trusts_and_to_nobody_else() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let mut hook = hook().await;
    let delivery = async || {
        let page = served.viewer.get("/api/v1/alerts").await.expect(200);
        page["alerts"][0]["delivery"].clone()
    };
    let stranger = worker(&world, &hook, None);
    let refused = eventually(async || {
        let delivery = delivery().await;
        delivery["error"].is_string().then_some(delivery)
    });
    let refused = refused.await.expect("it is tried");
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("UnknownIssuer"), "{error}");
    assert_eq!(refused["delivered_at"], Value::Null);
    assert!(
        hook.told.try_recv().is_err(),
        "nothing is said to a stranger"
    );
    drop(stranger);

    let authority = hook.authority.clone();
    let _worker = worker(&world, &hook, Some(&authority));
    let (head, body) = hook.told.recv().await.unwrap();
    assert!(head.starts_with("POST /alert HTTP/1.1"), "{head}");
    assert!(head.contains("host: localhost:"), "{head}");
    assert_eq!(
        (&body["kind"], &body["cause"]),
        (&json!("run-overdue"), &json!("2016-12-30"))
    );
    let taken = eventually(async || {
        let delivery = delivery().await;
        delivery["delivered_at"].is_string().then_some(delivery)
    });
    let taken = taken.await.expect("the row says that it was taken");
    assert_eq!(taken["error"], Value::Null);
}
