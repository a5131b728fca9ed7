//! Starting and stopping, health, documents, and the form of errors.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::json;
use sigmabatch::cli::demo;

use super::client::Client;
use super::{Served, book};
use crate::world::{Process, World, eventually, shipped};

/// A server process, with the lines that it prints first.
pub(super) fn process(world: &World, lines: usize) -> (Process, Vec<String>) {
    started(world, "serve", lines)
}

fn started(world: &World, what: &str, lines: usize) -> (Process, Vec<String>) {
    let mut command = world.program("sigmabatch");
    command
        .args([what, "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Process::start(&mut command);
    let mut output = BufReader::new(process.stdout());
    let mut said = Vec::new();
    for _ in 0..lines {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        said.push(line.trim_end().to_owned());
    }
    (process, said)
}

pub(super) fn client(said: &[String], token: Option<&str>) -> Client {
    let address = said[0].strip_prefix("listening on http://").unwrap();
    Client::new(address.parse().unwrap(), token.map(ToOwned::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_prints_an_operators_token_and_no_later_one_does() {
    let world = World::new().await;
    let (mut first, said) = process(&world, 2);
    let token = said[1].rsplit(' ').next().unwrap().to_owned();
    assert!(token.starts_with("sb_"), "{said:?}");
    let operator = client(&said, Some(&token));
    operator
        .get("/api/v1/admin/batch/history")
        .await
        .expect(200);
    // Of the secret, only a hash is stored.
    let secret = token.rsplit('_').next().unwrap();
    let rows = world.texts("select api_token::text from api_token").await;
    assert!(rows.len() == 1 && !rows[0].contains(secret), "{rows:?}");

    let (second, said) = process(&world, 1);
    let other = client(&said, Some(&token));
    other.get("/api/v1/admin/batch/history").await.expect(200);
    assert_eq!(world.count("select count(*) from api_token").await, 1);
    drop(second);

    first.signal(Signal::SIGTERM);
    assert!(first.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_listed_and_revoked_on_the_command_line() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "mine").await.to_string();
    let (code, made) = world
        .command(&[
            "token",
            "create",
            "--role",
            "owner",
            "--portfolio",
            "mine",
            "--name",
            "ann",
        ])
        .await;
    assert_eq!(code, 0, "{made}");
    let ann = served.nobody.with(made["token"].as_str().unwrap());
    ann.get(&format!("/api/v1/portfolios/{id}/why"))
        .await
        .expect(200);
    let (code, quiet) = world
        .page(&["token", "create", "--role", "viewer", "--quiet"])
        .await;
    assert!(
        code == 0 && quiet.starts_with("sb_") && quiet.lines().count() == 1,
        "{quiet}"
    );
    let (code, _) = world.page(&["token", "create", "--role", "owner"]).await;
    assert_eq!(code, 2, "an owner owns something");

    let token = made["token_id"].as_str().unwrap();
    let (code, gone) = world
        .command(&["token", "revoke", token, "--reason", "left"])
        .await;
    assert!(code == 0 && gone["name"] == "ann", "{gone}");
    ann.get(&format!("/api/v1/portfolios/{id}/why"))
        .await
        .expect(401);
    let (_, list) = world.command(&["token", "list"]).await;
    let rows = list["tokens"].as_array().unwrap();
    let ann = rows.iter().find(|row| row["name"] == "ann").unwrap();
    assert!(
        ann["revoked_at"].is_string() && ann["portfolios"] == json!([id]),
        "{ann}"
    );
    let audited =
        "select action || ' ' || target from audit where action like 'token-%' and who = 'it'";
    let audited = world.texts(audited).await;
    assert!(
        audited.contains(&format!("token-revoke {token}")),
        "{audited:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_what_is_there() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    served.nobody.get("/health/live").await.expect(200);
    let ready = served.nobody.get("/health/ready").await.expect(200);
    assert_eq!(ready["checks"]["migrations"], "ok");
    assert_eq!(ready["checks"]["redis"], "not used");
    assert_eq!(ready["checks"]["workers"], 0);
    sqlx::query("delete from factor_definitions")
        .execute(&world.db)
        .await
        .unwrap();
    let ready = served.nobody.get("/health/ready").await.expect(503);
    assert_eq!(
        ready["checks"]["reference_data"],
        "factors or scenarios are missing"
    );
    served.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_a_problem_with_its_field_and_trace_id() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let answer = served
        .viewer
        .get("/api/v1/admin/batch/history?limit=many")
        .await;
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem = answer.expect(400);
    assert_eq!(problem["type"], "/docs#problem-invalid-input");
    assert_eq!(problem["field"], "limit");
    assert_eq!(problem["trace_id"], answer.headers["x-trace-id"].as_str());
    let none = served.viewer.get("/api/v1/nothing").await.expect(404);
    assert_eq!(none["type"], "/docs#problem-not-found");
    let method = served
        .viewer
        .ask("DELETE", "/api/v1/admin/batch/history", &[], b"")
        .await;
    assert_eq!(
        method.expect(405)["type"],
        "/docs#problem-method-not-allowed"
    );
    let huge = vec![b' '; 9 << 20];
    let huge = served
        .operator
        .ask("POST", "/api/v1/admin/batch/run", &[], &huge)
        .await;
    assert_eq!(huge.expect(413)["status"], 413);
    let page = served.nobody.get("/docs").await;
    assert!(page.status == 200 && page.text().contains("id=problem-invalid-input"));
    assert!(
        !page.text().contains("https://"),
        "the page needs no network"
    );
    assert!(page.headers["content-security-policy"].contains("script-src 'self'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_prometheus_text() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    served
        .operator
        .post("/api/v1/admin/batch/run", &json!({}))
        .await
        .expect(202);
    let text = served.viewer.get("/metrics").await.text();
    assert!(
        text.contains("sigmabatch_runs{status=\"running\"} 1"),
        "{text}"
    );
    assert!(text.contains("sigmabatch_workers 0"), "{text}");
    assert!(!text.contains("sigmabatch_last_run"), "no run is over");
    let analytics = "sigmabatch_tasks{phase=\"portfolio-analytics\",state=";
    assert!(
        text.contains(&format!("{analytics}\"ready\"}} 1")),
        "{text}"
    );
    world.worker().await;
    let over = eventually(async || {
        let text = served.viewer.get("/metrics").await.text();
        text.contains("sigmabatch_runs{status=\"succeeded\"} 1")
            .then_some(text)
    });
    let text = over.await.expect("the run ends");
    // What is over is counted too, of the newest run.
    assert!(text.contains(&format!("{analytics}\"done\"}} 1")), "{text}");
    let again = json!({ "force": true, "calculation_date": "2016-12-29" });
    let start = "/api/v1/admin/batch/run";
    let paused = json!({ "kind": "lane", "name": "interactive" });
    served
        .operator
        .post("/api/v1/admin/pause", &paused)
        .await
        .expect(200);
    let run = served.operator.post(start, &again).await.expect(202);
    let cancel = format!("/api/v1/runs/{}/cancel", run["run_id"].as_str().unwrap());
    served.operator.post(&cancel, &json!({})).await.expect(200);
    let later = served.viewer.get("/metrics").await.text();
    assert!(
        later.contains(&format!("{analytics}\"cancelled\"}} 1")),
        "{later}"
    );
    assert!(
        !later.contains("state=\"done\"}"),
        "of the run before: {later}"
    );
    for what in ["pickup", "phase6_task"] {
        let told = ["0.5", "0.99", "1"].map(|of| {
            let name = format!("sigmabatch_last_run_{what}_seconds{{quantile=\"{of}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&name));
            line.unwrap().parse::<f64>().unwrap()
        });
        assert!(told.is_sorted() && told[2] < 60.0, "{what}: {told:?}");
    }
    for name in ["in_use", "most"] {
        let line = format!("sigmabatch_worker_connections_{name}{{worker=");
        assert!(text.contains(&line), "a living worker's pools: {text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_is_api_worker_and_scheduler() {
    let world = World::new().await;
    book(&world, "book").await;
    let (mut up, said) = started(&world, "up", 2);
    let token = said[1].rsplit(' ').next().unwrap();
    let operator = client(&said, Some(token));
    // The scheduler plans the newest session by itself, and the worker computes it.
    let night = eventually(async || {
        let past = operator
            .get("/api/v1/admin/batch/history?status=succeeded")
            .await
            .expect(200);
        past["runs"].as_array().unwrap().first().cloned()
    });
    assert_eq!(night.await.expect("a night")["trigger"], "nightly");
    up.signal(Signal::SIGTERM);
    assert!(up.ended().await.success());
    assert_eq!(
        world.count("select count(*) from worker").await,
        0,
        "it has left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ends_with_an_address_and_a_token_that_show_its_night() {
    let world = World::new().await;
    let mut command = world.program("sigmabatch");
    command
        .args(["demo", "--serve", "--listen", "127.0.0.1:0"])
        .args(["--from", "2016-12-19", "--data"])
        .arg(shipped(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut demo = Process::start(&mut command);
    let output = BufReader::new(demo.stdout());
    // What it prints last; whoever has read it reads on, so that nothing it says has no reader.
    let (told, last) = tokio::sync::oneshot::channel();
    let reading = tokio::task::spawn_blocking(move || {
        let mut lines = output.lines().map_while(Result::ok);
        let address = lines.by_ref().find(|line| line.starts_with("listening on"));
        let _ = told.send(address.into_iter().chain(lines.next()).collect::<Vec<_>>());
        lines.count()
    });
    let said = last.await.unwrap();
    let token = said[1].rsplit(' ').next().unwrap();
    let operator = client(&said, Some(token));
    let books = operator.get("/api/v1/portfolios").await.expect(200);
    let books = books["portfolios"].as_array().unwrap();
    assert_eq!(books.len(), 3, "{books:?}");
    for book in books {
        let id = book["portfolio_id"].as_str().unwrap();
        let path = format!("/api/v1/portfolios/{id}/results/risk");
        let risk = operator.get(&path).await.expect(200);
        assert_eq!(
            (&risk["as_of"], &risk["available"]),
            (&json!("2016-12-30"), &json!(true)),
            "{risk}"
        );
    }
    demo.signal(Signal::SIGINT);
    assert!(demo.ended().await.success());
    assert_eq!(reading.await.unwrap(), 0);
    let address = said[0].strip_prefix("listening on http://").unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_of_dates_without_prices_is_refused() {
    let world = World::new().await;
    let (code, document) = world.command(&["demo", "--from", "2017-01-03"]).await;
    assert_eq!(code, 2, "{document}");
    let said = document.to_string();
    assert!(
        said.contains("2017-01-03") && said.contains("2016-12-29"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_serves_on_a_free_port_until_it_is_asked_to_stop() {
    let world = World::new().await;
    // Taken by us, or by somebody else on this machine: taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:8080");
    let (output, ours) = std::io::pipe().unwrap();
    let mut program = world.program("sigmabatch");
    program.stdout(ours).stderr(Stdio::null());
    let (stop, asked) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(demo::serve(program.into(), None, async {
        let _ = asked.await;
    }));
    let said = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(output).lines().take(2);
        lines.collect::<Result<Vec<_>, _>>().unwrap()
    });
    let said = said.await.unwrap();
    assert!(!said[0].ends_with(":8080"), "{said:?}");
    let token = said[1].rsplit(' ').next().unwrap();
    let operator = client(&said, Some(token));
    operator.get("/api/v1/portfolios").await.expect(200);
    client(&said, None)
        .get("/api/v1/portfolios")
        .await
        .expect(401);
    let _ = stop.send(());
    serving.await.unwrap().unwrap();
    let address = said[0].strip_prefix("listening on http://").unwrap();
    assert!(
        std::net::TcpStream::connect(address).is_err(),
        "it has ended"
    );
    drop(taken);

    // An address that was asked for is not exchanged for another.
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut program = world.program("sigmabatch");
    program.stdout(Stdio::null()).stderr(Stdio::null());
    let never = std::future::pending();
    let refused = demo::serve(program.into(), held.local_addr().ok(), never).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("the API ended"), "{refused}");
}
