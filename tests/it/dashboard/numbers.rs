//! The portfolio page: every number leads to how it was computed.

use std::collections::BTreeSet;

use crate::api::Served;
use crate::market::close;
use crate::world::{World, on, request};

/// Where the numbers of a page lead, in order.
fn links(page: &str) -> BTreeSet<String> {
    let found = page.split("<a class=\"how\" href=\"").skip(1);
    let found = found.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
    found.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_a_portfolio_leads_to_how_it_was_computed() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let rows = [
        format!("AAA,100,{},2016-12-19,PUBLIC", close("AAA", "2016-12-19")),
        format!("BBB,-40,{},2016-12-19,PUBLIC", close("BBB", "2016-12-19")),
        ",3,4.25,2016-12-19,OPTIONS,,AAA,150,2017-06-16,CALL".to_owned(),
        "HOUSE,1,20000,2016-12-19,PRIVATE".to_owned(),
    ];
    let rows = rows.each_ref().map(String::as_str);
    let id = world.book("book", "50000", "2016-12-19", &rows).await;
    let weights = "as_of,sector,weight\n2016-06-30,Energy,0.5\n2016-06-30,Materials,0.5\n";
    world.benchmark("S&P 500", weights).await.unwrap();
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;

    let page = served.viewer.get(&format!("/portfolios/{id}")).await.text();
    let links = links(&page);
    let names: BTreeSet<&str> = links
        .iter()
        .map(|link| {
            let metric = link.split("/explain/").nth(1).unwrap();
            metric.split([':', '?']).next().unwrap()
        })
        .collect();
    for name in [
        "nav",
        "pnl_day",
        "snapshot",
        "lot",
        "sector",
        "active_weight",
        "concentration",
        "hhi",
        "beta",
        "volatility",
        "risk",
        "contribution",
        "mean_correlation",
        "stress",
        "reverse_stress",
        "value_at_risk",
        "expected_shortfall",
        "backtest",
        "option",
    ] {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    let metric = |name: &str| {
        links
            .iter()
            .any(|link| link.contains(&format!("/explain/{name}?")))
    };
    for name in ["snapshot:pnl_total", "risk:coverage", "beta:Market"] {
        assert!(metric(name), "{name} in {links:?}");
    }
    // The head's worst stress, and both ends of an interval.
    let worst = page.split("<span id=\"worst\">").nth(1).unwrap();
    let worst = worst.split("</span></dd>").next().unwrap();
    assert!(
        worst.contains("/explain/stress:") && worst.contains(":propagated_pnl?"),
        "{worst}"
    );
    assert!(page.matches("/explain/beta:Market?").count() >= 4, "{page}");
    // Series of one chart are told apart by more than what hovers over them.
    for name in [
        "propagated",
        "direct",
        "return",
        "−VaR 95 % of the date before",
    ] {
        let key = format!("aria-hidden=\"true\"></span>{name}</li>");
        assert!(page.contains(&key), "{name}");
    }
    for link in &links {
        let answer = served.viewer.get(&link.replace(' ', "%20")).await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{link}: {text}");
        assert!(text.contains("id=\"value\""), "{link}: {text}");
    }
}
