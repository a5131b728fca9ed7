//! 5.5 and 5.7: what is in a portfolio, what is left out of its numbers and why, and signs.

use std::fmt::Write as _;
use std::time::Duration;

use nix::sys::signal::Signal;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sigmabatch::engine::{self, Dates, Request};
use sigmabatch::store::{WriteTx, housekeeping};

use super::{book, lot, only};
use crate::market::{Folder, close};
use crate::world::{World, day, dec, on, range, request, shipped};

const NOW: &str = "2016-12-30T23:00:00Z";
const HEADER: &str = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,Investment Subtype,\
    Underlying Symbol,Strike Price,Expiration Date,Option Type,Exit Date,Exit Price Per Share";

async fn verdict(world: &World, request: &Request) -> String {
    let planned = world.begin(request).await;
    world.verdict(planned.run).await
}

/// A text of an entry of the vector, or of anything else that `show` has.
fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    document
        .pointer(path)
        .unwrap_or_else(|| panic!("{path} in {document:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn i_48_twenty_observations_make_a_reason_and_never_a_beta_of_zero() {
    let mut folder = Folder::new();
    folder.remove("AAA", |date| date < "2016-12-01");
    let world = World::at(NOW, folder.path()).await;
    book(&world, "book", "AAA", "2016-12-28").await;
    world.worker().await;

    world.run(&request(on("2016-12-29"))).await;

    let rows =
        "select symbol || ' ' || available || ' ' || n || ' ' || reason from symbol_factor_models";
    // 1 to 29 December are twenty sessions: nineteen returns.
    assert_eq!(
        world.texts(rows).await,
        ["AAA false 19 insufficient history: 19 of 60 returns"]
    );
    let joint = "select count(*) from symbol_factor_exposures where model = 'joint'";
    assert_eq!(world.count(joint).await, 0);
    let (_, show) = world.command(&["show", "book"]).await;
    assert_eq!(at(&show, "/risk/available"), &json!(false));
    assert_eq!(
        at(&show, "/completeness/entries/factors/outcome"),
        "insufficient_data"
    );
    assert!(
        at(&show, "/risk/reason")
            .as_str()
            .unwrap()
            .contains("19 of 60")
    );
    assert_eq!(at(&show, "/factors"), &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn i_49_reference_data_that_does_not_fit_is_named_before_anything_is_computed() {
    let world = World::new().await;
    let folder = tempfile();
    let file = folder.join("scenarios.toml");
    let scenario = "version = \"1\"\n[[scenario]]\nid = \"x\"\nname = \"x\"\ncategory = \"x\"\nseverity = \"mild\"\nactive = true\n\
                    [[scenario.shock]]\nfactor = \"Momentun\"\nvalue = -0.1\nkind = \"total_return\"\n";
    std::fs::write(&file, scenario).unwrap();
    let (code, page) = world
        .page(&["import", "scenarios", file.to_str().unwrap()])
        .await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert_ne!(code, 0, "{page}");
    assert!(page.contains("Momentun"), "{page}");

    // The names of the covariance are those of the definitions, in their order, without the one that has no series.
    book(&world, "book", "AAA", "2016-12-28").await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let in_covariance = world
        .texts("select unnest(factors) from factor_covariance")
        .await;
    let defined = world
        .texts(
            "select d.name from factor_definitions d
             where not exists (select from factor_covariance c where c.unavailable ? d.name) order by sort_order",
        )
        .await;
    assert_eq!(in_covariance, defined);
    assert!(in_covariance.len() >= 6, "{in_covariance:?}");
    // A definition that is gone is missed by every program that wants to start.
    sqlx::query("delete from factor_definitions where role = 'style'")
        .execute(&world.db)
        .await
        .unwrap();
    let (code, document) = world.command(&["doctor"]).await;
    assert_eq!(code, 1);
    assert!(
        document.to_string().contains("unknown factors"),
        "{document}"
    );
}

fn tempfile() -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(crate::world::random());
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A date that is no session is a mistake of ours: the window of the task has no place for it.
#[tokio::test(flavor = "multi_thread")]
async fn i_50_a_mistake_of_ours_is_dead_at_once_and_loud() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-12-21").await;
    let planned = engine::plan(&world.engine, &request(on("2016-12-22")))
        .await
        .unwrap();
    let spoilt = sqlx::query(
        "update task set input = jsonb_set(input, '{symbols,dates}', '[\"2016-12-24\"]')
         where phase = 'symbol-factors' and input ? 'symbols'",
    );
    assert_eq!(spoilt.execute(&world.db).await.unwrap().rows_affected(), 1);
    engine::start(&world.engine, planned.run).await;
    world.worker().await;

    assert_eq!(world.verdict(planned.run).await, "partial");

    let dead: Vec<(String, String, i16)> =
        sqlx::query_as("select error_class, error, attempts from task where state = 'dead'")
            .fetch_all(&world.db)
            .await
            .unwrap();
    assert_eq!(dead.len(), 1, "{dead:?}");
    let (class, error, attempts) = &dead[0];
    assert_eq!((class.as_str(), *attempts), ("bug", 1), "{error}");
    assert!(error.contains("2016-12-24"), "{error}");
    let told = "select count(*) from event where kind = 'task-dead'";
    assert_eq!(world.count(told).await, 1);
}

/// Resident memory of a process, in kB, and its peak.
fn memory(pid: nix::unistd::Pid) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Symbols and books of I-51, which takes minutes with all of them: `make memory`. Beside all other tests it has a fifth.
fn size() -> (u32, u32, Duration) {
    match std::env::var("SIGMABATCH_FULL_SIZE") {
        Ok(_) => (2_000, 300, Duration::from_mins(10)),
        Err(_) => (400, 60, Duration::from_mins(4)),
    }
}

/// Three nights by the same process. The limit of the incident is its memory limit; what a process ever held of it is what counts. A
/// night plans nothing smaller for fewer symbols: the chunks are full.
#[tokio::test(flavor = "multi_thread")]
async fn i_51_a_night_fits_in_half_a_gigabyte_and_the_third_needs_no_more_than_the_first() {
    let (symbols, books, limit) = size();
    let folder = Folder::new();
    folder.more(symbols);
    let world = World::at(NOW, folder.path()).await;
    for n in 0..books {
        let rows =
            (7 * n..7 * n + 7).map(|at| format!("M{},100,25,2016-12-27,PUBLIC", at % symbols));
        let rows: Vec<String> = rows.collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        world
            .book(&format!("book {n}"), "100000", "2016-12-27", &rows)
            .await;
    }
    let worker = world.worker_process(&[]);
    let mut after = Vec::new();
    for date in ["2016-12-28", "2016-12-29", "2016-12-30"] {
        let planned = world.begin(&request(on(date))).await;
        let verdict = world.verdict_within(limit, planned.run).await;
        assert_eq!(verdict, "succeeded", "{date}");
        after.push(memory(worker.pid()));
    }
    worker.signal(Signal::SIGTERM);

    let chunks = "select max(jsonb_array_length(input -> 'symbols' -> 'symbols'))::bigint from task
                  where phase = 'symbol-factors'";
    assert_eq!(world.count(chunks).await, 20);
    let fitted = "select count(distinct symbol) from symbol_factor_models where as_of = '2016-12-30' and symbol like 'M%'";
    assert_eq!(world.count(fitted).await, i64::from(symbols));
    let sessions = "select min(n) from (select count(*) as n from market_data_cache where symbol like 'M%' group by symbol) each";
    assert!(world.count(sessions).await >= 400);
    let published =
        "select count(distinct portfolio_id) from published_dates where as_of = '2016-12-30'";
    assert_eq!(world.count(published).await, i64::from(books));
    let (peak, flat) = (after[2].1, after[2].0 <= after[0].0 * 5 / 4 + 8_192);
    assert!(
        peak < 512 * 1024 && flat,
        "resident and peak in kB: {after:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i_57_deleted_closed_and_future_lots_are_in_no_number() {
    let world = World::new().await;
    let rows = [
        lot("AAA", 100, "2016-12-19"),
        lot("BBB", 100, "2016-12-19"),
        format!("{},,,,,,2016-12-21,60", lot("CCC", 100, "2016-12-19")),
        lot("DDD", 100, "2016-12-27"),
    ];
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-19", &rows).await;
    sqlx::query("update positions set deleted_at = now() where symbol = 'BBB'")
        .execute(&world.db)
        .await
        .unwrap();
    world.worker().await;

    world.run(&request(on("2016-12-22"))).await;

    for sql in [
        "select p.symbol from position_values v join positions p on p.id = v.position_id",
        "select distinct p.symbol from position_factor_exposures e join positions p on p.id = e.position_id",
        "select name from risk_contributions where kind = 'underlying'",
        "select symbol from symbol_factor_models",
        "select symbol from symbol_daily_metrics",
        "select p.symbol from position_marks m join positions p on p.id = m.position_id",
    ] {
        assert_eq!(world.texts(sql).await, ["AAA"], "{sql}");
    }
    // Nobody asks for a deleted lot either; the closed one's actions were cash.
    let asked = "select distinct s ->> 'symbol' from task, jsonb_array_elements(input -> 'series') s
                 where s ->> 'class' <> 'PROXY' and not (s ->> 'yields')::boolean and s ->> 'since' is not null order by 1";
    let asked = world.texts(asked).await;
    assert!(!asked.contains(&"BBB".to_owned()), "{asked:?}");
    assert!(!asked.contains(&"DDD".to_owned()), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_58_private_assets_are_asked_of_nobody_and_their_book_ends_well() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    let rows = ["HOUSE,1,40000,2016-12-20,PRIVATE"];
    world.book("private", "100000", "2016-12-20", &rows).await;
    world.worker().await;

    let planned = world.run(&request(on("2016-12-22"))).await;

    let asked: Vec<String> = market
        .asked()
        .into_iter()
        .flat_map(|q| q.about)
        .map(|(s, _)| s)
        .collect();
    assert!(!asked.contains(&"HOUSE".to_owned()), "{asked:?}");
    assert_eq!(world.verdict(planned.run).await, "succeeded");
    let (_, show) = world.command(&["show", "private"]).await;
    assert_eq!(at(&show, "/nav"), "100000");
    assert_eq!(
        at(&show, "/completeness/entries/stress/outcome"),
        "not_applicable"
    );
    assert_eq!(
        at(&show, "/completeness/entries/factors/outcome"),
        "not_applicable"
    );
    assert_eq!(at(&show, "/completeness/strict"), &json!(true));
    let classless = sqlx::query("update positions set class = null")
        .execute(&world.db)
        .await;
    assert!(classless.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn i_59_tickers_are_found_under_either_spelling_and_no_pattern_hides_one() {
    let folder = tempfile();
    std::fs::create_dir_all(folder.join("prices")).unwrap();
    std::fs::write(folder.join("provider.toml"), "basis = \"total_return\"\n").unwrap();
    let prices = "date,BRK-B,BF.B,EQIX\n2016-12-21,163.1,44.2,355\n2016-12-22,163.2,44.3,356\n";
    std::fs::write(folder.join("prices/prices.csv"), prices).unwrap();
    let world = World::at(NOW, &folder).await;
    let rows = [
        "BRK.B,1,160,2016-12-21,PUBLIC",
        "BF-B,1,44,2016-12-21,PUBLIC",
        "EQIX,10,350,2016-12-21,PUBLIC",
        "EQR,10,60,2016-12-21,PUBLIC",
    ];
    world.book("book", "500000", "2016-12-21", &rows).await;
    world.worker().await;

    world.run(&request(on("2016-12-22"))).await;

    // Under our own spelling, whatever the provider's; the one that it lacks was asked for, too.
    let values = "select p.symbol || ' ' || v.price::float8 || ' ' || v.quality
                  from position_values v join positions p on p.id = v.position_id order by 1";
    let expected = [
        "BF-B 44.3 close",
        "BRK.B 163.2 close",
        "EQIX 356 close",
        "EQR 60 carried",
    ];
    assert_eq!(world.texts(values).await, expected);
    let asked = "select symbol || ' ' || count(distinct date)::text from symbol_outcomes
                 where outcome = 'priced' and date >= '2016-12-21' and symbol like 'B%' group by symbol order by 1";
    assert_eq!(world.texts(asked).await, ["BF-B 2", "BRK.B 2"]);
    let refused =
        "select count(*) from symbol_outcomes where symbol = 'EQR' and outcome <> 'priced'";
    assert!(world.count(refused).await > 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn i_60_what_has_expired_is_planned_no_more_and_a_run_never_revives_a_symbol() {
    let world = World::new().await;
    let rows = [
        lot("AAA", 100, "2016-12-19"),
        ",2,3.5,2016-12-19,OPTIONS,,BBB,60,2016-12-21,CALL".to_owned(),
    ];
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-19", &rows).await;
    world.worker().await;
    world.run(&request(on("2016-12-20"))).await;
    sqlx::query("update symbol_universe set active = false where symbol = 'BBB'")
        .execute(&world.db)
        .await
        .unwrap();

    let after = world.run(&request(on("2016-12-22"))).await;

    let planned: Vec<String> = sqlx::query_scalar(
        "select distinct unit || coalesce(input -> 'symbols' ->> 'symbols', '') from task
         where run_id = $1 and phase in ('symbol-factors', 'symbol-metrics')",
    )
    .bind(after.run.0)
    .fetch_all(&world.db)
    .await
    .unwrap();
    assert!(
        planned.iter().any(|unit| unit.contains("AAA")),
        "{planned:?}"
    );
    assert!(
        !planned.iter().any(|unit| unit.contains("BBB")),
        "{planned:?}"
    );
    let revived = "select count(*) from symbol_universe where symbol = 'BBB' and active";
    assert_eq!(world.count(revived).await, 0);
    let positions =
        "select count(*) from position_values v join positions p on p.id = v.position_id
                     where v.as_of = '2016-12-22' and p.class = 'OPTIONS'";
    assert_eq!(world.count(positions).await, 0);
}

/// The qualities of a date, by symbol.
async fn qualities(world: &World, date: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select p.symbol || ' ' || v.quality from position_values v join positions p on p.id = v.position_id
         join portfolios b on b.id = p.portfolio_id where b.name = 'book' and v.as_of = $1 order by 1",
    )
    .bind(day(date))
    .fetch_all(&world.db)
    .await
    .unwrap()
}

/// Tasks of the phases that ask providers, and of the metrics of symbols, that name one.
async fn tasks_about(world: &World, run: sigmabatch::domain::RunId, symbol: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from task where run_id = $1 and strpos(input::text, $2) > 0
         and phase in ('company-profiles', 'market-data', 'symbol-metrics', 'fundamentals')",
    )
    .bind(run.0)
    .bind(format!("\"{symbol}\""))
    .fetch_one(&world.db)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn i_60_an_inactive_symbol_is_asked_for_no_more_and_comes_back_by_an_order_alone() {
    let market = Folder::new();
    let world = World::scripted(NOW, &market).await;
    let rows = [lot("AAA", 100, "2016-12-19"), lot("BBB", 100, "2016-12-19")];
    let rows = rows.each_ref().map(String::as_str);
    world.book("book", "100000", "2016-12-19", &rows).await;
    world.worker().await;
    world.run(&request(on("2016-12-20"))).await;
    let order = async |verb: &str, symbol: &str, reason: &str| {
        let words = ["universe", verb, symbol, "--reason", reason];
        world.command(&words).await
    };
    let (code, told) = order("deactivate", "BBB", "delisted").await;
    // The last session that somebody asked for is the 20th.
    let expected =
        json!({ "symbol": "BBB", "active": false, "changed": true, "from_date": "2016-12-21" });
    assert_eq!((code, told), (0, expected));
    let before = market.asked().len();

    let next = world.run(&request(on("2016-12-22"))).await;
    let folder = tempfile();
    let file = folder.join("book.csv");
    let csv = format!("{HEADER}\n{}\n", lot("BBB", 10, "2016-12-28"));
    std::fs::write(&file, csv).unwrap();
    let (code, again) = world
        .command(&[
            "import",
            "portfolio",
            file.to_str().unwrap(),
            "--name",
            "again",
            "--equity",
            "100000",
            "--inception",
            "2016-12-28",
        ])
        .await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((code, &again["inactive_symbols"]), (0, &json!(["BBB"])));
    let forced = Request {
        force: true,
        ..request(on("2016-12-30"))
    };
    let last = world.run(&forced).await;

    let asked = market.asked().split_off(before);
    let asked: Vec<String> = asked
        .into_iter()
        .flat_map(|question| question.about)
        .map(|(symbol, _)| symbol)
        .collect();
    assert!(asked.contains(&"AAA".to_owned()), "{asked:?}");
    assert!(!asked.contains(&"BBB".to_owned()), "{asked:?}");
    for run in [next.run, last.run] {
        assert!(tasks_about(&world, run, "AAA").await > 0);
        assert_eq!(tasks_about(&world, run, "BBB").await, 0);
    }
    let active = "select count(*) from symbol_universe where symbol = 'BBB' and active";
    assert_eq!(world.count(active).await, 0);
    // Its lots keep their last close: of two sessions ago, then of seven, and the reason stands beside it.
    assert_eq!(
        qualities(&world, "2016-12-22").await,
        ["AAA close", "BBB stale"]
    );
    assert_eq!(
        qualities(&world, "2016-12-30").await,
        ["AAA close", "BBB carried"]
    );
    let (_, show) = world.command(&["show", "book"]).await;
    assert_eq!(
        at(&show, "/completeness/missing/BBB"),
        "inactive: no provider is asked for it; carried at its close of 2016-12-20"
    );

    let (code, told) = order("activate", "BBB", "listed again").await;
    assert_eq!(
        (code, &told["changed"], &told["from_date"]),
        (0, &json!(true), &json!("2016-12-21"))
    );
    let (code, told) = order("activate", "BBB", "twice").await;
    assert_eq!((code, &told["changed"]), (0, &json!(false)));
    world.run(&request(on("2016-12-22"))).await;
    assert_eq!(
        qualities(&world, "2016-12-22").await,
        ["AAA close", "BBB close"]
    );
    let audited = "select action || ' ' || target || ': ' || reason from audit where target like 'symbol %' order by 1";
    assert_eq!(
        world.texts(audited).await,
        [
            "activate symbol BBB: listed again",
            "deactivate symbol BBB: delisted"
        ]
    );
    let versions = "select count(distinct version) from input_change
                    where owner = 'BBB' and from_date = '2016-12-21' and reason in ('activate', 'deactivate')";
    assert_eq!(world.count(versions).await, 2);

    // What everybody's numbers rest on stays, and so does what nobody knows.
    let (code, refused) = order("deactivate", "MTUM", "of no use").await;
    assert_eq!(code, 2);
    assert!(refused.to_string().contains("Momentum"), "{refused}");
    let (code, _) = order("deactivate", "ZZZ", "of no use").await;
    assert_eq!(code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_61_a_missing_price_is_a_reason_in_its_own_book_and_a_missing_market_stops_nobody() {
    let mut folder = Folder::new();
    folder.remove("AAA", |_| true);
    let world = World::at(NOW, folder.path()).await;
    let rows = [lot("AAA", 10, "2016-12-19"), lot("BBB", 100, "2016-12-19")];
    world
        .book(
            "holed",
            "100000",
            "2016-12-19",
            &rows.each_ref().map(String::as_str),
        )
        .await;
    book(&world, "clean", "BBB", "2016-12-19").await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;

    let (_, holed) = world.command(&["show", "holed"]).await;
    let (_, clean) = world.command(&["show", "clean"]).await;
    assert!(
        at(&holed, "/completeness/missing/AAA")
            .as_str()
            .unwrap()
            .contains("carried at cost")
    );
    assert!(at(&holed, "/coverage").as_f64().unwrap() < 1.0);
    assert_eq!(at(&clean, "/completeness/missing"), &json!({}));
    assert_eq!(at(&clean, "/coverage"), &json!(1.0));
    assert_eq!(at(&clean, "/completeness/entries/factors/outcome"), "done");

    let mut folder = Folder::new();
    folder.remove("SP500", |_| true);
    let world = World::at(NOW, folder.path()).await;
    book(&world, "book", "BBB", "2016-12-19").await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;
    let (_, show) = world.command(&["show", "book"]).await;
    for entry in ["factors", "stress"] {
        let outcome = at(&show, &format!("/completeness/entries/{entry}/outcome"));
        assert_eq!(outcome, "insufficient_data", "{entry}");
    }
    assert!(
        at(&show, "/risk/reason")
            .as_str()
            .unwrap()
            .contains("market")
    );
    assert_eq!(at(&show, "/completeness/entries/snapshot/outcome"), "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn i_66_a_hedge_has_no_exposure_and_a_net_short_book_loses_without_a_cap() {
    let world = World::new().await;
    let hedge = [
        lot("AAA", 100, "2016-12-20"),
        lot("AAA", -100, "2016-12-20"),
    ];
    world
        .book(
            "hedge",
            "100000",
            "2016-12-20",
            &hedge.each_ref().map(String::as_str),
        )
        .await;
    let short = lot("AAA", -500, "2016-12-20");
    world.book("short", "100000", "2016-12-20", &[&short]).await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;

    let (_, hedge) = world.command(&["show", "hedge"]).await;
    let factors = at(&hedge, "/factors").as_array().unwrap();
    let slopes: Vec<f64> = factors
        .iter()
        .filter_map(|factor| factor["beta"].as_f64())
        .collect();
    assert!(
        slopes.len() >= 6 && slopes.iter().all(|beta| *beta == 0.0),
        "{slopes:?}"
    );
    let price: Decimal = dec(&close("AAA", "2016-12-22"));
    let gross: Decimal = dec(at(&hedge, "/concentration/gross").as_str().unwrap());
    assert_eq!(gross, Decimal::from(200) * price);
    let done = |show: &Value| -> Vec<(String, f64, f64)> {
        let rows = at(show, "/stress").as_array().unwrap().iter();
        let rows = rows.filter(|row| row["outcome"] == "done");
        rows.map(|row| {
            let of = |key: &str| row[key].as_f64().unwrap();
            (
                row["scenario"].as_str().unwrap().to_owned(),
                of("direct"),
                of("propagated"),
            )
        })
        .collect()
    };
    let stress = done(&hedge);
    assert!(stress.len() > 10, "{stress:?}");
    assert!(
        stress.iter().all(|row| row.1 == 0.0 && row.2 == 0.0),
        "{stress:?}"
    );

    let (_, short) = world.command(&["show", "short"]).await;
    let stress = done(&short);
    let rally = stress
        .iter()
        .find(|row| row.0 == "market_rally_25")
        .unwrap();
    let weight = -crate_f64(Decimal::from(500) * price)
        / at(&short, "/nav").as_str().unwrap().parse::<f64>().unwrap();
    let beta = at(&short, "/factors/0/beta").as_f64().unwrap();
    assert!((rally.1 - 0.25 * beta).abs() < 1e-12, "{rally:?} {beta}");
    assert!(
        rally.1 < 0.25 * weight && rally.1 < -0.05,
        "{rally:?} {weight}"
    );
}

fn crate_f64(value: Decimal) -> f64 {
    value.to_string().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn i_68_any_spelling_of_an_id_is_the_same_portfolio_and_another_word_is_an_error() {
    let world = World::new().await;
    let id = book(&world, "book", "AAA", "2016-12-20").await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await;
    let text = id.to_string();
    for spelling in [
        text.clone(),
        text.to_uppercase(),
        text.replace('-', ""),
        "book".to_owned(),
    ] {
        let (code, show) = world.command(&["show", &spelling]).await;
        assert_eq!(
            (code, at(&show, "/portfolio_id")),
            (0, &json!(text)),
            "{spelling}"
        );
        assert_eq!(at(&show, "/positions").as_array().unwrap().len(), 1);
    }
    let (code, _) = world.command(&["show", &text[..30]]).await;
    assert_eq!(code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn i_77_a_symbol_whose_prices_failed_is_asked_for_again_by_the_next_book_that_has_it() {
    let mut folder = Folder::new();
    let world = World::at(NOW, folder.path()).await;
    book(&world, "first", "AAA", "2016-12-20").await;
    folder.break_prices();
    world.worker().await;
    assert_ne!(
        verdict(&world, &request(on("2016-12-22"))).await,
        "succeeded"
    );
    let known = "select count(*) from symbol_outcomes where symbol = 'AAA'";
    assert_eq!(world.count(known).await, 0, "a failure is no answer");
    assert_eq!(
        world
            .count("select count(*) from symbol_factor_models where available")
            .await,
        0
    );

    // The folder is mended. Another book with the symbol is enough.
    folder.remove("AAA", |_| false);
    let second = book(&world, "second", "AAA", "2016-12-20").await;
    let again = verdict(&world, &only(&[second], request(on("2016-12-22")))).await;
    assert_eq!(again, "succeeded", "{}", world.troubles().await);
    assert!(world.count(known).await > 252);
    let model = "select count(*) from symbol_factor_models where symbol = 'AAA' and available";
    assert_eq!(world.count(model).await, 1);
}

/// Exposures, covariance and stress of a date are of that date, whatever was computed since.
#[tokio::test(flavor = "multi_thread")]
async fn i_79_a_rerun_a_month_later_gives_the_same_stress_to_the_last_bit() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-11-25").await;
    world.worker().await;
    world.run(&request(on("2016-11-29"))).await;
    let stress = "select row(scenario_id, direct, propagated, mahalanobis, tail_p)::text from stress_test_results
                  where as_of = '2016-11-29' order by 1";
    let before = world.texts(stress).await;
    world.run(&request(range("2016-12-28", "2016-12-29"))).await;

    let forced = Request {
        force: true,
        ..request(on("2016-11-29"))
    };
    world.run(&forced).await;

    assert!(before.len() > 10);
    assert_eq!(world.texts(stress).await, before);
    // Nothing of another date stands in for what is missing: without its covariance there is no stress.
    sqlx::query("delete from stress_test_results")
        .execute(&world.db)
        .await
        .unwrap();
    sqlx::query("delete from factor_covariance where as_of = '2016-11-29'")
        .execute(&world.db)
        .await
        .unwrap();
    let planned = engine::plan(&world.engine, &forced).await.unwrap();
    sqlx::query(
        "update task set state = 'done', finished_at = now()
         where phase = 'symbol-factors' and unit like 'covariance%' and state = 'ready'",
    )
    .execute(&world.db)
    .await
    .unwrap();
    engine::start(&world.engine, planned.run).await;
    world.verdict(planned.run).await;
    let outcomes = "select distinct outcome || ' ' || reason from stress_test_results where as_of = '2016-11-29'";
    assert_eq!(
        world.texts(outcomes).await,
        ["insufficient_data no factor covariance of this date"]
    );
}

/// The shipped market with a fund of long Treasuries, which is not shipped: its closes are invented from the real ten-year yields, with a
/// duration of 17 years and a year's carry of 2.5 %.
fn with_long_treasuries() -> std::path::PathBuf {
    let folder = tempfile();
    std::fs::create_dir_all(folder.join("prices")).unwrap();
    for file in [
        "provider.toml",
        "yields.csv",
        "profiles.csv",
        "prices/synthetic_etfs.csv.gz",
        "prices/us_20_stocks_index_factors_2012_2022.csv.gz",
    ] {
        std::fs::copy(shipped("market").join(file), folder.join(file)).unwrap();
    }
    let yields = std::fs::read_to_string(folder.join("yields.csv")).unwrap();
    let (mut closes, mut price, mut before) = ("date,TLT\n".to_owned(), 120.0, None);
    for row in yields.lines().filter(|row| row.starts_with("20")) {
        let (date, level) = row.split_once(',').unwrap();
        let Ok(level) = level.parse::<f64>() else {
            continue;
        };
        price *= 1.0 + 0.025 / 252.0 - 17.0 * (level - before.unwrap_or(level));
        before = Some(level);
        writeln!(closes, "{date},{price:.4}").unwrap();
    }
    std::fs::write(folder.join("prices/tlt.csv"), closes).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn i_80_bonds_lose_when_yields_rise_and_bills_hardly_move() {
    let folder = with_long_treasuries();
    let world = World::at(NOW, &folder).await;
    // Everything is invested: TLT has a duration of 17 years, GOVT of 5.5, BIL of none.
    let date = day("2016-12-30");
    for symbol in ["TLT", "GOVT", "BIL"] {
        let request = sigmabatch::market_data::PriceRequest {
            symbol: symbol.parse().unwrap(),
            yields: false,
            ranges: vec![(date, date)],
        };
        let price = world.provider().prices(&[request]).await.unwrap()[0].bars[0].close;
        let equity = (Decimal::from(1_000) * price).to_string();
        let row = format!("{symbol},1000,{price},2016-12-30,PUBLIC");
        world.book(symbol, &equity, "2016-12-30", &[&row]).await;
    }
    world.worker().await;
    world.run(&request(Dates::Range(date, date))).await;

    let legs = async |book: &str, scenario: &str| -> (f64, f64) {
        sqlx::query_as(
            "select direct, propagated from stress_test_results r join portfolios p on p.id = r.portfolio_id
             where p.name = $1 and scenario_id = $2",
        )
        .bind(book)
        .bind(scenario)
        .fetch_one(&world.db)
        .await
        .unwrap()
    };
    for (up, down) in [
        ("rates_up_25bp", "rates_down_25bp"),
        ("rates_up_50bp", "rates_down_50bp"),
        ("rates_up_100bp", "rates_down_100bp"),
    ] {
        for bonds in ["TLT", "GOVT"] {
            let (rise, fall) = (legs(bonds, up).await, legs(bonds, down).await);
            assert!(rise.0 < 0.0 && rise.1 < 0.0, "{bonds} {up}: {rise:?}");
            assert!(fall.0 > 0.0 && fall.1 > 0.0, "{bonds} {down}: {fall:?}");
        }
        let (rise, fall) = (legs("BIL", up).await, legs("BIL", down).await);
        for leg in [rise.0, rise.1, fall.0, fall.1] {
            assert!(leg.abs() < 0.01, "{up}: {rise:?} {fall:?}");
        }
    }
    // Duration times a percentage point, within the noise of a year.
    let (direct, _) = legs("GOVT", "rates_up_100bp").await;
    assert!((-0.065..=-0.045).contains(&direct), "{direct}");
    let (long, _) = legs("TLT", "rates_up_100bp").await;
    assert!((-0.22..=-0.12).contains(&long), "{long}");
    let (spike, _) = legs("GOVT", "rate_spike_300bp").await;
    assert!(spike < 2.0 * direct, "{spike} {direct}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A run of long ago goes with its tasks, attempts and events; its results and what stands in no stream stay.
#[tokio::test(flavor = "multi_thread")]
async fn i_81_an_old_run_goes_as_a_whole_and_its_results_stay() {
    let world = World::new().await;
    book(&world, "book", "AAA", "2016-12-20").await;
    world.worker().await;
    let old = world.run(&request(on("2016-12-21"))).await;
    let new = world.run(&request(on("2016-12-22"))).await;
    let digest = world.digest().await;
    for statement in [
        "update run set finished_at = now() - interval '40 days' where id = $1",
        "update event set at = now() - interval '40 days' where run_id = $1",
    ] {
        sqlx::query(statement)
            .bind(old.run.0)
            .execute(&world.db)
            .await
            .unwrap();
    }
    let pool = &world.engine.pools.control;
    assert_eq!(
        housekeeping::prunable(pool, 30, 20).await.unwrap(),
        [old.run]
    );
    let mut tx = WriteTx::begin(pool).await.unwrap();
    assert!(housekeeping::prune(&mut tx, old.run).await.unwrap() > 0);
    tx.commit().await.unwrap();
    housekeeping::forget_events(pool, 30).await.unwrap();

    let count = async |table: &str, run: sigmabatch::domain::RunId| -> i64 {
        let sql = format!("select count(*) from {table} where run_id = $1");
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
        query.bind(run.0).fetch_one(&world.db).await.unwrap()
    };
    assert_eq!(
        (count("task", old.run).await, count("event", old.run).await),
        (0, 0)
    );
    let attempts = "select count(*) from attempt a where not exists (select from task t where t.id = a.task_id)";
    assert_eq!(world.count(attempts).await, 0);
    assert!(count("task", new.run).await > 0 && count("event", new.run).await > 0);
    assert_eq!(world.digest().await, digest);
}
