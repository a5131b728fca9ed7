//! The joint fit of a symbol on the factors of a date: the one model that feeds portfolio betas, risk and stress.
//!
//! **Source.** Our own definition (design/analytics.md, Factors): the ridge of Hoerl and Kennard 1970 with the errors of Newey and West 1987.
//!
//! **NaN.** NaN is a hole of the symbol: the session is left out. Infinite returns are [`Error::Invalid`].

use super::{
    Error, MINIMUM_OBSERVATIONS, SESSIONS_PER_YEAR,
    design::Fit,
    factors::{FactorModel, Role},
    inference::{Inference, StudentT, durbin_watson},
    shrinkage,
};

/// Lags of the Newey–West errors, in sessions.
pub const NEWEY_WEST_LAGS: usize = 5;

/// Prior standard deviation of a style beta: the penalty is `v/(n_eff·0.5²)`.
pub const STYLE_PRIOR_DEVIATION: f64 = 0.5;

/// A variance inflation above this is flagged.
pub const HIGH_VARIANCE_INFLATION: f64 = 10.0;

impl FactorModel {
    /// Fits a symbol: minimises `Σ w·e² + P·Σ_styles γ_k²`, Market, Rates and intercept unpenalised, over the sessions where the symbol and every
    /// proxy have a return, weights `0.5^(age/126)` with sum 1 over them. `P = v/(n_eff·0.5²)` with `v = Σw·e²·n_eff/(n_eff − edf)` of the
    /// unpenalised fit.
    ///
    /// `returns` is a series on the window of the model. [`Error::Insufficient`] below 60 common sessions, [`Error::Shape`] for
    /// another window, [`Error::Invalid`] for an infinite return. A perfect fit has v = 0, hence no penalty; a factor without
    /// variance of its own gets beta 0, one that repeats others shares their beta (styles) or gets 0, and both get the flag `collinear`.
    pub fn joint_fit(&self, returns: &[f64]) -> Result<JointFit, Error> {
        if returns.len() != self.window() {
            return Err(Error::Shape {
                what: "symbol returns",
                have: returns.len(),
                need: self.window(),
            });
        }
        if returns.iter().any(|value| super::is_beyond(*value)) {
            return Err(Error::Invalid {
                what: "symbol return",
            });
        }
        let k = self.roles().len();
        let sessions = self.sessions();
        let used: Vec<usize> = (0..sessions.len())
            .filter(|&row| !returns[sessions[row]].is_nan())
            .collect();
        let n = used.len();
        if n < MINIMUM_OBSERVATIONS {
            return Err(Error::Insufficient {
                have: n,
                need: MINIMUM_OBSERVATIONS,
            });
        }
        let y: Vec<f64> = used.iter().map(|&row| returns[sessions[row]]).collect();
        let design = self.design_of(&used)?;
        let n_eff = design.n_eff();
        let variance = |fit: &Fit| {
            fit.residual_variance(n_eff).ok_or(Error::Insufficient {
                have: n,
                need: k + 2,
            })
        };
        let target = design.target(&y)?;
        let free = design.fit_target(&target, &[])?;
        let penalty = variance(&free)? / (n_eff * STYLE_PRIOR_DEVIATION * STYLE_PRIOR_DEVIATION);
        let penalties: Vec<f64> = self
            .roles()
            .iter()
            .map(|role| if *role == Role::Style { penalty } else { 0.0 })
            .collect();
        let fit = design.fit_target(&target, &penalties)?;
        let errors = design.newey_west_errors(&fit, NEWEY_WEST_LAGS)?;
        let variance_inflation = design.variance_inflation();
        let left = n_eff - fit.freedom;
        let student = StudentT::new(left);
        let infer = |value: f64, error: f64| {
            student.map_or_else(Inference::default, |s| s.of(value, error))
        };
        Ok(JointFit {
            inference: (fit.coefficients.iter().zip(&errors.coefficients))
                .zip(design.collinear())
                .map(|((beta, error), redundant)| {
                    if redundant {
                        Inference::default()
                    } else {
                        infer(*beta, *error)
                    }
                })
                .collect(),
            alpha_inference: infer(fit.alpha, errors.alpha),
            adjusted_r_squared: (fit.r_squared())
                .map(|r_squared| 1.0 - (1.0 - r_squared) * (n_eff - 1.0) / left),
            durbin_watson: durbin_watson(&fit.residuals),
            condition: self.condition_of(&design)?,
            alpha: fit.alpha,
            specific_variance: variance(&fit)? * SESSIONS_PER_YEAR,
            r_squared: fit.r_squared(),
            edf: fit.freedom,
            n,
            n_eff,
            penalty,
            flags: (fit.coefficients.iter().zip(&variance_inflation))
                .map(|(beta, inflation)| Flags {
                    extreme: shrinkage::is_extreme(*beta),
                    collinear: inflation
                        .is_none_or(|inflation| inflation > HIGH_VARIANCE_INFLATION),
                })
                .collect(),
            betas: fit.coefficients,
            standard_errors: errors.coefficients,
            alpha_error: errors.alpha,
            variance_inflation,
        })
    }
}

/// The joint model of one symbol. Vectors are in factor order.
#[derive(Debug, Clone, PartialEq)]
pub struct JointFit {
    /// Intercept, a return per session.
    pub alpha: f64,
    /// Newey–West standard error of the intercept.
    pub alpha_error: f64,
    /// Raw coefficients γ: these, unclipped and unadjusted, feed portfolio betas, risk and stress.
    pub betas: Vec<f64>,
    /// Standard errors `(G+P)⁻¹·NW·(G+P)⁻¹`, 5 lags; 0 for a perfect fit.
    pub standard_errors: Vec<f64>,
    /// Variance inflation on the rows used; `None` for a factor that is redundant there.
    pub variance_inflation: Vec<Option<f64>>,
    /// Quality flags.
    pub flags: Vec<Flags>,
    /// Effective degrees of freedom of the penalised fit, the intercept included.
    pub edf: f64,
    /// Rows used.
    pub n: usize,
    /// `1/Σw²` over the rows used.
    pub n_eff: f64,
    /// The penalty P, in the units of `Σ w·e²`.
    pub penalty: f64,
    /// Annual residual variance of the penalised fit, `252·v` (0.04 is 20 % volatility); 0 for a perfect fit.
    pub specific_variance: f64,
    /// Weighted R² of the penalised fit; `None` for constant returns.
    pub r_squared: Option<f64>,
    /// `1 − (1 − R²)·(n_eff − 1)/(n_eff − edf)`; `None` with R².
    pub adjusted_r_squared: Option<f64>,
    /// t, p and 95 % interval of each beta by Student's t with the `n_eff − edf` degrees of freedom that v is divided by: about the shrunk
    /// coefficient, not corrected for the shrinkage. Nothing for a redundant factor.
    pub inference: Vec<Inference>,
    /// The same of the intercept.
    pub alpha_inference: Inference,
    /// Durbin–Watson of the residuals; `None` for a perfect fit.
    pub durbin_watson: Option<f64>,
    /// Condition number of the scaled design, without the penalty; `None` where a factor is redundant.
    pub condition: Option<f64>,
}

/// Quality flags of one factor in a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    /// `|β| > 5`.
    pub extreme: bool,
    /// Variance inflation above 10, or the factor is redundant.
    pub collinear: bool,
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::super::fixtures::{model, noise, proxies};
    use super::*;

    #[test]
    fn the_market_itself_has_market_beta_one_and_nothing_else() {
        let proxies = proxies(252);
        let fit = model(&proxies).joint_fit(&proxies[0]).unwrap();
        for (beta, want) in fit.betas.iter().zip([1.0, 0.0, 0.0, 0.0]) {
            assert!((beta - want).abs() < 1e-12);
        }
        assert_eq!(
            (fit.specific_variance, fit.penalty, fit.r_squared),
            (0.0, 0.0, Some(1.0))
        );
        assert!(fit.alpha.abs() < 1e-15);
        assert_eq!(fit.standard_errors, [0.0; 4]);
    }

    #[test]
    fn the_proxy_of_a_factor_has_its_slope_on_the_market_and_one_on_itself() {
        let proxies = proxies(252);
        let model = model(&proxies);
        for (k, proxy) in proxies.iter().enumerate().skip(1) {
            let fit = model.joint_fit(proxy).unwrap();
            assert!((fit.betas[0] - model.slopes()[k]).abs() < 1e-12);
            assert!((fit.betas[k] - 1.0).abs() < 1e-12);
            assert_eq!(fit.specific_variance, 0.0);
        }
    }

    #[test]
    fn a_proxy_that_copies_the_market_does_no_harm() {
        let mut proxies = proxies(252);
        proxies[1] = proxies[0].clone();
        proxies[3] = proxies[0].iter().map(|value| 3.0 * value).collect();
        let model = model(&proxies);
        let symbol: Vec<f64> = noise(9, 252, 0.01)
            .iter()
            .zip(&proxies[2])
            .map(|(own, style)| own + style)
            .collect();
        let fit = model.joint_fit(&symbol).unwrap();
        assert_eq!((fit.betas[1], fit.betas[3]), (0.0, 0.0));
        assert!(fit.flags[1].collinear && fit.flags[3].collinear && !fit.flags[2].collinear);
        assert!(fit.standard_errors.iter().all(|error| error.is_finite()));
        assert!(model.factor_covariance().is_ok());
        let same = model.joint_fit(&proxies[0]).unwrap();
        assert!((same.betas[0] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn constant_returns_have_no_beta_and_no_r_squared() {
        let proxies = proxies(252);
        let fit = model(&proxies).joint_fit(&[0.0001; 252]).unwrap();
        assert_eq!(
            (fit.betas.as_slice(), fit.r_squared, fit.specific_variance),
            ([0.0; 4].as_slice(), None, 0.0)
        );
        assert!((fit.alpha - 0.0001).abs() < 1e-18);
        let flat = vec![vec![0.0; 252]; 4];
        let fit = model(&flat).joint_fit(&proxies[0]).unwrap();
        assert_eq!(fit.betas, [0.0; 4]);
    }

    #[test]
    fn the_penalised_system_is_solved_and_only_styles_shrink() {
        let proxies = proxies(252);
        let model = model(&proxies);
        let symbol: Vec<f64> = (0..252)
            .map(|t| 1.1 * proxies[0][t] + 0.8 * proxies[1][t] + 0.4 * proxies[3][t])
            .zip(noise(11, 252, 0.02))
            .map(|(systematic, own)| systematic + own)
            .collect();
        let fit = model.joint_fit(&symbol).unwrap();
        let all: Vec<usize> = (0..252).collect();
        let design = model.design_of(&all).unwrap();
        let free = design.fit(&symbol, &[]).unwrap();
        let gram = design.gram();
        // The normal equations with the penalty: (G + P)·γ = G·γ_free.
        let right = gram.multiply_vector(&free.coefficients).unwrap();
        let mut left = gram.multiply_vector(&fit.betas).unwrap();
        left[1] += fit.penalty * fit.betas[1];
        left[2] += fit.penalty * fit.betas[2];
        for (left, right) in left.iter().zip(&right) {
            assert!((left - right).abs() < 1e-17);
        }
        assert!(fit.penalty > 0.0 && fit.edf < 5.0 && fit.edf > 3.0);
        assert!(fit.betas[1].abs() < free.coefficients[1].abs());
        assert!((fit.betas[0] - free.coefficients[0]).abs() < 1e-10);
    }

    #[test]
    fn inference_rests_on_the_errors_and_the_degrees_of_freedom_of_the_fit() {
        let proxies = proxies(252);
        let symbol: Vec<f64> = (proxies[0].iter().zip(noise(12, 252, 0.01)))
            .map(|(market, own)| 1.2 * market + own)
            .collect();
        let fit = model(&proxies).joint_fit(&symbol).unwrap();
        let left = fit.n_eff - fit.edf;
        let critical = super::super::special::student_t_critical(0.05, left).unwrap();
        for ((beta, error), own) in (fit.betas.iter())
            .zip(&fit.standard_errors)
            .zip(&fit.inference)
        {
            assert_eq!(own.t, Some(beta / error));
            let (low, high) = own.interval.unwrap();
            assert!((high - low - 2.0 * critical * error).abs() < 1e-15);
            assert_eq!(own.p.unwrap() < 0.05, low > 0.0 || high < 0.0);
        }
        assert_eq!(fit.alpha_inference.t, Some(fit.alpha / fit.alpha_error));
        let (plain, adjusted) = (fit.r_squared.unwrap(), fit.adjusted_r_squared.unwrap());
        assert!((1.0 - adjusted - (1.0 - plain) * (fit.n_eff - 1.0) / left).abs() < 1e-15);
        assert!(adjusted < plain);
        // Noise without memory: near 2.
        assert!((1.6..2.4).contains(&fit.durbin_watson.unwrap()));
        assert!((1.0..5.0).contains(&fit.condition.unwrap()));

        let own = model(&proxies).joint_fit(&proxies[0]).unwrap();
        assert_eq!((own.inference[0].t, own.durbin_watson), (None, None));
        let (low, high) = own.inference[0].interval.unwrap();
        assert_eq!((low, high), (own.betas[0], own.betas[0]));
        let mut copies = proxies.clone();
        copies[1] = copies[0].clone();
        let fit = model(&copies).joint_fit(&symbol).unwrap();
        assert_eq!(
            (fit.inference[1], fit.condition),
            (Inference::default(), None)
        );
    }

    #[test]
    fn a_missing_session_is_left_out_and_the_rest_reweighted() {
        let mut proxies = proxies(252);
        proxies[3][100] = f64::NAN;
        let model = model(&proxies);
        assert_eq!(model.sessions().len(), 251);
        let mut symbol = noise(12, 252, 0.01);
        let full = model.joint_fit(&symbol).unwrap();
        assert_eq!(full.n, 251);
        symbol[100] = 7.0; // no proxy there: not looked at
        assert_eq!(model.joint_fit(&symbol).unwrap(), full);
        symbol[101] = f64::NAN;
        symbol[102] = f64::NAN;
        let holes = model.joint_fit(&symbol).unwrap();
        assert_eq!(holes.n, 249);
        assert!(holes.n_eff < full.n_eff);
    }

    #[test]
    fn too_little_history_says_how_little() {
        let proxies = proxies(252);
        let mut symbol = noise(13, 252, 0.01);
        symbol[..193].fill(f64::NAN);
        assert_eq!(
            model(&proxies).joint_fit(&symbol),
            Err(Error::Insufficient { have: 59, need: 60 })
        );
        assert!(model(&proxies).joint_fit(&symbol[1..]).is_err());
        symbol[200] = f64::INFINITY;
        assert!(model(&proxies).joint_fit(&symbol).is_err());
    }

    #[test]
    fn scaling_the_symbol_scales_its_market_and_rates_betas() {
        let proxies = proxies(252);
        let model = model(&proxies);
        let symbol = noise(14, 252, 0.02);
        let double: Vec<f64> = symbol.iter().map(|value| 2.0 * value).collect();
        let (one, two) = (
            model.joint_fit(&symbol).unwrap(),
            model.joint_fit(&double).unwrap(),
        );
        assert!((two.betas[0] - 2.0 * one.betas[0]).abs() < 1e-12);
        assert!((two.betas[3] - 2.0 * one.betas[3]).abs() < 0.05);
        assert!((two.penalty / one.penalty - 4.0).abs() < 1e-9);
    }
}
