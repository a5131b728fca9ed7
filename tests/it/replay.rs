//! Today's book through the crises of the past, on the shipped prices.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sigmabatch::domain::PortfolioId;
use sigmabatch::engine::Request;
use sigmabatch::market_data::PriceRequest;

use crate::api::Served;
use crate::world::{World, day, dec, on, random, request, shipped};

const STOCKS: [&str; 20] = [
    "AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "LLY", "MRK", "MSFT",
    "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM",
];
const TODAY: &str = "2022-12-28";
const BEFORE: &str = "2020-03-23";

/// A folder of market data of one test; gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(basis: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(random());
        std::fs::create_dir_all(path.join("prices")).unwrap();
        let folder = Self(path);
        folder.put("provider.toml", &format!("basis = \"{basis}\"\n"));
        folder
    }

    /// A file that takes the old one's place at once.
    fn put(&self, name: &str, text: &str) {
        let finished = self.0.join("finished");
        std::fs::write(&finished, text).unwrap();
        std::fs::rename(finished, self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The shipped prices as text.
fn prices() -> String {
    let file = shipped("market/prices/us_20_stocks_index_factors_2012_2022.csv.gz");
    let packed = std::fs::File::open(file).unwrap();
    let mut text = String::new();
    let mut unpacked = flate2::read::MultiGzDecoder::new(packed);
    unpacked.read_to_string(&mut text).unwrap();
    text
}

/// The same amount of each stock at the closes of a date, everything invested.
async fn equal(world: &World, name: &str, date: &str) -> PortfolioId {
    let on = day(date);
    let requests: Vec<PriceRequest> = STOCKS
        .iter()
        .map(|symbol| PriceRequest {
            symbol: symbol.parse().unwrap(),
            yields: false,
            ranges: vec![(on, on)],
        })
        .collect();
    let answers = world.provider().prices(&requests).await.unwrap();
    let rows: Vec<String> = answers
        .iter()
        .map(|answer| {
            let close = answer.bars[0].close;
            let quantity = (dec("5000") / close).round_dp(6);
            format!("{},{quantity},{close},{date},PUBLIC", answer.symbol)
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    world.book(name, "100000", date, &rows).await
}

async fn replays(world: &World, id: PortfolioId) -> BTreeMap<String, (Option<f64>, String)> {
    let rows: Vec<(String, Option<f64>, String)> = sqlx::query_as(
        "select replay, fraction, coalesce(reason, '') from historical_replays where portfolio_id = $1 and as_of = $2",
    )
    .bind(id.0)
    .bind(day(TODAY))
    .fetch_all(&world.db)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(replay, fraction, reason)| (replay, (fraction, reason)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equally_weighted_book_goes_through_the_crises_that_prices_reach() {
    let world = World::shipped_at("2023-01-03T22:30:00Z").await;
    let id = equal(&world, "equal", TODAY).await;
    equal(&world, "older", BEFORE).await;
    world.worker().await;

    // One night of one date: the crises lie far before what its other numbers look back to.
    world.run(&request(on(TODAY))).await;
    let first = replays(&world, id).await;
    for (replay, expected) in [
        ("q4_2018", -0.1902),
        ("covid_2020", -0.3124),
        ("rates_2022", -0.0788),
    ] {
        let (held, why) = &first[replay];
        assert!(
            (held.unwrap() - expected).abs() < 1e-4,
            "{replay}: {held:?} {why}"
        );
    }
    for gone in ["dot_com_2000", "financial_crisis_2008"] {
        let (none, why) = &first[gone];
        assert!(
            none.is_none()
                && why.starts_with("AAPL goes by its betas: no closes of SP500 on ")
                && why.contains("before the provider's first value"),
            "{first:?}"
        );
    }
    let approximated = "select count(*) from historical_replays where approximated <> '[]'";
    assert_eq!(world.count(approximated).await, 0);
    let cached = "select count(*) from market_data_cache where date <= '2020-02-19'";
    assert_eq!(world.count(cached).await, 0);

    // An older date asks no second time, and leaves the newer one as it is.
    let asked = "select count(*) from replay_paths";
    let known = world.count(asked).await;
    let versions = "select count(*) from input_change where input = 'replays'";
    let heard = world.count(versions).await;
    let digest = world.digest().await;
    world.run(&request(on(BEFORE))).await;
    assert_eq!(world.count(asked).await, known);
    assert_eq!(world.count(versions).await, heard);
    let moved = "select count(*) from input_change where input = 'replays' and version >
                 (select max(data_version) from result_set where as_of = '2022-12-28')";
    assert_eq!(world.count(moved).await, 0);
    let stale = "select count(*) from stale_result_sets where as_of = '2022-12-28'";
    assert_eq!(world.count(stale).await, 0);
    let again = Request {
        force: true,
        ..request(on(TODAY))
    };
    world.run(&again).await;
    assert_eq!(replays(&world, id).await, first);
    assert_ne!(world.digest().await, digest, "the older date is new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_without_a_path_goes_along_its_betas_until_a_provider_has_one() {
    let (folder, whole) = (Folder::new("total_return"), prices());
    let holed = whole.replace("\n2020-02-19,79.218,", "\n2020-02-19,,");
    assert_ne!(holed, whole);
    folder.put("prices/prices.csv", &holed);
    let world = World::at("2023-01-03T22:30:00Z", &folder.0).await;
    let id = equal(&world, "equal", TODAY).await;
    world.worker().await;
    world.run(&request(on(TODAY))).await;
    let flagged = "select approximated::text from historical_replays where replay = 'covid_2020'";
    assert_eq!(world.texts(flagged).await, [r#"["AAPL"]"#]);
    let along = replays(&world, id).await["covid_2020"].0.unwrap();
    // The move of AAPL is Σ β·f, f of the proxies' own paths.
    let by_betas: f64 = sqlx::query_scalar(
        "with path as (
             select d.name, d.sort_order,
                    case d.kind when 'price' then (p.last_value / p.first_value)::float8 - 1
                                else - d.duration * (p.last_value - p.first_value)::float8
                                     + d.convexity * (p.last_value - p.first_value)::float8 ^ 2 / 2 end as move
             from factor_definitions d join replay_paths p on p.symbol = d.proxy_symbol and p.replay = 'covid_2020')
         select sum(e.beta * (path.move - case when r.role = 'market' then 0 else r.slope * market.move end))
         from factor_covariance c
         cross join lateral unnest(c.factors, c.roles, c.market_slopes) as r(factor, role, slope)
         join path on path.name = r.factor
         join path market on market.name = (select name from factor_definitions where role = 'market')
         join symbol_factor_exposures e on e.symbol = 'AAPL' and e.model = 'joint' and e.factor = r.factor and e.as_of = c.as_of
         where c.as_of = $1",
    )
    .bind(day(TODAY))
    .fetch_one(&world.db)
    .await
    .unwrap();
    let weight: f64 = sqlx::query_scalar(
        "select (v.market_value / s.nav)::float8 from position_values v join portfolio_snapshots s using (portfolio_id, as_of)
         join positions p on p.id = v.position_id where p.symbol = 'AAPL' and s.as_of = $1",
    )
    .bind(day(TODAY))
    .fetch_one(&world.db)
    .await
    .unwrap();

    // The provider completes its files: who asks again hears of it, and what stood on the hole is stale.
    folder.put("prices/prices.csv", &whole);
    let forced = Request {
        force: true,
        ..request(on(TODAY))
    };
    world.run(&forced).await;
    assert_eq!(world.texts(flagged).await, ["[]"]);
    let exact = replays(&world, id).await["covid_2020"].0.unwrap();
    assert!((exact + 0.3124).abs() < 1e-4, "{exact}");
    let own: f64 = sqlx::query_scalar(
        "select (last_value / first_value)::float8 - 1 from replay_paths where symbol = 'AAPL' and replay = 'covid_2020'",
    )
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert!(
        ((along - exact) - weight * (by_betas - own)).abs() < 1e-9 && (by_betas - own).abs() > 1e-3,
        "{along} {exact} {weight} {by_betas} {own}"
    );
    let heard = "select owner from input_change where input = 'replays' and owner = 'AAPL'
                 and from_date = '2020-03-23' order by version desc limit 1";
    assert_eq!(world.texts(heard).await, ["AAPL"]);

    // What it has forgotten again takes nothing away.
    folder.put("prices/prices.csv", &holed);
    world.run(&forced).await;
    assert_eq!(world.texts(flagged).await, ["[]"]);
    let kept = replays(&world, id).await["covid_2020"].0.unwrap();
    assert_eq!(kept.to_bits(), exact.to_bits());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_by_betas_needs_the_path_of_every_proxy_and_who_has_a_path_of_his_own_needs_none()
{
    let (folder, whole) = (Folder::new("total_return"), prices());
    // A proxy without a close on that day is nothing to a book of stocks that all have one.
    let text: Vec<&str> = whole.lines().collect();
    let header: Vec<&str> = text[0].split(',').collect();
    let column = |name: &str| header.iter().position(|cell| *cell == name).unwrap();
    let without = |names: &[&str]| {
        let gone: Vec<usize> = names.iter().map(|name| column(name)).collect();
        let lines = text.iter().map(|line| {
            if !line.starts_with("2020-02-19,") {
                return (*line).to_owned();
            }
            let cells = line.split(',').enumerate();
            let cells = cells.map(|(at, cell)| if gone.contains(&at) { "" } else { cell });
            cells.collect::<Vec<_>>().join(",")
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    folder.put("prices/prices.csv", &without(&["MTUM"]));
    let world = World::at("2023-01-03T22:30:00Z", &folder.0).await;
    let id = equal(&world, "equal", TODAY).await;
    world.worker().await;
    world.run(&request(on(TODAY))).await;
    let held = replays(&world, id).await["covid_2020"].0.unwrap();
    assert!((held + 0.3124).abs() < 1e-4, "{held}");

    folder.put("prices/prices.csv", &without(&["MTUM", "AAPL"]));
    let world = World::at("2023-01-03T22:30:00Z", &folder.0).await;
    let id = equal(&world, "equal", TODAY).await;
    world.worker().await;
    world.run(&request(on(TODAY))).await;
    let (none, why) = &replays(&world, id).await["covid_2020"];
    assert_eq!(*none, None);
    assert!(
        why.starts_with("AAPL goes by its betas: no closes of MTUM on 2020-02-19 and 2020-03-23"),
        "{why}"
    );
}

/// Closes as traded from Quandl WIKI (public domain): what a raw basis makes of a split within a crisis.
/// The adjusted closes of the same source say −80.388 % for AAPL and −53.712 % for IBM without its dividends.
#[tokio::test(flavor = "multi_thread")]
async fn the_dot_com_bust_on_closes_as_traded() {
    let folder = Folder::new("raw");
    folder.put(
        "prices/prices.csv",
        "symbol,date,close\nAAPL,2000-03-24,138.69\nAAPL,2002-10-09,13.60\nAAPL,2007-10-09,167.86\n\
         AAPL,2009-03-09,83.11\nAAPL,2012-12-28,509.5892\nIBM,2000-03-24,120.62\nIBM,2002-10-09,55.07\n\
         IBM,2012-12-28,189.83\n",
    );
    folder.put(
        "corporate_actions.csv",
        "symbol,ex_date,split_ratio,cash_dividend\nAAPL,2000-06-21,2,\nAAPL,2005-02-28,2,\n",
    );
    let world = World::at("2012-12-31T22:30:00Z", &folder.0).await;
    let rows = [
        "AAPL,100,509.5892,2012-12-28,PUBLIC",
        "IBM,100,189.83,2012-12-28,PUBLIC",
    ];
    let only = world
        .book("apple", "50958.92", "2012-12-28", &rows[..1])
        .await;
    let both = world.book("both", "69941.92", "2012-12-28", &rows).await;
    world.worker().await;
    world.run(&request(on("2012-12-28"))).await;
    let fraction = async |id: PortfolioId, replay: &str| -> (Option<f64>, Option<String>) {
        sqlx::query_as(
            "select fraction, reason from historical_replays where portfolio_id = $1 and replay = $2",
        )
        .bind(id.0)
        .bind(replay)
        .fetch_one(&world.db)
        .await
        .unwrap()
    };
    let (apple, why) = fraction(only, "dot_com_2000").await;
    assert_eq!(why, None);
    assert!((apple.unwrap() - (2.0 * 13.60 / 138.69 - 1.0)).abs() < 1e-12);
    let adjusted = 0.873_894_776_023_78 / 4.455_899_503_188_9 - 1.0;
    assert!((apple.unwrap() - adjusted).abs() < 1e-6, "{apple:?}");
    let (apple, _) = fraction(only, "financial_crisis_2008").await;
    assert!((apple.unwrap() - (83.11 / 167.86 - 1.0)).abs() < 1e-12);
    let (book, _) = fraction(both, "dot_com_2000").await;
    let pnl = 50_958.92 * (2.0 * 13.60 / 138.69 - 1.0) + 18_983.0 * (55.07 / 120.62 - 1.0);
    assert!((book.unwrap() - pnl / 69_941.92).abs() < 1e-9, "{book:?}");
    // IBM has no closes of 2007 here, and no model to send it along: it lowers the coverage.
    let (book, _) = fraction(both, "financial_crisis_2008").await;
    let pnl = 50_958.92 * (83.11 / 167.86 - 1.0);
    assert!((book.unwrap() - pnl / 69_941.92).abs() < 1e-9, "{book:?}");
    let covered: f64 = sqlx::query_scalar(
        "select coverage from historical_replays where portfolio_id = $1 and replay = 'financial_crisis_2008'",
    )
    .bind(both.0)
    .fetch_one(&world.db)
    .await
    .unwrap();
    assert!((covered - 50_958.92 / 69_941.92).abs() < 1e-9, "{covered}");

    // A dividend within the bust, of a Saturday, comes with the prices of an older date, which ask about no crisis: the paths follow.
    folder.put(
        "corporate_actions.csv",
        "symbol,ex_date,split_ratio,cash_dividend\nAAPL,2000-06-21,2,\nAAPL,2005-02-28,2,\nIBM,2002-05-11,,0.15\n",
    );
    let old = ["IBM,1,77.36,2002-12-27,PUBLIC"];
    world.book("older", "1000", "2002-12-27", &old).await;
    world.run(&request(on("2002-12-27"))).await;
    let stale = "select count(*) from stale_result_sets where as_of = '2012-12-28' and kind = 'portfolio-analytics'";
    assert!(world.count(stale).await > 0);
    world.run(&request(on("2012-12-28"))).await;
    let (book, _) = fraction(both, "dot_com_2000").await;
    let pnl = 50_958.92 * (2.0 * 13.60 / 138.69 - 1.0) + 18_983.0 * (55.22 / 120.62 - 1.0);
    assert!((book.unwrap() - pnl / 69_941.92).abs() < 1e-9, "{book:?}");

    // The crisis asked about again has it on the session that the prices have it on: it is paid once.
    let forced = Request {
        force: true,
        ..request(on("2012-12-28"))
    };
    world.run(&forced).await;
    let (book, _) = fraction(both, "dot_com_2000").await;
    assert!((book.unwrap() - pnl / 69_941.92).abs() < 1e-9, "{book:?}");
}

/// Rows of a list whose number rests on some part of the book, each with its part and whether it is flagged.
fn covered(rows: &serde_json::Value) -> Vec<(f64, bool)> {
    let low = serde_json::json!("low_coverage");
    let rows = rows.as_array().unwrap().iter();
    let known = rows.filter_map(|row| {
        let flags = row["flags"].as_array().unwrap();
        let flagged = flags.contains(&low);
        assert!(
            !row["coverage"].is_null() || !flagged,
            "nothing to be low: {row}"
        );
        Some((row["coverage"].as_f64()?, flagged))
    });
    known.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_that_rests_on_less_than_four_fifths_of_the_book_is_flagged() {
    let world = World::shipped_at("2023-01-03T22:30:00Z").await;
    let whole = equal(&world, "whole", TODAY).await;
    // A third of it are two stocks at their closes; the rest is a house that no market knows.
    let stocks = [
        "AAPL,250,125.674,2022-12-28,PUBLIC",
        "MSFT,100,233.434,2022-12-28,PUBLIC",
    ];
    let rows = [stocks[0], stocks[1], "HOUSE,1,109523.8,2022-12-28,PRIVATE"];
    let third = world.book("third", "200000", TODAY, &rows).await;
    // Four fifths exactly are enough.
    let rows = [stocks[0], stocks[1], "HUT,1,13690.475,2022-12-28,PRIVATE"];
    let fifths = world.book("fifths", "100000", TODAY, &rows).await;
    world.worker().await;
    world.run(&request(on(TODAY))).await;

    let served = Served::new(&world).await;
    for (id, part, low) in [
        (whole, 1.0, false),
        (third, 1.0 / 3.0, true),
        (fifths, 0.8, false),
    ] {
        let (_, shown) = world.command(&["show", &id.to_string()]).await;
        let one = |key: &str| serde_json::json!([shown[key]]);
        for (name, rows, at_least) in [
            // The yields end in 2017 and Growth has no series: six factors, ten scenarios of theirs.
            ("factors", shown["factors"].clone(), 6),
            ("risk", one("risk"), 1),
            ("volatility", one("volatility"), 1),
            ("correlation", one("correlation"), 1),
            ("value_at_risk", shown["value_at_risk"].clone(), 2),
            ("stress", shown["stress"].clone(), 10),
            ("historical_replays", shown["historical_replays"].clone(), 3),
            ("reverse_stress", shown["reverse_stress"].clone(), 1),
        ] {
            let known = covered(&rows);
            assert!(known.len() >= at_least, "{name}: {rows}");
            for (coverage, flagged) in known {
                assert!((coverage - part).abs() < 1e-12, "{name}: {coverage}");
                assert_eq!(flagged, low, "{name} of {part}: {rows}");
            }
        }
        // Whatever has a number says how much it rests on.
        for name in ["factors", "stress", "reverse_stress"] {
            for row in shown[name].as_array().unwrap() {
                let number = ["beta", "propagated", "pnl"];
                let known = number.iter().any(|key| !row[key].is_null());
                let behind = row["n"].as_i64();
                assert_eq!(behind.is_some_and(|n| n >= 60), known, "{name}: {row}");
            }
        }
        for section in [
            "exposures",
            "stress",
            "value-at-risk",
            "replays",
            "reverse-stress",
        ] {
            let path = format!("/api/v1/portfolios/{id}/results/{section}");
            let csv = [("accept", "text/csv")];
            let table = served.viewer.ask("GET", &path, &csv, b"").await.text();
            let head = table.lines().next().unwrap();
            assert!(head.split(',').any(|name| name == "flags"), "{table}");
            assert_eq!(table.contains("low_coverage"), low, "{section}: {table}");
        }
        let (_, page) = world.page(&["show", &id.to_string()]).await;
        let pairs = page
            .lines()
            .find(|line| line.contains("symbols, on average"));
        let marked = pairs.unwrap().ends_with("coverage 33.33 % (low)");
        assert_eq!(marked, low, "{page}");
        // Beside the book as a whole, the factors, the scenarios, the crises and the losses.
        let marked = page.lines().filter(|line| line.contains("33.33 % (low)"));
        let marked = marked.count();
        assert!(if low { marked >= 20 } else { marked == 0 }, "{page}");
    }
}
