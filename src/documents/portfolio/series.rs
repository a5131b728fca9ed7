//! What series of returns say: volatility and correlation.

use serde_json::{Value, json};

use super::{reason, reasons, texts};
use crate::domain::coverage;
use crate::store::reports::{Correlation, Report, Volatility};

pub(super) fn volatility(report: &Report) -> Value {
    let row = report.volatility.as_ref();
    json!({
        "available": row.is_some(),
        "reason": row.is_none().then(|| reason(report, "volatility")),
        "realised_21": row.and_then(|row| row.realised_21),
        "realised_63": row.and_then(|row| row.realised_63),
        "forecast_21": row.and_then(|row| row.forecast_21),
        "percentile": row.and_then(|row| row.percentile),
        "trend_ratio": row.and_then(|row| row.trend_ratio),
        "trend": row.and_then(|row| row.trend.clone()),
        "n": row.map(|row| row.n),
        "filled": row.map(|row| row.filled),
        "dropped": row.map(|row| row.dropped),
        "coverage": row.and_then(|row| row.coverage),
        "flags": row.map(|row| row.flags.clone()).unwrap_or_default(),
        "reasons": row.map(trends).unwrap_or_default(),
    })
}

/// The reasons of the series; those of the trend stand for its ratio as well.
fn trends(row: &Volatility) -> std::collections::BTreeMap<String, String> {
    let mut reasons = row.reasons.clone();
    if let Some(why) = reasons.get("trend").cloned() {
        reasons.insert("trend_ratio".to_owned(), why);
    }
    if row.coverage.is_none() {
        reasons.insert("coverage".to_owned(), reasons::WORTHLESS.to_owned());
    }
    reasons
}

pub(super) fn correlation(report: &Report) -> Value {
    let row = report.correlation.as_ref();
    json!({
        "available": row.is_some(),
        "reason": row.is_none().then(|| reason(report, "correlation")),
        "symbols": row.map(|row| row.symbols.clone()).unwrap_or_default(),
        "matrix": row.map(matrix).unwrap_or_default(),
        "low_95": row.map(|row| square(row.symbols.len(), &row.low)).unwrap_or_default(),
        "high_95": row.map(|row| square(row.symbols.len(), &row.high)).unwrap_or_default(),
        "clusters": row.map(|row| row.clusters.clone()).unwrap_or_default(),
        "average": row.and_then(|row| row.average),
        "shrinkage": row.and_then(|row| row.shrinkage),
        "coverage": row.and_then(|row| row.coverage),
        "flags": coverage::flags(row.and_then(|row| row.coverage)),
        "unknown": row.map(unknown).unwrap_or_default(),
        "reasons": texts(row.map(reasons::correlation)),
    })
}

/// The pairs of the matrix that are null.
fn unknown(row: &Correlation) -> Vec<Value> {
    let pairs = reasons::unknown_pairs(row).into_iter();
    let pairs = pairs.map(|pair| json!({ "symbols": pair, "reason": reasons::UNKNOWN_PAIR }));
    pairs.collect()
}

/// The symmetric matrix of an upper triangle; null where there are too few common returns.
pub fn matrix(row: &Correlation) -> Vec<Vec<Option<f64>>> {
    square(row.symbols.len(), &row.upper)
}

fn square(size: usize, upper: &[Option<f64>]) -> Vec<Vec<Option<f64>>> {
    let mut matrix = vec![vec![Some(1.0); size]; size];
    let pairs = (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j)));
    for ((i, j), value) in pairs.zip(upper.iter().copied().chain(std::iter::repeat(None))) {
        matrix[i][j] = value;
        matrix[j][i] = value;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_symmetric_with_ones_and_nulls() {
        let row = Correlation {
            symbols: ["A", "B", "C"].map(String::from).into(),
            upper: vec![Some(0.1), None, Some(0.3)],
            low: vec![Some(-0.02), None, Some(0.18)],
            high: vec![Some(0.22), None, Some(0.41)],
            n: vec![252, 10, 252],
            clusters: vec![Some(1), Some(1), Some(2)],
            average: Some(0.2),
            shrinkage: None,
            coverage: Some(0.9),
        };
        let expected = vec![
            vec![Some(1.0), Some(0.1), None],
            vec![Some(0.1), Some(1.0), Some(0.3)],
            vec![None, Some(0.3), Some(1.0)],
        ];
        assert_eq!(matrix(&row), expected);
        assert_eq!(square(3, &row.low)[2], [None, Some(0.18), Some(1.0)]);
    }
}
