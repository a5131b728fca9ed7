//! G9 to G11: realised, exponentially weighted and forecast volatility.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::{Error, Section, golden};
use crate::analytics::linalg::Matrix;
use crate::analytics::{covariance, forecast, volatility, weights};

fn alternating() -> Vec<f64> {
    (0..21)
        .map(|t| if t % 2 == 0 { 0.01 } else { -0.01 })
        .collect()
}

pub(super) const G9: Section = Section {
    name: "G9",
    about: "realised volatility of ±1 %",
    goldens: &[
        golden("sample", 0.1624807681, 1e-10, |_| {
            Ok(volatility::realised(&alternating(), 21)?)
        }),
        golden("zero mean", 0.1587450787, 1e-10, |_| {
            Ok(volatility::ewma(&alternating(), 1e15)?)
        }),
        golden(
            "sample of −3 times the returns",
            0.4874423043,
            3e-10,
            |_| {
                let scaled: Vec<f64> = alternating().iter().map(|r| -3.0 * r).collect();
                Ok(volatility::realised(&scaled, 21)?)
            },
        ),
    ],
};

fn pair(life: f64) -> Result<Matrix, Error> {
    let a = [0.01, -0.02, 0.015, -0.005, 0.007, 0.012];
    let b = [0.008, -0.012, 0.02, -0.001, -0.004, 0.01];
    let rows: Vec<f64> = a.iter().zip(&b).flat_map(|(a, b)| [*a, *b]).collect();
    Ok(covariance::weighted(
        &rows,
        &[5, 4, 3, 2, 1, 0],
        2,
        life,
        life,
    )?)
}

fn decay() -> Result<f64, Error> {
    weights::half_life_of_decay(0.94).ok_or_else(|| Error::missing("a half-life"))
}

fn rho(matrix: &Matrix) -> f64 {
    matrix.at(0, 1) / (matrix.at(0, 0) * matrix.at(1, 1)).sqrt()
}

fn effective(n: usize, life: f64) -> Result<f64, Error> {
    let ages: Vec<usize> = (0..n).rev().collect();
    let effective = weights::n_eff(&weights::half_life(&ages, life)?);
    effective.ok_or_else(|| Error::missing("an effective number"))
}

pub(super) const G10: Section = Section {
    name: "G10",
    about: "exponential weights",
    goldens: &[
        golden("correlation", 0.8454910882, 1e-10, |_| {
            Ok(rho(&pair(decay()?)?))
        }),
        golden("correlation, equal weights", 0.8577302555, 1e-10, |_| {
            Ok(rho(&pair(1e12)?))
        }),
        golden("volatility of a", 0.1873067722, 1e-10, |_| {
            Ok(pair(decay()?)?.at(0, 0).sqrt())
        }),
        golden("Kish, λ .94 at 60", 30.792075, 1e-6, |_| {
            effective(60, decay()?)
        }),
        golden("Kish, λ .94 at 252", 32.333322, 1e-6, |_| {
            effective(252, decay()?)
        }),
        golden("Kish, λ .94, limit", 32.333333, 1e-6, |_| {
            effective(5_000, decay()?)
        }),
        golden("Kish, half-life 126 at 504", 320.788295, 1e-6, |_| {
            effective(504, 126.0)
        }),
    ],
};

/// Independent normal squares by Box–Muller from a fixed generator.
fn squares(n: usize, sigma: f64) -> Vec<f64> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let normal = |_| {
        let radius = (-2.0 * libm::log(uniform())).sqrt();
        let value = sigma * radius * libm::cos(2.0 * core::f64::consts::PI * uniform());
        value * value
    };
    (0..n).map(normal).collect()
}

/// Forty forecasts after a jump on the last session: how many are below the smallest target, and how many it has raised.
fn floors() -> Result<(usize, usize), Error> {
    let (mut below, mut raised) = (0, 0);
    for variances in squares(40 * 252, 0.01).chunks_mut(252) {
        variances[251] = 0.01;
        let target = |t: usize| variances[t + 1..=t + 21].iter().sum::<f64>() / 21.0;
        let smallest = (21..231).map(target).fold(f64::INFINITY, f64::min);
        let har = forecast::har(variances)?;
        // Up to the rounding of the mean.
        below += usize::from(har.variance < smallest * (1.0 - 1e-12));
        raised += usize::from(har.floored);
    }
    Ok((below, raised))
}

pub(super) const G11: Section = Section {
    name: "G11",
    about: "behaviour of the HAR forecast",
    goldens: &[
        golden("constant variance", 0.0001, 1e-17, |_| {
            Ok(forecast::har(&vec![0.0001; 504])?.variance)
        }),
        // Within 2 % of σ, where a regression of |r| gives 0.7979 σ.
        golden("independent normals, over σ", 1.0, 0.02, |_| {
            let har = forecast::har(&squares(100_000, 0.01))?;
            Ok(har.variance.sqrt() / 0.01)
        }),
        golden("training rows of 504", 462.0, 0.0, |_| {
            Ok(forecast::har(&squares(504, 0.01))?.rows as f64)
        }),
        golden("below the smallest target, of 40", 0.0, 0.0, |_| {
            Ok(floors()?.0 as f64)
        }),
        // As numpy's least squares have it: none of the 40 is near the smallest target.
        golden("raised to it, of 40", 21.0, 0.0, |_| Ok(floors()?.1 as f64)),
    ],
};
