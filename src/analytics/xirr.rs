//! Internal rate of return of dated cash flows (XIRR): every rate there is, so that "none" and "many" are answers and never a number.
//!
//! **Source.** Laguerre 1883 (Descartes' rule for sums of exponentials); the rate is that of any spreadsheet, actual / 365.
//!
//! **NaN.** No missing values: NaN and infinite amounts are [`Error::Invalid`].

use super::{Error, conventions::DAYS_PER_YEAR};

/// A payment, from the investor's side: paid in is negative, taken out is positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Days since 1970-01-01.
    pub day: i32,
    /// In currency.
    pub amount: f64,
}

/// The rates at which the flows are worth nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// The one rate per year, a fraction above −1.
    One(f64),
    /// No rate: all flows have one sign, or nothing balances them.
    None,
    /// More than one rate: none of them means anything.
    Many,
}

/// Rates are looked for between −1 + 1e-9 and 1e9.
const LIMIT: f64 = 20.7;

/// Solves `Σ amount·(1 + r)^(−(day − first)/365) = 0` for r, a fraction per year.
///
/// With `u = −ln(1 + r)` the sum is `g(u) = Σ a_i·e^(t_i·u)`. A sum of n exponentials with k changes of sign in its coefficients has at most k zeros
/// (Descartes' rule), and between two zeros of it lies one of the derivative of `g·e^(−t_0·u)`, which has n − 1 terms: the zeros of that split the line into
/// pieces where `g` crosses zero at most once. Zeros are bracketed that way down from one term, so none is missed. Flows of one
/// day are added up. [`Error::Invalid`] for amounts that are NaN or infinite.
pub fn xirr(flows: &[Flow]) -> Result<Rate, Error> {
    if flows.iter().any(|flow| !super::is_number(flow.amount)) {
        return Err(Error::Invalid {
            what: "amount of a cash flow",
        });
    }
    let mut sorted = flows.to_vec();
    sorted.sort_by(|a, b| a.day.cmp(&b.day).then(a.amount.total_cmp(&b.amount)));
    let Some(first) = sorted.first().map(|flow| flow.day) else {
        return Ok(Rate::None);
    };
    let mut terms: Vec<(f64, f64)> = Vec::new(); // coefficient, time in years
    for flow in sorted {
        let time = (f64::from(flow.day) - f64::from(first)) / DAYS_PER_YEAR;
        match terms.last_mut() {
            Some((amount, at)) if *at >= time => *amount += flow.amount,
            _ => terms.push((flow.amount, time)),
        }
    }
    let zeros = zeros(&terms);
    Ok(match zeros.as_slice() {
        [] => Rate::None,
        [one] => Rate::One(super::no_negative_zero(libm::expm1(-one))),
        _ => Rate::Many,
    })
}

/// All zeros of `Σ c·e^(t·u)` within ±[`LIMIT`], ascending.
fn zeros(terms: &[(f64, f64)]) -> Vec<f64> {
    let terms: Vec<(f64, f64)> = terms
        .iter()
        .copied()
        .filter(|term| term.0.abs() > 0.0)
        .collect();
    let changes = terms
        .windows(2)
        .filter(|pair| (pair[0].0 > 0.0) != (pair[1].0 > 0.0))
        .count();
    if changes == 0 {
        return Vec::new();
    }
    let mut edges = vec![-LIMIT];
    if changes > 1 {
        let first = terms[0].1;
        let slope: Vec<(f64, f64)> = terms[1..]
            .iter()
            .map(|(amount, at)| (amount * (at - first), at - first))
            .collect();
        edges.extend(zeros(&slope));
    }
    edges.push(LIMIT);
    let mut found: Vec<f64> = Vec::new();
    for pair in edges.windows(2) {
        if let Some(zero) = crossing(&terms, pair[0], pair[1])
            && found.last().is_none_or(|last| zero > *last)
        {
            found.push(zero);
        }
    }
    found
}

/// The sum, divided by its largest exponential so that it never overflows: only its sign and its zeros matter.
fn value(terms: &[(f64, f64)], u: f64) -> f64 {
    let largest = terms
        .iter()
        .fold(f64::MIN, |most, term| most.max(term.1 * u));
    terms
        .iter()
        .map(|(amount, at)| amount * libm::exp(at * u - largest))
        .sum()
}

fn crossing(terms: &[(f64, f64)], mut low: f64, mut high: f64) -> Option<f64> {
    let (at_low, at_high) = (value(terms, low), value(terms, high));
    let scale: f64 = terms.iter().map(|term| term.0.abs()).sum();
    // A zero that is touched but not crossed is one all the same.
    for (edge, at) in [(low, at_low), (high, at_high)] {
        if at.abs() <= 1e-15 * scale && edge.abs() < LIMIT {
            return Some(edge);
        }
    }
    if (at_low > 0.0) == (at_high > 0.0) {
        return None;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if (value(terms, middle) > 0.0) == (at_low > 0.0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(0.5 * (low + high))
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::*;

    fn flows(of: &[(i32, f64)]) -> Vec<Flow> {
        of.iter()
            .map(|&(day, amount)| Flow { day, amount })
            .collect()
    }

    #[test]
    fn the_golden_five_flows() {
        // 2008-01-01 is day 13 879; then 60, 303, 411 and 456 days later.
        let golden = flows(&[
            (13879, -10000.0),
            (13939, 2750.0),
            (14182, 4250.0),
            (14290, 3250.0),
            (14335, 2750.0),
        ]);
        let Rate::One(rate) = xirr(&golden).unwrap() else {
            panic!("one rate");
        };
        assert!((rate - 0.3733625335).abs() < 1e-10, "{rate}");
        let mut turned = golden.clone();
        turned.reverse();
        assert_eq!(xirr(&turned).unwrap(), Rate::One(rate));
    }

    #[test]
    fn no_rate_and_many_rates_are_no_number() {
        let none = |of: &[(i32, f64)]| assert_eq!(xirr(&flows(of)).unwrap(), Rate::None, "{of:?}");
        none(&[]);
        none(&[(0, -100.0)]);
        none(&[(0, -100.0), (365, -50.0)]);
        none(&[(0, -100.0), (0, 100.0)]);
        // Changes of sign without a zero: 100 − 150·x + 100·x² is positive everywhere.
        none(&[(0, 100.0), (365, -150.0), (730, 100.0)]);
        // The textbook case: 25 % and 400 %.
        let two = flows(&[(0, -1600.0), (365, 10000.0), (730, -10000.0)]);
        assert_eq!(xirr(&two).unwrap(), Rate::Many);
        // Three rates: 0, 100 and 200 %.
        let three = flows(&[(0, -1.0), (365, 6.0), (730, -11.0), (1095, 6.0)]);
        assert_eq!(xirr(&three).unwrap(), Rate::Many);
    }

    #[test]
    fn losses_have_rates_above_minus_one() {
        for rate in [-0.99, -0.5, -0.01, 0.0, 0.07, 3.0] {
            let end = -100.0 * libm::pow(1.0 + rate, 2.0);
            let own = flows(&[(0, -100.0), (730, -end)]);
            let Rate::One(found) = xirr(&own).unwrap() else {
                panic!("{rate}");
            };
            assert!((found - rate).abs() < 1e-12, "{found} {rate}");
        }
        assert!(xirr(&flows(&[(0, f64::NAN)])).is_err());
    }
}
