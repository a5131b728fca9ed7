//! European options by `scipy.stats.norm` and by central differences of 80 digits, rates of return by `scipy.optimize`.

use chrono::NaiveDate;
use sigmabatch::analytics::options::{Right, Terms};
use sigmabatch::analytics::xirr::{Flow, Rate, xirr};

use crate::numbers::Numbers;

#[test]
fn black_scholes_merton_prices_and_greeks() {
    let numbers = Numbers::of(&["bsm ", "differences "]);
    for case in numbers.cases() {
        let parts: Vec<&str> = case.split(' ').skip(1).collect();
        let number = |at: usize| parts[at].parse::<f64>().unwrap();
        let terms = Terms {
            right: match parts[0] {
                "call" => Right::Call,
                _ => Right::Put,
            },
            spot: number(1),
            strike: number(2),
            years: number(3) / 365.0,
            rate: number(4),
            dividend_yield: number(5),
        };
        let have = terms.value(number(6)).unwrap();
        numbers.check(&case, "price", have.price);
        numbers.check(&case, "delta", have.delta);
        numbers.check(&case, "gamma", have.gamma);
        numbers.check(&case, "vega_per_point", have.vega);
        numbers.check(&case, "theta_per_day", have.theta);
        numbers.check(&case, "rho_per_point", have.rho);
    }
}

#[test]
fn internal_rates_of_return() {
    let numbers = Numbers::of(&["xirr "]);
    for case in numbers.cases() {
        let mut flows = Vec::new();
        let mut want = None;
        for (name, value) in numbers.take(&case) {
            if name == "rate" {
                want = Some(value);
            } else {
                let date: NaiveDate = name.parse().unwrap();
                let day = date.signed_duration_since(NaiveDate::default()).num_days();
                flows.push(Flow {
                    day: i32::try_from(day).unwrap(),
                    amount: value,
                });
            }
        }
        let want = want.unwrap();
        let Rate::One(have) = xirr(&flows).unwrap() else {
            panic!("{case} has one rate");
        };
        assert!((have - want).abs() < 1e-9, "{case}: {have}, want {want}");
    }
}
