//! What results use of a profile is that of their date: what was told later changes nothing before it.

use sigmabatch::domain::{PortfolioId, ProfileFacts, Reach};
use sigmabatch::engine::{Request, Selection};
use sigmabatch::store::digest::{self, TableDigest};
use sigmabatch::store::market::{self, ProfileRow};
use sigmabatch::store::{ReadTx, WriteTx};

use crate::market::{Folder, close};
use crate::world::{World, day, eventually, on, range, request};

const NOW: &str = "2016-12-30T23:00:00Z";
const ENTRY: &str = "2016-12-20";

/// Shares of AAA and a call on it.
async fn book(world: &World, name: &str) -> PortfolioId {
    let strike = close("AAA", ENTRY).parse::<f64>().unwrap().round();
    let shares = format!("AAA,10,{},{ENTRY},PUBLIC", close("AAA", ENTRY));
    let call = format!(",-1,4.25,{ENTRY},OPTIONS,,AAA,{strike},2017-06-16,CALL");
    world.book(name, "100000", ENTRY, &[&shares, &call]).await
}

fn only(portfolio: PortfolioId, wanted: Request) -> Request {
    Request {
        portfolios: Selection::Only(vec![portfolio]),
        ..wanted
    }
}

fn forced(wanted: Request) -> Request {
    Request {
        force: true,
        ..wanted
    }
}

/// Without headers: of live marks and tags there is one set, of the newest date.
async fn of(world: &World, portfolio: PortfolioId, date: &str) -> Vec<TableDigest> {
    let mut db = ReadTx::lazy(&world.engine.pools.load);
    let digest = digest::digest(&mut db, Some(portfolio), Some(day(date)))
        .await
        .unwrap();
    db.close().await.unwrap();
    let tables = digest.tables.into_iter();
    tables.filter(|one| one.table != "result_set").collect()
}

/// Date, sectors, beta of the provider, dividend yield of the option.
async fn facts(world: &World) -> Vec<String> {
    world
        .texts(
            "select o.as_of || ' ' || s.sectors || ' ' || e.beta || ' ' || o.dividend_yield
             from option_valuations o
             join portfolios p on p.id = o.portfolio_id and p.name = 'book'
             cross join lateral (select string_agg(sector, ',' order by sector) as sectors from sector_exposures x
                                 where x.portfolio_id = o.portfolio_id and x.as_of = o.as_of and sector <> 'Cash') s
             join symbol_factor_exposures e on e.symbol = 'AAA' and e.as_of = o.as_of and e.model = 'provider'
             order by 1",
        )
        .await
}

const BEFORE: &str = "AAA,Energy,EQUITY,1.25,0.01\n";
const AFTER: &str = "AAA,Utilities,EQUITY,1.5,0.05\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_date_uses_the_profile_that_was_told_by_then() {
    let folder = Folder::new();
    folder.profiles(BEFORE);
    let world = World::at(NOW, folder.path()).await;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(range("2016-12-22", "2016-12-27"))).await;
    let old = ["2016-12-22", "2016-12-23", "2016-12-27"];
    let mut digests = Vec::new();
    for date in old {
        digests.push(of(&world, id, date).await);
    }

    // A later night is told something else: it uses that, and nothing before it does.
    folder.profiles(AFTER);
    world.run(&request(on("2016-12-30"))).await;
    let expected = [
        "2016-12-22 Energy 1.25 0.01",
        "2016-12-23 Energy 1.25 0.01",
        "2016-12-27 Energy 1.25 0.01",
        "2016-12-30 Utilities 1.5 0.05",
    ];
    assert_eq!(facts(&world).await, expected);
    let stale = "select kind || as_of from stale_result_sets";
    assert_eq!(world.texts(stale).await, [""; 0]);
    let tag = "select distinct tag from position_tags";
    assert_eq!(world.texts(tag).await, ["Utilities"]);

    // Computed again, the dates before are the same to the last bit; what is worth a model's price too.
    world
        .run(&forced(request(range("2016-12-22", "2016-12-27"))))
        .await;
    for (date, before) in old.into_iter().zip(&digests) {
        assert_eq!(of(&world, id, date).await, *before, "{date}");
    }
    assert_eq!(facts(&world).await, expected);
    let apart = "select v.as_of || ' ' || v.price || ' ' || o.price from position_values v
                 join positions q on q.id = v.position_id and q.class = 'OPTIONS'
                 join option_valuations o on o.portfolio_id = v.portfolio_id and o.as_of = v.as_of
                 where abs(v.price - o.price::numeric) > 0.000001";
    assert_eq!(world.texts(apart).await, [""; 0]);
    let versions =
        "select as_of || ' ' || sector from profile_versions where symbol = 'AAA' order by as_of";
    assert_eq!(
        world.texts(versions).await,
        ["2016-12-27 Energy", "2016-12-30 Utilities"]
    );
    // Live tags are of the newest date still.
    assert_eq!(world.texts(tag).await, ["Utilities"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_from_a_change_on_are_stale_and_none_before_it() {
    let folder = Folder::new();
    folder.profiles(BEFORE);
    let world = World::at(NOW, folder.path()).await;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(on("2016-12-23"))).await;
    world.run(&request(range("2016-12-28", "2016-12-30"))).await;

    folder.profiles(AFTER);
    let other = book(&world, "other").await;
    let wanted = request(on("2016-12-30"));
    world.run(&only(other, forced(wanted.clone()))).await;
    let stale = "select distinct as_of || ' ' || kind from stale_result_sets s
                 where kind in ('portfolio-analytics', 'position-values', 'pnl-snapshots') and exists (
                     select from portfolios p where p.name = 'book' and p.id::text = s.owner) order by 1";
    let last = ["pnl-snapshots", "portfolio-analytics", "position-values"]
        .map(|kind| format!("2016-12-30 {kind}"));
    assert_eq!(world.texts(stale).await, last);
    let kept = of(&world, id, "2016-12-29").await;
    world.run(&wanted).await;
    assert_eq!(world.texts(stale).await, [""; 0]);
    assert_eq!(of(&world, id, "2016-12-29").await, kept);
    let told = facts(&world).await;
    assert_eq!(told.last().unwrap(), "2016-12-30 Utilities 1.5 0.05");
    assert_eq!(told[told.len() - 2], "2016-12-29 Energy 1.25 0.01");

    // The first profile of a symbol counts for every date, so results that had none are stale from the beginning.
    sqlx::query("delete from profile_versions where symbol = 'AAA'")
        .execute(&world.db)
        .await
        .unwrap();
    world.run(&only(other, forced(wanted))).await;
    let dates = "select distinct as_of::text from stale_result_sets s
                 join portfolios p on p.name = 'book' and p.id::text = s.owner order by 1";
    let all = ["2016-12-23", "2016-12-28", "2016-12-29", "2016-12-30"];
    assert_eq!(world.texts(dates).await, all);
}

/// Two transactions tell of one symbol at a time: the second waits, and adds to what the first wrote.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_late_overwrites_nothing_newer() {
    let world = World::new().await;
    book(&world, "book").await;
    world.worker().await;
    world.run(&request(on("2016-12-22"))).await; // told Energy
    let told = |sector: &str| {
        let facts = ProfileFacts {
            sector: Some(sector.to_owned()),
            ..ProfileFacts::default()
        };
        let row = ProfileRow {
            facts,
            name: Some(sector.to_owned()),
            ..ProfileRow::default()
        };
        vec![("AAA".parse().unwrap(), row)]
    };
    let pools = world.engine.pools.clone();
    let mut newer = WriteTx::begin(&pools.control).await.unwrap();
    let reach = market::upsert_profiles(&mut newer, &told("Utilities"), "files", day("2016-12-30"))
        .await
        .unwrap();
    let from = |from: &str, to: Option<&str>| Reach {
        from: Some(day(from)),
        to: to.map(day),
    };
    assert_eq!(reach[0].1, from("2016-12-30", None));
    let late = told("Materials");
    let waiting = tokio::spawn(async move {
        let mut older = WriteTx::begin(&pools.load).await.unwrap();
        let reach = market::upsert_profiles(&mut older, &late, "files", day("2016-12-28"))
            .await
            .unwrap();
        older.commit().await.unwrap();
        reach
    });
    let blocked = eventually(async || {
        let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        (world.count(waits).await == 1).then_some(())
    });
    assert_eq!(blocked.await, Some(()));
    newer.commit().await.unwrap();
    let reach = waiting.await.unwrap();
    assert_eq!(reach[0].1, from("2016-12-28", Some("2016-12-30")));
    let versions =
        "select as_of || ' ' || sector from profile_versions where symbol = 'AAA' order by as_of";
    assert_eq!(
        world.texts(versions).await,
        [
            "2016-12-22 Energy",
            "2016-12-28 Materials",
            "2016-12-30 Utilities"
        ]
    );
    let described = "select as_of || ' ' || name from company_profiles where symbol = 'AAA'";
    assert_eq!(world.texts(described).await, ["2016-12-30 Utilities"]);
}
