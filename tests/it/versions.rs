//! What is current, what is stale, and that no number depends on the order of dates or runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use sigmabatch::engine::{self, Dates, Request, Selection};
use sigmabatch::market_data::Provider;
use tokio_util::sync::CancellationToken;

use crate::market::{Folder, close};
use crate::world::{World, on, range, request, shipped};

const NOW: &str = "2016-12-30T23:00:00Z";

async fn books(world: &World) -> [sigmabatch::domain::PortfolioId; 2] {
    let aaa = format!("AAA,300,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19"));
    let bbb = format!("BBB,200,{},2016-12-19,PUBLIC", close("BBB", "2016-12-19"));
    [
        world.book("first", "100000", "2016-12-19", &[&aaa]).await,
        world.book("second", "100000", "2016-12-19", &[&bbb]).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_with_force_changes_no_digest_and_one_without_plans_nothing() {
    let world = World::new().await;
    books(&world).await;
    let dates = range("2016-12-21", "2016-12-23");
    world.worker().await;
    let first = world.run(&request(dates)).await;
    let digest = world.digest().await;

    let forced = world
        .run(&Request {
            force: true,
            ..request(dates)
        })
        .await;

    assert_eq!(world.digest().await, digest);
    let again = world.run(&request(dates)).await;
    let count = |tasks: &[(_, usize)]| tasks.iter().map(|(_, count)| count).sum::<usize>();
    assert_eq!(count(&again.tasks), 0);
    assert_eq!(again.tasks.len(), 10);
    assert!(count(&forced.tasks) > 0 && count(&first.tasks) > 0);
    assert_eq!(world.digest().await, digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_does_every_session_of_it_in_one_plan() {
    let world = World::new().await;
    books(&world).await;
    world.worker().await;

    // Monday the 26th is a holiday.
    let planned = world.run(&request(range("2016-12-22", "2016-12-29"))).await;

    let dates: Vec<String> = planned.dates.iter().map(ToString::to_string).collect();
    let expected = [
        "2016-12-22",
        "2016-12-23",
        "2016-12-27",
        "2016-12-28",
        "2016-12-29",
    ];
    assert_eq!(dates, expected);
    assert_eq!(world.count("select count(*) from run").await, 1);
    for sql in [
        "select as_of::text from published_dates where strict group by as_of having count(*) = 2 order by 1",
        "select as_of::text from portfolio_snapshots group by as_of having count(*) = 2 order by 1",
        "select as_of::text from factor_exposures group by as_of order by 1",
        "select as_of::text from factor_covariance order by 1",
        "select as_of::text from symbol_daily_metrics group by as_of order by 1",
    ] {
        assert_eq!(world.texts(sql).await, expected, "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_dates_and_runs_changes_no_number() {
    let orders: [&[Dates]; 4] = [
        &[range("2016-12-23", "2016-12-28")],
        &[on("2016-12-23"), on("2016-12-27"), on("2016-12-28")],
        &[on("2016-12-28"), on("2016-12-27"), on("2016-12-23")],
        &[on("2016-12-28"), range("2016-12-23", "2016-12-28")],
    ];
    // The reason why a close is missing is another one on each of the dates.
    let mut prices = Folder::new();
    prices.remove("CCC", |date| date == "2016-12-23" || date >= "2016-12-28");
    let mut digests = Vec::new();
    for order in orders {
        let world = World::at(NOW, prices.path()).await;
        books(&world).await;
        world
            .book(
                "holes",
                "100000",
                "2016-12-19",
                &["CCC,50,99,2016-12-19,PUBLIC"],
            )
            .await;
        world.worker().await;
        for &dates in order {
            world.run(&request(dates)).await;
        }
        let stale = world
            .texts("select kind || ' ' || owner || ' ' || as_of from stale_result_sets")
            .await;
        assert!(stale.is_empty(), "{order:?}: {stale:?}");
        digests.push(world.digest().await);
    }
    for (digest, order) in digests.iter().zip(orders) {
        assert_eq!(*digest, digests[0], "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_price_makes_exactly_the_affected_dates_stale_and_the_next_run_mends_them() {
    let mut prices = Folder::new();
    let world = World::at(NOW, prices.path()).await;
    let [first, _] = books(&world).await;
    world.worker().await;
    let dates = range("2016-12-21", "2016-12-28");
    world.run(&request(dates)).await;
    assert_eq!(
        world.count("select count(*) from stale_result_sets").await,
        0
    );

    prices.correct("AAA", "2016-12-22", 123.45);
    let asked = Request {
        portfolios: Selection::Only(vec![first]),
        force: true,
        ..request(on("2016-12-22"))
    };
    world.run(&asked).await;

    // The 22nd itself was computed with the new price.
    let stale = world
        .texts(
            "select distinct coalesce(p.name, s.owner) || ' ' || as_of from stale_result_sets s
             left join portfolios p on p.id::text = s.owner order by 1",
        )
        .await;
    assert_eq!(
        stale,
        [
            "AAA 2016-12-23",
            "AAA 2016-12-27",
            "AAA 2016-12-28",
            "first 2016-12-23",
            "first 2016-12-27",
            "first 2016-12-28",
        ]
    );
    let kinds = world
        .texts(
            "select distinct kind from stale_result_sets s join portfolios p on p.id::text = s.owner
             where as_of = '2016-12-27' order by 1",
        )
        .await;
    assert_eq!(
        kinds,
        ["pnl-snapshots", "portfolio-analytics", "position-values"]
    );

    let mended = world.run(&request(dates)).await;

    assert_eq!(
        world.count("select count(*) from stale_result_sets").await,
        0
    );
    let again: BTreeSet<String> = sqlx::query_scalar(
        "select unit || ' ' || as_of from task where run_id = $1 and phase = 'portfolio-analytics'",
    )
    .bind(mended.run.0)
    .fetch_all(&world.db)
    .await
    .unwrap()
    .into_iter()
    .collect();
    let expected =
        ["2016-12-23", "2016-12-27", "2016-12-28"].map(|date| format!("portfolio:{first} {date}"));
    assert_eq!(again, expected.into());

    let fresh = World::at(NOW, prices.path()).await;
    books(&fresh).await;
    fresh.worker().await;
    fresh.run(&request(dates)).await;
    assert_eq!(world.digest().await, fresh.digest().await);
}

/// Marks and tags are of the newest date, whatever is computed after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_an_older_date_leaves_marks_tags_and_the_digest_alone() {
    let world = World::new().await;
    let row =
        |symbol: &str, entry: &str| format!("{symbol},300,{},{entry},PUBLIC", close(symbol, entry));
    let closed = format!("{},,,,,,2016-12-27,100", row("BBB", "2016-12-19"));
    let rows = [row("AAA", "2016-12-19"), row("CCC", "2016-12-28"), closed];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.book("book", "100000", "2016-12-19", &rows).await;
    world.worker().await;
    world.run(&request(range("2016-12-21", "2016-12-29"))).await;
    let digest = world.digest().await;
    let live = "select p.symbol || ' ' || m.as_of || ' ' || t.tag from positions p
                join position_marks m on m.position_id = p.id join position_tags t on t.position_id = p.id
                order by 1";
    let marked = world.texts(live).await;
    assert_eq!(marked.len(), 2, "{marked:?}");

    let forced = Request {
        force: true,
        ..request(on("2016-12-22"))
    };
    world.run(&forced).await;

    assert_eq!(world.texts(live).await, marked);
    assert_eq!(world.count("select count(*) from position_marks").await, 2);
    assert_eq!(world.count("select count(*) from position_tags").await, 2);
    assert_eq!(world.digest().await, digest);
}

/// Raw and adjusted closes in one series would be returns that never were.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_of_another_basis_is_refused_by_name() {
    let world = World::new().await;
    books(&world).await;
    world.worker().await;
    world.run(&request(on("2016-12-28"))).await;
    let mut options = world.options();
    let raw = format!("files:{}", shipped("market-raw").display());
    options.provider = Arc::new(Provider::open(&raw).unwrap());
    let engine = world.another_engine(NOW).await;

    let refused = engine::run_worker(engine, options, CancellationToken::new()).await;

    let error = refused.unwrap_err().to_string();
    assert!(
        error.contains("are total_return, those of the provider raw"),
        "{error}"
    );
    assert!(error.contains("a database of its own"), "{error}");
}
