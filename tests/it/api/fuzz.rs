//! Malformed forms and headers, at what there is: never an error of ours, never a word of SQL or a path of a file. Each run
//! tries what no run before it has, and what once was found again; `SIGMABATCH_SEED` repeats one.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use sigmabatch::dashboard::ROUTES;

use super::malformed::{There, sound};
use super::roles::routes;
use super::{Served, book};
use crate::world::World;

/// Tried by every run: what these make is known to have been wrong once, or to be as wrong as it can be.
const KNOWN: [u64; 3] = [1, 42, 20_161_230];
/// Inputs of each seed for each path.
const TIMES: usize = 3;
/// Files go there.
const FILES: [(&str, &str); 5] = [
    ("POST", "/api/v1/portfolios"),
    ("PUT", "/api/v1/portfolios/{portfolio_id}/positions"),
    ("POST", "/api/v1/portfolios/{portfolio_id}/flows"),
    ("POST", "/api/v1/portfolios/{portfolio_id}/marks"),
    ("POST", "/start/import"),
];

/// The seed that is asked for, or a new one after the known ones. Printed: whoever sees a failure sees it too.
pub(super) fn seeds() -> Vec<u64> {
    let asked = std::env::var("SIGMABATCH_SEED").ok();
    let seeds: Vec<u64> = if let Some(text) = asked {
        let seed = text.parse();
        vec![seed.unwrap_or_else(|_| panic!("SIGMABATCH_SEED={text}"))]
    } else {
        let fresh = uuid::Uuid::new_v4().as_u64_pair().0;
        KNOWN.into_iter().chain([fresh]).collect()
    };
    eprintln!("SIGMABATCH_SEED is one of {seeds:?}");
    seeds
}

/// Makes the inputs of a seed.
pub(super) fn runner(seed: u64) -> TestRunner {
    TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    })
}

/// What a header may hold on its way: no control character but the tab, whatever else is in it.
fn value() -> impl Strategy<Value = String> {
    let strange = [
        "",
        "\t",
        "*",
        "*/*;q=nan",
        "text/csv;q=1e400, application/json;q=-1",
        "text/csv;;q=0.5;q",
        "text/html",
        ",,,,;;;;====",
        "W/\"",
        "W/\"x\", \"y\", *, W/W/\"z\"",
        "\"\\\"",
        "0-0",
        "-1--1",
        "9223372036854775807-9223372036854775807",
        "9223372036854775808-1",
        "1-1-1",
        "'; drop table run; --",
        "Bearer",
        "Bearer ",
        "bearer sb_",
        "Bearer sb_00000000000000000000000000000000_zz",
        "Basic Og==",
        "sb_00000000000000000000000000000000_0000000000000000000000000000000000000000000000000000000000000000",
        "application/json; charset=utf-7",
        "application/json, text/csv",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"",
        "multipart/form-data; boundary=x; boundary=y",
        "multipart/mixed; boundary=x",
        "text/csv; header=absent",
        "\u{e9}\u{202e}\u{1f4a9}",
        "%00%ff",
        "../../../etc/passwd",
    ];
    prop_oneof![
        3 => prop::sample::select(strange.to_vec()).prop_map(ToOwned::to_owned),
        1 => "[ -~]{0,60}",
        1 => "[ -~]{1,4}".prop_map(|piece| piece.repeat(500)),
        1 => prop::collection::vec(prop::char::range('\u{a1}', '\u{2fff}'), 0..20)
            .prop_map(|letters| letters.into_iter().collect::<String>()),
    ]
}

/// Headers that somebody reads, with those values.
fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let names = [
        "accept",
        "accept-encoding",
        "if-none-match",
        "idempotency-key",
        "last-event-id",
        "authorization",
        "content-type",
        "cookie",
        "origin",
        "sec-fetch-site",
        "x-forwarded-proto",
    ];
    let names = prop::sample::select(names.to_vec());
    prop::collection::vec((names, value()), 1..5)
}

/// A part of a form, as no browser writes it.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let disposition = prop::sample::select(vec![
        "content-disposition: form-data; name=\"file\"; filename=\"book.csv\"",
        "content-disposition: form-data; name=\"file\"",
        "content-disposition: form-data; name=\"file\"; filename=\"../../../etc/passwd\"",
        "content-disposition: form-data; name=\"file\"; filename=\"\u{202e}\u{1f4a9}\\\"\"",
        "content-disposition: form-data; name=\"file\"; filename*=UTF-8''%ff%00",
        "content-disposition: form-data; name=\"dry_run\"",
        "content-disposition: form-data; name=\"name\"",
        "content-disposition: form-data; name=\"opening_equity\"",
        "content-disposition: form-data; name=\"inception\"",
        "content-disposition: form-data; name=\"zz\"",
        "content-disposition: form-data; name=\"\"",
        "content-disposition: form-data; name",
        "content-disposition: form-data; name=\"file",
        "content-disposition: attachment",
        "content-disposition:",
        "content-type: multipart/mixed; boundary=y",
        "content-type: text/csv; charset=utf-16\r\ncontent-transfer-encoding: base64",
        "no header at all",
        "x: y\r\n\tfolded",
        "",
    ]);
    let between = prop::sample::select(vec!["\r\n\r\n", "\n\n", "\r\n", "", "\r\n\r\n\r\n"]);
    let content = prop_oneof![
        Just(b"Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class\nAAA,1,1,2016-12-19,PUBLIC\n".to_vec()),
        Just(b"Date,Type,Amount,Symbol\n2016-12-20,contribution,100,\n".to_vec()),
        Just(b"Symbol,Date,Price\nAAA,2016-12-20,1\n".to_vec()),
        Just(b"\"Symbol\",\"\0\"\r\n\"".to_vec()),
        Just(b"\xef\xbb\xbfSymbol\n\xff\xfe".to_vec()),
        Just(b"--x--\r\n--x\r\n".to_vec()),
        Just(b"true".to_vec()),
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..300),
    ];
    (disposition, between, content).prop_map(|(head, between, content)| {
        [head.as_bytes(), between.as_bytes(), content.as_slice()].concat()
    })
}

/// A form: its kind, and its bytes, which may end anywhere.
fn form() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let kind = prop::sample::select(vec![
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=\"x\"",
        "Multipart/Form-Data; BOUNDARY=x",
        "multipart/form-data; boundary=y",
        "multipart/form-data; boundary=",
        "multipart/form-data",
        "multipart/form-data; boundary=x; boundary=y",
    ]);
    let before = prop::sample::select(vec![
        "--x\r\n",
        "--x\n",
        "\r\n--x\r\n",
        "--x",
        "x\r\n",
        "preamble\r\n--x\r\n",
    ]);
    let after = prop::sample::select(vec![
        "\r\n--x--\r\n",
        "\r\n--x--",
        "\r\n--x",
        "--x--",
        "\r\n",
        "",
    ]);
    let parts = prop::collection::vec(part(), 0..4);
    (
        kind,
        before,
        after,
        parts,
        prop::option::weighted(0.3, any::<prop::sample::Index>()),
    )
        .prop_map(|(kind, before, after, parts, cut)| {
            let mut bytes = Vec::new();
            for (place, part) in parts.iter().enumerate() {
                let before = if place == 0 { before } else { "\r\n--x\r\n" };
                bytes.extend(before.as_bytes());
                bytes.extend(part);
            }
            bytes.extend(after.as_bytes());
            if let Some(cut) = cut.filter(|_| !bytes.is_empty()) {
                bytes.truncate(cut.index(bytes.len()));
            }
            (kind, bytes)
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_makes_the_server_fail_or_talk_however_broken_it_is() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    let (mut refused, mut taken) = (0, 0);
    for seed in seeds() {
        let mut runner = runner(seed);
        for (method, route) in FILES {
            let path = there.paths(route).remove(0);
            for query in [
                "",
                "?dry_run=true",
                "?name=z&opening_equity=1&inception=2016-12-19&dry_run=true",
            ] {
                for _ in 0..TIMES * 8 {
                    let (kind, bytes) = form().new_tree(&mut runner).unwrap().current();
                    let heads = [("content-type", kind), ("sec-fetch-site", "same-origin")];
                    let target = format!("{path}{query}");
                    let answer = served.operator.ask(method, &target, &heads, &bytes).await;
                    let text = String::from_utf8_lossy(&bytes);
                    sound(
                        &format!("SIGMABATCH_SEED={seed}: {method} {target} {kind} {text:?}"),
                        &answer,
                    );
                    if answer.status < 400 {
                        taken += 1;
                    } else {
                        refused += 1;
                    }
                }
            }
        }
    }
    // A few are right by chance; where most were, nothing would be tried.
    assert!(refused > taken, "{refused} {taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_makes_the_server_fail_or_talk() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let there = There::new(&world).await;
    // A portfolio that is gone answers nothing any more: another one may go.
    let other = book(&world, "other").await;
    let pages = ROUTES.iter();
    let pages = pages.map(|(method, path)| (method.to_uppercase(), (*path).to_owned()));
    let all: Vec<(String, String)> = routes().into_iter().chain(pages).collect();
    for seed in seeds() {
        let mut runner = runner(seed);
        for (method, route) in &all {
            let paths = match method.as_str() {
                "DELETE" => vec![route.replace("{portfolio_id}", &other.to_string())],
                _ => there.paths(route),
            };
            for path in paths {
                for _ in 0..TIMES {
                    let given = headers().new_tree(&mut runner).unwrap().current();
                    let given: Vec<(&str, &str)> = given
                        .iter()
                        .map(|(name, value)| (*name, value.as_str()))
                        .collect();
                    // Who says who he is by a header of his own has no other.
                    let named = given.iter().any(|(name, _)| *name == "authorization");
                    let client = if named {
                        &served.nobody
                    } else {
                        &served.operator
                    };
                    let body: &[u8] = if method == "GET" { b"" } else { b"{}" };
                    let answer = if route.ends_with("/events") {
                        client.begun(&path, &given).await
                    } else {
                        client.ask(method, &path, &given, body).await
                    };
                    sound(
                        &format!("SIGMABATCH_SEED={seed}: {method} {path} {given:?}"),
                        &answer,
                    );
                }
            }
        }
    }
}
