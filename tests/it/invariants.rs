//! The checker: the seventeen invariants of the engine's design over Postgres and Redis, and an eighteenth of
//! what is stale, for the end of every test in which something was killed, frozen, lost, repeated or forged.
//!
//! Most of them are statements that find what must not be. Four need more than the end of a test:
//! those that must hold all the time are sampled while it runs (`tests/chaos/watcher.rs`), and
//!
//! - 12, no result depends on the order of dates or runs: `versions.rs` permutes them, and the schedulers
//!   of `tests/chaos` make one run per date of what a quiet run does at once;
//! - 13, the digest equals that of a run without faults: whoever caused the faults compares it;
//! - 14, no transaction is open during fetch or compute: `faults.rs` looks while each phase computes.

use redis::Value;
use sigmabatch::queue::GROUP;

use crate::world::{World, eventually};

/// Lost workers that a task may cost, where the test does not say otherwise.
const MAX_CRASHES: i16 = 3;
/// Of a consumer's name and its empty pending list, about twice of what Redis 7 takes.
const CONSUMER_BYTES: u64 = 512;

/// An invariant, its number, and a statement whose rows are violations.
type Never = (u8, &'static str, &'static str);

const NEVER: [Never; 17] = [
    (1, "every planned task becomes final", "select id::text from task where state in ('ready', 'running')"),
    (
        2,
        "at most one committed attempt per task, exactly one if done",
        "select t.id::text from task t left join attempt a on a.task_id = t.id and a.outcome = 'committed'
         group by t.id having count(a.task_id) <> (t.state = 'done')::int",
    ),
    (
        3,
        "a result set's run and epoch are those of the committed attempt",
        "select kind || ' ' || owner || ' ' || as_of from result_set rs
         where not exists (select from attempt a join task t on t.id = a.task_id
                           where a.task_id = rs.task_id and a.epoch = rs.epoch and a.outcome = 'committed'
                             and t.run_id = rs.run_id)",
    ),
    (
        4,
        "epochs strictly grow: of two attempts the earlier one was over when the later one began",
        "select a.task_id::text from attempt a join attempt b on b.task_id = a.task_id and a.epoch < b.epoch
         where a.finished_at > b.started_at",
    ),
    (
        4,
        "epochs strictly grow: no attempt is ahead of its task, and a done task is where it was committed",
        "select t.id::text from attempt a join task t on t.id = a.task_id
         where a.epoch > t.epoch or (a.outcome = 'committed' and a.epoch <> t.epoch)",
    ),
    (
        5,
        "no task runs under a worker marked lost",
        "select t.id::text from task t join worker w on w.id = t.worker_id
         where t.state = 'running' and w.lost_at is not null",
    ),
    (
        // A commit may be on its way while its worker is marked lost; it is over within the longest that
        // a session may be idle in its transaction.
        5,
        "no task is committed by a worker that was marked lost before",
        "select a.task_id::text from attempt a join worker w on w.id = a.worker_id
         where a.outcome = 'committed' and a.finished_at > w.lost_at + interval '6 seconds'",
    ),
    (
        6,
        "no task started before its phase was opened",
        "select t.id::text from attempt a join task t on t.id = a.task_id
         join run_phase p on p.run_id = t.run_id and p.phase = t.phase where a.started_at < p.opened_at",
    ),
    (
        6,
        "no phase was opened before those it comes after were finished",
        "select p.phase from run_phase p join run_phase q on q.run_id = p.run_id and q.phase = any(p.after)
         where p.opened_at < q.finished_at or (p.opened_at is not null and q.finished_at is null)",
    ),
    (
        7,
        "each gate was opened once",
        "select run_id || ' ' || (detail ->> 'phase') from event where kind = 'phase-opened'
         group by run_id, detail ->> 'phase' having count(*) > 1",
    ),
    (
        7,
        "what a phase says of its tasks is what became of them",
        "select p.run_id || ' ' || p.phase
         from run_phase p
         cross join lateral (
             select count(*) filter (where state <> 'split') as total, count(*) filter (where state = 'dead') as dead,
                    count(*) filter (where state = 'cancelled') as cancelled
             from task t where t.run_id = p.run_id and t.phase = p.phase) t
         where p.total <> t.total
            or (p.finished_at is not null and (p.dead, p.cancelled) is distinct from (t.dead, t.cancelled))",
    ),
    (
        10,
        "no commit after an acknowledged cancel: nothing of a cancelled run is left to be committed",
        "select t.id::text from task t join run r on r.id = t.run_id
         where r.cancelled_at is not null and t.state in ('ready', 'running')",
    ),
    (
        11,
        "one nightly run per as-of date",
        "select final_date::text from run where trigger = 'nightly' group by final_date having count(*) > 1",
    ),
    (
        17,
        "executions less tasks are the attempts that were not committed: none is missing",
        // A claim is one epoch, and so is taking a task from its worker by force.
        "select task_id::text from (
             select task_id, epoch - lag(epoch, 1, 0::bigint) over w as step, lag(outcome) over w as before
             from attempt window w as (partition by task_id order by epoch)) a
         where step <> 1 and not (step = 2 and before in ('lost', 'released', 'deadline'))",
    ),
    (
        17,
        "each attempt that was not committed has a named cause",
        "select task_id::text from attempt
         where outcome not in ('committed', 'released') and error_class is null",
    ),
    (
        17,
        "a task is finished by its last attempt, or without one",
        "select t.id::text from task t join attempt a on a.task_id = t.id and a.outcome = 'committed'
         where exists (select from attempt b where b.task_id = t.id and b.epoch > a.epoch)",
    ),
    (
        18,
        "a set is marked stale exactly where an input that concerns it changed after the version that it saw",
        "select kind || ' ' || owner || ' ' || as_of from result_set
         where stale <> rests_on_old_inputs(kind, owner, as_of, data_version)",
    ),
];

impl World {
    /// Waits until the streams are at rest, and checks all invariants.
    pub(crate) async fn assert_at_rest(&self) {
        self.assert_invariants(MAX_CRASHES).await;
    }

    /// The same with another budget of crashes. Hints of final tasks that a dead worker held are removed
    /// by the reconciler, which is called here rather than waited for.
    pub(crate) async fn assert_invariants(&self, max_crashes: i16) {
        let meta = self.engine.queue.keys().meta();
        self.redis_says(&["DEL", &meta]).await;
        let mut last = None;
        let at_rest = eventually(async || {
            let survey = match self.engine.queue.survey(|_, _| true).await {
                Ok(survey) => survey,
                // A line of ours may have died with the faults before.
                Err(error) => {
                    last = Some(format!("{error:?}"));
                    return None;
                }
            };
            let busy: Vec<_> = survey
                .streams
                .iter()
                .filter(|stream| stream.length > 0 || stream.pending > 0)
                .collect();
            let quiet = busy.is_empty() && self.engine.queue.has_meta().await.unwrap_or(false);
            last = Some(format!("{busy:?} {:?}", survey.found));
            quiet.then_some(())
        });
        let quiet = at_rest.await;
        assert!(
            quiet.is_some(),
            "8: at rest work streams are empty and nothing is pending: {last:?}"
        );
        for (number, sentence, sql) in NEVER {
            let found = self.texts(sql).await;
            assert!(found.is_empty(), "{number}: {sentence}: {found:?}");
        }
        self.assert_budgets_were_kept(max_crashes).await;
        self.assert_redis_has_its_memory_back().await;
    }

    async fn assert_budgets_were_kept(&self, max_crashes: i16) {
        let over: Vec<i64> =
            sqlx::query_scalar("select id from task where attempts > 5 or crashes > $1")
                .bind(max_crashes)
                .fetch_all(&self.db)
                .await
                .unwrap();
        assert!(over.is_empty(), "9: budgets are kept: {over:?}");
    }

    /// A stream through which everything has gone is as small as one that was just made, but for the
    /// names of its consumers.
    async fn assert_redis_has_its_memory_back(&self) {
        let keys = self.engine.queue.keys();
        let gauge = format!("{}-gauge", keys.meta());
        self.redis_says(&["XGROUP", "CREATE", &gauge, GROUP, "0", "MKSTREAM"])
            .await;
        let fresh = self.bytes(&gauge).await;
        self.redis_says(&["DEL", &gauge]).await;

        let mut fat = Vec::new();
        for (_, _, stream) in keys.streams() {
            let question = ["XINFO", "CONSUMERS", &stream, GROUP];
            let Value::Array(consumers) = self.redis_says(&question).await else {
                panic!("{stream} has no group");
            };
            let (now, consumers) = (self.bytes(&stream).await, consumers.len() as u64);
            if now > fresh + consumers * CONSUMER_BYTES {
                fat.push(format!("{stream}: {now} bytes, {consumers} consumers"));
            }
        }
        assert!(
            fat.is_empty(),
            "16: redis memory returns to its baseline of {fresh} bytes: {fat:?}"
        );
    }

    async fn bytes(&self, key: &str) -> u64 {
        match self.redis_says(&["MEMORY", "USAGE", key]).await {
            Value::Int(bytes) => u64::try_from(bytes).unwrap(),
            said => panic!("the size of {key}: {said:?}"),
        }
    }
}
