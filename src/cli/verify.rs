//! `verify`: the golden numbers, replayed by this very program on the data inside it. Needs no server and no folder.

use serde_json::{Value, json};

use super::text::{left, right, table};
use super::{Error, Output, exit};
use crate::verify::{self, Replayed};

/// Replays all of them; the exit code is 1 when one differs.
pub fn run(json: bool) -> Result<Output, Error> {
    let all = verify::replay().map_err(|error| {
        let remedy = "the data is in the program: build it again from a clean checkout";
        Error::not_there(format!("the shipped data cannot be read: {error}"), remedy)
    })?;
    let mut output = Output::either(json, || document(&all), || page(&all));
    if all.iter().any(|one| !one.holds()) {
        output.code = exit::FAILED;
    }
    Ok(output)
}

fn document(all: &[Replayed]) -> Value {
    let rows = all.iter().map(|one| {
        json!({
            "section": one.section,
            "name": one.name,
            "expected": one.expected,
            "got": one.got.as_ref().ok(),
            "reason": one.got.as_ref().err().map(ToString::to_string),
            "difference": one.difference(),
            "tolerance": one.tolerance,
            "holds": one.holds(),
        })
    });
    let differ = all.iter().filter(|one| !one.holds()).count();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "goldens": all.len(),
        "differ": differ,
        "rows": rows.collect::<Vec<_>>(),
    })
}

fn page(all: &[Replayed]) -> String {
    let rows = all.iter().map(|one| {
        let (got, difference) = match &one.got {
            Ok(got) => (number(*got), exponent(got - one.expected)),
            Err(error) => (String::new(), error.to_string()),
        };
        vec![
            one.section.to_owned(),
            one.name.to_owned(),
            number(one.expected),
            got,
            difference,
            exponent(one.tolerance),
            if one.holds() { "" } else { "DIFFERS" }.to_owned(),
        ]
    });
    let columns = [
        left("section"),
        left("number"),
        right("expected"),
        right("got"),
        right("difference"),
        right("tolerance"),
        left(""),
    ];
    let table = table(&columns, rows);
    let differ = all.iter().filter(|one| !one.holds()).count();
    let verdict = if differ == 0 {
        "all of them are reproduced".to_owned()
    } else {
        format!("{differ} of them differ")
    };
    format!("{table}\n{} golden numbers: {verdict}\n", all.len())
}

/// Ten significant decimals, without zeros at the end.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 {
        return format!("{value:.9e}");
    }
    let text = format!("{value:.10}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

fn exponent(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.0e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_differs_is_said_to_and_so_is_one_that_cannot_be_made() {
        let one = |got| Replayed {
            section: "G1",
            name: "beta",
            expected: 1.404_485_887_1,
            got,
            tolerance: 1e-10,
        };
        let all = [
            one(Ok(1.404_485_887_1)),
            one(Ok(1.404_485_9)),
            one(Ok(f64::NAN)),
            one(Err(verify::Error::Other("no data".into()))),
        ];
        let text = page(&all);
        assert_eq!(text.matches("DIFFERS").count(), 3, "{text}");
        assert!(
            text.contains("no data") && text.contains("3 of them differ"),
            "{text}"
        );
        let document = document(&all);
        assert_eq!(document["differ"], 3);
        assert_eq!(document["rows"][0]["holds"], true);
        assert_eq!(document["rows"][3]["reason"], "no data");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(50_000.0), "50000");
        assert_eq!(number(-0.285_673), "-0.285673");
        assert_eq!(number(3.752_084_056e-8), "3.752084056e-8");
        assert_eq!(
            (exponent(0.0), exponent(1e-10)),
            ("0".into(), "1e-10".into())
        );
    }
}
