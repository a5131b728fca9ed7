//! G1 to G3: least squares, its errors, shrinkage, ridge.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::fixture::{X, X2, Y};
use super::{Error, Section, golden};
use crate::analytics::regression::{Errors, Regression, least_squares, variance_inflation};
use crate::analytics::ridge::{Ridge, ridge};
use crate::analytics::shrinkage::{blume, vasicek};

fn plain() -> Result<Regression, Error> {
    Ok(least_squares(&[&X], &Y, None, Errors::Classical)?)
}

fn newey_west() -> Result<Regression, Error> {
    Ok(least_squares(&[&X], &Y, None, Errors::NeweyWest(2))?)
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
    ],
};

fn shrunk(error: impl Fn(f64) -> f64) -> Result<f64, Error> {
    let fit = plain()?;
    let own = fit.errors.coefficients[0];
    Ok(vasicek(fit.coefficients[0], error(own), 1.0, 0.3))
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
    ],
};

fn shrink(penalty: f64) -> Result<Ridge, Error> {
    Ok(ridge(&[&X, &X2], &Y, penalty)?)
}

pub(super) const G3: Section = Section {
    name: "G3",
    about: "ridge",
    goldens: &[
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
        // Printed from the rounded correlation; all digits give 32.5047852.
        golden("VIF", 32.5047850, 1e-6, |_| {
            some(variance_inflation(&[&X, &X2], None)?[0])
        }),
    ],
};
