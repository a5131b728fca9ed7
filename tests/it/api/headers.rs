//! What every answer says beside its body: nothing to other sites, nothing from them, and to who asks for a head the head.

use std::collections::{BTreeMap, BTreeSet};

use sigmabatch::dashboard::ROUTES;

use super::Served;
use super::client::Answer;
use super::malformed::There;
use super::roles::routes;
use crate::world::World;

/// Methods and paths of everything that is answered, of what there is; streams have no end.
fn everything(there: &There) -> Vec<(String, String)> {
    let pages = ROUTES.iter();
    let pages = pages.map(|(method, path)| (method.to_uppercase(), (*path).to_owned()));
    let docs =
        ["/docs", "/openapi.json", "/docs/docs.js"].map(|path| ("GET".to_owned(), path.to_owned()));
    let all = routes().into_iter().chain(pages).chain(docs);
    all.filter(|(_, route)| !route.ends_with("/events"))
        .flat_map(|(method, route)| {
            let paths = there.paths(&route).into_iter();
            paths.map(move |path| (method.clone(), path))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_is_let_in_whatever_it_asks() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let closed = |asked: &str, answer: &Answer| {
        let names = answer.headers.keys();
        let open: Vec<&String> = names
            .filter(|name| name.starts_with("access-control-"))
            .collect();
        assert!(open.is_empty(), "{asked}: {open:?}");
    };
    let mut asked = 0;
    for (method, path) in everything(&there) {
        let flight = [
            ("origin", "https://evil.example"),
            ("access-control-request-method", method.as_str()),
            (
                "access-control-request-headers",
                "authorization, content-type",
            ),
        ];
        for client in [&served.operator, &served.nobody] {
            let refused = client.ask("OPTIONS", &path, &flight, b"").await;
            assert_eq!(refused.status, 405, "{path}: {}", refused.text());
            closed(&path, &refused);
        }
        if method == "GET" {
            let answer = served.operator.ask("GET", &path, &flight[..1], b"").await;
            closed(&path, &answer);
            let answer = served.nobody.ask("GET", &path, &flight[..1], b"").await;
            closed(&path, &answer);
        }
        asked += 1;
    }
    assert!(asked > 60, "{asked}");
}

/// Where a policy lets things come from: from here, and from the page itself where there is a picture in it.
fn own_only(path: &str, answer: &Answer) {
    let kind = &answer.headers["content-type"];
    assert!(
        kind.starts_with("text/html"),
        "{path}: {} {kind}",
        answer.status
    );
    let policy = &answer.headers["content-security-policy"];
    let mut named = BTreeSet::new();
    for directive in policy.split(';') {
        let mut words = directive.split_whitespace();
        let name = words.next().unwrap();
        for source in words {
            let picture = (name, source) == ("img-src", "data:");
            assert!(
                picture || ["'self'", "'none'"].contains(&source),
                "{path}: {policy}"
            );
        }
        named.insert(name);
    }
    // What is not named is what the first of these says; the others stand for themselves.
    for name in ["default-src", "form-action", "base-uri", "frame-ancestors"] {
        assert!(named.contains(name), "{path}: {name} in {policy}");
    }
    let text = answer.text();
    let (scripts, given) = (
        text.matches("<script").count(),
        text.matches("<script defer src=").count(),
    );
    assert_eq!(scripts, given, "{path}: {text}");
    for inline in [" style=", "<style", "javascript:"] {
        assert!(!text.contains(inline), "{path} has {inline}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_loads_what_comes_from_here_and_nothing_else() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let browser = [("accept", "text/html,*/*;q=0.8")];
    let pages = ROUTES
        .iter()
        .filter(|(method, route)| *method == "get" && !route.ends_with("/events"));
    let paths = pages.flat_map(|(_, route)| there.paths(route));
    let mut seen = 0;
    for path in paths.chain(["/docs".to_owned()]) {
        let page = served.operator.ask("GET", &path, &browser, b"").await;
        assert!(page.status < 500, "{path}: {}", page.text());
        own_only(&path, &page);
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
    // Whoever is not known, and what is not there.
    for path in ["/login", "/nothing/like/this"] {
        own_only(path, &served.nobody.ask("GET", path, &browser, b"").await);
    }
}

/// What a head has in common with the whole answer: all but when it was made, and how its body comes.
fn common(answer: &Answer) -> BTreeMap<&str, &str> {
    let own = ["date", "x-trace-id", "content-length", "transfer-encoding"];
    let headers = answer.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(|(name, _)| !own.contains(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_that_of_the_whole_answer() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let viewer = &served.viewer;
    let (mut heads, mut tables) = (0, 0);
    for (method, route) in routes() {
        if method != "GET" || !route.starts_with("/api/") || route.ends_with("/events") {
            continue;
        }
        for path in there.paths(&route) {
            for form in ["application/json", "text/csv"] {
                let accept = [("accept", form)];
                let whole = viewer.ask("GET", &path, &accept, b"").await;
                let head = viewer.ask("HEAD", &path, &accept, b"").await;
                assert_eq!(
                    (head.status, head.body.len()),
                    (whole.status, 0),
                    "{path} {form}"
                );
                assert_eq!(common(&head), common(&whole), "{path} {form}");
                if let Some(length) = head.headers.get("content-length") {
                    assert_eq!(*length, whole.body.len().to_string(), "{path} {form}");
                }
                if whole.status != 200 {
                    assert_eq!((whole.status, form), (406, "text/csv"), "{path}");
                    continue;
                }
                let varies = &head.headers["vary"];
                assert!(
                    varies.split(", ").any(|name| name == "accept"),
                    "{path} {form}: {varies}"
                );
                // Whoever has it already is told so by either.
                let tag = head.headers["etag"].as_str();
                for method in ["GET", "HEAD"] {
                    let known = [("accept", form), ("if-none-match", tag)];
                    let again = viewer.ask(method, &path, &known, b"").await;
                    assert_eq!(
                        (again.status, again.body.len()),
                        (304, 0),
                        "{method} {path} {form}"
                    );
                    assert_eq!(again.headers["etag"], tag, "{method} {path} {form}");
                    let other = [("accept", form), ("if-none-match", "W/\"zz\"")];
                    let other = viewer.ask(method, &path, &other, b"").await;
                    assert_eq!(other.status, 200, "{method} {path} {form}");
                }
                heads += 1;
                tables += usize::from(form == "text/csv");
            }
        }
    }
    assert!(heads > 35 && tables > 10, "{heads} {tables}");
    // Nobody who is not let in learns more by it.
    let path = "/api/v1/portfolios";
    let refused = served.nobody.ask("HEAD", path, &[], b"").await;
    assert_eq!((refused.status, refused.body.len()), (401, 0));
    assert!(!refused.headers.contains_key("etag"), "{refused:?}");
}
