//! Drawdown with its dates, backtest and replay on the shipped data; what is one number stands in `src/verify`.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::{collections::BTreeMap, fs, io::Read};

use sigmabatch::analytics::{drawdown, replay, value_at_risk::Confidence, var_backtest};

const CLOSES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/data/market/prices/us_20_stocks_index_factors_2012_2022.csv.gz"
);

const STOCKS: [&str; 20] = [
    "AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "LLY", "MRK", "MSFT",
    "PEP", "PFE", "PG", "RRC", "UNH", "WMT", "XOM",
];

/// Closes by symbol and date.
fn closes() -> BTreeMap<String, BTreeMap<String, f64>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&fs::read(CLOSES).unwrap()[..])
        .read_to_string(&mut text)
        .unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = lines.next().unwrap().split(',').skip(1).collect();
    let mut closes: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for line in lines {
        let (date, cells) = line.split_once(',').unwrap();
        for (name, cell) in names.iter().zip(cells.split(',')) {
            if let Ok(close) = cell.parse() {
                let own = closes.entry((*name).to_owned()).or_default();
                own.insert(date.to_owned(), close);
            }
        }
    }
    closes
}

fn near(have: f64, want: f64, tolerance: f64) {
    assert!((have - want).abs() <= tolerance, "{have:.12}, not {want}");
}

/// Dates and closes of the index; the first return is that of 2014-01-02.
fn index() -> (Vec<String>, Vec<f64>) {
    let closes = closes();
    let own = closes["SP500"].range("2013-12-31".to_owned()..);
    own.map(|(date, close)| (date.clone(), *close)).unzip()
}

#[test]
fn the_index_from_2014_to_2022() {
    let (dates, levels) = index();
    assert_eq!(dates.last().unwrap(), "2022-12-28");
    let returns: Vec<f64> = levels.windows(2).map(|p| p[1] / p[0] - 1.0).collect();
    let worst = drawdown::drawdowns(&levels).unwrap();
    let worst = worst
        .iter()
        .max_by(|a, b| a.depth.total_cmp(&b.depth))
        .unwrap();
    assert_eq!(
        (dates[worst.peak].as_str(), dates[worst.trough].as_str()),
        ("2020-02-19", "2020-03-23")
    );
    assert_eq!(dates[worst.recovery.unwrap()], "2020-08-18");
    // A year of history and the calm before it: March 2020 is far more than chance.
    let end = dates.iter().position(|date| date == "2020-03-23").unwrap();
    let test = var_backtest::backtest(&returns[..end], Confidence::P99).unwrap();
    assert!(test.exceptions > 6 && test.kupiec.p < 0.01, "{test:?}");
}

#[test]
fn today_through_the_crises() {
    let closes = closes();
    for (first, last, stocks, index) in [
        ("2018-09-20", "2018-12-24", -0.1902, -0.1978),
        ("2020-02-19", "2020-03-23", -0.3124, -0.3392),
        ("2022-01-03", "2022-10-12", -0.0788, -0.2543),
    ] {
        let held = |symbol: &str| {
            let own = &closes[symbol];
            replay::held(own[first], own[last], &[]).unwrap().total
        };
        let sum: f64 = STOCKS.iter().map(|symbol| held(symbol)).sum();
        near(sum / 20.0, stocks, 1e-4);
        near(held("SP500"), index, 1e-4);
    }
}
