//! Small dense matrices: what twenty factors or fifty symbols need, and no more.
//!
//! Row-major, scalar, plain triple loops in one fixed order, so results are the same bits on every machine.
//!
//! **Source.** Golub and Van Loan 2013 (products, Cholesky), Goodnight 1979 (sweeping).
//!
//! **NaN.** Arithmetic: [`Matrix::new`] refuses entries that are NaN, infinite or beyond 1e60; vectors are the caller's to check, and NaN in
//! one is NaN in the product. Entries have the units of the caller.

use super::Error;

/// A dense matrix, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            data: vec![0.0; rows * columns],
        }
    }

    /// The identity of size `n`.
    pub fn identity(n: usize) -> Self {
        let mut identity = Self::zeros(n, n);
        for i in 0..n {
            identity.set(i, i, 1.0);
        }
        identity
    }

    /// Takes row-major data; [`Error::Shape`] unless it has `rows × columns` entries, [`Error::Invalid`] unless all are finite.
    pub fn new(rows: usize, columns: usize, data: Vec<f64>) -> Result<Self, Error> {
        if rows.checked_mul(columns) != Some(data.len()) {
            let need = rows.saturating_mul(columns);
            return Err(Error::Shape {
                what: "matrix data",
                have: data.len(),
                need,
            });
        }
        if data.iter().any(|value| !super::is_number(*value)) {
            return Err(Error::Invalid {
                what: "matrix entry",
            });
        }
        Ok(Self {
            rows,
            columns,
            data,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All entries, row-major.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The entry at row `i`, column `j`; `None` outside.
    pub fn get(&self, i: usize, j: usize) -> Option<f64> {
        if i < self.rows && j < self.columns {
            self.data.get(i * self.columns + j).copied()
        } else {
            None
        }
    }

    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.columns + j]
    }

    pub(crate) fn set(&mut self, i: usize, j: usize, value: f64) {
        self.data[i * self.columns + j] = value;
    }

    pub(crate) fn add(&mut self, i: usize, j: usize, value: f64) {
        self.data[i * self.columns + j] += value;
    }

    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.columns..(i + 1) * self.columns]
    }

    /// The transpose.
    #[must_use]
    pub fn transpose(&self) -> Self {
        let mut transposed = Self::zeros(self.columns, self.rows);
        for i in 0..self.rows {
            for j in 0..self.columns {
                transposed.set(j, i, self.at(i, j));
            }
        }
        transposed
    }

    /// `self · other`; [`Error::Shape`] when the inner sizes differ.
    pub fn multiply(&self, other: &Self) -> Result<Self, Error> {
        if self.columns != other.rows {
            return Err(Error::Shape {
                what: "right factor",
                have: other.rows,
                need: self.columns,
            });
        }
        let mut product = Self::zeros(self.rows, other.columns);
        for i in 0..self.rows {
            for (k, &left) in self.row(i).iter().enumerate() {
                for (j, &right) in other.row(k).iter().enumerate() {
                    product.add(i, j, left * right);
                }
            }
        }
        Ok(product)
    }

    /// `self · vector`; [`Error::Shape`] when the sizes differ.
    pub fn multiply_vector(&self, vector: &[f64]) -> Result<Vec<f64>, Error> {
        if self.columns != vector.len() {
            return Err(Error::Shape {
                what: "vector",
                have: vector.len(),
                need: self.columns,
            });
        }
        Ok((0..self.rows).map(|i| dot(self.row(i), vector)).collect())
    }

    /// `v' · self · v`; [`Error::Shape`] when the sizes differ or the matrix is not square.
    pub fn quadratic(&self, vector: &[f64]) -> Result<f64, Error> {
        if self.rows != vector.len() {
            return Err(Error::Shape {
                what: "vector",
                have: vector.len(),
                need: self.rows,
            });
        }
        Ok(dot(&self.multiply_vector(vector)?, vector))
    }

    /// Lower Cholesky factor of a symmetric matrix (the lower triangle is read), or [`Error::NotPositiveDefinite`] when a pivot is
    /// not above `1e-13` of its own diagonal entry; [`Error::Shape`] unless square.
    pub fn cholesky(&self) -> Result<Cholesky, Error> {
        self.require_square()?;
        let n = self.rows;
        let mut lower = Self::zeros(n, n);
        for j in 0..n {
            for i in j..n {
                let sum = self.at(i, j) - dot(&lower.row(i)[..j], &lower.row(j)[..j]);
                if i == j {
                    // Written so that a NaN pivot is refused too.
                    if sum > 1e-13 * self.at(j, j) && sum.is_finite() {
                        lower.set(j, j, sum.sqrt());
                    } else {
                        return Err(Error::NotPositiveDefinite { what: "matrix" });
                    }
                } else {
                    let pivot = lower.at(j, j);
                    lower.set(i, j, sum / pivot);
                }
            }
        }
        Ok(Cholesky { lower })
    }

    /// Symmetric generalised inverse of a positive semidefinite matrix by sweeping the columns in order. A column whose pivot has
    /// fallen to `tolerance` of its own diagonal depends on the columns before it (or is zero): it is left out, its row and
    /// column of the inverse are zero and `kept` says `false`. [`Error::Shape`] unless square.
    pub fn sweep_inverse(&self, tolerance: f64) -> Result<Swept, Error> {
        self.require_square()?;
        let n = self.rows;
        let mut inverse = self.clone();
        let mut kept = vec![true; n];
        for (k, keep) in kept.iter_mut().enumerate() {
            let pivot = inverse.at(k, k);
            if !pivot.is_finite() || pivot <= tolerance * self.at(k, k) || pivot <= 0.0 {
                *keep = false;
                for i in 0..n {
                    inverse.set(i, k, 0.0);
                    inverse.set(k, i, 0.0);
                }
                continue;
            }
            for j in 0..n {
                let scaled = inverse.at(k, j) / pivot;
                inverse.set(k, j, scaled);
            }
            for i in (0..n).filter(|&i| i != k) {
                let factor = inverse.at(i, k);
                for j in 0..n {
                    let change = factor * inverse.at(k, j);
                    inverse.add(i, j, -change);
                }
                inverse.set(i, k, -factor / pivot);
            }
            inverse.set(k, k, 1.0 / pivot);
        }
        inverse.symmetrise();
        Ok(Swept { inverse, kept })
    }

    pub(crate) fn symmetrise(&mut self) {
        for i in 0..self.rows {
            for j in 0..i {
                let mean = super::no_negative_zero(0.5 * (self.at(i, j) + self.at(j, i)));
                self.set(i, j, mean);
                self.set(j, i, mean);
            }
        }
    }

    pub(crate) fn require_square(&self) -> Result<(), Error> {
        if self.rows == self.columns {
            Ok(())
        } else {
            Err(Error::Shape {
                what: "square matrix",
                have: self.columns,
                need: self.rows,
            })
        }
    }
}

/// The lower Cholesky factor `C` of a positive definite matrix `A = C·C'`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    lower: Matrix,
}

impl Cholesky {
    /// The lower triangle.
    pub fn lower(&self) -> &Matrix {
        &self.lower
    }

    /// `A⁻¹ · b`; [`Error::Shape`] when the sizes differ.
    pub fn solve(&self, b: &[f64]) -> Result<Vec<f64>, Error> {
        let n = self.lower.rows();
        if b.len() != n {
            return Err(Error::Shape {
                what: "right-hand side",
                have: b.len(),
                need: n,
            });
        }
        let mut x = b.to_vec();
        for i in 0..n {
            let sum = x[i] - dot(&self.lower.row(i)[..i], &x[..i]);
            x[i] = sum / self.lower.at(i, i);
        }
        for i in (0..n).rev() {
            let mut sum = x[i];
            for (k, value) in x.iter().enumerate().skip(i + 1) {
                sum -= self.lower.at(k, i) * value;
            }
            x[i] = sum / self.lower.at(i, i);
        }
        Ok(x)
    }

    /// `A⁻¹`, symmetric, of the size of A. Errors as in [`solve`](Self::solve), whose sizes agree here.
    pub fn inverse(&self) -> Result<Matrix, Error> {
        let n = self.lower.rows();
        let mut inverse = Matrix::zeros(n, n);
        let mut unit = vec![0.0; n];
        for j in 0..n {
            unit[j] = 1.0;
            for (i, value) in self.solve(&unit)?.into_iter().enumerate() {
                inverse.set(i, j, value);
            }
            unit[j] = 0.0;
        }
        inverse.symmetrise();
        Ok(inverse)
    }
}

/// A generalised inverse, see [`Matrix::sweep_inverse`].
#[derive(Debug, Clone, PartialEq)]
pub struct Swept {
    /// The inverse on the kept columns, zero elsewhere.
    pub inverse: Matrix,
    /// Per column: `false` when it depends on earlier columns and was left out.
    pub kept: Vec<bool>,
}

/// Sum of products `Σ a_i·b_i` in order; the shorter length counts.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    // From +0, so that a sum of nothing or of negative zeros is +0.
    a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spd() -> Matrix {
        Matrix::new(3, 3, vec![4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0]).unwrap()
    }

    #[test]
    fn cholesky_solves_and_inverts() {
        let a = spd();
        let factor = a.cholesky().unwrap();
        let x = factor.solve(&[1.0, 2.0, 3.0]).unwrap();
        for (have, want) in a.multiply_vector(&x).unwrap().iter().zip([1.0, 2.0, 3.0]) {
            assert!((have - want).abs() < 1e-14);
        }
        let product = a.multiply(&factor.inverse().unwrap()).unwrap();
        let swept = a.sweep_inverse(1e-12).unwrap();
        let again = a.multiply(&swept.inverse).unwrap();
        for i in 0..3 {
            for j in 0..3 {
                let want = f64::from(u8::from(i == j));
                assert!((product.at(i, j) - want).abs() < 1e-14);
                assert!((again.at(i, j) - want).abs() < 1e-14);
            }
        }
        assert_eq!(swept.kept, [true; 3]);
    }

    #[test]
    fn an_indefinite_matrix_has_no_cholesky_factor() {
        let a = Matrix::new(2, 2, vec![1.0, 2.0, 2.0, 1.0]).unwrap();
        assert!(matches!(
            a.cholesky(),
            Err(Error::NotPositiveDefinite { .. })
        ));
        assert!(Matrix::zeros(2, 2).cholesky().is_err());
        assert!(Matrix::zeros(2, 3).cholesky().is_err());
        assert!(Matrix::new(1, 1, vec![f64::NAN]).is_err());
    }

    #[test]
    fn sweeping_leaves_out_the_column_that_depends_on_an_earlier_one() {
        let a = Matrix::new(3, 3, vec![2.0, 4.0, 0.0, 4.0, 8.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
        let swept = a.sweep_inverse(1e-12).unwrap();
        assert_eq!(swept.kept, [true, false, true]);
        assert_eq!(
            swept.inverse.data(),
            [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
        );
    }
}
