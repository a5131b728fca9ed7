//! Quantiles, value at risk and its backtests.

use sigmabatch::analytics::value_at_risk::{self, Confidence};
use sigmabatch::analytics::var_backtest::{self, Backtest};
use sigmabatch::analytics::volatility;

use crate::numbers::Numbers;
use crate::table::{CLOSES, Table};

const LEVELS: [(u8, Confidence); 2] = [(95, Confidence::P95), (99, Confidence::P99)];

/// The last 502 returns of the equal-weight book of the 20 stocks.
fn book(table: &Table) -> Vec<f64> {
    let end = table.at("2022-12-28") + 1;
    table.equal_weight()[end - 502..end].to_vec()
}

/// The returns of the index from 2014 on.
fn index(table: &Table) -> Vec<f64> {
    let range = table.at("2014-01-02")..table.at("2022-12-28") + 1;
    table.returns("SP500")[range].to_vec()
}

#[test]
fn quantiles_of_type_seven_and_historical_losses() {
    let numbers = Numbers::of(&["index", "book", "quantile"]);
    let table = Table::read(CLOSES);
    let index = index(&table);
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
fn losses_over_ten_sessions_of_overlapping_runs_and_of_a_normal_distribution() {
    let numbers = Numbers::of(&["ten sessions ", "parametric "]);
    let table = Table::read(CLOSES);
    let index = index(&table);
    let all: Vec<usize> = (0..index.len()).collect();
    let kept: Vec<usize> = all.iter().copied().filter(|at| at % 97 != 13).collect();
    let holed: Vec<f64> = kept.iter().map(|at| index[*at]).collect();
    let book = book(&table)[250..].to_vec();
    for (name, series, at) in [
        ("index", &index, &all[..]),
        ("holed", &holed, &kept[..]),
        ("book", &book, &all[..252]),
    ] {
        let runs = value_at_risk::compounded(series, at, 10).unwrap();
        let case = format!("ten sessions {name}");
        numbers.check(&case, "runs", runs.len() as f64);
        for (level, confidence) in LEVELS {
            let historical = value_at_risk::historical(&runs, confidence);
            let normal = |sessions| value_at_risk::parametric(series, confidence, sessions);
            for (case, loss) in [
                (case.clone(), historical),
                (format!("parametric {name} 1"), normal(1)),
                (format!("parametric {name} 10"), normal(10)),
            ] {
                let loss = loss.unwrap();
                numbers.check(&case, &format!("var{level}"), loss.value_at_risk);
                numbers.check(&case, &format!("es{level}"), loss.expected_shortfall);
            }
        }
    }
}

fn check_backtest(numbers: &Numbers, case: &str, have: &Backtest) {
    for (what, have) in [
        ("hits", have.exceptions as f64),
        ("kupiec", have.kupiec.statistic),
        ("kupiec_p", have.kupiec.p),
        ("independence", have.independence.statistic),
        ("independence_p", have.independence.p),
        ("conditional", have.conditional.statistic),
        ("conditional_p", have.conditional.p),
    ] {
        numbers.check(case, what, have);
    }
}

#[test]
fn violations_of_stocks_and_of_the_index() {
    let numbers = Numbers::of(&["violations "]);
    let table = Table::read(CLOSES);
    let end = table.at("2022-12-28") + 1;
    for name in ["AAPL", "RRC", "SP500"] {
        let returns = table.returns(name)[end - 502..end].to_vec();
        for (level, confidence) in LEVELS {
            let have = var_backtest::backtest(&returns, confidence).unwrap();
            check_backtest(&numbers, &format!("violations {name} {level}"), &have);
        }
    }
}

#[test]
fn kupiec_and_christoffersen_of_violations_at_given_places() {
    let numbers = Numbers::of(&["christoffersen "]);
    for case in numbers.cases() {
        let parts: Vec<&str> = case.split(' ').collect();
        let n: usize = parts[1].parse().unwrap();
        let places: Vec<usize> = parts[3].split('-').map(|at| at.parse().unwrap()).collect();
        let exceeded: Vec<bool> = (0..n).map(|at| places.contains(&at)).collect();
        let have = var_backtest::tests(&exceeded, parts[2].parse().unwrap()).unwrap();
        check_backtest(&numbers, &case, &have);
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
