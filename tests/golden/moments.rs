//! Covariances, correlations and what is grouped by them.

use sigmabatch::analytics::{clustering, correlation, ledoit_wolf};

use crate::numbers::Numbers;
use crate::table::{CLOSES, STOCKS, Table};

/// The last 252 returns of a stock.
fn last(table: &Table, name: &str) -> Vec<f64> {
    let end = table.at("2022-12-28") + 1;
    table.returns(name)[end - 252..end].to_vec()
}

#[test]
fn ledoit_wolf_shrinkage() {
    let numbers = Numbers::of(&["ledoit wolf"]);
    let table = Table::read(CLOSES);
    let stocks: Vec<Vec<f64>> = STOCKS.iter().map(|name| last(&table, name)).collect();
    let slices: Vec<&[f64]> = stocks.iter().map(Vec::as_slice).collect();
    let have = ledoit_wolf::ledoit_wolf(&slices).unwrap();
    let case = "ledoit wolf";
    numbers.check(case, "shrinkage", have.shrinkage);
    numbers.check(case, "condition", have.condition().unwrap().unwrap());
    numbers.check(
        case,
        "sample_condition",
        have.sample_condition().unwrap().unwrap(),
    );
    let row = (0..20).map(|column| have.covariance.get(0, column).unwrap());
    numbers.check_all(case, "row", row);
}

#[test]
fn correlation_with_its_p_value_and_interval() {
    let numbers = Numbers::of(&["pearson "]);
    let table = Table::read(CLOSES);
    for case in numbers.cases() {
        let mut names = case.split(' ').skip(1);
        let (a, b) = (names.next().unwrap(), names.next().unwrap());
        let pair = correlation::pearson(&last(&table, a), &last(&table, b), 60);
        let pair = pair.unwrap().unwrap();
        numbers.check(&case, "rho", pair.rho);
        numbers.check(&case, "p", pair.p_value().unwrap());
        numbers.check(&case, "low", pair.low);
        numbers.check(&case, "high", pair.high);
    }
}

#[test]
fn clusters_by_average_linkage() {
    let numbers = Numbers::of(&["clusters"]);
    let table = Table::read(CLOSES);
    let stocks: Vec<Vec<f64>> = STOCKS.iter().map(|name| last(&table, name)).collect();
    let slices: Vec<&[f64]> = stocks.iter().map(Vec::as_slice).collect();
    let correlations = correlation::correlations(&slices).unwrap();
    let matrix = correlations.matrix(&correlations.complete()).unwrap();
    // Numbered by their first stock, as the script does.
    let clusters = clustering::clusters(&matrix).unwrap();
    let mut seen = Vec::new();
    let labels: Vec<f64> = (clusters.iter())
        .map(|cluster| {
            if !seen.contains(cluster) {
                seen.push(*cluster);
            }
            seen.iter().position(|have| have == cluster).unwrap() as f64
        })
        .collect();
    numbers.check_all("clusters", "label", labels);
}
