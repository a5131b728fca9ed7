//! Everything that the engine has committed, as one snapshot: what the model predicts, and what the
//! invariants look at. Moments are reduced to what a decision depends on: due or not, passed or not.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sigmabatch::domain::{Lane, PhaseName, TaskEpoch, TaskId, Verdict};
use sqlx::PgPool;
use uuid::Uuid;

/// A run, by its number.
pub(super) type Seq = i64;
/// Of a set of results: kind, owner, date.
pub(super) type SetKey = (String, String, NaiveDate);

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Run {
    pub(super) seq: Seq,
    pub(super) id: Uuid,
    pub(super) lane: Lane,
    pub(super) verdict: Option<Verdict>,
    pub(super) cancelled: bool,
    /// Of the request that it was planned for.
    pub(super) request: String,
    /// What its verdict is about: portfolio and date.
    pub(super) scope: BTreeSet<(String, NaiveDate)>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Phase {
    pub(super) run: Seq,
    #[serde(rename = "phase")]
    pub(super) name: PhaseName,
    pub(super) after: Vec<PhaseName>,
    pub(super) total: usize,
    pub(super) opened: bool,
    pub(super) finished: bool,
    pub(super) published: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Task {
    pub(super) id: i64,
    pub(super) run: Seq,
    pub(super) phase: PhaseName,
    pub(super) unit: String,
    pub(super) as_of: NaiveDate,
    pub(super) state: State,
    pub(super) epoch: i64,
    pub(super) worker: Option<Uuid>,
    pub(super) attempts: i16,
    pub(super) crashes: i16,
    /// Ready, and its time has come.
    pub(super) due: bool,
    /// Running, and its deadline passed long ago.
    pub(super) overdue: bool,
    pub(super) parked: Parked,
    pub(super) outcome: Option<String>,
    pub(super) class: Option<String>,
    pub(super) input: Value,
    pub(super) repair: Option<Seq>,
}

pub(super) use sigmabatch::domain::TaskState as State;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Parked {
    No,
    Lately,
    TooLong,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Attempt {
    pub(super) task: i64,
    pub(super) epoch: i64,
    pub(super) worker: Option<Uuid>,
    pub(super) outcome: String,
    pub(super) class: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Worker {
    pub(super) id: Uuid,
    pub(super) lost: bool,
    pub(super) draining: bool,
    /// Its lease ran out.
    pub(super) expired: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct Steward {
    pub(super) holder: Option<Uuid>,
    pub(super) term: i64,
    pub(super) expired: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Set {
    pub(super) kind: String,
    pub(super) owner: String,
    pub(super) as_of: NaiveDate,
    pub(super) run: Seq,
    pub(super) task: i64,
    pub(super) epoch: i64,
    pub(super) version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Change {
    pub(super) version: i64,
    pub(super) scope: String,
    pub(super) owner: String,
    pub(super) input: String,
    pub(super) from: NaiveDate,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Facts {
    pub(super) runs: BTreeMap<Seq, Run>,
    pub(super) phases: BTreeMap<(Seq, PhaseName), Phase>,
    pub(super) tasks: BTreeMap<i64, Task>,
    pub(super) attempts: BTreeMap<(i64, i64), Attempt>,
    pub(super) workers: BTreeMap<Uuid, Worker>,
    /// What is held back: `lane nightly`.
    pub(super) pauses: BTreeSet<String>,
    pub(super) steward: Steward,
    /// Of the inputs.
    pub(super) version: i64,
    pub(super) changes: BTreeSet<Change>,
    pub(super) sets: BTreeMap<SetKey, Set>,
    pub(super) stale: BTreeSet<SetKey>,
    /// Kind of event → what it is about → how often it was said.
    pub(super) events: BTreeMap<String, BTreeMap<String, usize>>,
    /// What began too early, by the clock.
    pub(super) early: Vec<String>,
}

const QUESTION: &str = "
    with r as (select id, run_seq from run)
    select jsonb_build_object(
    'runs', (select coalesce(jsonb_agg(t), '[]') from (
        select run_seq as seq, id, lane, verdict, cancelled_at is not null as cancelled, request_hash as request,
               (select coalesce(jsonb_agg(jsonb_build_array(rp.portfolio_id, rd.as_of)), '[]')
                from run_portfolio rp join portfolios p on p.id = rp.portfolio_id
                join run_date rd on rd.run_id = rp.run_id and rd.as_of >= p.inception
                where rp.run_id = run.id) as scope
        from run) t),
    'phases', (select coalesce(jsonb_agg(t), '[]') from (
        select r.run_seq as run, phase, after, total, opened_at is not null as opened, finished_at is not null as finished,
               published_at is not null as published
        from run_phase join r on r.id = run_id) t),
    'tasks', (select coalesce(jsonb_agg(t), '[]') from (
        select task.id, r.run_seq as run, phase, unit, as_of, state, epoch, worker_id as worker, attempts, crashes,
               state = 'ready' and ready_at <= now() as due,
               coalesce(deadline_at < now() - interval '10 seconds', false) as overdue,
               case when parked_since is null then 'no' when parked_since > now() - interval '2 hours' then 'lately'
                    else 'toolong' end as parked,
               outcome, error_class as class, input, (select run_seq from r where r.id = repair_run) as repair
        from task join r on r.id = run_id) t),
    'attempts', (select coalesce(jsonb_agg(t), '[]') from (
        select task_id as task, epoch, worker_id as worker, outcome, error_class as class from attempt) t),
    'workers', (select coalesce(jsonb_agg(t), '[]') from (
        select id, lost_at is not null as lost, draining, lease_until < now() as expired from worker
        where beating_since > '-infinity') t),
    'pauses', (select coalesce(jsonb_agg(kind || ' ' || name), '[]') from pause),
    'steward', (select to_jsonb(t) from (
        select holder, term, expires_at < now() as expired from steward) t),
    'version', (select version from data_version),
    'changes', (select coalesce(jsonb_agg(t), '[]') from (
        select version, scope, owner, input, from_date as from from input_change) t),
    'sets', (select coalesce(jsonb_agg(t), '[]') from (
        select kind, owner, as_of, run_seq as run, task_id as task, epoch, data_version as version from result_set) t),
    'stale', (select coalesce(jsonb_agg(jsonb_build_array(kind, owner, as_of)), '[]') from stale_result_sets),
    'events', (select coalesce(jsonb_agg(jsonb_build_array(kind, what)), '[]') from (
        select kind, concat_ws(' ', (select run_seq from r where r.id = run_id),
                               coalesce(detail ->> 'phase', detail ->> 'worker', detail ->> 'what')) as what
        from event) t),
    'early', (select coalesce(jsonb_agg(what), '[]') from (
        select 'task ' || t.id as what from attempt a join task t on t.id = a.task_id
        join run_phase p on p.run_id = t.run_id and p.phase = t.phase where a.started_at < p.opened_at
        union all
        select p.phase from run_phase p join run_phase q on q.run_id = p.run_id and q.phase = any(p.after)
        where p.opened_at < q.finished_at) t))";

fn take<T: DeserializeOwned>(all: &mut Value, name: &str) -> T {
    let part = all[name].take();
    serde_json::from_value(part.clone()).unwrap_or_else(|error| panic!("{name}: {error}: {part}"))
}

impl Facts {
    /// One snapshot.
    pub(super) async fn read(db: &PgPool) -> Self {
        let mut all: Value = sqlx::query_scalar(QUESTION).fetch_one(db).await.unwrap();
        let mut events: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for (kind, what) in take::<Vec<(String, String)>>(&mut all, "events") {
            *events.entry(kind).or_default().entry(what).or_default() += 1;
        }
        Self {
            runs: by(take(&mut all, "runs"), |run: &Run| run.seq),
            phases: by(take(&mut all, "phases"), |phase: &Phase| {
                (phase.run, phase.name)
            }),
            tasks: by(take(&mut all, "tasks"), |task: &Task| task.id),
            attempts: by(take(&mut all, "attempts"), |attempt: &Attempt| {
                (attempt.task, attempt.epoch)
            }),
            workers: by(take(&mut all, "workers"), |worker: &Worker| worker.id),
            pauses: take(&mut all, "pauses"),
            steward: take(&mut all, "steward"),
            version: take(&mut all, "version"),
            changes: take(&mut all, "changes"),
            sets: by(take(&mut all, "sets"), Set::key),
            stale: take(&mut all, "stale"),
            events,
            early: take(&mut all, "early"),
        }
    }

    /// What differs, for people; empty if nothing does.
    pub(super) fn difference(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        compare("run", &self.runs, &other.runs, &mut found);
        compare("phase", &self.phases, &other.phases, &mut found);
        compare("task", &self.tasks, &other.tasks, &mut found);
        compare("attempt", &self.attempts, &other.attempts, &mut found);
        compare("worker", &self.workers, &other.workers, &mut found);
        compare("set", &self.sets, &other.sets, &mut found);
        compare("event", &self.events, &other.events, &mut found);
        let mut others = |what: &str, equal: bool, text: String| {
            if !equal {
                found.push(format!("{what}: {text}"));
            }
        };
        let (a, b) = (self, other);
        let text = format!("{:?}, not {:?}", b.pauses, a.pauses);
        others("pauses", a.pauses == b.pauses, text);
        let text = format!("{:?}, not {:?}", b.steward, a.steward);
        others("steward", a.steward == b.steward, text);
        let text = format!(
            "{} {:?}, not {} {:?}",
            b.version, b.changes, a.version, a.changes
        );
        others(
            "inputs",
            (a.version, &a.changes) == (b.version, &b.changes),
            text,
        );
        let text = format!("{:?}, not {:?}", b.stale, a.stale);
        others("stale", a.stale == b.stale, text);
        found
    }

    /// Tasks of a phase of a run.
    pub(super) fn of(&self, run: Seq, phase: PhaseName) -> impl Iterator<Item = &Task> {
        self.tasks
            .values()
            .filter(move |task| task.run == run && task.phase == phase)
    }

    /// The number of a run.
    pub(super) fn seq(&self, id: Uuid) -> Seq {
        let found = self.runs.values().find(|run| run.id == id);
        found.unwrap_or_else(|| panic!("no run {id}")).seq
    }

    /// Whether an operator holds a task back.
    pub(super) fn held_back(&self, task: &Task) -> bool {
        let lane = self.runs[&task.run].lane;
        self.pauses.contains(&format!("lane {lane}"))
            || self.pauses.contains(&format!("phase {}", task.phase))
    }

    pub(super) fn is_alive(&self, worker: Uuid) -> bool {
        self.workers.get(&worker).is_some_and(|worker| !worker.lost)
    }

    pub(super) fn said(&mut self, kind: &str, what: String) {
        let kind = self.events.entry(kind.to_owned()).or_default();
        *kind.entry(what).or_default() += 1;
    }
}

impl Task {
    pub(super) fn at(&self) -> TaskEpoch {
        TaskEpoch {
            task: TaskId(self.id),
            epoch: self.epoch,
        }
    }

    pub(super) fn is_final(&self) -> bool {
        self.state.is_final()
    }

    /// What makes it unique.
    pub(super) fn name(&self) -> (Seq, PhaseName, &str, NaiveDate) {
        (self.run, self.phase, &self.unit, self.as_of)
    }
}

impl Set {
    pub(super) fn key(&self) -> SetKey {
        (self.kind.clone(), self.owner.clone(), self.as_of)
    }
}

fn by<K: Ord, V>(rows: Vec<V>, key: impl Fn(&V) -> K) -> BTreeMap<K, V> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

fn compare<K, V>(what: &str, a: &BTreeMap<K, V>, b: &BTreeMap<K, V>, found: &mut Vec<String>)
where
    K: Ord + std::fmt::Debug,
    V: PartialEq + std::fmt::Debug,
{
    let keys: BTreeSet<&K> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let (expected, seen) = (a.get(key), b.get(key));
        if expected != seen {
            found.push(format!(
                "{what} {key:?}: is {seen:?}, should be {expected:?}"
            ));
        }
    }
}
