//! Settings, in every program: what is wrong is named, costs exit code 2, and no password is printed.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use sigmabatch::store::{self, Connections, Pool, Settings, WriteTx};

use crate::market;
use crate::world::{Process, World, eventually, on, range, request};

/// A program that needs Postgres, Redis and, if it is a worker, prices.
const PROGRAMS: [(&str, &[&str]); 3] = [
    ("sigmabatch", &["plan"]),
    ("sigmabatch-worker", &[]),
    ("sigmabatch-scheduler", &["once"]),
];

/// Ends by itself, with some of the settings changed: none of them waits for a server.
async fn ended(
    world: &World,
    program: &str,
    arguments: &[&str],
    changed: &[(&str, Option<&str>)],
) -> Output {
    let mut command = world.program(program);
    command.args(arguments);
    for (name, value) in changed {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    tokio::process::Command::from(command)
        .output()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_wrong_setting_costs_the_exit_code_of_misuse_in_every_program() {
    let world = World::new().await;
    for (program, arguments) in PROGRAMS {
        for (name, value) in [
            ("DATABASE_URL", None),
            ("DATABASE_URL", Some("mysql://me:s3cret@localhost/x")),
            ("DATABASE_URL", Some("notaurl:s3cret@")),
            ("REDIS_URL", None),
            ("REDIS_URL", Some("http://:s3cret@localhost:6379")),
        ] {
            let output = ended(&world, program, arguments, &[(name, value)]).await;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                output.status.code(),
                Some(2),
                "{program} {name} {value:?}: {said}"
            );
            assert!(said.contains(name), "{program} {name} {value:?}: {said}");
            assert!(
                !said.contains("s3cret"),
                "{program} {name} {value:?}: {said}"
            );
        }
    }
    let blind = ended(&world, "sigmabatch-worker", &[], &[("MARKET_DATA", None)]).await;
    assert_eq!(blind.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_told_apart_from_a_server_that_is_not() {
    let world = World::new().await;
    let url = &world.servers().database_url;
    let (server, _) = url.rsplit_once('/').unwrap();
    let nowhere = format!("{server}/sigmabatch_nowhere");
    let changed = [("DATABASE_URL", Some(nowhere.as_str()))];
    let output = ended(&world, "sigmabatch", &["migrate"], &changed).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("create it (createdb"), "{said}");
    assert!(!said.contains("is Postgres running"), "{said}");
}

/// From cron, a failure would mean a mail every night until the first import.
#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_without_portfolios_has_nothing_to_complain_about() {
    let world = World::new().await;
    let output = ended(&world, "sigmabatch-scheduler", &["once"], &[]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("no portfolio yet") && !said.contains("ERROR"),
        "{said}"
    );
    // Nobody decided on the date: it is due when there is a portfolio.
    assert_eq!(world.count("select count(*) from business_date").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_names_the_host_that_it_runs_on() {
    let world = World::new().await;
    let mut command = world.program("sigmabatch-worker");
    command.env_remove("HOSTNAME");
    let _worker = Process::start(&mut command);
    let host = eventually(async || world.texts("select host from worker").await.pop()).await;
    let name = nix::unistd::gethostname().unwrap();
    assert_eq!(host.unwrap(), name.to_str().unwrap());
}

/// Lends connections of a pool until `asked` are lent at once; who gets one keeps it in a transaction.
async fn lent(pool: &Pool, asked: usize) -> usize {
    let mut held = Vec::new();
    for _ in 0..asked {
        match WriteTx::begin(pool).await {
            Ok(tx) => held.push(tx),
            Err(_) => break,
        }
    }
    held.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_pool_has_as_many_connections_as_it_was_given() {
    let world = World::new().await;
    let settings = Settings {
        acquire_timeout: Duration::from_millis(500),
        connections: Connections {
            control: 2,
            load: 3,
            commit: 1,
        },
        ..world.options().store
    };
    let pools = store::connect(&settings).await.unwrap();
    assert_eq!(lent(&pools.control, 4).await, 2);
    assert_eq!(lent(&pools.load, 4).await, 3);
    assert_eq!(lent(&pools.commit, 4).await, 1);
}

/// Three snapshots at once come to the same numbers as one.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_more_connections_computes_the_same() {
    let mut digests = Vec::new();
    for connections in [
        Connections::default(),
        Connections {
            control: 2,
            load: 3,
            commit: 3,
        },
    ] {
        let world = World::new().await;
        let lot = [
            "AAA,100,50,2016-12-19,PUBLIC",
            "BBB,-10,20,2016-12-21,PUBLIC",
        ];
        world.book("book", "100000", "2016-12-19", &lot).await;
        let mut options = world.options();
        options.store.connections = connections;
        world.worker_with(options).await;
        world.run(&request(range("2016-12-19", "2016-12-30"))).await;
        digests.push(world.digest().await.total);
    }
    assert_eq!(digests[0], digests[1]);
}

/// A worker reads its market data before the night does, and whoever waits for a run hears why it does not go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_line_is_named_when_a_worker_starts_and_to_whoever_waits() {
    let folder = market::Folder::new();
    folder.break_prices();
    let world = World::at("2016-12-30T23:00:00Z", folder.path()).await;
    let lot = ["AAA,100,50,2016-12-19,PUBLIC"];
    world.book("book", "100000", "2016-12-19", &lot).await;

    let log = |name: &str| folder.path().join(name);
    let start = |program: &str, arguments: &[&str], log: &Path| {
        let mut command = world.program(program);
        command.args(arguments).env("SIGMABATCH_LOG", "error");
        command.stderr(std::fs::File::create(log).unwrap());
        Process::start(&mut command)
    };
    let arguments = ["run", "--date", "2016-12-22", "--wait"];
    let _worker = start("sigmabatch-worker", &[], &log("worker.log"));
    let _waiting = start("sigmabatch", &arguments, &log("run.log"));
    for (name, before) in [
        ("worker.log", "cannot be used as they are"),
        ("run.log", "a task is dead"),
    ] {
        let said = eventually(async || {
            let said = std::fs::read_to_string(log(name)).unwrap();
            (said.contains(before) && said.contains("line 2")).then_some(said)
        });
        let said = said.await.expect(name);
        assert!(
            said.contains(r#"close of AAA "much" is no number"#),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_before_every_inception_are_refused_and_nothing_is_stored() {
    let world = World::new().await;
    let lot = ["AAA,100,50,2016-12-19,PUBLIC"];
    world.book("book", "100000", "2016-12-19", &lot).await;
    let (code, answer) = world.command(&["run", "--date", "2016-12-16"]).await;
    assert_eq!(code, 2, "{answer}");
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("the first inception is 2016-12-19"), "{said}");
    assert_eq!(world.count("select count(*) from run").await, 0);
}

/// The risk-free rate is one for the database: a planner with the setting sets it, everybody else leaves it, and what rests on another one
/// is computed again.
#[tokio::test(flavor = "multi_thread")]
async fn a_risk_free_rate_is_stored_beside_the_numbers_and_a_new_one_makes_them_stale() {
    let world = World::new().await;
    let call = ",10,4.25,2016-12-22,OPTIONS,,AAA,50,2017-06-16,CALL";
    let id = world.book("book", "50000", "2016-12-22", &[call]).await;
    world.worker().await;
    let asked = request(on("2016-12-22"));
    let stored = async || -> (f64, f64, String) {
        sqlx::query_as(
            "select o.rate, o.rho, r.definitions from option_valuations o
             join result_set r on r.kind = 'portfolio-analytics' and r.owner = o.portfolio_id::text and r.as_of = o.as_of",
        )
        .fetch_one(&world.db)
        .await
        .unwrap()
    };
    world.run(&asked).await;
    let (rate, rho, definitions) = stored().await;
    assert_eq!(rate.to_bits(), 0.04_f64.to_bits());
    assert!(!definitions.contains("risk_free_rate"), "{definitions}");

    for (program, arguments) in [
        ("sigmabatch", &["plan"]),
        ("sigmabatch-scheduler", &["once"]),
    ] {
        let wrong = [("RISK_FREE_RATE", Some("4"))];
        let output = ended(&world, program, arguments, &wrong).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("4 % is 0.04"), "{said}");
    }

    // A run that is refused and one that is only looked at change nothing, and the default by its number is no other rate.
    let other = world.engine.clone().with_risk_free_rate(Some(0.015));
    let refused = sigmabatch::engine::plan(&other, &request(on("2016-12-25"))).await;
    assert!(refused.is_err(), "{refused:?}");
    let preview = sigmabatch::engine::preview(&other, &asked).await.unwrap();
    assert_eq!(preview.reused, 0, "{preview:?}");
    let default = world.engine.clone().with_risk_free_rate(Some(0.04));
    let nothing = sigmabatch::engine::plan(&default, &asked).await.unwrap();
    sigmabatch::engine::start(&default, nothing.run).await;
    assert_eq!(world.verdict(nothing.run).await, "succeeded");
    assert_eq!(nothing.tasks.iter().map(|(_, n)| n).sum::<usize>(), 0);
    let changed = "select count(*) from input_change where input = 'rate'";
    assert_eq!(world.count(changed).await, 0);

    let mut command = world.program("sigmabatch");
    command.args(["run", "--date", "2016-12-22", "--wait"]);
    command.env("RISK_FREE_RATE", "0.015");
    let output = tokio::process::Command::from(command).output().await;
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let (rate, other, definitions) = stored().await;
    assert_eq!(rate.to_bits(), 0.015_f64.to_bits());
    assert!(
        definitions.contains("risk_free_rate 0.015"),
        "{definitions}"
    );
    assert!((other - rho).abs() > 1e-9, "{other} {rho}");
    // Only options are priced with it: no fit of a symbol is made again.
    let again = world.texts("select distinct phase from task where run_id = (select id from run order by id desc limit 1) and phase like 'symbol%'");
    assert_eq!(again.await, Vec::<String>::new());

    // Without the setting the rate stays: nothing is stale, nothing is computed.
    let quiet = world.run(&asked).await;
    assert_eq!(
        quiet.tasks.iter().map(|(_, n)| n).sum::<usize>(),
        0,
        "{quiet:?}"
    );
    let (_, performance) = world.command(&["performance", &id.to_string()]).await;
    assert_eq!(performance["conventions"]["risk_free_rate"], 0.015);
    // A new one takes the numbers off the page until they are made again.
    let ours = world.engine.clone().with_risk_free_rate(Some(0.02));
    let other = world
        .book(
            "other",
            "50000",
            "2016-12-28",
            &["AAA,1,50,2016-12-28,PUBLIC"],
        )
        .await;
    let only = sigmabatch::engine::Request {
        portfolios: sigmabatch::engine::Selection::Only(vec![other]),
        ..request(on("2016-12-28"))
    };
    let planned = sigmabatch::engine::plan(&ours, &only).await.unwrap();
    sigmabatch::engine::start(&ours, planned.run).await;
    assert_eq!(world.verdict(planned.run).await, "succeeded");
    let (code, stale) = world.command(&["show", "book"]).await;
    assert_ne!(code, 0, "{stale}");
    world.run(&asked).await;
    assert_eq!(stored().await.0.to_bits(), 0.02_f64.to_bits());
}
