//! The sections of a result as tables. A list is one already; of the others the part that is a list of rows is told, and the
//! values of a section that has only one of each are one row.

use serde_json::{Value, json};

use super::shapes::{self, keys, plain_keys};

/// The columns of a section's table; nothing where a table makes no sense.
pub(super) fn columns(section: &str) -> Option<Vec<String>> {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Some(match section {
        "overview" => plain_keys::<shapes::Overview>(),
        "positions" => keys::<shapes::Position>(),
        "exposures" => keys::<shapes::FactorExposure>(),
        "fits" => {
            let mut all = keys::<shapes::FitSlope>();
            all.extend(FIT.map(ToOwned::to_owned));
            all.sort();
            all
        }
        "risk" => keys::<shapes::RiskContribution>(),
        "volatility" => plain_keys::<shapes::Volatility>(),
        "correlation" => names(&PAIR),
        "concentration" => plain_keys::<shapes::Concentration>(),
        "sectors" => keys::<shapes::SectorBucket>(),
        "stress" => keys::<shapes::Stress>(),
        "options" => keys::<shapes::OptionContract>(),
        "value-at-risk" => keys::<shapes::ValueAtRisk>(),
        "replays" => keys::<shapes::Replay>(),
        "reverse-stress" => keys::<shapes::ReverseStress>(),
        "data-quality" => keys::<shapes::CheckedSeries>(),
        "completeness" => names(&ENTRY),
        _ => return None,
    })
}

/// Of a fit beside its slopes.
const FIT: [&str; 4] = ["symbol", "factor", "n", "r_squared"];
/// Of a pair of instruments.
const PAIR: [&str; 8] = [
    "cluster",
    "correlation",
    "high_95",
    "low_95",
    "other",
    "other_cluster",
    "reason",
    "symbol",
];
/// Of an analytic.
const ENTRY: [&str; 3] = ["entry", "outcome", "reason"];

/// The rows of a section; nothing where a table makes no sense.
pub(super) fn of(section: &str, data: &Value) -> Option<Value> {
    if data.is_null() {
        return Some(json!([]));
    }
    if data.is_array() {
        return Some(data.clone());
    }
    match section {
        "overview" | "volatility" | "concentration" => Some(json!([data])),
        "exposures" => Some(data["factors"].clone()),
        "fits" => Some(fits(data)),
        "risk" => Some(data["contributions"].clone()),
        "correlation" => Some(pairs(data)),
        "completeness" => Some(entries(data)),
        "data-quality" => Some(data["series"].clone()),
        _ => None,
    }
}

/// One row for each slope, with what it is of.
fn fits(data: &Value) -> Value {
    let mut rows = Vec::new();
    for (symbol, fit) in data.as_object().into_iter().flatten() {
        for (factor, slope) in fit["slopes"].as_object().into_iter().flatten() {
            let mut row = json!({ "symbol": symbol, "factor": factor });
            if let (Some(row), Some(slope)) = (row.as_object_mut(), slope.as_object()) {
                row.extend(slope.clone());
            }
            row["n"] = fit["n"].clone();
            row["r_squared"] = fit["r_squared"].clone();
            rows.push(row);
        }
    }
    Value::Array(rows)
}

/// One row for each pair, in the order of the matrix; a pair without enough common returns has its reason.
fn pairs(data: &Value) -> Value {
    let unknown = data["unknown"].as_array().map_or(&[][..], Vec::as_slice);
    let symbols = data["symbols"].as_array().map_or(&[][..], Vec::as_slice);
    let mut rows = Vec::new();
    for (i, one) in symbols.iter().enumerate() {
        for (j, other) in symbols.iter().enumerate().skip(i + 1) {
            let value = &data["matrix"][i][j];
            let of_both = |pair: &&Value| {
                let pair = &pair["symbols"];
                let (first, second) = (&pair[0], &pair[1]);
                first == one && second == other || first == other && second == one
            };
            let why = if value.is_null() {
                unknown
                    .iter()
                    .find(of_both)
                    .map(|pair| pair["reason"].clone())
            } else {
                None
            };
            rows.push(json!({
                "symbol": one,
                "other": other,
                "correlation": value,
                "low_95": data["low_95"][i][j],
                "high_95": data["high_95"][i][j],
                "reason": why,
                "cluster": data["clusters"][i],
                "other_cluster": data["clusters"][j],
            }));
        }
    }
    Value::Array(rows)
}

/// One row for each analytic.
fn entries(data: &Value) -> Value {
    let entries = data["entries"].as_object().into_iter().flatten();
    let rows = entries.map(
        |(name, entry)| json!({ "entry": name, "outcome": entry["outcome"], "reason": entry["reason"] }),
    );
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_a_row_for_each_pair() {
        let data = json!({
            "symbols": ["A", "B", "C"],
            "matrix": [[1.0, 0.5, null], [0.5, 1.0, -0.25], [null, -0.25, 1.0]],
            "clusters": [1, 1, 2],
            "unknown": [{ "symbols": ["A", "C"], "reason": "few" }],
        });
        let rows = of("correlation", &data).unwrap();
        let told = |row: &Value| {
            (
                row["symbol"].clone(),
                row["other"].clone(),
                row["correlation"].clone(),
                row["reason"].clone(),
            )
        };
        let rows: Vec<_> = rows.as_array().unwrap().iter().map(told).collect();
        assert_eq!(
            rows,
            [
                (json!("A"), json!("B"), json!(0.5), Value::Null),
                (json!("A"), json!("C"), Value::Null, json!("few")),
                (json!("B"), json!("C"), json!(-0.25), Value::Null),
            ]
        );
    }

    #[test]
    fn what_is_not_there_is_a_table_without_rows_and_what_is_none_is_refused() {
        assert_eq!(of("risk", &Value::Null), Some(json!([])));
        assert_eq!(of("zz", &json!({ "a": 1 })), None);
        assert_eq!(columns("zz"), None);
        let columns = columns("volatility").unwrap();
        assert!(columns.contains(&"realised_21".to_owned()), "{columns:?}");
        assert!(!columns.contains(&"reasons".to_owned()), "{columns:?}");
    }
}
