//! Eigenvalues of small symmetric matrices by Jacobi rotations: slow for hundreds of rows, exact and reproducible for dozens.
//!
//! **Source.** Jacobi 1846; Golub and Van Loan 2013, chapter 8.
//!
//! **NaN.** An entry that is not finite is [`Error::Invalid`].

use super::{Error, linalg::Matrix};

/// Eigenvalues and eigenvectors of a symmetric matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigen {
    /// Ascending.
    pub values: Vec<f64>,
    /// One column per eigenvalue.
    pub vectors: Matrix,
}

impl Matrix {
    /// Eigenvalues (ascending) and orthonormal eigenvectors (columns, same order) of a symmetric matrix, by cyclic Jacobi
    /// rotations in a fixed order; equal eigenvalues keep the order of their columns. [`Error::Shape`] unless square,
    /// [`Error::Invalid`] for an entry that is not finite.
    pub fn symmetric_eigen(&self) -> Result<Eigen, Error> {
        self.require_square()?;
        if self.data().iter().any(|value| !value.is_finite()) {
            return Err(Error::Invalid {
                what: "matrix entry",
            });
        }
        let n = self.rows();
        let mut a = self.clone();
        a.symmetrise();
        let mut vectors = Self::identity(n);
        let scale: f64 = a.data().iter().map(|value| value * value).sum();
        for _ in 0..MAX_SWEEPS {
            let off: f64 = (0..n)
                .map(|i| {
                    a.row(i)[i + 1..]
                        .iter()
                        .map(|value| value * value)
                        .sum::<f64>()
                })
                .sum();
            if off <= 1e-34 * scale {
                break;
            }
            for p in 0..n {
                for q in p + 1..n {
                    rotate(&mut a, &mut vectors, p, q);
                }
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| a.at(i, i).total_cmp(&a.at(j, j)));
        let values = order.iter().map(|&i| a.at(i, i)).collect();
        let mut sorted = Self::zeros(n, n);
        for (to, &from) in order.iter().enumerate() {
            for i in 0..n {
                sorted.set(i, to, vectors.at(i, from));
            }
        }
        Ok(Eigen {
            values,
            vectors: sorted,
        })
    }
}

/// Jacobi converges quadratically: ten sweeps are plenty for these sizes, the rest is a bound.
const MAX_SWEEPS: usize = 60;

/// One Jacobi rotation that makes `a[p][q]` zero.
fn rotate(a: &mut Matrix, vectors: &mut Matrix, p: usize, q: usize) {
    let apq = a.at(p, q);
    if apq.abs() < f64::MIN_POSITIVE {
        return;
    }
    let theta = (a.at(q, q) - a.at(p, p)) / (2.0 * apq);
    let t = if theta.is_finite() {
        theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt())
    } else {
        0.0
    };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    let n = a.rows();
    for i in 0..n {
        let (x, y) = (a.at(i, p), a.at(i, q));
        a.set(i, p, c * x - s * y);
        a.set(i, q, s * x + c * y);
    }
    for i in 0..n {
        let (x, y) = (a.at(p, i), a.at(q, i));
        a.set(p, i, c * x - s * y);
        a.set(q, i, s * x + c * y);
        let (x, y) = (vectors.at(i, p), vectors.at(i, q));
        vectors.set(i, p, c * x - s * y);
        vectors.set(i, q, s * x + c * y);
    }
    a.set(p, q, 0.0);
    a.set(q, p, 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let data = vec![4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let a = Matrix::new(3, 3, data).unwrap();
        let eigen = a.symmetric_eigen().unwrap();
        assert!(eigen.values.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!((eigen.values.iter().sum::<f64>() - 12.0).abs() < 1e-13);
        for (j, value) in eigen.values.iter().enumerate() {
            let vector: Vec<f64> = (0..3).map(|i| eigen.vectors.at(i, j)).collect();
            for (left, right) in a.multiply_vector(&vector).unwrap().iter().zip(&vector) {
                assert!((left - value * right).abs() < 1e-13);
            }
        }
        assert_eq!(
            Matrix::zeros(0, 0).symmetric_eigen().unwrap().values,
            Vec::<f64>::new()
        );
    }
}
