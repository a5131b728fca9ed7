//! What is current, what is stale, and that no number depends on the order of dates or runs.

use std::collections::BTreeSet;

use sigmabatch::engine::{Dates, Request, Selection};

use crate::market::{Folder, close};
use crate::world::{World, on, range, request};

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
    // A run is the last word on live marks and tags of its own final date: more runs, more headers.
    for (digest, order) in digests.iter().zip(orders) {
        for (first, table) in digests[0].tables.iter().zip(&digest.tables) {
            // Live marks and tags of three books, for each final date but one.
            let more = if order[0] == range("2016-12-23", "2016-12-28") || order.len() == 2 {
                0
            } else {
                2
            };
            match table.table {
                "result_set" => assert_eq!(table.rows, first.rows + 2 * 3 * more, "{order:?}"),
                _ => assert_eq!(first, table, "{order:?}"),
            }
        }
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
    // The run of the 22nd alone was the last word on live marks and tags for a while: these have a
    // header more for it.
    for (table, expected) in world
        .digest()
        .await
        .tables
        .iter()
        .zip(fresh.digest().await.tables)
    {
        if table.table == "result_set" {
            assert_eq!(table.rows, expected.rows + 2);
        } else {
            assert_eq!(*table, expected);
        }
    }
}
