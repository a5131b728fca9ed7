//! Ledoit–Wolf shrinkage of a covariance matrix towards a multiple of the identity: a check on the sample covariance, reported beside it.
//!
//! **Source.** Ledoit and Wolf 2004, *A well-conditioned estimator for large-dimensional covariance matrices*.
//!
//! **NaN.** No missing values: NaN and infinite returns are [`Error::Invalid`]; series with holes are the caller's to leave out.

use super::{Error, lanes, linalg::Matrix};

/// The shrunk covariance and how much it was shrunk.
#[derive(Debug, Clone, PartialEq)]
pub struct LedoitWolf {
    /// Shrinkage intensity in [0, 1]; 0 is the sample covariance.
    pub shrinkage: f64,
    /// `(1 − shrinkage)·S + shrinkage·μ·I`, per session, `S` with ddof 0 and `μ = tr S / p`.
    pub covariance: Matrix,
    /// Trace of S over p, the variance on the diagonal of the target.
    pub mean_variance: f64,
}

impl LedoitWolf {
    /// Ratio of the largest to the smallest eigenvalue of S, at least 1, free of units; `None` when S is singular, or was shrunk away. Errors as in
    /// [`Matrix::symmetric_eigen`], none for what [`ledoit_wolf`] returns.
    pub fn sample_condition(&self) -> Result<Option<f64>, Error> {
        let own = 1.0 - self.shrinkage;
        if own <= 0.0 {
            return Ok(None);
        }
        // An eigenvalue λ of S is (1 − shrinkage)·λ + shrinkage·μ of the shrunk one.
        let moved = self.shrinkage * self.mean_variance;
        condition(&self.covariance, |value| (value - moved) / own)
    }

    /// The same of the shrunk covariance. Errors as in [`sample_condition`](Self::sample_condition).
    pub fn condition(&self) -> Result<Option<f64>, Error> {
        condition(&self.covariance, |value| value)
    }
}

/// Ledoit–Wolf (2004) in the convention of scikit-learn: means removed, ddof 0, scaled-identity target.
///
/// All series have the same length and no missing value (the symbols with all returns). [`Error::Insufficient`] for fewer than two series or
/// rows: one series has nothing to be shrunk to; [`Error::Motionless`] where none of them moves, [`Error::Shape`] unless all have one length,
/// [`Error::Invalid`] for a NaN or infinite return.
pub fn ledoit_wolf(series: &[&[f64]]) -> Result<LedoitWolf, Error> {
    let p = series.len();
    let n = series.first().map_or(0, |first| first.len());
    if p.min(n) < 2 {
        return Err(Error::Insufficient {
            have: p.min(n),
            need: 2,
        });
    }
    let mut centred: Vec<Vec<f64>> = Vec::with_capacity(p);
    for one in series {
        if one.len() != n {
            return Err(Error::Shape {
                what: "series",
                have: one.len(),
                need: n,
            });
        }
        if one.iter().any(|value| !super::is_number(*value)) {
            return Err(Error::Invalid { what: "return" });
        }
        let mean = one.iter().sum::<f64>() / n as f64;
        centred.push(one.iter().map(|value| value - mean).collect());
    }
    let (rows, size) = (n as f64, p as f64);
    let mut covariance = Matrix::zeros(p, p);
    let mut products = vec![0.0; n];
    let (mut fourth, mut square) = (0.0, 0.0); // Σ (x_i²)'(x_j²), Σ (x_i'x_j)²
    for i in 0..p {
        for j in 0..=i {
            lanes::products(&mut products, &centred[i], &centred[j]);
            let (product, squares) = (lanes::sum(&products), lanes::dot(&products, &products));
            let times = if i == j { 1.0 } else { 2.0 };
            fourth += times * squares;
            square += times * product * product;
            covariance.set(i, j, product / rows);
            covariance.set(j, i, product / rows);
        }
    }
    let trace: f64 = (0..p).map(|i| covariance.at(i, i)).sum();
    if trace <= 0.0 {
        return Err(Error::Motionless {
            what: "every series",
        });
    }
    let mu = trace / size;
    let square = square / (rows * rows);
    let beta = (fourth / rows - square) / (size * rows);
    let delta = (square - 2.0 * mu * trace + size * mu * mu) / size;
    let beta = beta.min(delta);
    let shrinkage = if beta > 0.0 && delta > 0.0 {
        (beta / delta).clamp(0.0, 1.0)
    } else {
        0.0
    };
    for i in 0..p {
        for j in 0..p {
            let target = if i == j { shrinkage * mu } else { 0.0 };
            covariance.set(i, j, (1.0 - shrinkage) * covariance.at(i, j) + target);
        }
    }
    Ok(LedoitWolf {
        shrinkage,
        mean_variance: mu,
        covariance,
    })
}

fn condition(matrix: &Matrix, of: impl Fn(f64) -> f64) -> Result<Option<f64>, Error> {
    let values = matrix.symmetric_eigen()?.values;
    Ok(values
        .first()
        .zip(values.last())
        .and_then(|(smallest, largest)| {
            let (smallest, ratio) = (of(*smallest), of(*largest) / of(*smallest));
            (smallest > 0.0 && ratio < 1e15).then_some(ratio)
        }))
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::super::fixtures::noise;
    use super::*;

    #[test]
    fn g14_shrinkage_of_the_fixture() {
        let x = [
            0.010, -0.008, 0.004, 0.012, -0.015, 0.006, -0.002, 0.009, -0.011, 0.003,
        ];
        let x2 = [
            0.012, -0.006, 0.003, 0.015, -0.014, 0.004, -0.003, 0.010, -0.013, 0.005,
        ];
        let y = [
            0.014, -0.011, 0.003, 0.019, -0.020, 0.010, -0.001, 0.010, -0.017, 0.006,
        ];
        let result = ledoit_wolf(&[&x, &x2, &y]).unwrap();
        assert!((result.shrinkage - 0.1319742010).abs() < 1e-10);
        for (j, want) in [8.34116e-05, 7.27058e-05, 9.67502e-05]
            .into_iter()
            .enumerate()
        {
            assert!((result.covariance.at(0, j) - want).abs() < 1e-9);
        }
        assert!(result.covariance.cholesky().is_ok());
        let (shrunk, sample) = (result.condition(), result.sample_condition());
        assert!(shrunk.unwrap().unwrap() < sample.unwrap().unwrap());
    }

    #[test]
    fn fewer_rows_than_series_still_gives_a_positive_definite_matrix() {
        let series: Vec<Vec<f64>> = (1..=12).map(|seed| noise(seed, 8, 0.01)).collect();
        let slices: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
        let result = ledoit_wolf(&slices).unwrap();
        assert!(result.covariance.cholesky().is_ok());
        assert!((0.0..=1.0).contains(&result.shrinkage));
    }

    #[test]
    fn degenerate_inputs() {
        let still = Err(Error::Motionless {
            what: "every series",
        });
        assert_eq!(ledoit_wolf(&[&[0.5; 10], &[0.0; 10]]), still);
        let moving = noise(1, 10, 0.01);
        let alone = Err(Error::Insufficient { have: 1, need: 2 });
        assert_eq!(ledoit_wolf(&[&moving]), alone);
        assert!(ledoit_wolf(&[&moving, &[0.0; 10]]).is_ok());
        assert!(ledoit_wolf(&[]).is_err());
        assert!(ledoit_wolf(&[&[1.0, 2.0], &[1.0]]).is_err());
        assert!(ledoit_wolf(&[&[1.0, f64::NAN], &[1.0, 2.0]]).is_err());
    }
}
