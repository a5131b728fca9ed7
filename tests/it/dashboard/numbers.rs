//! The portfolio page: every number leads to how it was computed.

use std::collections::BTreeSet;

use crate::api::Served;
use crate::market::close;
use crate::world::{World, on, request};

/// The numeric cells of the tables of a page: heading of the table's first column, heading of the cell's column, and what stands in it.
fn numeric(page: &str) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    for table in page.split("<table>").skip(1) {
        let table = table.split("</table>").next().unwrap();
        let (head, body) = table.split_once("</thead>").unwrap();
        let heads = head.split("</th>");
        let heads: Vec<&str> = heads.map(|one| one.rsplit('>').next().unwrap()).collect();
        for row in body.split("<tr>").skip(1) {
            let cells = row.split("<t");
            let cells = cells.filter(|cell| {
                cell.starts_with("d ") || cell.starts_with("d>") || cell.starts_with("h ")
            });
            for (place, cell) in cells.enumerate() {
                if let Some(cell) = cell.strip_prefix("d class=\"n\">") {
                    let cell = cell.split("</td>").next().unwrap();
                    found.push((heads[0], heads[place], cell));
                }
            }
        }
    }
    found
}

/// Where the numbers of a page lead, in order.
fn links(page: &str) -> BTreeSet<String> {
    let found = page.split("<a class=\"how\" href=\"").skip(1);
    let found = found.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
    found.collect()
}

/// How many numbers there are in the tables of a page, each of which leads to how it was computed.
fn explained(page: &str) -> usize {
    let mut numbers = 0;
    for (table, column, cell) in numeric(page) {
        let missing =
            cell == "–" || (cell.starts_with("<span class=\"soft\">") && !cell.contains("<a "));
        if !missing {
            assert!(
                cell.contains("<a class=\"how\""),
                "{table}, {column}: {cell}"
            );
            numbers += 1;
        }
    }
    numbers
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
        "fit",
    ] {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    let metric = |name: &str| {
        links
            .iter()
            .any(|link| link.contains(&format!("/explain/{name}?")))
    };
    for name in [
        "snapshot:pnl_total",
        "risk:coverage",
        "beta:Market",
        "fit:AAA:Market:beta",
        "beta:Market:low_95",
        "beta:Market:high_95",
        "active_weight:S%26P%20500:Materials",
        "active_weight:S%26P%20500:Materials:benchmark_weight",
        "option:AAA170616C00150000:spot",
        "option:AAA170616C00150000:exposure",
    ] {
        assert!(metric(name), "{name} in {links:?}");
    }
    let numbers = explained(&page);
    assert!(numbers > 20, "{numbers}");
    // The head's worst stress, and the market beta.
    let worst = page.split("<span id=\"worst\">").nth(1).unwrap();
    let worst = worst.split("</span></dd>").next().unwrap();
    assert!(
        worst.contains("/explain/stress:") && worst.contains(":propagated_pnl?"),
        "{worst}"
    );
    assert!(page.matches("/explain/beta:Market?").count() >= 2, "{page}");
    let weights = links.iter().filter(|link| link.contains(":weight?"));
    assert_eq!(weights.count(), 4, "{links:?}");
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
        let answer = served.viewer.get(link).await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{link}: {text}");
        assert!(text.contains("id=\"value\""), "{link}: {text}");
    }
}
