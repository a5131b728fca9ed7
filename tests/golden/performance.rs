//! Records of returns: growth, drawdowns, ratios, what they are against an index, and flows of money.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::NaiveDate;
use sigmabatch::analytics::conventions::risk_free_per_session;
use sigmabatch::analytics::drawdown::drawdowns;
use sigmabatch::analytics::market_beta::market_beta;
use sigmabatch::analytics::performance::{self, Day};
use sigmabatch::analytics::regression::{Errors, least_squares};

use crate::numbers::Numbers;
use crate::table::{CLOSES, Table};

/// The series that a case is about and its sessions: `kind name first last …`.
fn record<'a>(table: &Table, case: &'a str) -> (&'a str, Range<usize>) {
    let parts: Vec<&str> = case.split(' ').collect();
    (parts[1], table.at(parts[2])..table.at(parts[3]) + 1)
}

/// A stock, the index, or all stocks in equal weights.
fn series(table: &Table, name: &str) -> Vec<f64> {
    match name {
        "equal" => table.equal_weight(),
        _ => table.returns(name),
    }
}

#[test]
fn growth_and_drawdowns_of_records() {
    let numbers = Numbers::of(&["record "]);
    let table = Table::read(CLOSES);
    for case in numbers.cases() {
        let (name, range) = record(&table, &case);
        let own = series(&table, name)[range.clone()].to_vec();
        let index = performance::index(&own);
        assert_eq!(index.len(), own.len() + 1);
        let total = index.last().unwrap() - 1.0;
        let date = |at: usize| table.dates[at].parse::<NaiveDate>().unwrap();
        let (before, last) = (date(range.start - 1), date(range.end - 1));
        let days = i32::try_from(last.signed_duration_since(before).num_days()).unwrap();
        let annual = performance::annual(total, days).unwrap();
        let falls = drawdowns(&index).unwrap();
        let deepest = falls.iter().max_by(|a, b| a.depth.total_cmp(&b.depth));
        let deepest = deepest.unwrap();
        let ratios = performance::ratios(&own, 0.0).unwrap();
        for (what, have) in [
            ("total", total),
            ("annual", annual),
            ("depth", deepest.depth),
            ("peak", deepest.peak as f64),
            ("trough", deepest.trough as f64),
            // −1 where it has not come back.
            ("recovery", deepest.recovery.map_or(-1.0, |at| at as f64)),
            ("falls", falls.len() as f64),
            (
                "calmar",
                performance::calmar(annual, deepest.depth).unwrap(),
            ),
            ("volatility", ratios.volatility),
        ] {
            numbers.check(&case, what, have);
        }
    }
}

#[test]
fn ratios_and_slopes_against_the_index() {
    let numbers = Numbers::of(&["ratios "]);
    let table = Table::read(CLOSES);
    for case in numbers.cases() {
        let (name, range) = record(&table, &case);
        let rate: f64 = case.rsplit(' ').next().unwrap().parse().unwrap();
        let own = series(&table, name)[range.clone()].to_vec();
        let index = table.returns("SP500")[range].to_vec();
        let ratios = performance::ratios(&own, rate).unwrap();
        let (sharpe, sortino) = (ratios.sharpe.unwrap(), ratios.sortino.unwrap());
        numbers.check(&case, "sharpe", sharpe);
        numbers.check(&case, "sortino", sortino);
        // The two ratios have one numerator.
        let downside = sharpe * ratios.volatility / sortino;
        numbers.check(&case, "downside", downside);
        let relative = performance::relative(&own, &index, rate).unwrap();
        let information = relative.information_ratio.unwrap();
        numbers.check(&case, "tracking_error", relative.tracking_error);
        numbers.check(&case, "information_ratio", information);
        let (beta, alpha) = (relative.beta.unwrap(), relative.alpha.unwrap());
        numbers.check(&case, "beta", beta);
        numbers.check(&case, "alpha", alpha);
        let free = risk_free_per_session(rate);
        let excess = |of: &[f64]| of.iter().map(|r| r - free).collect::<Vec<f64>>();
        let (own, index) = (excess(&own), excess(&index));
        for (kind, errors) in [("error", Errors::Classical), ("hac5", Errors::NeweyWest(5))] {
            let fit = least_squares(&[index.as_slice()], &own, None, errors).unwrap();
            // They are the errors of the slope and of the intercept above.
            assert!((fit.coefficients[0] - beta).abs() < 1e-12, "{case}");
            assert!((252.0 * fit.alpha - alpha).abs() < 1e-12, "{case}");
            let errors = fit.errors;
            numbers.check(&case, &format!("beta_{kind}"), errors.coefficients[0]);
            numbers.check(&case, &format!("alpha_{kind}"), 252.0 * errors.alpha);
        }
    }
}

#[test]
fn market_betas_with_their_errors() {
    let numbers = Numbers::of(&["market beta "]);
    let table = Table::read(CLOSES);
    let end = table.at("2022-12-28") + 1;
    let window = end - 252..end;
    let market = table.returns("SP500")[window.clone()].to_vec();
    for case in numbers.cases() {
        let name = case.rsplit(' ').next().unwrap();
        let own = table.returns(name)[window.clone()].to_vec();
        let have = market_beta(&market, &own).unwrap();
        let (low, high) = have.inference.interval.unwrap();
        for (what, have) in [
            ("beta", have.beta),
            ("error", have.standard_error),
            ("t", have.inference.t.unwrap()),
            ("p", have.inference.p.unwrap()),
            ("low", low),
            ("high", high),
            ("alpha", have.alpha),
            ("r_squared", have.r_squared.unwrap()),
            ("n_eff", have.n_eff),
            ("adjusted", have.adjusted),
            ("alpha_error", have.alpha_error),
            ("alpha_p", have.alpha_inference.p.unwrap()),
            ("adjusted_r_squared", have.adjusted_r_squared.unwrap()),
        ] {
            numbers.check(&case, what, have);
        }
    }
}

#[test]
fn flows_at_the_close_are_no_return() {
    let numbers = Numbers::of(&["flows "]);
    for case in numbers.cases() {
        let all: BTreeMap<String, f64> = numbers.take(&case).into_iter().collect();
        let number = |what: &str, at: usize| all.get(&format!("{what}{at}")).copied();
        let day = |at: usize| -> Option<Day> {
            let (nav, flow) = (number("nav", at)?, number("flow", at)?);
            Some(Day { nav, flow })
        };
        let days: Vec<Day> = (0..all.len()).map_while(day).collect();
        assert_eq!(all.len(), 3 * days.len() + 2, "{case}");
        let paid = days.iter().filter(|day| day.flow.abs() > 0.0).count();
        assert!(paid > 3, "{case}");
        let found = performance::returns(all["opening"], &days).unwrap();
        let found: Vec<f64> = found.into_iter().map(Option::unwrap).collect();
        for (at, have) in found.iter().enumerate() {
            let want = number("return", at).unwrap();
            assert!((have - want).abs() < 1e-12, "{case} {at}: {have}, {want}");
        }
        let (have, want) = (
            performance::index(&found).last().unwrap() - 1.0,
            all["total"],
        );
        assert!((have - want).abs() < 1e-12, "{case}: {have}, want {want}");
    }
}
