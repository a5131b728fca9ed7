//! The API's halves of the incident catalogue.

use std::collections::{BTreeMap, BTreeSet};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sigmabatch::api::shapes::Problem;
use sigmabatch::domain::{PhaseName, PortfolioId};
use sigmabatch::engine;

use super::client::Client;
use super::roles::routes;
use super::{Served, book};
use crate::incidents::wire;
use crate::market::{Folder, close};
use crate::proxy::{Proxy, port_of};
use crate::world::{World, day, eventually, on, range, request};

const START: &str = "/api/v1/admin/batch/run";
const NOW: &str = "2017-01-01T12:00:00-05:00";

fn run_of(planned: &Value) -> String {
    planned["batch_run_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn i_03_an_id_that_is_none_is_refused_and_nothing_is_planned() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    for wrong in ["not-a-uuid", "", "00000000-0000-0000-0000-00000000000g"] {
        let both = json!({ "portfolio_id": [id, wrong] });
        let problem = served.operator.post(START, &both).await.expect(400);
        assert_eq!(problem["field"], "portfolio_id", "{problem}");
    }
    let unknown = uuid::Uuid::nil();
    let problem = json!({ "portfolio_id": [id, unknown] });
    served.operator.post(START, &problem).await.expect(404);
    assert_eq!(world.count("select count(*) from run").await, 0);
    assert_eq!(world.count("select count(*) from task").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_05_in_the_morning_today_is_refused_with_its_reason_whatever_is_forced() {
    let world = World::at("2016-12-30T10:00:00-05:00", crate::market::small()).await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let today = json!({ "calculation_date": "2016-12-30", "force": true });
    let problem = served.operator.post(START, &today).await.expect(422);
    assert_eq!(problem["field"], "calculation_date");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("2016-12-30"), "{detail}");
    assert_eq!(world.count("select count(*) from run").await, 0);
    let yesterday = json!({ "calculation_date": "2016-12-29", "force": true });
    served.operator.post(START, &yesterday).await.expect(202);
}

/// I-12 and I-15: who starts while a run goes on is given that run; its end stays known, and what comes later has an id
/// of its own.
#[tokio::test(flavor = "multi_thread")]
async fn i_12_a_second_start_is_given_the_run_that_goes_on_and_a_later_one_a_new_run() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let date = json!({ "calculation_date": "2016-12-29", "force": true });
    let first = served.operator.post(START, &date).await.expect(202);
    let second = served.operator.post(START, &date).await.expect(202);
    assert_eq!(run_of(&second), run_of(&first));
    assert_eq!(
        (&first["existing"], &second["existing"]),
        (&json!(false), &json!(true))
    );
    world.worker().await;
    assert_eq!(
        world.verdict(run_of(&first).parse().unwrap()).await,
        "succeeded"
    );
    let path = format!("/api/v1/runs/{}", run_of(&first));
    let ended = served.viewer.get(&path).await.expect(200);
    let later = served.operator.post(START, &date).await.expect(202);
    assert_ne!(run_of(&later), run_of(&first));
    assert_eq!(
        world.verdict(run_of(&later).parse().unwrap()).await,
        "succeeded"
    );
    let still = served.viewer.get(&path).await.expect(200);
    assert_eq!(still["status"], "succeeded");
    assert_eq!(
        (&still["phases"], &still["percent"]),
        (&ended["phases"], &ended["percent"])
    );
    assert_eq!(still["finished_at"], ended["finished_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_14_a_partial_run_is_told_as_one_and_a_retry_is_a_run_of_its_own() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "healthy").await;
    let broken = book(&world, "broken").await;
    let never = uuid::Uuid::from_u128(7);
    served
        .viewer
        .get(&format!("/api/v1/runs/{never}"))
        .await
        .expect(404);
    let planned = engine::plan(&world.engine, &request(on("2016-12-30")))
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
    world.worker().await;
    assert_eq!(world.verdict(planned.run).await, "partial");
    let path = format!("/api/v1/runs/{}", planned.run);
    let told = served.viewer.get(&path).await.expect(200);
    assert_eq!(told["status"], "partial", "{told}");
    assert_eq!(told["errors"][0]["count"], 1, "{told}");
    let section =
        |id: PortfolioId| format!("/api/v1/portfolios/{id}/results/overview?date=2016-12-30");
    let none = served.viewer.get(&section(broken)).await.expect(200);
    assert_eq!(
        (&none["available"], &none["data"]),
        (&json!(false), &Value::Null)
    );

    // What the task concerned cannot be told: its retry is refused, and says of which task.
    for which in [json!({ "run_id": planned.run }), json!({ "all": true })] {
        let refused = served.operator.post("/api/v1/admin/retry", &which);
        let refused = refused.await.expect(422);
        let detail = refused["detail"].as_str().unwrap();
        assert!(
            detail.contains("input of portfolio-analytics cannot be read"),
            "{detail}"
        );
    }
    let mend = "update task set input = input -> 'was' where input ? 'was'";
    sqlx::query(mend).execute(&world.db).await.unwrap();
    let which = json!({ "run_id": planned.run, "reason": "the input is mended" });
    let repair = served
        .operator
        .post("/api/v1/admin/retry", &which)
        .await
        .expect(202);
    assert_ne!(run_of(&repair), planned.run.to_string(), "{repair}");
    let still = served.viewer.get(&path).await.expect(200);
    assert_eq!(
        (&still["status"], &still["phases"]),
        (&told["status"], &told["phases"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i_18_an_owner_is_told_every_event_of_own_runs_and_none_of_others() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let (ours, theirs) = (book(&world, "ours").await, book(&world, "theirs").await);
    let owner = served.owner(&world, &[ours]).await;
    let mut runs = Vec::new();
    for id in [ours, theirs] {
        let wanted = json!({ "portfolio_id": id, "calculation_date": "2016-12-30" });
        runs.push(run_of(
            &served.operator.post(START, &wanted).await.expect(202),
        ));
    }
    world.worker().await;
    for run in &runs {
        assert_eq!(world.verdict(run.parse().unwrap()).await, "succeeded");
    }
    owner
        .get(&format!("/api/v1/runs/{}/events", runs[1]))
        .await
        .expect(404);
    let mut stream = owner
        .events(&format!("/api/v1/runs/{}/events", runs[0]), None)
        .await;
    let mut told = BTreeSet::new();
    loop {
        let (id, event) = stream.next().await.expect("the stream goes on");
        assert_eq!(event["run_id"], runs[0].as_str(), "{event}");
        assert!(told.insert(id), "an event came twice");
        if event["kind"] == "run-finished" {
            break;
        }
    }
    let emitted: i64 = sqlx::query_scalar("select count(*) from event where run_id = $1")
        .bind(runs[0].parse::<uuid::Uuid>().unwrap())
        .fetch_one(&world.db)
        .await
        .unwrap();
    assert_eq!(i64::try_from(told.len()).unwrap(), emitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_68_any_spelling_of_an_id_is_the_same_portfolio_over_http() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let spellings = [
        id.to_string(),
        id.to_string().to_uppercase(),
        id.0.simple().to_string(),
    ];
    let mut runs = BTreeSet::new();
    for spelling in &spellings {
        let known = served
            .viewer
            .get(&format!("/api/v1/portfolios/{spelling}"))
            .await
            .expect(200);
        assert_eq!(known["portfolio_id"], json!(id), "{spelling}");
        let wanted = json!({ "portfolio_id": spelling, "calculation_date": "2016-12-30" });
        runs.insert(run_of(
            &served.operator.post(START, &wanted).await.expect(202),
        ));
    }
    assert_eq!(runs.len(), 1, "the same scope is the same run");
}

/// A value that fits a parameter which a route needs before it looks at its ids.
fn fitting(name: &str) -> &str {
    match name {
        "opening_equity" => "1000",
        "inception" => "2016-12-19",
        _ => "word",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i_68_a_word_that_is_no_id_is_404_in_every_path_and_400_as_every_parameter() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let portfolio = book(&world, "book").await;
    let run = run_of(&served.operator.post(START, &json!({})).await.expect(202));
    let known = [
        ("{run_id}", run.clone()),
        ("{other}", run),
        ("{portfolio_id}", portfolio.to_string()),
        ("{metric}", "nav".to_owned()),
        ("{section}", "risk".to_owned()),
    ];
    let document = serde_json::to_value(sigmabatch::api::openapi()).unwrap();
    let kind = [("content-type", "application/json")];
    let (mut paths, mut parameters) = (0, 0);
    for (method, path) in routes() {
        let operation = &document["paths"][&path][method.to_lowercase()];
        let listed = operation["parameters"].as_array().into_iter().flatten();
        let ids = listed.clone().filter(|one| {
            one["schema"]["format"] == "uuid" || one["schema"]["items"]["format"] == "uuid"
        });
        // What may stand in the body as well is required of neither.
        let said = |one: &&Value| {
            one["description"]
                .as_str()
                .unwrap_or("")
                .contains("eeded, here")
        };
        let needed = listed.filter(|one| one["in"] == "query").filter(said);
        let needed: Vec<String> = needed
            .map(|one| one["name"].as_str().unwrap())
            .map(|name| format!("{name}={}", fitting(name)))
            .collect();
        let body: &[u8] = match (method.as_str(), path.as_str()) {
            ("GET", _) => b"",
            ("POST", "/api/v1/portfolios") => b"{\"positions\": []}",
            _ => b"{}",
        };
        for id in ids {
            let name = id["name"].as_str().unwrap();
            let (status, mut place) = if id["in"] == "path" {
                (404, path.replace(&format!("{{{name}}}"), "no-id"))
            } else {
                let query = needed.join("&");
                (400, format!("{path}?{query}&{name}=no-id"))
            };
            for (part, value) in &known {
                place = place.replace(part, value);
            }
            let answer = served.operator.ask(&method, &place, &kind, body).await;
            let told = answer.expect(status);
            let said = &operation["responses"][status.to_string()]["description"];
            assert!(said.as_str().unwrap().contains("no id"), "{path}: {said}");
            let read: Problem = serde_json::from_value(told.clone()).unwrap();
            assert_eq!(read.status, status, "{told}");
            if status == 400 {
                assert_eq!(read.field.as_deref(), Some(name), "{place}: {told}");
                parameters += 1;
            } else {
                assert!(read.field.is_none(), "{place}: {told}");
                paths += 1;
            }
        }
    }
    assert!(paths > 15 && parameters > 5, "{paths} {parameters}");
    assert_eq!(world.count("select count(*) from run").await, 1);
    assert_eq!(world.count("select count(*) from portfolios").await, 1);
}

/// Statements that one server sends for each route about a book of so many lots.
async fn statements(lots: usize) -> BTreeMap<&'static str, usize> {
    let world = World::new().await;
    let symbols = ["AAA", "BBB", "CCC", "DDD"];
    let rows: Vec<String> = (0..lots)
        .map(|n| {
            let symbol = symbols[n % symbols.len()];
            format!(
                "{symbol},{},{},2016-12-19,PUBLIC",
                n + 1,
                close(symbol, "2016-12-19")
            )
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let id = world.book("book", "10000000", "2016-12-19", &rows).await;
    world.worker().await;
    world.run(&request(range("2016-12-29", "2016-12-30"))).await;
    let mut counts = BTreeMap::new();
    for path in [
        "results/overview",
        "results/positions",
        "results/exposures",
        "results/risk",
        "results/stress",
        "snapshots",
        "performance",
        "explain/nav",
        "flows",
        "marks",
    ] {
        // Heard from its first byte on: what a connection asks at its beginning is the same for all.
        let mut store = world.options().store;
        let proxy = Proxy::to(port_of(&store.url)).await;
        store.url = proxy.url(&store.url);
        proxy.listen();
        let served = Served::on(&world, &store).await;
        let full = format!("/api/v1/portfolios/{id}/{path}");
        served.viewer.get(&full).await.expect(200);
        let heard = proxy.heard();
        counts.insert(
            path,
            heard.iter().map(|sent| wire::statements(sent).len()).sum(),
        );
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn i_40_an_answer_takes_as_many_statements_for_200_positions_as_for_ten() {
    let (few, many) = (statements(10).await, statements(200).await);
    for (path, count) in &few {
        assert!(
            many[path].abs_diff(*count) <= 1 && *count < 60,
            "{path}: {count} statements, of 200 positions {}",
            many[path]
        );
    }
}

/// The list does not ask once for each portfolio.
#[tokio::test(flavor = "multi_thread")]
async fn i_40_the_list_of_portfolios_takes_as_many_statements_for_thirty_as_for_three() {
    let world = World::new().await;
    let mut counts = Vec::new();
    for (from, to) in [(0, 3), (3, 30)] {
        for number in from..to {
            let row = format!("AAA,1,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19"));
            let name = format!("book {number:02}");
            world.book(&name, "100000", "2016-12-19", &[&row]).await;
        }
        let mut store = world.options().store;
        let proxy = Proxy::to(port_of(&store.url)).await;
        store.url = proxy.url(&store.url);
        proxy.listen();
        let served = Served::on(&world, &store).await;
        let list = served.viewer.get("/api/v1/portfolios").await.expect(200);
        assert_eq!(list["portfolios"].as_array().unwrap().len(), to);
        let heard = proxy.heard();
        let sent = heard.iter().map(|sent| wire::statements(sent).len());
        counts.push(sent.sum::<usize>());
    }
    // The first server also made the first token.
    assert!(counts[1] <= counts[0] + 1, "{counts:?}");
}

const SECTIONS: [&str; 15] = [
    "fits",
    "options",
    "value-at-risk",
    "replays",
    "reverse-stress",
    "data-quality",
    "overview",
    "positions",
    "exposures",
    "risk",
    "volatility",
    "correlation",
    "concentration",
    "sectors",
    "stress",
];

/// What of an answer belongs to its date alone.
fn of_its_date(section: &str, answer: &Value) -> Value {
    let mut data = answer["data"].clone();
    if section == "risk" {
        // How forecasts have done is of many dates by its nature; the rest is of one.
        data.as_object_mut().unwrap().remove("bias");
    }
    data
}

/// A date and the run whose numbers are shown for it.
type Day = (String, String);

/// What readers were told.
#[derive(Default)]
struct Seen {
    /// Sections, by date, run and name.
    sections: BTreeMap<(String, String, &'static str), Value>,
    /// Rows of the series, by date and run.
    days: BTreeMap<Day, Value>,
    /// Figures over all published sessions, by those sessions with their runs, and name.
    series: BTreeMap<(Vec<Day>, &'static str), Value>,
    /// The lots, which no run changes.
    lots: Option<Value>,
}

fn day_of(value: &Value) -> Day {
    let text = |key: &str| {
        value[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key}: {value}"))
    };
    (text("as_of").to_owned(), text("run_id").to_owned())
}

impl Seen {
    /// All sections, by what they say they are of, and the lists.
    async fn look(&mut self, viewer: &Client, id: PortfolioId) {
        for section in SECTIONS {
            let path = format!("/api/v1/portfolios/{id}/results/{section}");
            let answer = viewer.get(&path).await.expect(200);
            assert!(
                answer["as_of"].is_string(),
                "something is always published: {answer}"
            );
            let data = of_its_date(section, &answer);
            let (date, run) = day_of(&answer);
            let of = (date, run, section);
            let before = self.sections.insert(of.clone(), data.clone());
            assert!(
                before.is_none_or(|before| before == data),
                "{of:?} was told with other numbers before"
            );
        }
        self.look_at_lists(viewer, id).await;
    }

    /// The published sessions, oldest first: each with the numbers of its run, whenever it is told.
    async fn sessions(&mut self, viewer: &Client, id: PortfolioId) -> Vec<(String, String)> {
        let path = format!("/api/v1/portfolios/{id}/snapshots");
        let answer = viewer.get(&path).await.expect(200);
        let mut days = Vec::new();
        for row in answer["data"].as_array().unwrap() {
            let day = day_of(row);
            let before = self.days.insert(day.clone(), row.clone());
            assert!(
                before.is_none_or(|before| before == *row),
                "{day:?} was told with other numbers before: {row}"
            );
            days.push(day);
        }
        assert!(
            days.is_sorted_by(|one, next| one.0 < next.0),
            "each session once: {days:?}"
        );
        assert_eq!(days.last(), Some(&day_of(&answer)), "{answer}");
        days
    }

    /// Figures over many sessions are of the sessions that are published, all of them and no other; lots stay as they are.
    async fn look_at_lists(&mut self, viewer: &Client, id: PortfolioId) {
        let before = self.sessions(viewer, id).await;
        let mut told = Vec::new();
        for name in ["performance", "drawdowns"] {
            let path = format!("/api/v1/portfolios/{id}/{name}");
            told.push((name, viewer.get(&path).await.expect(200)));
        }
        let lots = format!("/api/v1/portfolios/{id}/positions");
        let lots = viewer.get(&lots).await.expect(200);
        let known = self.lots.get_or_insert_with(|| lots.clone());
        assert_eq!(*known, lots);
        let after = self.sessions(viewer, id).await;
        for (name, answer) in told {
            let day = day_of(&answer);
            if before != after {
                // A session was published meanwhile: it is told of one state or the next, and of none before.
                assert!(
                    before.last() <= Some(&day) || after.contains(&day),
                    "{name}: {day:?}"
                );
                continue;
            }
            assert_eq!(before.last(), Some(&day), "{name}: {before:?}");
            let of = (before.clone(), name);
            let data = answer["data"].clone();
            let known = self.series.insert(of, data.clone());
            assert!(
                known.is_none_or(|known| known == data),
                "{name} over {before:?} was told with other numbers before"
            );
        }
    }
}

/// While workers die and the provider fails, readers see what was published last, whole.
#[tokio::test(flavor = "multi_thread")]
async fn i_78_during_a_run_full_of_faults_every_answer_is_of_one_published_date() {
    let folder = Folder::new();
    let world = World::scripted(NOW, &folder).await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(on("2016-12-28"))).await;
    let mut seen = Seen::default();
    seen.look(&served.viewer, id).await;
    assert!(seen.sections.keys().all(|(date, ..)| date == "2016-12-28"));

    folder.script("[[rule]]\ndoes = \"fail\"\n");
    let wanted = engine::Request {
        force: true,
        ..request(range("2016-12-28", "2016-12-30"))
    };
    let planned = world.begin(&wanted).await;
    for round in 0..3 {
        let crew = world.worker_process(&[]);
        seen.look(&served.viewer, id).await;
        if round == 1 {
            folder.script("");
        }
        let begun = eventually(async || {
            let attempts = world.count("select count(*) from attempt").await;
            seen.look(&served.viewer, id).await;
            (attempts > round).then_some(())
        });
        assert_eq!(begun.await, Some(()));
        crew.signal(Signal::SIGKILL);
        seen.look(&served.viewer, id).await;
    }
    let ended = eventually(async || {
        seen.look(&served.viewer, id).await;
        let over = "select count(*) from run where verdict is not null";
        (world.count(over).await == 2).then_some(())
    });
    assert_eq!(ended.await, Some(()));
    seen.look(&served.viewer, id).await;
    assert_eq!(world.verdict(planned.run).await, "succeeded");
    // What was told of a date and a run is what is stored of them.
    for ((date, run, section), data) in &seen.sections {
        let path = format!("/api/v1/portfolios/{id}/results/{section}?date={date}");
        let now = served.viewer.get(&path).await.expect(200);
        if now["run_id"] == run.as_str() {
            assert_eq!(of_its_date(section, &now), *data, "{date} {section}");
        }
        assert!(day(date) <= day("2016-12-30"));
    }
    assert!(seen.sections.keys().any(|(date, ..)| date == "2016-12-30"));
    // What was published at first, and what is in the end.
    for name in ["performance", "drawdowns"] {
        let states = seen.series.keys().filter(|(_, of)| *of == name);
        let ends: BTreeSet<&String> = states
            .filter_map(|(days, _)| Some(&days.last()?.0))
            .collect();
        assert!(ends.len() > 1, "{name}: {ends:?}");
    }
}
