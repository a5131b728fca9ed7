//! `doctor`, and workers that refuse to start where no task could succeed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use sigmabatch::store::health;

use super::{books, rows};
use crate::world::{Process, World, eventually, on, random, request};

/// Check → how it came out.
fn checks(document: &Value) -> BTreeMap<&str, &str> {
    let checks = rows(document, "checks").iter();
    checks
        .map(|row| {
            (
                row["check"].as_str().unwrap(),
                row["health"].as_str().unwrap(),
            )
        })
        .collect()
}

fn says<'a>(document: &'a Value, check: &str) -> &'a str {
    let mut checks = rows(document, "checks").iter();
    let row = checks.find(|row| row["check"] == check).unwrap();
    row["says"].as_str().unwrap()
}

/// A worker that must not start: what it says instead.
async fn refusal(world: &World) -> String {
    let output = tokio::process::Command::from(world.program("sigmabatch-worker"))
        .stdout(Stdio::null())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(world.count("select count(*) from worker").await, 0);
    String::from_utf8(output.stderr).unwrap()
}

async fn execute(world: &World, sql: &'static str) {
    sqlx::query(sql).execute(&world.db).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_installation_passes_every_check() {
    let world = World::new().await;
    books(&world).await;
    let (code, document) = world.command(&["doctor"]).await;
    assert_eq!(code, 0, "{document:#}");
    assert_eq!(
        checks(&document)["redis.groups"],
        "warn",
        "nobody has made the streams yet"
    );

    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let (code, document) = world.command(&["doctor"]).await;

    assert_eq!(code, 0, "{document:#}");
    for (check, health) in checks(&document) {
        // How the given Redis forgets is its owner's choice.
        let choice = ["redis.eviction", "redis.persistence"].contains(&check);
        assert!(health == "ok" || choice, "{check}: {document:#}");
    }
    let names: Vec<&str> = checks(&document).into_keys().collect();
    assert_eq!(
        names,
        [
            "calendar",
            "postgres.clock",
            "postgres.connections",
            "postgres.indexes",
            "postgres.migrations",
            "postgres.sequences",
            "postgres.version",
            "program",
            "redis.clock",
            "redis.eviction",
            "redis.groups",
            "redis.install",
            "redis.persistence",
            "redis.version",
            "reference.factors",
            "reference.scenarios",
            "workers",
        ]
    );
    let (_, page) = world.page(&["doctor"]).await;
    assert!(page.contains("postgres.indexes"), "{page}");
}

/// The list comes from the text of the migrations; the catalogue of a fresh database has the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_indexes_that_are_required_are_those_that_the_migrations_make() {
    let world = World::new().await;
    let there = world
        .texts(
            "select tablename || ': ' || indexname from pg_indexes
             where schemaname = 'public' and tablename <> '_sqlx_migrations'",
        )
        .await;
    let required = health::required_indexes().into_iter();
    let required = required.map(|(table, name)| format!("{table}: {name}"));
    assert_eq!(
        required.collect::<BTreeSet<_>>(),
        there.into_iter().collect::<BTreeSet<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn i_41_a_missing_or_invalid_index_is_named_and_no_worker_starts() {
    let world = World::new().await;
    execute(&world, "drop index task_unfinished").await;
    execute(
        &world,
        "update pg_index set indisvalid = false where indexrelid = 'attempt_committed'::regclass",
    )
    .await;

    let (code, document) = world.command(&["doctor"]).await;

    assert_eq!(code, 1);
    assert_eq!(checks(&document)["postgres.indexes"], "fail");
    assert_eq!(
        says(&document, "postgres.indexes"),
        "missing or invalid: attempt_committed on attempt (invalid), task_unfinished on task"
    );
    let refusal = refusal(&world).await;
    assert!(
        refusal.contains("not fit to work") && refusal.contains("task_unfinished on task"),
        "{refusal}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_reference_data_no_worker_starts() {
    let world = World::new().await;
    execute(
        &world,
        "update factor_definitions set name = 'Another ' || name where role <> 'market'",
    )
    .await;
    let (code, document) = world.command(&["doctor"]).await;
    assert_eq!(code, 1);
    assert!(says(&document, "reference.scenarios").starts_with("unknown factors: "));

    execute(&world, "delete from factor_definitions").await;
    let (code, document) = world.command(&["doctor"]).await;
    assert_eq!(code, 1);
    assert_eq!(says(&document, "reference.factors"), "no factor is defined");
    let refusal = refusal(&world).await;
    assert!(
        refusal.contains("no factor is defined") && refusal.contains("sigmabatch migrate"),
        "{refusal}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_schema_is_told_to_migrate() {
    let world = World::new().await;
    let name = format!("sigmabatch_it_empty_{}", random());
    let admin = |sql: String| {
        let db = world.db.clone();
        async move {
            let statement = sqlx::query(sqlx::AssertSqlSafe(sql));
            statement.execute(&db).await.unwrap();
        }
    };
    admin(format!("create database {name}")).await;
    let (server, _) = world.servers().database_url.rsplit_once('/').unwrap();
    let output = tokio::process::Command::from(world.program("sigmabatch"))
        .args(["doctor", "--json"])
        .env("DATABASE_URL", format!("{server}/{name}"))
        .output()
        .await
        .unwrap();
    admin(format!("drop database {name} with (force)")).await;

    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = checks(&document);
    assert_eq!(checks["postgres.migrations"], "fail");
    assert_eq!(checks["postgres.version"], "ok");
    assert_eq!(checks["redis.version"], "ok");
    assert!(!checks.contains_key("postgres.indexes"));
    let (_, page) = world.page(&["doctor"]).await;
    assert!(page.contains("up to date at"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_away_are_checks_that_failed() {
    let world = World::new().await;
    // Nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    for (name, url, failed, other) in [
        (
            "REDIS_URL",
            format!("redis://127.0.0.1:{port}/0"),
            "redis",
            "postgres.version",
        ),
        (
            "DATABASE_URL",
            format!("postgres://nobody@127.0.0.1:{port}/x"),
            "postgres",
            "redis.version",
        ),
    ] {
        let output = tokio::process::Command::from(world.program("sigmabatch"))
            .args(["doctor", "--json"])
            .env(name, url)
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = checks(&document);
        assert_eq!(
            (checks[failed], checks[other]),
            ("fail", "ok"),
            "{document:#}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_and_a_foreign_redis_are_noticed() {
    let world = World::new().await;
    books(&world).await;
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    execute(
        &world,
        "select setval(pg_get_serial_sequence('task', 'id'), 1)",
    )
    .await;
    let mut redis = world.redis().await;
    redis::cmd("HSET")
        .arg(world.engine.queue.keys().meta())
        .arg("install")
        .arg("ffffffff")
        .exec_async(&mut redis)
        .await
        .unwrap();

    let (code, document) = world.command(&["doctor"]).await;

    assert_eq!(code, 1);
    let tasks = world.count("select max(id) from task").await;
    assert_eq!(
        says(&document, "postgres.sequences"),
        format!("behind: task.id at 1, largest {tasks}")
    );
    assert!(
        says(&document, "redis.install").starts_with("the streams belong to installation ffffffff")
    );
    // Every sequence of the schema is looked at.
    let columns = world
        .texts(
            "select table_name || '.' || column_name from information_schema.columns
             where table_schema = 'public' and is_identity = 'YES' order by 1",
        )
        .await;
    let known = health::sequences(&world.engine.pools).await.unwrap();
    let known: BTreeSet<String> = known.into_iter().map(|sequence| sequence.column).collect();
    assert_eq!(known, columns.into_iter().collect());
}

/// Two installations under one prefix drop each other's hints. A database that was made anew over an old Redis looks the same,
/// so that the worker says what to do, and works.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_the_streams_of_another_installation_says_so_and_works_all_the_same() {
    let world = World::new().await;
    books(&world).await;
    let keys = world.engine.queue.keys();
    let (meta, stream) = (keys.meta(), keys.streams().remove(0).2);
    world
        .redis_says(&["HSET", &meta, "install", "ffffffff"])
        .await;
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(random());
    let mut command = world.program("sigmabatch-worker");
    command
        .env_remove("SIGMABATCH_LOG")
        .env_remove("SIGMABATCH_LOG_JSON")
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let _worker = Process::start(&mut command);

    world.run(&request(on("2016-12-29"))).await;

    let hint = format!("XADD {stream} * v 1 install ffffffff task 1 epoch 0");
    let hint: Vec<&str> = hint.split(' ').collect();
    let told = eventually(async || {
        // The steward may be faster than the worker, and drop one uncounted.
        world.redis_says(&hint).await;
        let (_, document) = world.command(&["doctor"]).await;
        let said = std::fs::read_to_string(&log).unwrap();
        let dropped = checks(&document)["workers"] == "warn";
        // When it starts, and when it looks as steward.
        let twice = said.matches("belong to installation ffffffff").count() > 1;
        (dropped && twice).then_some((document, said))
    });
    let (document, said) = told.await.unwrap();
    let install = "the streams belong to installation ffffffff, the database is ";
    assert!(says(&document, "redis.install").starts_with(install));
    assert!(says(&document, "workers").ends_with(" hints of another installation"));
    let (boot, life) = said.split_once("worker started").unwrap();
    assert!(boot.contains(install), "{said}");
    assert!(
        boot.contains("its own --prefix") && boot.contains(&meta),
        "{said}"
    );
    assert!(
        life.contains("hints of another installation dropped"),
        "{said}"
    );
    std::fs::remove_file(&log).unwrap();
}
