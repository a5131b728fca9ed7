//! The invariants of `engine.md` that rows and streams can show, for the end of every test in which
//! something was killed, lost or forged.

use crate::world::{World, eventually};

/// Statements that find what must not be; each result row is a violation.
const NONE_OF: [(&str, &str); 10] = [
    ("1: a task is not final", "select id::text from task where state in ('ready', 'running')"),
    (
        "2: a task is done without exactly one committed attempt",
        "select t.id::text from task t left join attempt a on a.task_id = t.id and a.outcome = 'committed'
         group by t.id having count(a.task_id) <> (t.state = 'done')::int",
    ),
    (
        "3: a result set is not of the attempt that committed it",
        "select kind || ' ' || owner || ' ' || as_of from result_set rs
         where not exists (select from attempt a join task t on t.id = a.task_id
                           where a.task_id = rs.task_id and a.epoch = rs.epoch and a.outcome = 'committed'
                             and t.run_id = rs.run_id)",
    ),
    (
        "4: an attempt is of a later epoch than its task",
        "select a.task_id::text from attempt a join task t on t.id = a.task_id where a.epoch > t.epoch",
    ),
    (
        "5: a task runs under a lost worker",
        "select t.id::text from task t join worker w on w.id = t.worker_id
         where t.state = 'running' and w.lost_at is not null",
    ),
    (
        "6: a task started before its phase was opened",
        "select t.id::text from attempt a join task t on t.id = a.task_id
         join run_phase p on p.run_id = t.run_id and p.phase = t.phase where a.started_at < p.opened_at",
    ),
    (
        "6: a phase was opened before one that it comes after had finished",
        "select p.phase from run_phase p join run_phase q on q.run_id = p.run_id and q.phase = any(p.after)
         where p.opened_at < q.finished_at or (p.opened_at is not null and q.finished_at is null)",
    ),
    (
        "7: a gate was opened more than once",
        "select run_id || ' ' || (detail ->> 'phase') from event where kind = 'phase-opened'
         group by run_id, detail ->> 'phase' having count(*) > 1",
    ),
    ("9: a budget is exceeded", "select id::text from task where attempts > 5 or crashes > 3"),
    (
        "17: an attempt that did not commit has no cause",
        "select task_id::text from attempt where outcome <> 'committed' and outcome <> 'released' and error_class is null",
    ),
];

impl World {
    /// Waits until the streams are at rest, and checks all invariants. Hints of final tasks that a
    /// dead worker held are removed by the reconciler, which is called here rather than waited for.
    pub(crate) async fn assert_at_rest(&self) {
        let mut redis = self.redis().await;
        let meta = self.engine.queue.keys().meta();
        redis::cmd("DEL")
            .arg(&meta)
            .exec_async(&mut redis)
            .await
            .unwrap();
        let mut last = None;
        let at_rest = eventually(async || {
            let survey = self.engine.queue.survey(30_000).await.unwrap();
            let busy: Vec<_> = survey
                .streams
                .iter()
                .filter(|stream| stream.length > 0 || stream.pending > 0)
                .collect();
            let quiet = busy.is_empty() && self.engine.queue.has_meta().await.unwrap();
            last = Some(format!("{busy:?} {:?}", survey.found));
            quiet.then_some(())
        });
        let quiet = at_rest.await;
        assert!(quiet.is_some(), "8: the streams are not at rest: {last:?}");
        for (what, sql) in NONE_OF {
            let found = self.texts(sql).await;
            assert!(found.is_empty(), "{what}: {found:?}");
        }
    }
}
