//! What `redis-cli` shows is what `redis explain` says.

use std::collections::{BTreeMap, BTreeSet};

use redis::Value;
use sigmabatch::domain::{Lane, PhaseName};

use super::{books, broken};
use crate::world::{World, eventually, on, request};

/// The words of a line as a shell reads them: single quotes keep what is between them.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(place, part)| {
        if place % 2 == 1 {
            vec![part.to_owned()]
        } else {
            part.split_whitespace().map(ToOwned::to_owned).collect()
        }
    });
    words.collect()
}

/// Commands of the page, without the remarks that stand two spaces after some of them.
fn commands(page: &str) -> Vec<Vec<String>> {
    let lines = page.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("redis-cli "))
        .map(|line| words(line.split("  ").next().unwrap()))
        .collect()
}

/// Runs a command through `redis-cli` where it is installed, else sends it.
async fn typed(world: &World, command: &[String]) -> String {
    let url = &world.servers().redis_url;
    let typed = tokio::process::Command::new("redis-cli")
        // With -e an error of the server is an exit code.
        .args(["-e", "-u", url])
        .args(command)
        .output()
        .await;
    if let Ok(output) = typed {
        assert!(output.status.success(), "{command:?}: {output:?}");
        return String::from_utf8(output.stdout).unwrap();
    }
    let mut sent = match command {
        [scan, pattern, keys] if scan == "--scan" && pattern == "--pattern" => {
            let mut scan = redis::cmd("KEYS");
            scan.arg(keys);
            scan
        }
        _ => {
            let mut plain = redis::cmd(&command[0]);
            plain.arg(&command[1..]);
            plain
        }
    };
    sent.arg(&[] as &[&str]);
    let mut redis = world.redis().await;
    let answer: Value = sent.query_async(&mut redis).await.unwrap();
    format!("{answer:?}")
}

async fn keys(world: &World, pattern: &str) -> BTreeSet<String> {
    let mut redis = world.redis().await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(pattern)
        .query_async(&mut redis)
        .await
        .unwrap();
    keys.into_iter().collect()
}

/// An entry has the fields of the page's example, in that order, and names rows of Postgres.
async fn entries_are_those_of_the_page(world: &World, page: &str, stream: &str) {
    let example = page
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("v 1 install"))
        .unwrap();
    let named: Vec<&str> = example.split(' ').step_by(2).collect();
    let mut redis = world.redis().await;
    let entries: Vec<(String, Vec<String>)> = redis::cmd("XRANGE")
        .arg(stream)
        .arg("-")
        .arg("+")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(!entries.is_empty());
    for (_, fields) in &entries {
        let names: Vec<&str> = fields.iter().step_by(2).map(String::as_str).collect();
        assert_eq!(names, named);
        let values: BTreeMap<&str, &str> = fields
            .chunks(2)
            .map(|pair| (pair[0].as_str(), pair[1].as_str()))
            .collect();
        let row: (i64, String, String) = sqlx::query_as(
            "select t.epoch, t.unit, r.label from task t join run r on r.id = t.run_id where t.id = $1",
        )
        .bind(values["task"].parse::<i64>().unwrap())
        .fetch_one(&world.db)
        .await
        .unwrap();
        assert_eq!(values["epoch"], row.0.to_string());
        assert_eq!(
            (values["unit"], values["run"]),
            (row.1.as_str(), row.2.as_str())
        );
        assert_eq!((values["phase"], values["attempt"]), ("1", "1"));
        let length = fields.iter().map(String::len).sum::<usize>();
        assert!(
            length < 200,
            "{length} characters are more than a person reads"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_entries_and_commands_are_those_of_the_page() {
    let world = World::new().await;
    books(&world).await;
    let (code, page) = world.page(&["redis", "explain"]).await;
    assert_eq!(code, 0);
    let (_, document) = world.command(&["redis", "explain"]).await;
    let pattern = document["pattern"].as_str().unwrap();

    // Hints in the first streams, nobody to take them.
    let planned = world.begin(&request(on("2016-12-29"))).await;

    // Every key under the pattern is on the page, and every key of the page is there or said to come.
    let text = |name: &str| document[name].as_str().unwrap().to_owned();
    let streams: BTreeSet<String> = document["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| stream["key"].as_str().unwrap().to_owned())
        .collect();
    let mut expected = streams.clone();
    expected.insert(text("meta"));
    assert_eq!(keys(&world, pattern).await, expected);
    for name in ["dead", "meta", "pattern"] {
        assert!(page.contains(&text(name)), "{name} is not on the page");
    }

    let stream = world
        .engine
        .queue
        .keys()
        .stream(Lane::Interactive, PhaseName::MarketData);
    entries_are_those_of_the_page(&world, &page, &stream).await;

    // A dead task is mirrored; then a consumer is a worker of the table.
    let (_, probe) = broken(PhaseName::PortfolioAnalytics);
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;
    world.verdict(planned.run).await;
    let mirrored = eventually(async || {
        keys(&world, pattern)
            .await
            .contains(&text("dead"))
            .then_some(())
    });
    assert!(mirrored.await.is_some());
    let mut redis = world.redis().await;
    let consumers: Vec<BTreeMap<String, Value>> = redis::cmd("XINFO")
        .arg("CONSUMERS")
        .arg(&stream)
        .arg(text("group"))
        .query_async(&mut redis)
        .await
        .unwrap();
    let workers = world
        .texts("select 'w-' || left(replace(id::text, '-', ''), 8) from worker")
        .await;
    assert!(!consumers.is_empty());
    for consumer in consumers {
        let name: String = redis::from_redis_value_ref(&consumer["name"]).unwrap();
        assert!(workers.contains(&name), "{name} is none of {workers:?}");
    }
    let mut with_dead = expected;
    with_dead.insert(text("dead"));
    assert_eq!(keys(&world, pattern).await, with_dead);

    // What the page tells to type runs without an error, and shows what it says.
    let commands = commands(&page);
    assert!(commands.len() >= 8, "{commands:?}");
    for command in &commands {
        let answer = typed(&world, command).await;
        match command[0].as_str() {
            "--scan" => {
                for key in &with_dead {
                    assert!(answer.contains(key), "{key} in {answer}");
                }
            }
            "HGETALL" => {
                let install = world.texts("select id from install").await.remove(0);
                assert!(
                    answer.contains("install") && answer.contains(&install),
                    "{answer}"
                );
            }
            "XREVRANGE" => assert!(answer.contains("panicked: a bug in"), "{answer}"),
            _ => {}
        }
    }
}

#[test]
fn a_line_is_read_as_a_shell_reads_it() {
    let page =
        "Look\n  redis-cli XRANGE '{a b}:x' - + COUNT 5\n  redis-cli XLEN '{y}'     remark\n";
    assert_eq!(
        commands(page),
        [
            vec!["XRANGE", "{a b}:x", "-", "+", "COUNT", "5"],
            vec!["XLEN", "{y}"]
        ]
    );
}
