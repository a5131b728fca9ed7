//! The nearest correlation matrix (Higham 2002): for clustering only, published correlations stay as measured.
//!
//! **Source.** Higham 2002; Rebonato and Jäckel 1999 for the quick repair.
//!
//! **NaN.** An entry that is not finite is [`Error::Invalid`]: unknown pairs are left out before.

use super::{Error, linalg::Matrix};

/// A smallest eigenvalue above this is rounding: the matrix is returned as it came.
pub const NEGATIVE: f64 = -1e-10;

/// Relative change at which the projections have settled.
pub const TOLERANCE: f64 = 1e-12;

/// The projections converge linearly; what is not done by then is returned scaled to a correlation matrix.
const MAX_ROUNDS: usize = 2_000;

/// Nearest correlation matrix in the Frobenius norm by alternating projections with Dykstra's correction.
///
/// A matrix whose smallest eigenvalue is at least −1e-10 comes back unchanged. The result has a unit diagonal and no eigenvalue below −1e-12.
/// [`Error::Invalid`] for an entry that is not finite, [`Error::Shape`] unless square.
pub fn nearest_correlation(matrix: &Matrix) -> Result<Matrix, Error> {
    let eigen = matrix.symmetric_eigen()?;
    if eigen
        .values
        .first()
        .is_none_or(|smallest| *smallest >= NEGATIVE)
    {
        return Ok(matrix.clone());
    }
    let n = matrix.rows();
    let mut y = matrix.clone();
    let mut correction = Matrix::zeros(n, n);
    for _ in 0..MAX_ROUNDS {
        let shifted = combine(&y, &correction, -1.0);
        let x = positive_part(&shifted)?;
        correction = combine(&x, &shifted, -1.0);
        let mut next = x;
        for i in 0..n {
            next.set(i, i, 1.0);
        }
        let change = norm(&combine(&next, &y, -1.0));
        let settled = change <= TOLERANCE * norm(&next);
        y = next;
        if settled {
            break;
        }
    }
    clip(&y)
}

/// Eigenvalues below 0 set to 0, then scaled to a unit diagonal: the quick repair, farther away than [`nearest_correlation`].
///
/// A column left without variance gets 0 off the diagonal. Errors as in [`nearest_correlation`].
pub fn clip(matrix: &Matrix) -> Result<Matrix, Error> {
    let positive = positive_part(matrix)?;
    let n = positive.rows();
    let scale: Vec<f64> = (0..n)
        .map(|i| {
            if positive.at(i, i) > 0.0 {
                positive.at(i, i).sqrt()
            } else {
                1.0
            }
        })
        .collect();
    let mut clipped = Matrix::identity(n);
    for i in 0..n {
        for j in 0..i {
            let value = (0.5 * (positive.at(i, j) + positive.at(j, i)) / (scale[i] * scale[j]))
                .clamp(-1.0, 1.0);
            clipped.set(i, j, value);
            clipped.set(j, i, value);
        }
    }
    Ok(clipped)
}

/// Frobenius norm of the difference of two matrices; `None` when their shapes differ.
pub fn distance(a: &Matrix, b: &Matrix) -> Option<f64> {
    (a.rows() == b.rows() && a.columns() == b.columns()).then(|| norm(&combine(a, b, -1.0)))
}

fn positive_part(matrix: &Matrix) -> Result<Matrix, Error> {
    let eigen = matrix.symmetric_eigen()?;
    let n = matrix.rows();
    let mut positive = Matrix::zeros(n, n);
    for (k, value) in eigen
        .values
        .iter()
        .enumerate()
        .filter(|(_, value)| **value > 0.0)
    {
        for i in 0..n {
            let scaled = value * eigen.vectors.at(i, k);
            for j in 0..n {
                positive.add(i, j, scaled * eigen.vectors.at(j, k));
            }
        }
    }
    Ok(positive)
}

/// `a + factor·b` of equal shapes.
fn combine(a: &Matrix, b: &Matrix, factor: f64) -> Matrix {
    let mut sum = a.clone();
    for i in 0..a.rows() {
        for (j, value) in b.row(i).iter().enumerate() {
            sum.add(i, j, factor * value);
        }
    }
    sum
}

fn norm(matrix: &Matrix) -> f64 {
    // From +0: a matrix without entries has length +0.
    let squares = matrix.data().iter().map(|value| value * value);
    squares.fold(0.0, |sum, square| sum + square).sqrt()
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::*;

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
    }

    #[test]
    fn g13_nearest_correlation_beats_clipping() {
        let a = Matrix::new(3, 3, vec![1.0, 0.9, 0.7, 0.9, 1.0, -0.2, 0.7, -0.2, 1.0]).unwrap();
        let eigen = a.symmetric_eigen().unwrap();
        for (have, want) in eigen
            .values
            .iter()
            .zip([-0.242126366, 1.193463407, 2.048662959])
        {
            close(*have, want, 1e-9);
        }
        let clipped = clip(&a).unwrap();
        let higham = nearest_correlation(&a).unwrap();
        for (matrix, off, away, tolerance) in [
            (
                &clipped,
                [0.7380405603, 0.5755729154, -0.1269861600],
                0.3067376,
                1e-7,
            ),
            (
                &higham,
                [0.7515960780, 0.5798480724, -0.1016000782],
                0.3037854,
                1e-7,
            ),
        ] {
            close(matrix.at(0, 1), off[0], 1e-10);
            close(matrix.at(0, 2), off[1], 1e-10);
            close(matrix.at(1, 2), off[2], 1e-10);
            close(distance(matrix, &a).unwrap(), away, tolerance);
        }
        assert!(higham.symmetric_eigen().unwrap().values[0] >= -1e-12);
        assert!((0..3).all(|i| higham.at(i, i).to_bits() == 1.0_f64.to_bits()));
    }

    #[test]
    fn g13_a_correlation_matrix_is_unchanged_and_nan_is_refused() {
        let good = Matrix::new(2, 2, vec![1.0, 1.0, 1.0, 1.0]).unwrap();
        assert_eq!(nearest_correlation(&good).unwrap(), good);
        assert_eq!(nearest_correlation(&Matrix::zeros(0, 0)).unwrap().rows(), 0);
        assert!(Matrix::new(2, 2, vec![1.0, f64::NAN, f64::NAN, 1.0]).is_err());
        assert!(nearest_correlation(&Matrix::zeros(1, 2)).is_err());
    }
}
