//! G17, G18: conditional stress, and rates.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::{Error, Section, golden};
use crate::analytics::linalg::Matrix;
use crate::analytics::stress::{Scenario, Shock, ShockKind, StressModel, yield_shock};
use crate::analytics::stress_pnl::{instrument_move, profit_and_loss};

/// Market, growth, low volatility.
fn scenario(shocks: &[(usize, f64)]) -> Result<Scenario, Error> {
    let (s, r) = (
        [0.18, 0.20, 0.12],
        [[1.0, 0.92, 0.75], [0.92, 1.0, 0.60], [0.75, 0.60, 1.0]],
    );
    let data = (0..9).map(|at| s[at / 3] * s[at % 3] * r[at / 3][at % 3]);
    let slopes = vec![0.0, 0.92 * 0.20 / 0.18, 0.75 * 0.12 / 0.18];
    let model = StressModel::new(0, slopes, Matrix::new(3, 3, data.collect())?)?;
    let shocks: Vec<Shock> = shocks
        .iter()
        .map(|&(factor, size)| Shock {
            factor,
            kind: ShockKind::TotalReturn,
            size,
        })
        .collect();
    Ok(model.scenario(&shocks)?)
}

/// What propagation changes when every factor is shocked.
fn all_shocked() -> Result<f64, Error> {
    let all = scenario(&[(0, -0.20), (1, -0.25), (2, -0.30)])?;
    let both = all.propagated.iter().zip(&all.direct);
    Ok(both.map(|(a, b)| (a - b).abs()).sum())
}

/// The move of a factor that does not go with the market, of 20 % and 10 %.
fn uncorrelated() -> Result<f64, Error> {
    let covariance = Matrix::new(2, 2, vec![0.04, 0.0, 0.0, 0.01])?;
    let model = StressModel::new(0, vec![0.0; 2], covariance)?;
    let shock = Shock {
        factor: 0,
        kind: ShockKind::TotalReturn,
        size: -0.20,
    };
    Ok(model.scenario(&[shock])?.propagated_proxies[1])
}

fn one() -> Result<Scenario, Error> {
    scenario(&[(0, -0.20)])
}

fn two() -> Result<Scenario, Error> {
    scenario(&[(2, -0.30), (0, -0.20)])
}

pub(super) const G17: Section = Section {
    name: "G17",
    about: "conditional stress",
    goldens: &[
        golden("market −20 %: growth", -0.2044444444, 1e-10, |_| {
            Ok(one()?.propagated_proxies[1])
        }),
        golden("market −20 %: low volatility", -0.1, 1e-10, |_| {
            Ok(one()?.propagated_proxies[2])
        }),
        golden("two shocks: growth", -0.1358730159, 1e-10, |_| {
            Ok(two()?.propagated_proxies[1])
        }),
        golden("two shocks: market as shocked", -0.20, 0.0, |_| {
            Ok(two()?.propagated_proxies[0])
        }),
        golden("two shocks: low volatility as shocked", -0.30, 0.0, |_| {
            Ok(two()?.propagated_proxies[2])
        }),
        golden("two shocks: Mahalanobis", 2.7538653290, 1e-10, |_| {
            Ok(two()?.plausibility.distance)
        }),
        golden("all shocked: less direct", 0.0, 1e-12, |_| all_shocked()),
        golden("half a shock: twice growth", -0.2044444444, 1e-10, |_| {
            Ok(2.0 * scenario(&[(0, -0.10)])?.propagated_proxies[1])
        }),
        golden("uncorrelated factor", 0.0, 0.0, |_| uncorrelated()),
    ],
};

fn rates(change: f64) -> Result<f64, Error> {
    Ok(yield_shock(change, 16.5, 360.0)?)
}

fn loss(change: f64) -> Result<f64, Error> {
    let instrument = instrument_move(&[0.3], &[rates(change)?])?;
    Ok(profit_and_loss(&[(1_000_000.0, instrument)]).amount)
}

pub(super) const G18: Section = Section {
    name: "G18",
    about: "rates, D 16.5, C 360, β 0.30",
    goldens: &[
        golden("+25 bp, return", -0.040125, 1e-12, |_| rates(0.0025)),
        golden("+25 bp, P&L", -12037.50, 1e-6, |_| loss(0.0025)),
        golden("+100 bp, return", -0.147, 1e-12, |_| rates(0.01)),
        golden("+100 bp, P&L", -44100.0, 1e-6, |_| loss(0.01)),
        golden("+300 bp, return", -0.333, 1e-12, |_| rates(0.03)),
        golden("+300 bp, P&L", -99900.0, 1e-6, |_| loss(0.03)),
    ],
};
