//! Risk of a portfolio from the factor model: volatility, contributions that add up, and how diversified it is.
//!
//! Weights are net exposure over NAV, one per **underlying** (stock plus its options). Entries are summed in the order given: sort
//! underlyings before.
//!
//! **Source.** Litterman 1996 (contributions by Euler's theorem), Choueifaty and Coignard 2008 (diversification ratio); effective bets have the
//! idea of Meucci 2009, with the inverse Herfindahl index in place of his entropy (design/analytics.md, Risk and Correlation).
//!
//! **NaN.** No missing values: what is not modelled is left out before, and NaN or infinite numbers are [`Error::Invalid`].

use super::{
    Error, at_least_zero,
    linalg::{Matrix, dot},
    no_negative_zero,
};

/// One underlying in the risk model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Underlying<'a> {
    /// Net exposure over NAV, signed.
    pub weight: f64,
    /// Raw betas of the joint fit, in factor order.
    pub betas: &'a [f64],
    /// Annual specific variance.
    pub specific_variance: f64,
}

/// Volatility of a portfolio and where it comes from. Annual; fractions (0.20 is 20 %).
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// `σ = √(b'Fb + Σ_u w_u²·v_u)`.
    pub sigma: f64,
    /// `b'Fb`.
    pub factor_variance: f64,
    /// `Σ_u w_u²·v_u`.
    pub specific_variance: f64,
    /// Portfolio betas `b = Σ_u w_u·β_u`.
    pub betas: Vec<f64>,
    /// Euler contribution of each factor, `b_f·(Fb)_f/σ`; with `specific_contribution` they sum to σ. All 0 when σ is 0.
    pub factor_contributions: Vec<f64>,
    /// `Σ_u w_u²·v_u/σ`.
    pub specific_contribution: f64,
    /// Marginal contribution `∂σ/∂w_u` of each underlying. A position inside an underlying contributes its own weight times this.
    pub marginals: Vec<f64>,
    /// Euler contribution `w_u·∂σ/∂w_u` of each underlying; they sum to σ.
    pub contributions: Vec<f64>,
    /// `b'Fb/σ²`, in [0, 1]; `None` when σ is 0.
    pub systematic_share: Option<f64>,
    /// Effective number of bets `1/Σ(contribution/σ)²`; `None` when σ is 0.
    pub effective_bets: Option<f64>,
    /// Squared diversification ratio `(Σ|w_u|·σ_u)²/σ²` with `σ_u² = β_u'Fβ_u + v_u`; `None` when σ is 0.
    pub diversification_ratio_squared: Option<f64>,
}

/// Splits the volatility `σ = √(b'Fb + Σ w²·v)` of `underlyings` under the annual factor covariance `f`, a row per factor. What hedges has a negative
/// contribution.
///
/// [`Error::Shape`] when betas and `f` differ in size, [`Error::Invalid`] for a number that is not finite or a negative specific variance.
/// No underlyings: σ is 0.
pub fn decompose(underlyings: &[Underlying<'_>], f: &Matrix) -> Result<Risk, Error> {
    f.require_square()?;
    let k = f.rows();
    let mut betas = vec![0.0; k];
    let mut specific_variance = 0.0;
    for underlying in underlyings {
        if underlying.betas.len() != k {
            return Err(Error::Shape {
                what: "betas",
                have: underlying.betas.len(),
                need: k,
            });
        }
        let finite =
            underlying.weight.is_finite() && underlying.betas.iter().all(|beta| beta.is_finite());
        if !(finite
            && underlying.specific_variance.is_finite()
            && underlying.specific_variance >= 0.0)
        {
            return Err(Error::Invalid {
                what: "weight, beta or specific variance",
            });
        }
        for (sum, beta) in betas.iter_mut().zip(underlying.betas) {
            *sum += underlying.weight * beta;
        }
        specific_variance += underlying.weight * underlying.weight * underlying.specific_variance;
    }
    let fb = f.multiply_vector(&betas)?;
    let invalid = Err(Error::Invalid { what: "variance" });
    let factor_variance = dot(&betas, &fb);
    if !factor_variance.is_finite() {
        return invalid;
    }
    let factor_variance = at_least_zero(factor_variance);
    let variance = factor_variance + specific_variance;
    if !variance.is_finite() {
        return invalid;
    }
    let sigma = variance.sqrt();
    let per_sigma = |value: f64| {
        if sigma > 0.0 {
            no_negative_zero(value / sigma)
        } else {
            0.0
        }
    };
    let marginals: Vec<f64> = (underlyings.iter())
        .map(|underlying| {
            per_sigma(dot(underlying.betas, &fb) + underlying.weight * underlying.specific_variance)
        })
        .collect();
    let contributions: Vec<f64> = underlyings
        .iter()
        .zip(&marginals)
        .map(|(underlying, marginal)| no_negative_zero(underlying.weight * marginal))
        .collect();
    let factor_contributions: Vec<f64> = (betas.iter().zip(&fb))
        .map(|(beta, fb)| per_sigma(beta * fb))
        .collect();
    let shares_of_sigma = contributions.iter().chain(&factor_contributions);
    if !shares_of_sigma
        .chain(&marginals)
        .all(|value| value.is_finite())
    {
        return invalid;
    }
    let mut alone = 0.0;
    for underlying in underlyings {
        let own = at_least_zero(f.quadratic(underlying.betas)?) + underlying.specific_variance;
        alone += underlying.weight.abs() * own.sqrt();
    }
    let shares: f64 = contributions
        .iter()
        .map(|contribution| contribution * contribution)
        .sum();
    let ratio = |numerator: f64, denominator: f64| {
        let ratio = numerator / denominator;
        (denominator > 0.0 && ratio.is_finite()).then_some(ratio)
    };
    Ok(Risk {
        sigma,
        factor_variance,
        specific_variance,
        factor_contributions,
        specific_contribution: per_sigma(specific_variance),
        systematic_share: ratio(factor_variance, variance),
        effective_bets: ratio(variance, shares),
        diversification_ratio_squared: ratio(alone * alone, variance),
        betas,
        marginals,
        contributions,
    })
}

/// One factor beta of a portfolio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PortfolioBeta {
    /// `Σ w·β` over the modelled weights; nothing is renormalised.
    pub beta: f64,
    /// `√Σ w²·SE²`: given the factors' returns the symbols' estimation errors are as independent as the risk model takes their specific
    /// returns to be.
    pub standard_error: f64,
    /// Modelled gross weight over gross weight, in [0, 1]; `None` without gross weight.
    pub coverage: Option<f64>,
}

/// Quantile 97.5 % of the normal distribution.
const NORMAL_CRITICAL: f64 = 1.959_963_984_540_054;

impl PortfolioBeta {
    /// Ends of the 95 % interval `β ± 1.96·SE`, free of units like β: normal, because the errors of many symbols are added.
    pub fn interval(&self) -> (f64, f64) {
        let width = NORMAL_CRITICAL * self.standard_error;
        (self.beta - width, self.beta + width)
    }
}

/// Beta of a portfolio to one factor from (signed weight over NAV, and the symbol's (beta, standard error) or `None` when it is not modelled).
///
/// [`Error::Invalid`] for a number that is not finite. A short position takes its beta with a negative sign.
pub fn portfolio_beta(positions: &[(f64, Option<(f64, f64)>)]) -> Result<PortfolioBeta, Error> {
    let (mut beta, mut variance, mut modelled, mut gross) = (0.0, 0.0, 0.0, 0.0);
    for (weight, estimate) in positions {
        gross += weight.abs();
        if let Some((own, error)) = estimate {
            beta += weight * own;
            variance += weight * weight * error * error;
            modelled += weight.abs();
        }
    }
    if !(beta.is_finite() && variance.is_finite() && gross.is_finite()) {
        return Err(Error::Invalid {
            what: "weight or beta",
        });
    }
    Ok(PortfolioBeta {
        beta,
        standard_error: variance.sqrt(),
        coverage: coverage(modelled, gross),
    })
}

/// Modelled gross over gross (one currency, or weights), in [0, 1], as modelled is a part of it; `None` without gross, or for NaN and infinite numbers.
pub fn coverage(modelled_gross: f64, gross: f64) -> Option<f64> {
    let share = modelled_gross / gross;
    (gross > 0.0 && share.is_finite()).then(|| no_negative_zero(share.clamp(0.0, 1.0)))
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
mod tests {
    use super::*;

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
    }

    #[test]
    fn g6_portfolio_beta_and_coverage() {
        let nav = 400_000.0;
        let all = [
            (300e3 / nav, Some((1.1, 0.1))),
            (200e3 / nav, Some((0.7, 0.2))),
            (-150e3 / nav, Some((1.6, 0.0))),
        ];
        let beta = portfolio_beta(&all).unwrap();
        close(beta.beta, 0.575, 1e-15);
        close(beta.coverage.unwrap(), 1.0, 1e-15);
        close(
            beta.standard_error,
            (0.075_f64.powi(2) + 0.1_f64.powi(2)).sqrt(),
            1e-15,
        );
        let (low, high) = beta.interval();
        close(low, 0.575 - 1.959_963_984_540_054 * 0.125, 1e-15);
        close(high, 0.575 + 1.959_963_984_540_054 * 0.125, 1e-15);
        let without = [all[0], (all[1].0, None), all[2]];
        let beta = portfolio_beta(&without).unwrap();
        close(beta.beta, 0.225, 1e-15);
        close(beta.coverage.unwrap(), 0.6923, 1e-4);
        assert_eq!(portfolio_beta(&[]).unwrap().coverage, None);
        assert!(portfolio_beta(&[(f64::NAN, None)]).is_err());
    }

    #[test]
    fn g7_factor_risk_and_its_contributions() {
        let f = Matrix::new(2, 2, vec![0.04, 0.002, 0.002, 0.01]).unwrap();
        let betas = [[1.2, 0.3], [0.8, -0.2], [1.0, 0.5]];
        let (weights, specific) = ([0.6, 0.5, -0.2], [0.09, 0.04, 0.0625]);
        let underlyings: Vec<Underlying<'_>> = (0..3)
            .map(|u| Underlying {
                weight: weights[u],
                betas: &betas[u],
                specific_variance: specific[u],
            })
            .collect();
        let risk = decompose(&underlyings, &f).unwrap();
        close(risk.betas[0], 0.92, 1e-15);
        close(risk.betas[1], -0.02, 1e-15);
        close(risk.factor_variance, 0.0337864, 1e-15);
        close(risk.specific_variance, 0.0449, 1e-15);
        close(risk.sigma, 0.2805109624, 1e-10);
        for (have, want) in risk
            .contributions
            .iter()
            .zip([0.2109094, 0.0874832, -0.0178817])
        {
            close(*have, want, 1e-7);
        }
        for (have, want) in risk
            .factor_contributions
            .iter()
            .zip([0.1205628, -0.0001169])
        {
            close(*have, want, 1e-7);
        }
        close(risk.contributions.iter().sum(), risk.sigma, 1e-14);
        close(
            risk.factor_contributions.iter().sum::<f64>() + risk.specific_contribution,
            risk.sigma,
            1e-14,
        );
        let mut full = 0.0; // w'(BFB' + D)w
        for u in 0..3 {
            let fb = f.multiply_vector(&betas[u]).unwrap();
            for v in 0..3 {
                let own = if u == v { specific[u] } else { 0.0 };
                full += weights[u] * weights[v] * (dot(&betas[v], &fb) + own);
            }
        }
        close(full.sqrt(), risk.sigma, 1e-15);
    }

    fn g8(weights: [f64; 3]) -> Risk {
        let (s, r) = (
            [0.2, 0.3, 0.4],
            [[1.0, 0.6, 0.5], [0.6, 1.0, 0.4], [0.5, 0.4, 1.0]],
        );
        let data = (0..9)
            .map(|at| s[at / 3] * s[at % 3] * r[at / 3][at % 3])
            .collect();
        let covariance = Matrix::new(3, 3, data).unwrap();
        let identity = Matrix::identity(3);
        let underlyings: Vec<Underlying<'_>> = (0..3)
            .map(|u| Underlying {
                weight: weights[u],
                betas: identity.row(u),
                specific_variance: 0.0,
            })
            .collect();
        decompose(&underlyings, &covariance).unwrap()
    }

    #[test]
    fn g8_euler_contributions_and_finite_differences() {
        let weights = [0.5, 0.3, -0.2];
        let risk = g8(weights);
        close(risk.sigma, 0.1467651185, 1e-10);
        for (u, (marginal, share)) in [
            (0.1553502647, 0.5292479),
            (0.2412017267, 0.4930362),
            (0.0163526594, -0.0222841),
        ]
        .into_iter()
        .enumerate()
        {
            close(risk.marginals[u], marginal, 1e-10);
            close(risk.contributions[u] / risk.sigma, share, 1e-7);
            let (mut up, mut down) = (weights, weights);
            up[u] += 1e-6;
            down[u] -= 1e-6;
            close((g8(up).sigma - g8(down).sigma) / 2e-6, marginal, 1e-6);
        }
        close(risk.contributions.iter().sum(), risk.sigma, 1e-15);
    }

    #[test]
    fn g8_diversification_of_the_long_book() {
        let risk = g8([0.5, 0.3, 0.2]);
        close(risk.sigma, 0.2214949209, 1e-10);
        close(
            risk.diversification_ratio_squared.unwrap(),
            1.4859355891,
            1e-10,
        );
        close(risk.effective_bets.unwrap(), 2.9315673085, 1e-10);
        close(risk.systematic_share.unwrap(), 1.0, 0.0);
    }

    #[test]
    fn a_book_without_risk_has_no_shares() {
        let risk = decompose(&[], &Matrix::identity(2)).unwrap();
        assert_eq!(
            (risk.sigma, risk.systematic_share, risk.effective_bets),
            (0.0, None, None)
        );
        assert_eq!(risk.diversification_ratio_squared, None);
        let bad = Underlying {
            weight: 1.0,
            betas: &[1.0],
            specific_variance: 0.0,
        };
        assert!(decompose(&[bad], &Matrix::identity(2)).is_err());
        let negative = Underlying {
            weight: 1.0,
            betas: &[1.0, 0.0],
            specific_variance: -1.0,
        };
        assert!(decompose(&[negative], &Matrix::identity(2)).is_err());
    }
}
