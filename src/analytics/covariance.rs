//! Exponentially weighted covariance with separate half-lives for volatility and correlation.
//!
//! **Source.** J.P. Morgan 1996 (exponential weights); two half-lives in one matrix are our own (design/analytics.md, Risk).
//!
//! **NaN.** NaN is a hole of a series: the session is left out for all of them. In rows it is [`Error::Invalid`], as are infinite
//! values and numbers beyond 1e60.

use super::{Error, MINIMUM_OBSERVATIONS, SESSIONS_PER_YEAR, linalg::Matrix, weights};

/// Half-life of the factor volatilities, in sessions.
pub const VOLATILITY_HALF_LIFE: f64 = 63.0;

/// Half-life of the factor correlations, in sessions.
pub const CORRELATION_HALF_LIFE: f64 = 126.0;

/// Positions (0 = oldest) of the sessions on which every series has a value.
///
/// [`Error::Shape`] unless the series have one length, [`Error::Invalid`] for an infinite value. No series: no sessions.
pub fn common_sessions(series: &[&[f64]]) -> Result<Vec<usize>, Error> {
    let length = series.first().map_or(0, |first| first.len());
    for one in series {
        if one.len() != length {
            return Err(Error::Shape {
                what: "series",
                have: one.len(),
                need: length,
            });
        }
        if one.iter().any(|value| super::is_beyond(*value)) {
            return Err(Error::Invalid {
                what: "series value",
            });
        }
    }
    Ok((0..length)
        .filter(|&t| series.iter().all(|one| !one[t].is_nan()))
        .collect())
}

/// Annual covariance (0.04 is 20 % volatility) of `series` of returns per session (same window, oldest first, NaN = missing) over the
/// sessions where every series has a value, see [`weighted`]. [`Error::Insufficient`] below 60 such sessions, [`Error::Shape`] unless the series have one length, [`Error::Invalid`] for an
/// infinite value or a half-life that is not positive.
pub fn covariance(
    series: &[&[f64]],
    volatility_half_life: f64,
    correlation_half_life: f64,
) -> Result<Matrix, Error> {
    let sessions = common_sessions(series)?;
    if sessions.len() < MINIMUM_OBSERVATIONS {
        return Err(Error::Insufficient {
            have: sessions.len(),
            need: MINIMUM_OBSERVATIONS,
        });
    }
    let length = series.first().map_or(0, |first| first.len());
    let ages: Vec<usize> = sessions
        .iter()
        .map(|session| length - 1 - session)
        .collect();
    let rows: Vec<f64> = sessions
        .iter()
        .flat_map(|&session| series.iter().map(move |one| one[session]))
        .collect();
    weighted(
        &rows,
        &ages,
        series.len(),
        volatility_half_life,
        correlation_half_life,
    )
}

/// `D·R·D·252`: D from weights of one half-life, R from weights of another, each `0.5^(age/half-life)` with sum 1 over the rows, weighted
/// mean removed, no degrees-of-freedom correction.
///
/// `rows` is row-major with `columns` finite values per row, `ages` are in sessions, one per row. A column without variance has covariance 0
/// with all others. The result is annual, a row and a column per column, symmetric. [`Error::Shape`] when `rows` has another length,
/// [`Error::Insufficient`] without rows, [`Error::Invalid`] for a NaN or infinite value or a half-life that is not positive.
pub fn weighted(
    rows: &[f64],
    ages: &[usize],
    columns: usize,
    volatility_half_life: f64,
    correlation_half_life: f64,
) -> Result<Matrix, Error> {
    if rows.len() != ages.len() * columns {
        return Err(Error::Shape {
            what: "rows",
            have: rows.len(),
            need: ages.len() * columns,
        });
    }
    if rows.iter().any(|value| !super::is_number(*value)) {
        return Err(Error::Invalid { what: "return" });
    }
    let correlation = moments(
        rows,
        &weights::half_life(ages, correlation_half_life)?,
        columns,
    );
    let volatility = moments(
        rows,
        &weights::half_life(ages, volatility_half_life)?,
        columns,
    );
    let scale: Vec<f64> = (0..columns)
        .map(|i| {
            let own = correlation.at(i, i);
            if own > 0.0 {
                (SESSIONS_PER_YEAR * volatility.at(i, i) / own).sqrt()
            } else {
                0.0
            }
        })
        .collect();
    let mut covariance = Matrix::zeros(columns, columns);
    for i in 0..columns {
        for j in 0..=i {
            let value = super::no_negative_zero(correlation.at(i, j) * scale[i] * scale[j]);
            covariance.set(i, j, value);
            covariance.set(j, i, value);
        }
    }
    Ok(covariance)
}

/// Weighted covariance per session, weighted mean removed.
fn moments(rows: &[f64], weights: &[f64], columns: usize) -> Matrix {
    let mut means = vec![0.0; columns];
    for (row, weight) in rows.chunks_exact(columns.max(1)).zip(weights) {
        for (mean, value) in means.iter_mut().zip(row) {
            *mean += weight * value;
        }
    }
    let mut moments = Matrix::zeros(columns, columns);
    let mut centred = vec![0.0; columns];
    for (row, weight) in rows.chunks_exact(columns.max(1)).zip(weights) {
        for ((slot, value), mean) in centred.iter_mut().zip(row).zip(&means) {
            *slot = value - mean;
        }
        for i in 0..columns {
            let scaled = weight * centred[i];
            for (j, value) in centred[..=i].iter().enumerate() {
                moments.add(i, j, scaled * value);
            }
        }
    }
    for i in 0..columns {
        for j in 0..i {
            moments.set(j, i, moments.at(i, j));
        }
    }
    moments
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::super::fixtures::noise;
    use super::*;

    #[test]
    fn g10_exponentially_weighted_volatility_and_correlation() {
        let a = [0.01, -0.02, 0.015, -0.005, 0.007, 0.012];
        let b = [0.008, -0.012, 0.02, -0.001, -0.004, 0.01];
        let rows: Vec<f64> = a.iter().zip(&b).flat_map(|(a, b)| [*a, *b]).collect();
        let life = weights::half_life_of_decay(0.94).unwrap();
        let ages = [5, 4, 3, 2, 1, 0];
        let of = |life| weighted(&rows, &ages, 2, life, life).unwrap();
        let correlation =
            |matrix: &Matrix| matrix.at(0, 1) / (matrix.at(0, 0) * matrix.at(1, 1)).sqrt();
        let weighted = of(life);
        assert!((correlation(&weighted) - 0.8454910882).abs() < 1e-10);
        assert!((weighted.at(0, 0).sqrt() - 0.1873067722).abs() < 1e-10);
        assert!((correlation(&of(1e12)) - 0.8577302555).abs() < 1e-10);
    }

    #[test]
    fn two_half_lives_take_volatility_and_correlation_from_different_weights() {
        let (a, b) = (noise(1, 252, 0.01), noise(2, 252, 0.02));
        let both = covariance(&[&a, &b], 63.0, 126.0).unwrap();
        let short = covariance(&[&a, &b], 63.0, 63.0).unwrap();
        let long = covariance(&[&a, &b], 126.0, 126.0).unwrap();
        assert!((both.at(0, 0) - short.at(0, 0)).abs() < 1e-15);
        let rho = |matrix: &Matrix| matrix.at(0, 1) / (matrix.at(0, 0) * matrix.at(1, 1)).sqrt();
        assert!((rho(&both) - rho(&long)).abs() < 1e-14);
    }

    #[test]
    fn holes_and_constant_series() {
        let mut a = noise(1, 252, 0.01);
        a[7] = f64::NAN;
        let flat = vec![0.0; 252];
        let matrix = covariance(&[&a, &flat], 63.0, 126.0).unwrap();
        assert!(matrix.at(0, 0) > 0.0);
        assert_eq!((matrix.at(0, 1), matrix.at(1, 1)), (0.0, 0.0));
        assert!(covariance(&[&a[..60]], 63.0, 126.0).is_err());
        assert!(covariance(&[], 63.0, 126.0).is_err());
        assert!(weighted(&[1.0], &[0, 1], 1, 1.0, 1.0).is_err());
        assert!(common_sessions(&[&[f64::INFINITY]]).is_err());
    }
}
