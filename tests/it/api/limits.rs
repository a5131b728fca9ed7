//! Slow clients, large bodies, many requests, and TLS.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sigmabatch::api::{Limits, Options, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Served, book};
use crate::world::World;

fn options(limits: Limits) -> Options {
    Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        connections: 4,
        risk_free_rate: None,
        tls: None,
        limits,
    }
}

async fn served(world: &World, options: &Options) -> Served {
    Served::with(world, &world.options().store, options).await
}

/// All that still comes; the other side must end it.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_byte_and_stops_is_cut_off_and_nobody_else_notices() {
    let world = World::new().await;
    let head = Duration::from_millis(300);
    let limits = Limits {
        head,
        request: Duration::from_millis(600),
        ..Limits::default()
    };
    let served = served(&world, &options(limits)).await;
    let begun = tokio::time::Instant::now();
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    slow.write_all(b"G").await.unwrap();
    served.viewer.get("/api/v1/portfolios").await.expect(200);
    // No answer, or one that says why; then the end.
    let said = rest(&mut slow).await;
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 408"),
        "{said}"
    );
    assert!(begun.elapsed() >= head);

    // A head that promises a body, and none comes.
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    let token = super::token(&world, &sigmabatch::domain::Access::Operator).await;
    let text = format!(
        "POST /api/v1/portfolios HTTP/1.1\r\nhost: it\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: text/csv\r\ncontent-length: 1000\r\n\r\nSymbol"
    );
    slow.write_all(text.as_bytes()).await.unwrap();
    let said = rest(&mut slow).await;
    assert!(
        said.starts_with("HTTP/1.1 504") && said.contains("problem+json"),
        "{said}"
    );
    let said = rest(&mut opened(&served, LOGIN).await).await;
    assert!(said.contains("HTTP/1.1 504"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_pages_have_their_limits() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let kind = [("content-type", "text/csv")];
    let path = "/api/v1/portfolios?name=x&opening_equity=1&inception=2016-12-19";
    // As large as the command line takes it: it is looked at.
    let large = vec![b'x'; 10 << 20];
    let problem = served.operator.ask("POST", path, &kind, &large).await;
    assert_eq!(problem.expect(422)["type"], "/docs#problem-file-rejected");
    // Larger ones are refused before a byte of them is read.
    for (path, length) in [
        (path, 11 << 20),
        ("/api/v1/admin/batch/run", 2 << 20),
        ("/login", 5 << 10),
    ] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: it\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let said = rest(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 413"), "{path}: {said}");
        assert!(said.contains("/docs#problem-too-large"), "{path}: {said}");
    }
    // The page takes the same files.
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = "POST /start/import HTTP/1.1\r\nhost: it\r\nconnection: close\r\ncontent-length: 10000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(
        said.starts_with("HTTP/1.1 303"),
        "who is unknown signs in: {said}"
    );
    // One that does not say how large it is.
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let piece = format!("1400\r\n{}\r\n", "x".repeat(0x1400));
    let form = "content-type: application/x-www-form-urlencoded\r\nsec-fetch-site: same-origin";
    let head =
        format!("POST /login HTTP/1.1\r\nhost: it\r\n{form}\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all((head + &piece).as_bytes()).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    for route in [
        "portfolios",
        "symbols",
        "alerts",
        "calendar",
        "admin/batch/history",
    ] {
        for limit in ["0", "501", "-1", "many"] {
            let path = format!("/api/v1/{route}?limit={limit}");
            let problem = served.viewer.get(&path).await.expect(400);
            assert_eq!(problem["field"], json!("limit"), "{route} {limit}");
        }
    }
}

/// A request that stops before its body, once the server has asked for it: it is being worked on.
async fn opened(served: &Served, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = format!("{head}\r\nhost: it\r\nconnection: close\r\nexpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"HTTP/1.1 100");
    stream
}

/// Files that an operator does not go on sending.
async fn uploads(world: &World, served: &Served, count: usize) -> Vec<TcpStream> {
    let token = super::token(world, &sigmabatch::domain::Access::Operator).await;
    let head = format!(
        "POST /api/v1/portfolios HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-type: text/csv\r\n\
         content-length: 10"
    );
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(opened(served, &head).await);
    }
    held
}

/// A form of a stranger that does not come.
const LOGIN: &str = "POST /login HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                     sec-fetch-site: same-origin\r\ncontent-length: 100";

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_of_strangers_hold_nobody_up() {
    let world = World::new().await;
    let limits = Limits {
        requests: 2,
        ..Limits::default()
    };
    let served = served(&world, &options(limits)).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        slow.push(opened(&served, LOGIN).await);
    }
    // Nor those who promise a file and have no token.
    for _ in 0..40 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let head = "POST /api/v1/portfolios HTTP/1.1\r\nhost: it\r\ncontent-type: text/csv\r\ncontent-length: 10\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    for path in ["/health/live", "/health/ready", "/login"] {
        assert_eq!(served.nobody.get(path).await.status, 200, "{path}");
    }
    for path in ["/metrics", "/api/v1/portfolios", "/"] {
        assert_eq!(served.viewer.get(path).await.status, 200, "{path}");
    }
    // The forms waited all the time.
    for mut stream in slow.into_iter().take(40) {
        stream.write_all(&[b'x'; 100]).await.unwrap();
        let said = rest(&mut stream).await;
        assert!(said.contains("HTTP/1.1 401"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_for_a_place_is_told_when_to_come_back() {
    let world = World::new().await;
    let limits = Limits {
        requests: 2,
        wait: Duration::from_millis(50),
        ..Limits::default()
    };
    let served = served(&world, &options(limits)).await;
    let held = uploads(&world, &served, 2).await;
    let refused = served.viewer.get("/api/v1/portfolios").await;
    assert_eq!(refused.expect(503)["type"], "/docs#problem-busy");
    let seconds: u32 = refused.headers["retry-after"].parse().unwrap();
    assert!(seconds > 0);
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(served.nobody.get(path).await.status, 200, "{path}");
    }
    assert_eq!(served.viewer.get("/metrics").await.status, 200);
    drop(held);
}

/// Whoever looks at pages sees a page, whatever part of the server refuses: in the style of the others, with the trace id.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_by_a_page_whatever_goes_wrong() {
    let world = World::new().await;
    let limits = Limits {
        requests: 2,
        wait: Duration::from_millis(50),
        request: Duration::from_secs(2),
        ..Limits::default()
    };
    let served = served(&world, &options(limits)).await;
    let browser = [
        ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let operator = &served.operator;
    let page = async |method: &str, path: &str, body: &[u8], status: u16| {
        let answer = operator.ask(method, path, &browser, body).await;
        let text = answer.text();
        assert_eq!(answer.status, status, "{path}: {text}");
        let kind = &answer.headers["content-type"];
        assert_eq!(kind, "text/html; charset=utf-8", "{path}: {text}");
        assert!(
            text.contains("/assets/style.css") && text.contains("role=\"alert\""),
            "{text}"
        );
        assert!(
            text.contains(&answer.headers["x-trace-id"]),
            "{path}: {text}"
        );
        answer
    };
    page("GET", "/portfolios?zz=1", b"", 400).await;
    page("GET", "/runs/zz", b"", 404).await;
    page("GET", "/nothing/like/this", b"", 404).await;
    page("DELETE", "/portfolios", b"", 405).await;
    // Larger than the form, and refused before a handler sees it.
    page("POST", "/login", &[b'x'; 5 << 10], 413).await;
    // Programs are told as before, a browser that asks the API too.
    let api = operator.ask("GET", "/api/v1/runs/zz", &browser, b"").await;
    assert_eq!(api.headers["content-type"], "application/problem+json");
    let program = operator.get("/nothing/like/this").await;
    assert_eq!(program.headers["content-type"], "application/problem+json");

    let held = uploads(&world, &served, 2).await;
    let busy = page("GET", "/portfolios", b"", 503).await;
    assert!(busy.headers.contains_key("retry-after"));
    drop(held);
    // A form whose sender does not go on.
    let token = super::token(&world, &sigmabatch::domain::Access::Operator).await;
    let head = format!(
        "POST /actions/retry HTTP/1.1\r\nauthorization: Bearer {token}\r\naccept: text/html\r\nsec-fetch-site: same-origin\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 10"
    );
    let said = rest(&mut opened(&served, &head).await).await;
    assert!(
        said.contains("HTTP/1.1 504") && said.contains("text/html"),
        "{said}"
    );
    assert!(said.contains("Trace id"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_limit_wait_for_others_to_end() {
    let world = World::new().await;
    let limits = Limits {
        requests: 2,
        ..Limits::default()
    };
    let served = served(&world, &options(limits)).await;
    let mut held = uploads(&world, &served, 2).await;
    let viewer = served.viewer.clone();
    let waiting = tokio::spawn(async move { viewer.get("/api/v1/portfolios").await.status });
    let early = tokio::time::timeout(Duration::from_millis(300), async {
        while !waiting.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    assert!(early.await.is_err(), "there were two already");
    held.pop();
    assert_eq!(waiting.await.unwrap(), 200);
}

/// Who asks for much and reads nothing holds a connection no longer than the limit says, and the next one waits for its place.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_what_was_asked_for_is_cut_off_for_whoever_waits() {
    let world = World::new().await;
    let limits = Limits {
        connections: 1,
        stall: Duration::from_millis(300),
        ..Limits::default()
    };
    let served = served(&world, &options(limits)).await;
    let mut greedy = TcpStream::connect(served.address).await.unwrap();
    // A hundred megabytes or so: no buffer on the way takes them.
    let one = "GET /openapi.json HTTP/1.1\r\nhost: it\r\n\r\n";
    let asked = 400;
    greedy
        .write_all(one.repeat(asked).as_bytes())
        .await
        .unwrap();
    // There is one place: this is answered once that connection is closed.
    served.viewer.get("/api/v1/portfolios").await.expect(200);
    let begun = rest(&mut greedy).await.matches("HTTP/1.1 200").count();
    assert!(begun < asked, "all were written to who did not read");
}

/// Who comes to a server that speaks TLS and says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_does_not_begin_is_cut_off() {
    let world = World::new().await;
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(crate::world::random());
    std::fs::create_dir_all(&folder).unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
    };
    std::fs::write(&tls.certificate, pair.cert.pem()).unwrap();
    std::fs::write(&tls.key, pair.signing_key.serialize_pem()).unwrap();
    let head = Duration::from_millis(300);
    let options = Options {
        tls: Some(tls),
        ..options(Limits {
            head,
            ..Limits::default()
        })
    };
    let served = served(&world, &options).await;
    let begun = tokio::time::Instant::now();
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let said = rest(&mut silent).await;
    assert!(said.is_empty() && begun.elapsed() >= head, "{said:?}");
}

/// Every list has the same largest page, and says so of a larger one.
#[tokio::test(flavor = "multi_thread")]
async fn no_list_has_a_larger_page_than_another() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = super::malformed::There::new(&world).await;
    let document = serde_json::to_value(sigmabatch::api::openapi()).unwrap();
    let mut lists = 0;
    for (method, route) in super::roles::routes() {
        let all = document["paths"][&route][method.to_lowercase()]["parameters"].as_array();
        let mut all = all.into_iter().flatten();
        if !all.any(|one| one["in"] == "query" && one["name"] == "limit") {
            continue;
        }
        for path in there.paths(&route) {
            let ask = async |limit: &str| served.viewer.get(&format!("{path}?limit={limit}")).await;
            for limit in ["0", "501", "65536", "-1", "many", ""] {
                let problem = ask(limit).await.expect(400);
                assert_eq!(problem["field"], "limit", "{path} {limit}");
            }
            for limit in ["1", "500"] {
                ask(limit).await.expect(200);
            }
            lists += 1;
        }
    }
    assert!(lists >= 6, "{lists}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_only_tls_is_spoken() {
    let world = World::new().await;
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(crate::world::random());
    std::fs::create_dir_all(&folder).unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
    };
    std::fs::write(&tls.certificate, pair.cert.pem()).unwrap();
    std::fs::write(&tls.key, pair.signing_key.serialize_pem()).unwrap();
    let options = Options {
        tls: Some(tls.clone()),
        ..options(Limits::default())
    };
    let served = served(&world, &options).await;

    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&tls.certificate).unwrap())
        .unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(served.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await
        .unwrap();
    let asked = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(asked).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );

    let mut plain = TcpStream::connect(served.address).await.unwrap();
    plain.write_all(asked).await.unwrap();
    assert!(!rest(&mut plain).await.contains("200 OK"));

    // A key of another certificate is told, and not what is in it.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&tls.key, other.signing_key.serialize_pem()).unwrap();
    let settings = world.options().store;
    let refused =
        sigmabatch::api::bind(&options, &settings, |_| Ok(None), world.engine.clock).await;
    assert!(matches!(refused, Err(sigmabatch::api::Error::Tls(_))));
}
