//! `diff`: two runs side by side.

use serde_json::json;
use sigmabatch::domain::PhaseName;

use super::{books, broken, rows};
use crate::world::{World, on, request};

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_differ_in_durations_verdicts_errors_and_completeness() {
    let world = World::new().await;
    books(&world).await;
    let mut worker = world.worker_process(&[]);
    let good = world.run(&request(on("2016-12-28"))).await;
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    worker.ended().await;
    let (_, probe) = broken(PhaseName::PortfolioAnalytics);
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;
    let bad = world.begin(&request(on("2016-12-29"))).await;
    assert_eq!(world.verdict(bad.run).await, "failed");

    let labels = [good.label.as_str(), bad.label.as_str()];
    let (code, document) = world.command(&["diff", labels[0], labels[1]]).await;

    assert_eq!(code, 0);
    let runs = rows(&document, "runs");
    assert_eq!(
        (&runs[0]["verdict"], &runs[1]["verdict"]),
        (&"succeeded".into(), &"failed".into())
    );
    assert_eq!(
        (&runs[0]["published"], &runs[0]["wanted"]),
        (&2.into(), &2.into())
    );
    assert_eq!(
        (&runs[1]["published"], &runs[1]["wanted"]),
        (&0.into(), &2.into())
    );
    assert_eq!(
        (&runs[0]["mean_coverage"], &runs[1]["mean_coverage"]),
        (&json!(1.0), &json!(null))
    );
    let phases = rows(&document, "phases");
    assert_eq!(phases.len(), PhaseName::ALL.len());
    for phase in phases {
        assert!(phase["seconds"][0].as_f64() >= Some(0.0), "{phase}");
    }
    let analytics = phases.last().unwrap();
    assert_eq!(
        (&analytics["done"], &analytics["dead"]),
        (&json!([2, 0]), &json!([0, 2]))
    );
    let [error] = rows(&document, "errors") else {
        panic!("{document:#}");
    };
    assert_eq!(
        (&error["count"], &error["class"]),
        (&json!([0, 2]), &"bug".into())
    );
    assert_eq!(document["attempts"]["failed"], json!([0, 2]));
    let changed = rows(&document, "portfolios");
    assert_eq!(changed.len(), 2);
    assert_eq!(changed[0]["name"], "first");
    assert_eq!(changed[0]["coverage"], json!([1.0, null]));
    assert_eq!(changed[0]["entries"]["snapshot"], json!(["done", null]));

    let (_, page) = world.page(&["diff", labels[0], labels[1]]).await;
    for part in [
        "verdict",
        "2 of 2",
        "0 of 2",
        "6 portfolio-analytics",
        "panicked",
        "Completeness on 2016-12-28 and 2016-12-29",
    ] {
        assert!(page.contains(part), "{part} in\n{page}");
    }
    // A run and itself.
    let (_, same) = world
        .command(&["diff", labels[0], &good.run.to_string()])
        .await;
    assert_eq!(rows(&same, "portfolios").len(), 0);
    let (code, _) = world.page(&["diff", labels[0], "nightly/1999-12-31"]).await;
    assert_eq!(code, 2);
}
