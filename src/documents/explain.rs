//! How a stored number is made, from the registry of metrics and from what is stored.

use serde_json::{Value, json};

use crate::engine::{Line, Number, Told};

/// Money is decimal text, a statistic a number.
pub fn value(number: Number) -> Value {
    match number {
        Number::Money(money) => Value::from(money.normalize().to_string()),
        Number::Statistic(value) => Value::from(value),
    }
}

/// Named values in their order.
pub fn lines(lines: &[Line]) -> Vec<Value> {
    let one = |line: &Line| json!({ "name": line.name, "value": line.value });
    lines.iter().map(one).collect()
}

/// What is stored of a number.
pub fn told(told: &Told) -> Value {
    json!({
        "value": value(told.value),
        "formula": told.formula,
        "source": told.source,
        "unit": told.unit,
        "window": told.window,
        "n": told.n,
        "inputs": lines(&told.inputs),
        "steps": lines(&told.steps),
    })
}
