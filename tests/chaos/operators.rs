//! Operators who cannot make up their minds: runs cancelled in mid-flight, lanes and phases paused and
//! resumed, workers drained.

use std::collections::BTreeSet;

use sigmabatch::domain::{Held, Lane, PhaseName, RunId, WorkerId};
use sigmabatch::engine::{self, Order};
use sigmabatch::store::control::Cancelled;

use crate::stage::{Casting, Stage, play};

const ORDER: Order<'_> = Order {
    who: "chaos",
    reason: "why not",
};

/// The tasks of a run that are done.
async fn done(stage: &Stage, run: RunId) -> BTreeSet<i64> {
    let done: Vec<i64> =
        sqlx::query_scalar("select id from task where run_id = $1 and state = 'done'")
            .bind(run.0)
            .fetch_all(&stage.world.db)
            .await
            .unwrap();
    done.into_iter().collect()
}

async fn cancel(stage: &Stage) {
    let going: Option<uuid::Uuid> = sqlx::query_scalar("select id from run where verdict is null")
        .fetch_optional(&stage.world.db)
        .await
        .unwrap();
    let Some(run) = going.map(RunId) else { return };
    let cancelled = engine::cancel(&stage.world.engine, run, ORDER)
        .await
        .unwrap();
    let acknowledged = done(stage, run).await;
    stage.dice.pause(500, 1_000).await;
    if matches!(cancelled, Cancelled::Tasks { .. }) {
        assert_eq!(
            done(stage, run).await,
            acknowledged,
            "10: no commit after an acknowledged cancel"
        );
    }
}

async fn hold(stage: &Stage) {
    let held = if stage.dice.below(2) == 0 {
        Held::Lane(*stage.dice.one_of(Lane::ALL))
    } else {
        Held::Phase(*stage.dice.one_of(PhaseName::ALL))
    };
    let engine = &stage.world.engine;
    engine::pause(engine, held, ORDER).await.unwrap();
    stage.dice.pause(100, 1_500).await;
    engine::resume(engine, held, ORDER).await.unwrap();
}

async fn drain(stage: &Stage) {
    let workers: Vec<uuid::Uuid> =
        sqlx::query_scalar("select id from worker where lost_at is null")
            .fetch_all(&stage.world.db)
            .await
            .unwrap();
    if !workers.is_empty() {
        let worker = WorkerId(*stage.dice.one_of(&workers));
        stage.crew.expect_departures();
        engine::drain(&stage.world.engine, worker, ORDER)
            .await
            .unwrap();
        stage.hire();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_cancelled_lanes_paused_and_workers_drained() {
    play("operators", Casting::default(), async |stage| {
        stage.dice.pause(100, 500).await;
        match stage.dice.below(3) {
            0 => cancel(stage).await,
            1 => hold(stage).await,
            _ => drain(stage).await,
        }
    })
    .await;
}
