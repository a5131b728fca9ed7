//! TLS by certificate files, of the program as it is started.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use sigmabatch::domain::Access;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::token;
use crate::world::{Process, World, random};

/// A certificate for this machine that is its own authority, and its key.
fn pair() -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(random());
    std::fs::create_dir_all(&folder).unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

/// What a server of this certificate answers; an error where it has another one.
async fn asked(address: SocketAddr, certificate: &Path, text: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate).unwrap())
        .unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let mut stream = connector.connect(name, stream).await?;
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_certificate_files_speaks_https() {
    let world = World::new().await;
    let token = token(&world, &Access::Viewer).await;
    let (certificate, key) = pair();
    let mut command = world.program("sigmabatch");
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--tls-cert"])
        .arg(&certificate)
        .arg("--tls-key")
        .arg(&key)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process::start(&mut command);
    let mut line = String::new();
    BufReader::new(process.stdout())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim_end().strip_prefix("listening on https://");
    let address = address
        .unwrap_or_else(|| panic!("{line:?}"))
        .parse()
        .unwrap();
    let get = format!(
        "GET /api/v1/portfolios HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let answer = asked(address, &certificate, &get).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // A browser keeps what it is given to encrypted connections.
    let form = format!("token={token}&next=/");
    let login = format!(
        "POST /login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nsec-fetch-site: same-origin\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = asked(address, &certificate, &login).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 303") && answer.contains("; Secure"),
        "{answer}"
    );
    // Who does not trust it is not answered, nor is who does not encrypt.
    let (other, _) = pair();
    assert!(asked(address, &other, &get).await.is_err());
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(get.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_certificate_with_its_key_are_named() {
    let world = World::new().await;
    let (certificate, key) = pair();
    let (_, other) = pair();
    let folder = certificate.parent().unwrap();
    let (missing, text) = (folder.join("missing.pem"), folder.join("text.pem"));
    std::fs::write(&text, "no PEM at all").unwrap();
    let words = |path: &Path| path.to_str().unwrap().to_owned();
    for (certificate, key, named) in [
        (&certificate, &missing, vec![&missing]),
        (&certificate, &text, vec![&text]),
        (&missing, &key, vec![&missing]),
        (&text, &key, vec![&text]),
        // A certificate in the place of a key, and a key of another certificate.
        (&certificate, &certificate, vec![&certificate]),
        (&certificate, &other, vec![&certificate, &other]),
    ] {
        let [certificate, key] = [certificate, key].map(|path| words(path));
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            // One that should not have started ends by this.
            "--until-stdin-closes",
            "--tls-cert",
            certificate.as_str(),
            "--tls-key",
            key.as_str(),
        ];
        let (code, said) = world.page(&arguments).await;
        assert_eq!(code, 1, "{said}");
        for path in named {
            assert!(said.contains(&words(path)), "{path:?}: {said}");
        }
        assert!(
            !said.contains("listening") && !said.contains("PRIVATE KEY"),
            "{said}"
        );
        let secret = std::fs::read_to_string(&other).unwrap();
        for line in secret.lines().filter(|line| !line.is_empty()) {
            assert!(!said.contains(line), "of the key: {said}");
        }
    }
    // One file is none.
    for flag in ["--tls-cert", "--tls-key"] {
        let (code, said) = world.page(&["serve", flag, &words(&certificate)]).await;
        assert!(code == 2 && said.contains("--tls-"), "{said}");
    }
    assert_eq!(world.count("select count(*) from api_token").await, 0);
}
