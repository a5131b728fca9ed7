//! Groups of symbols that move together: average linkage on the correlation distance.
//!
//! **Source.** Sokal and Michener 1958 (average linkage); the distance is that of López de Prado 2016, the cut our own (design/analytics.md, Correlation).
//!
//! **NaN.** No missing values: a correlation that is not finite is [`Error::Invalid`].

use super::{Error, at_least_zero, linalg::Matrix};

/// Clusters are joined up to this **squared** distance: 0.15 is ρ = 0.7.
pub const CUT_SQUARED: f64 = 0.15;

/// Cluster number of each symbol by average linkage on `√(½(1−ρ))`, joined while the smallest mean distance is at most √0.15.
///
/// Numbers start at 0 in the order in which the clusters first appear. Of equally close pairs the one whose first members come first is joined: pass
/// symbols sorted. The matrix has ρ in [−1, 1] off the diagonal (repaired with [`super::nearest_correlation`] if necessary);
/// [`Error::Shape`] unless square, [`Error::Invalid`] for an entry that is not finite.
pub fn clusters(correlation: &Matrix) -> Result<Vec<usize>, Error> {
    correlation.require_square()?;
    if correlation.data().iter().any(|rho| !rho.is_finite()) {
        return Err(Error::Invalid {
            what: "correlation",
        });
    }
    let n = correlation.rows();
    // Mean distances between the clusters; a cluster sits at its first member.
    let mut distances = Matrix::zeros(n, n);
    for i in 0..n {
        for j in 0..i {
            let distance = at_least_zero(0.5 * (1.0 - correlation.at(i, j))).sqrt();
            distances.set(i, j, distance);
            distances.set(j, i, distance);
        }
    }
    let mut members: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
    let mut live: Vec<usize> = (0..n).collect();
    let cut = CUT_SQUARED.sqrt();
    loop {
        let mut nearest: Option<(usize, usize, f64)> = None;
        for (at, &i) in live.iter().enumerate() {
            for &j in &live[at + 1..] {
                let distance = distances.at(i, j);
                if nearest.is_none_or(|(_, _, best)| distance < best) {
                    nearest = Some((i, j, distance));
                }
            }
        }
        let Some((i, j, _)) = nearest.filter(|(_, _, distance)| *distance <= cut) else {
            break;
        };
        let (own, other) = (members[i].len() as f64, members[j].len() as f64);
        for &k in live.iter().filter(|&&k| k != i && k != j) {
            let mean = (own * distances.at(i, k) + other * distances.at(j, k)) / (own + other);
            distances.set(i, k, mean);
            distances.set(k, i, mean);
        }
        let joined = std::mem::take(&mut members[j]);
        members[i].extend(joined);
        live.retain(|&k| k != j);
    }
    let mut numbers = vec![0; n];
    for (number, &first) in live.iter().enumerate() {
        for &member in &members[first] {
            numbers[member] = number;
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(n: usize, pairs: &[(usize, usize, f64)]) -> Matrix {
        let mut matrix = Matrix::identity(n);
        for &(i, j, rho) in pairs {
            matrix.set(i, j, rho);
            matrix.set(j, i, rho);
        }
        matrix
    }

    #[test]
    fn symbols_above_seventy_percent_join() {
        let correlation = matrix(4, &[(0, 2, 0.71), (1, 3, 0.69)]);
        assert_eq!(clusters(&correlation).unwrap(), [0, 1, 0, 2]);
        assert_eq!(clusters(&matrix(2, &[(0, 1, -0.99)])).unwrap(), [0, 1]);
        assert_eq!(clusters(&Matrix::zeros(0, 0)).unwrap(), Vec::<usize>::new());
    }

    #[test]
    fn average_linkage_does_not_chain() {
        // 1 is close to 0 and to 2, but 0 and 2 are far apart: the mean distance keeps 2 out.
        let correlation = matrix(3, &[(0, 1, 0.9), (1, 2, 0.75), (0, 2, 0.0)]);
        assert_eq!(clusters(&correlation).unwrap(), [0, 0, 1]);
    }

    #[test]
    fn ties_go_to_the_first_symbols() {
        let correlation = matrix(3, &[(0, 1, 0.8), (1, 2, 0.8), (0, 2, 0.0)]);
        assert_eq!(clusters(&correlation).unwrap(), [0, 0, 1]);
    }

    #[test]
    fn wrong_inputs_are_errors() {
        assert!(clusters(&Matrix::zeros(2, 3)).is_err());
        assert!(clusters(&matrix(2, &[(0, 1, f64::NAN)])).is_err());
    }
}
