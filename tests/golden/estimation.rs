//! Regressions, their errors and what is inferred from them.

use std::ops::Range;

use sigmabatch::analytics::inference::Inference;
use sigmabatch::analytics::regression::{self, Errors, Regression};
use sigmabatch::analytics::{ridge, special, spreads, weights};

use crate::numbers::Numbers;
use crate::table::{CLOSES, Table};

const FACTORS: [&str; 6] = ["SP500", "MTUM", "QUAL", "SIZE", "VLUE", "USMV"];

/// The index, then the factor funds less the index.
fn spread_columns(table: &Table, range: &Range<usize>) -> Vec<Vec<f64>> {
    let market = table.returns("SP500")[range.clone()].to_vec();
    let mut columns = vec![market.clone()];
    for name in &FACTORS[1..] {
        let fund = &table.returns(name)[range.clone()];
        columns.push(spreads::spread(fund, &market).unwrap());
    }
    columns
}

fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

/// The sessions of the long sample, and the last 252 of them.
fn samples(table: &Table) -> (Range<usize>, Range<usize>) {
    let end = table.at("2022-12-28") + 1;
    (table.at("2014-01-03")..end, end - 252..end)
}

/// Intercept first, as statsmodels has it.
fn in_order(alpha: f64, rest: impl IntoIterator<Item = f64>) -> impl Iterator<Item = f64> {
    std::iter::once(alpha).chain(rest)
}

fn compare(numbers: &Numbers, case: &str, columns: &[&[f64]], y: &[f64], weights: Option<&[f64]>) {
    let fit = |errors| regression::least_squares(columns, y, weights, errors).unwrap();
    let plain = fit(Errors::Classical);
    let coefficients = in_order(plain.alpha, plain.coefficients.iter().copied());
    numbers.check_all(case, "coefficient", coefficients);
    let condition = plain.condition.unwrap();
    for (name, have) in [
        ("r_squared", plain.r_squared.unwrap()),
        ("adjusted", plain.adjusted_r_squared.unwrap()),
        ("durbin_watson", plain.durbin_watson.unwrap()),
        ("condition", condition.raw),
        ("condition_scaled", condition.scaled),
    ] {
        numbers.check(case, name, have);
    }
    errors_of(numbers, case, "classical", &plain);
    errors_of(numbers, case, "hc3", &fit(Errors::Hc3));
    errors_of(numbers, case, "hac5", &fit(Errors::NeweyWest(5)));
}

/// One number of an inference.
type Part = fn(&Inference) -> f64;

fn errors_of(numbers: &Numbers, case: &str, kind: &str, fit: &Regression) {
    let errors = in_order(fit.errors.alpha, fit.errors.coefficients.iter().copied());
    numbers.check_all(case, &format!("{kind}_error"), errors);
    let parts: [(&str, Part); 4] = [
        ("t", |one| one.t.unwrap()),
        ("p", |one| one.p.unwrap()),
        ("low", |one| one.interval.unwrap().0),
        ("high", |one| one.interval.unwrap().1),
    ];
    for (name, part) in parts {
        let values = in_order(part(&fit.alpha_inference), fit.inference.iter().map(part));
        numbers.check_all(case, &format!("{kind}_{name}"), values);
    }
}

#[test]
fn ordinary_least_squares_and_all_its_errors() {
    let numbers = Numbers::of(&["ols "]);
    let table = Table::read(CLOSES);
    let (long, _) = samples(&table);
    let columns = spread_columns(&table, &long);
    for name in ["AAPL", "XOM", "RRC"] {
        let y = &table.returns(name)[long.clone()];
        compare(&numbers, &format!("ols {name}"), &slices(&columns), y, None);
    }
}

#[test]
fn weighted_least_squares_and_all_its_errors() {
    let numbers = Numbers::of(&["wls ", "capm "]);
    let table = Table::read(CLOSES);
    let (_, last) = samples(&table);
    let columns = spread_columns(&table, &last);
    let weights = weights::half_life(&(0..252).rev().collect::<Vec<_>>(), 126.0).unwrap();
    for name in ["AAPL", "XOM", "RRC"] {
        let y = &table.returns(name)[last.clone()];
        for (case, columns) in [("wls", slices(&columns)), ("capm", slices(&columns[..1]))] {
            compare(
                &numbers,
                &format!("{case} {name}"),
                &columns,
                y,
                Some(&weights),
            );
        }
    }
}

#[test]
fn variance_inflation() {
    let numbers = Numbers::of(&["vif "]);
    let table = Table::read(CLOSES);
    let (long, _) = samples(&table);
    let raw: Vec<Vec<f64>> = (FACTORS.iter())
        .map(|name| table.returns(name)[long.clone()].to_vec())
        .collect();
    for (case, columns) in [
        ("vif raw", raw),
        ("vif spreads", spread_columns(&table, &long)),
    ] {
        let have = regression::variance_inflation(&slices(&columns), None).unwrap();
        numbers.check_all(case, "vif", have.into_iter().map(Option::unwrap));
    }
}

#[test]
fn ridge_on_standardised_columns() {
    let numbers = Numbers::of(&["ridge "]);
    let table = Table::read(CLOSES);
    let (_, last) = samples(&table);
    let columns: Vec<Vec<f64>> = (FACTORS.iter())
        .map(|name| table.returns(name)[last.clone()].to_vec())
        .collect();
    let y = &table.returns("AAPL")[last];
    for (case, penalty) in [("ridge 0.1", 0.1), ("ridge 1.0", 1.0), ("ridge 10.0", 10.0)] {
        let fit = ridge::ridge(&slices(&columns), y, penalty).unwrap();
        numbers.check(case, "intercept", fit.alpha);
        numbers.check(case, "r_squared", fit.r_squared.unwrap());
        numbers.check_all(case, "coefficient", fit.coefficients);
    }
}

#[test]
fn distributions_and_their_tails() {
    let numbers = Numbers::of(&["normal", "chi square", "student p", "student critical"]);
    for case in numbers.cases() {
        for (name, want) in numbers.take(&case) {
            let parts: Vec<f64> = name.split(' ').map(|part| part.parse().unwrap()).collect();
            let have = match (case.as_str(), parts.as_slice()) {
                ("normal", [x]) => special::normal_cdf(*x),
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small and whole"
                )]
                ("chi square", [x, k]) => special::chi_square_tail(*x, *k as usize),
                ("student p", [t, k]) => special::student_t_p(*t, *k),
                ("student critical", [tail, k]) => special::student_t_critical(*tail, *k),
                other => panic!("{other:?}"),
            };
            let have = have.unwrap();
            assert!(
                (have / want - 1.0).abs() < 1e-9,
                "{case} {name}: {have:e}, want {want:e}"
            );
        }
    }
}
