//! No command asks once more for each portfolio, symbol or task that there is.

use std::collections::BTreeMap;

use super::{books, broken};
use crate::incidents::wire;
use crate::market::close;
use crate::proxy::{Proxy, port_of};
use crate::world::{World, on, range, request};
use sigmabatch::domain::PhaseName;

/// Statements of each command, with so many portfolios more.
async fn statements(more: usize) -> BTreeMap<&'static str, usize> {
    let world = World::new().await;
    books(&world).await;
    for n in 0..more {
        let symbol = ["AAA", "BBB", "CCC", "DDD"][n % 4];
        let row = format!(
            "{symbol},10,{},2016-12-19,PUBLIC",
            close(symbol, "2016-12-19")
        );
        let name = format!("book {n}");
        world.book(&name, "100000", "2016-12-19", &[&row]).await;
    }
    let (_, probe) = broken(PhaseName::PortfolioAnalytics);
    let mut worker = world.worker_process(&[]);
    let good = world.run(&request(range("2016-12-21", "2016-12-22"))).await;
    worker.signal(nix::sys::signal::Signal::SIGTERM);
    worker.ended().await;
    let mut options = world.options();
    options.probe = Some(probe);
    world.worker_with(options).await;
    let bad = world.begin(&request(on("2016-12-29"))).await;
    assert_eq!(world.verdict(bad.run).await, "failed");
    // One that goes on, and whose first phases nobody finishes.
    let lane = ["pause", "lane", "interactive", "--reason", "test"];
    assert_eq!(world.command(&lane).await.0, 0);
    world.begin(&request(on("2016-12-28"))).await;

    let mut counts = BTreeMap::new();
    for line in [
        "status",
        "tasks --limit 1000",
        "tasks --state dead --symbol AAA",
        "tasks --id 1",
        "dead",
        "workers",
        "why first 2016-12-21",
        "why first 2016-12-28",
        "why first 2016-12-29",
        "audit --from 2016-12-21 --to 2016-12-29",
        "diff GOOD BAD",
        "doctor",
    ] {
        let words = line.split(' ').map(|word| match word {
            "GOOD" => good.label.clone(),
            "BAD" => bad.label.clone(),
            word => word.to_owned(),
        });
        let direct = world.options().store.url;
        let proxy = Proxy::to(port_of(&direct)).await;
        proxy.listen();
        let output = tokio::process::Command::from(world.program("sigmabatch"))
            .args(words)
            .env("DATABASE_URL", proxy.url(&direct))
            .output()
            .await
            .unwrap();
        assert!(
            matches!(output.status.code(), Some(0 | 3)),
            "{line}: {output:?}"
        );
        let heard = proxy.heard();
        counts.insert(
            line,
            heard.iter().map(|sent| wire::statements(sent).len()).sum(),
        );
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_asks_once_more_for_each_portfolio() {
    let (few, many) = (statements(0).await, statements(10).await);
    assert_eq!(few, many);
    for (line, count) in few {
        assert!((3..40).contains(&count), "{line}: {count} statements");
    }
}
