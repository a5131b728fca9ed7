//! G1 to G3: least squares, its errors, shrinkage, ridge.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::fixture::{X, X2, Y};
use super::{Error, Section, Shipped, golden, yes};
use crate::analytics::correlation::pearson;
use crate::analytics::design::Design;
use crate::analytics::market_beta::{MarketBeta, market_beta};
use crate::analytics::regression::{Errors, Regression, least_squares, variance_inflation};
use crate::analytics::ridge::{Ridge, ridge};
use crate::analytics::shrinkage::{blume, is_extreme, vasicek};

fn plain() -> Result<Regression, Error> {
    Ok(least_squares(&[&X], &Y, None, Errors::Classical)?)
}

fn newey_west() -> Result<Regression, Error> {
    Ok(least_squares(&[&X], &Y, None, Errors::NeweyWest(2))?)
}

/// Another dependent variable, made of the market's returns or of the stock's.
fn of(y: [f64; 10]) -> Result<Regression, Error> {
    Ok(least_squares(&[&X], &y, None, Errors::Classical)?)
}

fn line() -> Result<Regression, Error> {
    of(X.map(|x| 0.002 + 1.7 * x))
}

fn weighted() -> Result<Regression, Error> {
    let weights: Vec<f64> = (0..10).map(|t| libm::pow(0.9, f64::from(9 - t))).collect();
    Ok(least_squares(&[&X], &Y, Some(&weights), Errors::Classical)?)
}

fn some(value: Option<f64>) -> Result<f64, Error> {
    value.ok_or_else(|| Error::missing("the number"))
}

pub(super) const G1: Section = Section {
    name: "G1",
    about: "least squares of fixture A",
    goldens: &[
        golden("alpha", 0.0001764113, 1e-10, |_| Ok(plain()?.alpha)),
        golden(
            "beta",
            1.4044858871,
            1e-10,
            |_| Ok(plain()?.coefficients[0]),
        ),
        golden("standard error", 0.0694929049, 1e-10, |_| {
            Ok(plain()?.errors.coefficients[0])
        }),
        golden("t", 20.2104932648, 1e-10, |_| some(plain()?.inference[0].t)),
        golden("p", 3.752084056e-08, 1e-17, |_| {
            some(plain()?.inference[0].p)
        }),
        golden("R²", 0.9807906583, 1e-10, |_| some(plain()?.r_squared)),
        golden("adjusted R²", 0.9783894906, 1e-10, |_| {
            some(plain()?.adjusted_r_squared)
        }),
        golden("Newey–West error of beta", 0.0301689165, 1e-10, |_| {
            Ok(newey_west()?.errors.coefficients[0])
        }),
        golden("Newey–West error of alpha", 0.0004529071, 1e-10, |_| {
            Ok(newey_west()?.errors.alpha)
        }),
        golden("weighted alpha", 0.0001828002, 1e-10, |_| {
            Ok(weighted()?.alpha)
        }),
        golden("weighted beta", 1.4100741631, 1e-10, |_| {
            Ok(weighted()?.coefficients[0])
        }),
        golden("beta of an exact line", 1.7, 1e-12, |_| {
            Ok(line()?.coefficients[0])
        }),
        golden("R² of an exact line", 1.0, 0.0, |_| {
            some(line()?.r_squared)
        }),
        golden("beta of 3 y + 0.01, over that of y", 3.0, 1e-12, |_| {
            let scaled = of(Y.map(|y| 3.0 * y + 0.01))?;
            Ok(scaled.coefficients[0] / plain()?.coefficients[0])
        }),
        golden("alpha of 3 y + 0.01, less 3 alpha", 0.01, 1e-12, |_| {
            let scaled = of(Y.map(|y| 3.0 * y + 0.01))?;
            Ok(scaled.alpha - 3.0 * plain()?.alpha)
        }),
    ],
};

fn shrunk(error: impl Fn(f64) -> f64) -> Result<f64, Error> {
    let fit = plain()?;
    let own = fit.errors.coefficients[0];
    Ok(vasicek(fit.coefficients[0], error(own), 1.0, 0.3))
}

/// What moves 7.3 times as far as the index, over the last 252 sessions.
fn steep(shipped: &Shipped) -> Result<MarketBeta, Error> {
    let end = shipped.closes.at("2022-12-28")? + 1;
    let market = shipped.closes.returns("SP500")?;
    let market = &market[end - 252..end];
    let own: Vec<f64> = market.iter().map(|value| 7.3 * value).collect();
    Ok(market_beta(market, &own)?)
}

pub(super) const G2: Section = Section {
    name: "G2",
    about: "shrinkage of beta",
    goldens: &[
        golden("Blume", 1.2710055444, 1e-10, |_| {
            Ok(blume(plain()?.coefficients[0]))
        }),
        golden("Vasicek", 1.3838870868, 1e-10, |_| shrunk(|error| error)),
        golden("Vasicek, error 0", 1.4044858871, 1e-10, |_| shrunk(|_| 0.0)),
        golden("Vasicek, error ∞", 1.0, 1e-12, |_| shrunk(|_| 1e9)),
        golden("7.3 times the index, raw", 7.3, 1e-10, |s| {
            Ok(steep(s)?.beta)
        }),
        golden("7.3 times the index is flagged", 1.0, 0.0, |s| {
            Ok(yes(steep(s)?.extreme))
        }),
        golden("5 is not", 0.0, 0.0, |_| Ok(yes(is_extreme(5.0)))),
        // (7.3/0.25 + 1/0.09)/(1/0.25 + 1/0.09)
        golden("7.3 of error 0.5, Vasicek", 2.6676470588, 1e-10, |_| {
            Ok(vasicek(7.3, 0.5, 1.0, 0.3))
        }),
    ],
};

fn shrink(penalty: f64) -> Result<Ridge, Error> {
    Ok(ridge(&[&X, &X2], &Y, penalty)?)
}

/// The deviation (ddof 0) by which a column is standardised.
fn scale(column: &[f64]) -> Result<f64, Error> {
    let n = column.len();
    let design = Design::new((0..n).collect(), column, 1, &vec![1.0; n])?;
    Ok(design.gram().at(0, 0).sqrt())
}

/// Columns of deviation 1 without correlation, four rows: a coefficient shrinks to n/(n + α) of itself.
fn orthonormal(penalty: f64, at: usize) -> Result<f64, Error> {
    let (a, b) = ([1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]);
    let y = [3.0, 1.0, 2.0, -5.0];
    let (free, held) = (ridge(&[&a, &b], &y, 0.0)?, ridge(&[&a, &b], &y, penalty)?);
    Ok(held.coefficients[at] / free.coefficients[at])
}

pub(super) const G3: Section = Section {
    name: "G3",
    about: "ridge",
    goldens: &[
        golden("scale, first", 0.008908423, 1e-9, |_| scale(&X)),
        golden("scale, second", 0.0095503927, 1e-10, |_| scale(&X2)),
        golden("correlation of the columns", 0.9844974855, 1e-10, |_| {
            let pair = pearson(&X, &X2, 0)?;
            some(pair.map(|pair| pair.rho))
        }),
        golden("α 0, first", 1.0771527878, 1e-10, |_| {
            Ok(shrink(0.0)?.coefficients[0])
        }),
        golden("α 0, second", 0.3101379509, 1e-10, |_| {
            Ok(shrink(0.0)?.coefficients[1])
        }),
        golden("α 0, R²", 0.9824816633, 1e-10, |_| {
            some(shrink(0.0)?.r_squared)
        }),
        golden("α 1, first", 0.7209814041, 1e-10, |_| {
            Ok(shrink(1.0)?.coefficients[0])
        }),
        golden("α 1, second", 0.5792885309, 1e-10, |_| {
            Ok(shrink(1.0)?.coefficients[1])
        }),
        golden("α 1, R²", 0.9786235066, 1e-10, |_| {
            some(shrink(1.0)?.r_squared)
        }),
        golden("α 10, first", 0.4743437094, 1e-10, |_| {
            Ok(shrink(10.0)?.coefficients[0])
        }),
        golden("α 10, second", 0.4318549002, 1e-10, |_| {
            Ok(shrink(10.0)?.coefficients[1])
        }),
        golden("α 10, R²", 0.8703475441, 1e-10, |_| {
            some(shrink(10.0)?.r_squared)
        }),
        golden("α 0 less least squares, first", 0.0, 1e-12, |_| {
            let free = least_squares(&[&X, &X2], &Y, None, Errors::Classical)?;
            Ok(shrink(0.0)?.coefficients[0] - free.coefficients[0])
        }),
        golden("α 0 less least squares, second", 0.0, 1e-12, |_| {
            let free = least_squares(&[&X, &X2], &Y, None, Errors::Classical)?;
            Ok(shrink(0.0)?.coefficients[1] - free.coefficients[1])
        }),
        golden("α ∞, first", 0.0, 1e-7, |_| {
            Ok(shrink(1e9)?.coefficients[0])
        }),
        golden("α ∞, second", 0.0, 1e-7, |_| {
            Ok(shrink(1e9)?.coefficients[1])
        }),
        // 4/(4 + 2)
        golden("orthonormal, α 2, first", 0.6666666667, 1e-10, |_| {
            orthonormal(2.0, 0)
        }),
        golden("orthonormal, α 2, second", 0.6666666667, 1e-10, |_| {
            orthonormal(2.0, 1)
        }),
        // Printed from the rounded correlation; all digits give 32.5047852.
        golden("VIF", 32.5047850, 1e-6, |_| {
            some(variance_inflation(&[&X, &X2], None)?[0])
        }),
    ],
};
