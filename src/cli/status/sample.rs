//! A status made by hand, for the tests of its page and its document.

use super::Status;
use crate::domain::{
    Held, Lane, PhaseName, PortfolioId, RunId, TaskId, TradingDate, Trigger, Verdict, WorkerId,
};
use crate::store::control::Pause;
use crate::store::reports::{Gap, MissingRow, StewardRow, StreamRow, WorkerRow};
use crate::store::runs::{PhaseRow, RunRow};
use crate::store::tasks_report::ErrorGroup;

/// Nothing was ever done.
pub(super) fn empty() -> Status {
    Status {
        runs: Vec::new(),
        phases: Vec::new(),
        running: Vec::new(),
        eta_seconds: None,
        retries: [].into(),
        errors: Vec::new(),
        missing: Vec::new(),
        pauses: Vec::new(),
        workers: Vec::new(),
        steward: StewardRow {
            holder: None,
            term: 0,
            held: false,
            streams: Vec::new(),
            seen_at: None,
            seen_seconds: None,
        },
        gaps: Vec::new(),
    }
}

/// One of everything.
pub(super) fn status() -> Status {
    let date: chrono::NaiveDate = "2016-12-30".parse().unwrap();
    let run = RunRow {
        id: RunId(uuid::Uuid::nil()),
        label: "nightly/2016-12-30".into(),
        trigger: Trigger::Nightly,
        lane: Lane::Nightly,
        from: TradingDate::trusted(date),
        to: TradingDate::trusted(date),
        verdict: Some(Verdict::Partial),
        created_at: "2016-12-30T22:00:00Z".parse().unwrap(),
        finished_at: None,
        elapsed_seconds: 12.4,
    };
    let phase = PhaseRow {
        phase: PhaseName::MarketData,
        total: 3,
        done: 1,
        dead: 1,
        cancelled: 0,
        in_hand: Vec::new(),
        opened_at: Some(run.created_at),
        finished_at: None,
        elapsed_seconds: Some(0.8),
    };
    let error = ErrorGroup {
        fingerprint: "9c2f01ab".into(),
        phase: PhaseName::MarketData,
        class: "permanent".into(),
        sample: "a row is odd".into(),
        task: TaskId(7),
        count: 1,
        dead: 1,
        repaired: 0,
        retrying: 0,
        died_at: Some(run.created_at),
    };
    let missing = MissingRow {
        portfolio: PortfolioId::of("demo", "testscotty"),
        name: "testscotty".into(),
        as_of: date,
        published: true,
        symbols: ["GGIPX", "GINDX", "NEAIX"]
            .map(|s| (s.into(), "no data".into()))
            .into(),
        entries: [("stress".into(), "3 scenarios without series".into())].into(),
    };
    let pause = Pause {
        held: Held::Lane(Lane::Backfill),
        who: "ops".into(),
        reason: "disk is full".into(),
        since: run.created_at,
    };
    let worker = WorkerRow {
        id: WorkerId(uuid::Uuid::nil()),
        host: "here".into(),
        pid: 7,
        version: "0.1.0".into(),
        started_at: run.created_at,
        lease_seconds: 29.0,
        lost_at: None,
        draining: false,
        running: 2,
        counters: serde_json::json!({}),
    };
    let stream = StreamRow {
        key: "{sigmabatch}:nightly:phase-1".into(),
        lane: "nightly".into(),
        phase: "market-data".into(),
        length: 4,
        pending: 1,
    };
    let gap = Gap {
        portfolio: missing.portfolio,
        name: "testscotty".into(),
        oldest: date,
        newest: date,
        sessions: 1,
    };
    Status {
        runs: vec![run],
        phases: vec![phase],
        eta_seconds: Some(12.0),
        retries: [("failed".into(), 2), ("lost".into(), 1)].into(),
        errors: vec![error],
        missing: vec![missing],
        pauses: vec![pause],
        steward: StewardRow {
            holder: Some(worker.id),
            term: 3,
            held: true,
            streams: vec![stream],
            seen_at: None,
            seen_seconds: Some(4.0),
        },
        workers: vec![worker],
        gaps: vec![gap],
        ..empty()
    }
}
