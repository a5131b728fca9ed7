//! What the programs write for people: one line for each alert, and no secret, however much is logged.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sigmabatch::domain::{Access, PhaseName, PortfolioId, RunId, Token};
use sigmabatch::engine;

use super::serve::client;
use super::{Served, book, token};
use crate::world::{Process, World, eventually, on, random, request};

/// A program whose output and log go to files: nobody has to read them for it to go on.
struct Logged {
    process: Process,
    output: PathBuf,
    log: PathBuf,
}

impl Logged {
    fn start(world: &World, program: &str, arguments: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(random());
        std::fs::create_dir_all(&folder).unwrap();
        let (output, log) = (folder.join("output"), folder.join("log"));
        let mut command = world.program(program);
        command
            .args(arguments)
            .env_remove("SIGMABATCH_LOG")
            .env_remove("SIGMABATCH_LOG_JSON")
            .env_remove("SIGMABATCH_ALERT_WEBHOOK")
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(&log).unwrap());
        Self {
            process: Process::start(&mut command),
            output,
            log,
        }
    }

    /// All that it has written.
    fn said(&self) -> String {
        [&self.output, &self.log]
            .map(|file| std::fs::read_to_string(file).unwrap())
            .concat()
    }

    /// The lines about alerts, as they are logged as JSON; one that is being written is not there yet.
    fn alerts(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let fields = lines.map(|mut line| line["fields"].take());
        fields.filter(|line| line["message"] == "alert").collect()
    }
}

/// A run in which the analytics of one of two portfolios cannot be computed.
async fn partial(world: &World, broken: PortfolioId, date: &str) -> RunId {
    let planned = engine::plan(&world.engine, &request(on(date)))
        .await
        .unwrap();
    let spoil = "update task set input = jsonb_build_object('was', input) where run_id = $1 and phase = $2 and unit = $3";
    let spoilt = sqlx::query(spoil)
        .bind(planned.run.0)
        .bind(PhaseName::PortfolioAnalytics.as_str())
        .bind(format!("portfolio:{broken}"))
        .execute(&world.db)
        .await
        .unwrap();
    assert_eq!(spoilt.rows_affected(), 1);
    engine::start(&world.engine, planned.run).await;
    assert_eq!(world.verdict(planned.run).await, "partial");
    planned.run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_run_is_one_alert_and_one_line_however_many_workers_look() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "healthy").await;
    let broken = book(&world, "broken").await;
    let mut crew = [0, 1].map(|_| {
        Logged::start(
            &world,
            "sigmabatch-worker",
            &["--log", "info", "--log-json"],
        )
    });
    let mut runs = Vec::new();
    for date in ["2016-12-29", "2016-12-30"] {
        let run = partial(&world, broken, date).await;
        runs.push(run);
        // The look that finds the second one has the first one before it again.
        let told = eventually(async || {
            let mut lines = crew.iter().flat_map(Logged::alerts);
            lines.find(|line| line["kind"] == "run-partial" && line["cause"] == json!(run))
        });
        told.await.expect("somebody says so");
    }
    for one in &crew {
        one.process.signal(Signal::SIGTERM);
    }
    for one in &mut crew {
        one.process.ended().await;
    }
    let lines: Vec<Value> = crew.iter().flat_map(Logged::alerts).collect();
    let page = served.viewer.get("/api/v1/alerts").await.expect(200);
    let rows = page["alerts"].as_array().unwrap();
    let of_partial: Vec<&Value> = rows
        .iter()
        .filter(|row| row["kind"] == "run-partial")
        .collect();
    let causes: Vec<&Value> = of_partial.iter().map(|row| &row["cause"]).collect();
    assert_eq!(causes, [&json!(runs[1]), &json!(runs[0])], "{rows:?}");
    for row in of_partial {
        assert_eq!(row["run_id"], row["cause"]);
        // Nobody wants to be told otherwise.
        let delivery = json!({ "delivered_at": null, "attempts": 0, "error": null });
        assert_eq!(row["delivery"], delivery);
        let own = lines.iter().filter(|line| line["alert"] == row["id"]);
        assert_eq!(own.count(), 1, "{row}: {lines:?}");
    }
    for line in &lines {
        let own = lines.iter().filter(|other| other["alert"] == line["alert"]);
        assert_eq!(own.count(), 1, "{line} twice: {lines:?}");
        let row = rows.iter().find(|row| row["id"] == line["alert"]);
        assert_eq!(row.unwrap()["kind"], line["kind"], "{line}");
    }
    let kinds = "select count(*) from alert where kind = 'run-partial'";
    assert_eq!(world.count(kinds).await, 2);
}

/// The part of a token that nobody else may know.
fn secret(token: &str) -> String {
    token.rsplit('_').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_a_server_holds_a_secret_however_it_came() {
    let world = World::new().await;
    book(&world, "book").await;
    // The first start would print one; there are some already.
    let operator = token(&world, &Access::Operator).await;
    let of_cookie = token(&world, &Access::Viewer).await;
    let of_form = token(&world, &Access::Viewer).await;
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--log", "debug"];
    let mut server = Logged::start(&world, "sigmabatch", &arguments);
    let first = eventually(async || {
        let text = std::fs::read_to_string(&server.output).unwrap();
        let (line, _) = text.split_once('\n')?;
        Some(line.to_owned())
    });
    let nobody = client(&[first.await.expect("it listens")], None);

    // One that nobody has, and the id of one with the secret of the other.
    let unknown = Token::fresh().unwrap().reveal();
    let (known, _) = operator.rsplit_once('_').unwrap();
    let stranger = secret(&Token::fresh().unwrap().reveal());
    let forged = format!("{known}_{stranger}");
    let (word, key) = (format!("word{}", random()), format!("key{}", random()));
    let mut asked = 0;
    let mut look = |answer: super::client::Answer, status: u16| {
        asked += 1;
        assert_eq!(answer.status, status, "{}", answer.text());
        answer
    };
    let caller = nobody.with(&operator);
    look(caller.get("/api/v1/portfolios").await, 200);
    look(
        caller
            .get(&format!("/api/v1/portfolios?token={operator}"))
            .await,
        400,
    );
    let start = "/api/v1/admin/batch/run";
    look(
        caller
            .ask("POST", start, &[("idempotency-key", &key)], b"{}")
            .await,
        202,
    );
    let other = b"{\"calculation_date\": \"2016-12-28\"}";
    look(
        caller
            .ask("POST", start, &[("idempotency-key", &key)], other)
            .await,
        422,
    );
    for wrong in [&unknown, &forged, &word, &format!("sb_{word}_{stranger}")] {
        look(nobody.with(wrong).get("/api/v1/portfolios").await, 401);
    }
    let basic = format!("Basic {word}");
    let basic = [("authorization", basic.as_str())];
    look(
        nobody.ask("GET", "/api/v1/portfolios", &basic, b"").await,
        401,
    );
    for (of, status) in [(&of_cookie, 200), (&forged, 303), (&word, 303)] {
        let cookie = format!("sigmabatch={of}");
        let heads = [("cookie", cookie.as_str())];
        look(nobody.ask("GET", "/portfolios", &heads, b"").await, status);
    }
    for (of, status) in [
        (&of_form, 303),
        (&unknown, 401),
        (&forged, 401),
        (&word, 401),
    ] {
        let heads = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        let form = format!("token={of}&next=/portfolios");
        let answer = nobody.ask("POST", "/login", &heads, form.as_bytes()).await;
        let answer = look(answer, status);
        let given = answer.headers.get("set-cookie");
        assert_eq!(
            given.is_some_and(|cookie| cookie.contains(of)),
            status == 303
        );
    }
    server.process.signal(Signal::SIGTERM);
    assert!(server.process.ended().await.success());
    let said = server.said();
    let lines = said.lines().filter(|line| line.contains("answered"));
    assert_eq!(lines.count(), asked, "a line for each request: {said}");
    assert!(
        said.contains("/login") && said.contains("status=401"),
        "{said}"
    );
    let tokens = [&operator, &of_cookie, &of_form, &unknown].map(|token| secret(token));
    for secret in tokens.iter().chain([&stranger, &word, &key]) {
        assert!(!said.contains(secret.as_str()), "{secret}: {said}");
    }
}
