//! `invalidate`: exactly what looks at an input from a date on is computed again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sigmabatch::domain::{PhaseName, PortfolioId, Symbol};
use sigmabatch::engine::{self, Order, Probe, Target};
use tokio::runtime::Handle;

use crate::market::close;
use crate::world::{World, day, on, range, request};

const ORDER: Order<'_> = Order {
    who: "it",
    reason: "test",
};

async fn books(world: &World) -> [PortfolioId; 2] {
    let row = |symbol: &str| {
        format!(
            "{symbol},300,{},2016-12-19,PUBLIC",
            close(symbol, "2016-12-19")
        )
    };
    [
        world
            .book("first", "100000", "2016-12-19", &[&row("AAA")])
            .await,
        world
            .book("second", "100000", "2016-12-19", &[&row("BBB")])
            .await,
    ]
}

/// Kind, owner's name and date of what is stale.
async fn stale(world: &World) -> Vec<String> {
    world
        .texts(
            "select kind || ' ' || coalesce(p.name, s.owner) || ' ' || as_of from stale_result_sets s
             left join portfolios p on p.id::text = s.owner order by 1",
        )
        .await
}

async fn analytics_of(world: &World, run: sigmabatch::domain::RunId) -> Vec<String> {
    sqlx::query_scalar(
        "select unit || ' ' || as_of from task where run_id = $1 and phase = 'portfolio-analytics' order by 1",
    )
    .bind(run.0)
    .fetch_all(&world.db)
    .await
    .unwrap()
}

/// Incident I-10: tracking rows that a clearing left behind.
#[tokio::test(flavor = "multi_thread")]
async fn invalidating_a_portfolio_recomputes_its_later_dates_and_nothing_else() {
    let world = World::new().await;
    let [first, _] = books(&world).await;
    world.worker().await;
    let dates = request(range("2016-12-23", "2016-12-29"));
    world.run(&dates).await;
    let digest = world.digest().await;
    let target = Target::Portfolio(first);
    let from = day("2016-12-28");

    let dry = engine::invalidate(&world.engine, &target, from, ORDER, true)
        .await
        .unwrap();
    assert!(stale(&world).await.is_empty());
    let done = engine::invalidate(&world.engine, &target, from, ORDER, false)
        .await
        .unwrap();

    assert_eq!(dry, done);
    let kinds: BTreeSet<String> = done.keys().cloned().collect();
    let expected = [
        "pnl-snapshots",
        "portfolio-analytics",
        "position-updates",
        "position-values",
        "sector-tags",
    ];
    assert_eq!(kinds, expected.map(String::from).into());
    let later: BTreeSet<_> = ["2016-12-28", "2016-12-29"].map(day).into();
    assert_eq!(
        done["portfolio-analytics"],
        [(first.to_string(), later)].into()
    );
    let names = stale(&world).await;
    assert!(
        names.iter().all(|name| name.contains(" first ")),
        "{names:?}"
    );

    let again = world.run(&dates).await;

    let expected = ["2016-12-28", "2016-12-29"].map(|date| format!("portfolio:{first} {date}"));
    assert_eq!(analytics_of(&world, again.run).await, expected);
    assert!(stale(&world).await.is_empty());
    assert_eq!(world.digest().await, digest);
    let audit = world
        .texts("select action || ' ' || target from audit")
        .await;
    assert_eq!(audit, [format!("invalidate portfolio {first}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalidating_a_symbol_touches_its_holders_and_a_proxy_touches_everybody() {
    let world = World::new().await;
    let [first, second] = books(&world).await;
    world.worker().await;
    let dates = request(range("2016-12-28", "2016-12-29"));
    world.run(&dates).await;
    let of = |symbol: &str| Target::Symbol(symbol.parse::<Symbol>().unwrap());
    let from = day("2016-12-29");

    let held = engine::invalidate(&world.engine, &of("BBB"), from, ORDER, false)
        .await
        .unwrap();
    assert_eq!(
        held["portfolio-analytics"].keys().collect::<Vec<_>>(),
        [&second.to_string()]
    );
    assert_eq!(held["symbol-factors"].keys().collect::<Vec<_>>(), ["BBB"]);
    assert!(!held.contains_key("factor-covariance"));
    let again = world.run(&dates).await;
    assert_eq!(
        analytics_of(&world, again.run).await,
        [format!("portfolio:{second} 2016-12-29")]
    );

    let proxy = engine::invalidate(&world.engine, &of("SP500"), from, ORDER, false)
        .await
        .unwrap();
    let owners: BTreeSet<&String> = proxy["portfolio-analytics"].keys().collect();
    assert_eq!(owners, [&first.to_string(), &second.to_string()].into());
    assert!(proxy.contains_key("factor-covariance"));
    world.run(&dates).await;
    assert!(stale(&world).await.is_empty());
}

/// The computation has loaded before the change is made and commits after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_loaded_before_a_change_cannot_hide_it() {
    let world = World::new().await;
    let [first, _] = books(&world).await;
    let once = AtomicBool::new(true);
    let (engine, runtime) = (world.engine.clone(), Handle::current());
    let mut options = world.options();
    options.probe = Some(Probe(Arc::new(move |phase| {
        if phase == PhaseName::PortfolioAnalytics && once.swap(false, Ordering::SeqCst) {
            let target = Target::Portfolio(first);
            let change = engine::invalidate(&engine, &target, day("2016-12-29"), ORDER, false);
            runtime.block_on(change).unwrap();
        }
    })));
    world.worker_with(options).await;

    let planned = world.begin(&request(on("2016-12-29"))).await;

    // Whatever was committed with old inputs is not published.
    assert_eq!(world.verdict(planned.run).await, "partial");
    let names = stale(&world).await;
    assert!(
        names.contains(&"portfolio-analytics first 2016-12-29".to_owned()),
        "{names:?}"
    );
    let published = world
        .texts("select name from published_dates join portfolios on id = portfolio_id")
        .await;
    assert_eq!(published, ["second"]);
    let again = world.run(&request(on("2016-12-29"))).await;
    assert_eq!(
        analytics_of(&world, again.run).await,
        [format!("portfolio:{first} 2016-12-29")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_names_what_becomes_stale_and_refuses_what_it_does_not_know() {
    let world = World::new().await;
    let [first, _] = books(&world).await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;

    let wanted = [
        "invalidate",
        "first",
        "--from",
        "2016-12-29",
        "--reason",
        "wrong lot",
    ];
    let (code, dry) = world.command(&[&wanted[..], &["--dry-run"]].concat()).await;
    assert_eq!(code, 0);
    assert!(stale(&world).await.is_empty());
    let (code, done) = world.command(&wanted).await;

    assert_eq!(code, 0);
    assert_eq!(dry["stale"], done["stale"]);
    let owners: BTreeSet<&str> = done["stale"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| set["owner"].as_str().unwrap())
        .collect();
    assert_eq!(owners, [first.to_string().as_str()].into());
    for wrong in [
        &[
            "invalidate",
            "nobody",
            "--from",
            "2016-12-29",
            "--reason",
            "x",
        ][..],
        &[
            "invalidate",
            "first",
            "--from",
            "2017-12-29",
            "--reason",
            "x",
        ],
    ] {
        let (code, error) = world.command(wrong).await;
        assert_eq!(code, 2, "{error}");
    }
}

/// What was sold was asked for until then, and a range that begins before asks for its later closes, too: they concern the newest date,
/// which had nothing to wait for.
#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_computes_again_what_its_own_closes_make_stale() {
    let world = World::new().await;
    let (bought, sold) = (close("BBB", "2016-12-01"), close("BBB", "2016-12-07"));
    let rows = [
        format!("AAA,300,{},2016-12-01,PUBLIC", close("AAA", "2016-12-01")),
        format!("BBB,300,{bought},2016-12-01,PUBLIC,,,,,,2016-12-07,{sold}"),
    ];
    let rows = rows.each_ref().map(String::as_str);
    world.book("sold", "100000", "2016-12-01", &rows).await;
    let row = format!("AAA,300,{},2016-12-01,PUBLIC", close("AAA", "2016-12-01"));
    world.book("other", "100000", "2016-12-01", &[&row]).await;
    world.worker().await;
    let newest = world.begin(&request(on("2016-12-30"))).await;
    assert_eq!(world.verdict(newest.run).await, "succeeded");

    let older = request(range("2016-12-05", "2016-12-30"));
    let preview = engine::preview(&world.engine, &older).await.unwrap();
    let planned = world.begin(&older).await;

    assert_eq!(world.verdict(planned.run).await, "succeeded");
    assert_eq!(stale(&world).await, [""; 0]);
    let published = "select name || ' ' || max(as_of) from published_dates d join portfolios p on p.id = d.portfolio_id
                     group by name order by name";
    assert_eq!(
        world.texts(published).await,
        ["other 2016-12-30", "sold 2016-12-30"]
    );
    // 19 sessions of two books: the newest of the other one stays.
    assert_eq!(preview.portfolio_dates, 38);
    assert_eq!((preview.reused, planned.due), (1, Some(37)));
}
