//! What happens to Redis: it is emptied, away, full of lies, or deleted piece by piece.

use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;

use crate::stage::{Casting, Stage, play, play_and_check};

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_flushed_every_three_seconds() {
    play("flushes", Casting::default(), async |stage| {
        stage.dice.pause(50, 500).await;
        stage.world.redis_says(&["FLUSHALL"]).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_stops_for_a_while_and_comes_back_empty_or_as_it_was() {
    play("redis-restarts", Casting::default(), async |stage| {
        stage.dice.pause(100, 600).await;
        let mut services = stage.services.lock().await;
        services.stop_redis().await.unwrap();
        stage.dice.pause(200, 3_000).await;
        // Empty, or with whatever it had when it stopped.
        let empty = stage.dice.below(3) > 0;
        services.start_redis(empty).await.unwrap();
        drop(services);
        stage.dice.pause(500, 1_500).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_away_for_the_whole_night() {
    let casting = Casting {
        redis: false,
        ..Casting::default()
    };
    play("no-redis", casting, async |_| std::future::pending().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_refuses_stalls_and_hangs_up() {
    play("refusals", Casting::default(), async |stage| {
        stage.dice.pause(50, 500).await;
        let (begin, end): (&[&str], &[&str]) = match stage.dice.below(5) {
            0 => (
                &["REPLICAOF", "127.0.0.1", "1"],
                &["REPLICAOF", "NO", "ONE"],
            ),
            1 => (
                &["CONFIG", "SET", "maxmemory", "1"],
                &["CONFIG", "SET", "maxmemory", "0"],
            ),
            2 => (&["CLIENT", "PAUSE", "60000", "ALL"], &["CLIENT", "UNPAUSE"]),
            3 => (&["CLIENT", "KILL", "TYPE", "normal"], &["PING"]),
            _ => (&["SCRIPT", "FLUSH"], &["PING"]),
        };
        stage.world.redis_says(begin).await;
        stage.dice.pause(100, 2_500).await;
        stage.world.redis_says(end).await;
        stage.dice.pause(100, 1_000).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_duplicated_reordered_and_forged() {
    let check = async |stage: &Stage, _: &_| {
        let dead = stage.world.engine.queue.keys().dead();
        let buried = stage.world.redis_says(&["XLEN", &dead]).await;
        assert!(matches!(buried, Value::Int(1..)), "garbage is mirrored");
        let foreign = "select coalesce(sum((counters ->> 'foreign')::int), 0) from worker";
        assert!(
            stage.world.count(foreign).await > 0,
            "entries of others are counted"
        );
    };
    play_and_check("forgeries", Casting::default(), forge, check).await;
}

/// Writes entries that nobody should have written, and some that somebody has written already.
async fn forge(stage: &Stage) {
    stage.dice.pause(5, 50).await;
    let world = &stage.world;
    let install = world.texts("select id from install").await.remove(0);
    let tasks: Vec<(i64, i64)> =
        sqlx::query_as("select id, epoch from task order by id desc limit 200")
            .fetch_all(&world.db)
            .await
            .unwrap();
    let streams = world.engine.queue.keys().streams();
    let mut redis = world.redis().await;
    let mut pipe = redis::pipe();
    for _ in 0..20 {
        let (_, _, stream) = stage.dice.one_of(&streams);
        let (task, epoch) = match tasks.as_slice() {
            [] => (1, 0),
            tasks => *stage.dice.one_of(tasks),
        };
        let (task, earlier, later) = (
            task.to_string(),
            (epoch - 1).to_string(),
            (epoch + 1).to_string(),
        );
        let epoch = epoch.to_string();
        let ours = |task: &str, epoch: &str| {
            ["v", "1", "install", &install, "task", task, "epoch", epoch]
                .map(str::to_owned)
                .to_vec()
        };
        let fields = match stage.dice.below(8) {
            // A duplicate, mostly in a stream of another phase; one of the past, one of the future.
            0 | 1 => ours(&task, &epoch),
            2 => ours(&task, &earlier),
            3 => ours(&task, &later),
            4 => ours("999999999", "0"),
            5 => ours("9223372036854775808", "-1"),
            6 => [
                "v", "1", "install", "ffffffff", "task", &task, "epoch", &epoch,
            ]
            .map(str::to_owned)
            .to_vec(),
            _ => vec!["hello".to_owned(), "world".to_owned()],
        };
        // Only behind what is there can an entry be added: what is copied comes later than before.
        pipe.cmd("XADD")
            .arg(stream)
            .arg("NOMKSTREAM")
            .arg("*")
            .arg(fields)
            .ignore();
    }
    pipe.exec_async(&mut redis).await.unwrap();
    if stage.dice.below(4) == 0 {
        let (_, _, stream) = stage.dice.one_of(&streams);
        turn_round(&mut redis, stream).await;
    }
}

/// Writes the waiting entries of a stream again, last first, and deletes the old ones.
async fn turn_round(redis: &mut MultiplexedConnection, stream: &str) {
    let range = redis::cmd("XRANGE")
        .arg(stream)
        .arg("-")
        .arg("+")
        .to_owned();
    let entries: redis::streams::StreamRangeReply = range.query_async(redis).await.unwrap();
    if entries.ids.is_empty() {
        return;
    }
    let mut pipe = redis::pipe();
    for entry in entries.ids.iter().rev() {
        let fields: Vec<(&String, String)> = entry
            .map
            .iter()
            .map(|(name, value)| (name, redis::from_redis_value_ref(value).unwrap()))
            .collect();
        pipe.cmd("XADD")
            .arg(stream)
            .arg("NOMKSTREAM")
            .arg("*")
            .arg(fields)
            .ignore();
        pipe.cmd("XDEL").arg(stream).arg(&entry.id).ignore();
    }
    pipe.exec_async(redis).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_groups_and_consumers_are_deleted_by_hand() {
    play("deletions", Casting::default(), async |stage| {
        stage.dice.pause(50, 400).await;
        let keys = stage.world.engine.queue.keys();
        let streams = keys.streams();
        let (_, _, stream) = stage.dice.one_of(&streams);
        let meta = keys.meta();
        match stage.dice.below(6) {
            0 => stage.world.redis_says(&["DEL", stream]).await,
            1 => {
                stage
                    .world
                    .redis_says(&["XGROUP", "DESTROY", stream, "workers"])
                    .await
            }
            2 => stage.world.redis_says(&["DEL", &meta]).await,
            3 => {
                stage
                    .world
                    .redis_says(&["XTRIM", stream, "MAXLEN", "0"])
                    .await
            }
            // With what they have read and not acknowledged.
            _ => {
                let mut last = Value::Nil;
                for (_, _, stream) in &streams {
                    last = delete_consumers(stage, stream).await;
                }
                last
            }
        };
    })
    .await;
}

async fn delete_consumers(stage: &Stage, stream: &str) -> Value {
    let consumers = stage
        .world
        .redis_says(&["XINFO", "CONSUMERS", stream, "workers"])
        .await;
    let consumers: Vec<redis::streams::StreamInfoConsumer> = match consumers {
        Value::Array(all) => {
            let reply: redis::streams::StreamInfoConsumersReply =
                redis::from_redis_value(Value::Array(all)).unwrap();
            reply.consumers
        }
        _ => Vec::new(),
    };
    for consumer in consumers {
        stage
            .world
            .redis_says(&["XGROUP", "DELCONSUMER", stream, "workers", &consumer.name])
            .await;
    }
    Value::Okay
}
