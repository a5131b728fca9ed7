//! G6 to G8: betas, risk and contributions of small books.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::{Error, Section, golden};
use crate::analytics::linalg::Matrix;
use crate::analytics::risk::{PortfolioBeta, Risk, Underlying, decompose, portfolio_beta};

fn beta(second: Option<(f64, f64)>) -> Result<PortfolioBeta, Error> {
    let nav = 400_000.0;
    Ok(portfolio_beta(&[
        (300e3 / nav, Some((1.1, 0.1))),
        (200e3 / nav, second),
        (-150e3 / nav, Some((1.6, 0.0))),
    ])?)
}

pub(super) const G6: Section = Section {
    name: "G6",
    about: "beta of a book and its coverage",
    goldens: &[
        golden("beta", 0.575, 1e-12, |_| Ok(beta(Some((0.7, 0.2)))?.beta)),
        golden("beta without one position", 0.225, 1e-12, |_| {
            Ok(beta(None)?.beta)
        }),
        golden("coverage without it", 0.6923, 1e-4, |_| {
            let coverage = beta(None)?.coverage;
            coverage.ok_or_else(|| Error::missing("coverage"))
        }),
    ],
};

static BETAS: [[f64; 2]; 3] = [[1.2, 0.3], [0.8, -0.2], [1.0, 0.5]];
const WEIGHTS: [f64; 3] = [0.6, 0.5, -0.2];
const SPECIFIC: [f64; 3] = [0.09, 0.04, 0.0625];

fn f() -> Result<Matrix, Error> {
    Ok(Matrix::new(2, 2, vec![0.04, 0.002, 0.002, 0.01])?)
}

fn factors() -> Result<Risk, Error> {
    let underlyings: Vec<Underlying<'_>> = (0..3)
        .map(|u| Underlying {
            weight: WEIGHTS[u],
            betas: &BETAS[u],
            specific_variance: SPECIFIC[u],
        })
        .collect();
    Ok(decompose(&underlyings, &f()?)?)
}

/// `√(w'(BFB' + D)w)`, by the covariance of the assets.
fn by_assets() -> Result<f64, Error> {
    let b = Matrix::new(3, 2, BETAS.concat())?;
    let mut covariance = b.multiply(&f()?)?.multiply(&b.transpose())?;
    for (asset, variance) in SPECIFIC.into_iter().enumerate() {
        covariance.add(asset, asset, variance);
    }
    Ok(covariance.quadratic(&WEIGHTS)?.sqrt())
}

pub(super) const G7: Section = Section {
    name: "G7",
    about: "factor risk",
    goldens: &[
        golden("b, first", 0.92, 1e-12, |_| Ok(factors()?.betas[0])),
        golden("b, second", -0.02, 1e-12, |_| Ok(factors()?.betas[1])),
        golden("factor variance", 0.0337864, 1e-12, |_| {
            Ok(factors()?.factor_variance)
        }),
        golden("specific variance", 0.0449, 1e-12, |_| {
            Ok(factors()?.specific_variance)
        }),
        golden("σ", 0.2805109624, 1e-10, |_| Ok(factors()?.sigma)),
        golden("contribution of asset 1", 0.2109094, 1e-7, |_| {
            Ok(factors()?.contributions[0])
        }),
        golden("contribution of asset 2", 0.0874832, 1e-7, |_| {
            Ok(factors()?.contributions[1])
        }),
        golden("contribution of asset 3", -0.0178817, 1e-7, |_| {
            Ok(factors()?.contributions[2])
        }),
        golden("sum of the contributions", 0.2805109624, 1e-10, |_| {
            Ok(factors()?.contributions.iter().sum())
        }),
        golden(
            "σ by the covariance of the assets",
            0.2805109624,
            1e-10,
            |_| by_assets(),
        ),
        golden("contribution of factor 1", 0.1205628, 1e-7, |_| {
            Ok(factors()?.factor_contributions[0])
        }),
        golden("contribution of factor 2", -0.0001169, 1e-7, |_| {
            Ok(factors()?.factor_contributions[1])
        }),
    ],
};

fn assets(weights: [f64; 3]) -> Result<Risk, Error> {
    let (s, r) = (
        [0.2, 0.3, 0.4],
        [[1.0, 0.6, 0.5], [0.6, 1.0, 0.4], [0.5, 0.4, 1.0]],
    );
    let data = (0..9).map(|at| s[at / 3] * s[at % 3] * r[at / 3][at % 3]);
    let covariance = Matrix::new(3, 3, data.collect())?;
    let identity = Matrix::identity(3);
    let underlyings: Vec<Underlying<'_>> = (0..3)
        .map(|u| Underlying {
            weight: weights[u],
            betas: identity.row(u),
            specific_variance: 0.0,
        })
        .collect();
    Ok(decompose(&underlyings, &covariance)?)
}

fn mixed() -> Result<Risk, Error> {
    assets([0.5, 0.3, -0.2])
}

fn long() -> Result<Risk, Error> {
    assets([0.5, 0.3, 0.2])
}

fn share(asset: usize) -> Result<f64, Error> {
    let risk = mixed()?;
    Ok(risk.contributions[asset] / risk.sigma)
}

/// What σ gains when the weight of an asset grows, as a central difference.
fn difference(asset: usize) -> Result<f64, Error> {
    let step = 1e-6;
    let mut weights = [0.5, 0.3, -0.2];
    weights[asset] += step;
    let up = assets(weights)?.sigma;
    weights[asset] -= 2.0 * step;
    Ok((up - assets(weights)?.sigma) / (2.0 * step))
}

fn some(value: Option<f64>) -> Result<f64, Error> {
    value.ok_or_else(|| Error::missing("the ratio"))
}

pub(super) const G8: Section = Section {
    name: "G8",
    about: "Euler contributions",
    goldens: &[
        golden("σ", 0.1467651185, 1e-10, |_| Ok(mixed()?.sigma)),
        golden("marginal of asset 1", 0.1553502647, 1e-10, |_| {
            Ok(mixed()?.marginals[0])
        }),
        golden("marginal of asset 2", 0.2412017267, 1e-10, |_| {
            Ok(mixed()?.marginals[1])
        }),
        golden("marginal of asset 3", 0.0163526594, 1e-10, |_| {
            Ok(mixed()?.marginals[2])
        }),
        golden("share of asset 1", 0.5292479, 1e-7, |_| share(0)),
        golden("share of asset 2", 0.4930362, 1e-7, |_| share(1)),
        golden("share of asset 3", -0.0222841, 1e-7, |_| share(2)),
        golden("sum of the shares", 1.0, 1e-12, |_| {
            Ok(share(0)? + share(1)? + share(2)?)
        }),
        golden("difference of σ by asset 1", 0.1553502647, 1e-6, |_| {
            difference(0)
        }),
        golden("difference of σ by asset 2", 0.2412017267, 1e-6, |_| {
            difference(1)
        }),
        golden("difference of σ by asset 3", 0.0163526594, 1e-6, |_| {
            difference(2)
        }),
        golden("long only, σ", 0.2214949209, 1e-10, |_| Ok(long()?.sigma)),
        golden("long only, weighted volatilities", 0.27, 1e-10, |_| {
            let risk = long()?;
            Ok(risk.sigma * some(risk.diversification_ratio_squared)?.sqrt())
        }),
        golden("long only, diversification²", 1.4859355891, 1e-10, |_| {
            some(long()?.diversification_ratio_squared)
        }),
        golden("long only, effective bets", 2.9315673085, 1e-10, |_| {
            some(long()?.effective_bets)
        }),
    ],
};
