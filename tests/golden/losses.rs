//! Quantiles, value at risk and its backtests.

use sigmabatch::analytics::value_at_risk::{self, Confidence};
use sigmabatch::analytics::{var_backtest, volatility};

use crate::numbers::Numbers;
use crate::table::{CLOSES, STOCKS, Table};

const LEVELS: [(u8, Confidence); 2] = [(95, Confidence::P95), (99, Confidence::P99)];

/// The last 502 returns of the equal-weight book of the 20 stocks.
fn book(table: &Table) -> Vec<f64> {
    let end = table.at("2022-12-28") + 1;
    let stocks: Vec<Vec<f64>> = STOCKS.iter().map(|name| table.returns(name)).collect();
    (end - 502..end)
        .map(|t| stocks.iter().map(|stock| stock[t]).sum::<f64>() / 20.0)
        .collect()
}

#[test]
fn quantiles_of_type_seven_and_historical_losses() {
    let numbers = Numbers::of(&["index", "book", "quantile"]);
    let table = Table::read(CLOSES);
    let range = table.at("2014-01-02")..table.at("2022-12-28") + 1;
    let index = table.returns("SP500")[range].to_vec();
    let volatility = volatility::realised(&index, index.len()).unwrap();
    numbers.check("index", "volatility", volatility);
    let book = &book(&table)[250..];
    for (case, series) in [("index", &index[..]), ("book", book)] {
        for (level, confidence) in LEVELS {
            let loss = value_at_risk::historical(series, confidence).unwrap();
            numbers.check(case, &format!("var{level}"), loss.value_at_risk);
            numbers.check(case, &format!("es{level}"), loss.expected_shortfall);
        }
    }
    for (p, want) in numbers.take("quantile") {
        let have = value_at_risk::quantile(book, p.parse().unwrap()).unwrap();
        assert!((have - want).abs() < 1e-12, "{p}: {have}, want {want}");
    }
}

#[test]
fn kupiec_and_christoffersen_of_the_last_250_sessions() {
    let numbers = Numbers::of(&["backtest "]);
    let table = Table::read(CLOSES);
    let book = book(&table);
    for (level, confidence) in LEVELS {
        let case = format!("backtest {level}");
        let have = var_backtest::backtest(&book, confidence).unwrap();
        numbers.check(&case, "hits", have.exceptions as f64);
        numbers.check(&case, "kupiec", have.kupiec.statistic);
        numbers.check(&case, "kupiec_p", have.kupiec.p);
        numbers.check(&case, "independence", have.independence.statistic);
        numbers.check(&case, "independence_p", have.independence.p);
        // The transitions are all 249 of them.
        let transitions: f64 = numbers.take(&case).iter().map(|(_, count)| count).sum();
        assert!((transitions - 249.0).abs() < 1e-12);
    }
}

#[test]
fn kupiec_of_counts() {
    let numbers = Numbers::of(&["kupiec "]);
    for case in numbers.cases() {
        let parts: Vec<&str> = case.split(' ').skip(1).collect();
        let (n, hits): (usize, usize) = (parts[0].parse().unwrap(), parts[1].parse().unwrap());
        let exceeded: Vec<bool> = (0..n).map(|at| at < hits).collect();
        let have = var_backtest::tests(&exceeded, parts[2].parse().unwrap()).unwrap();
        numbers.check(&case, "kupiec", have.kupiec.statistic);
        numbers.check(&case, "kupiec_p", have.kupiec.p);
    }
}
