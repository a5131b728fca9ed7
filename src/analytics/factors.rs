//! The factor model of one date: market-neutral factors from proxy series. Symbols are fitted on it in [`super::joint_fit`].
//!
//! A [`FactorModel`] is built once per date and shared by every symbol: slopes, factor moves, weights and the Gram matrix do not depend
//! on the symbol. Factors without a series (`unavailable`) are left out by the caller before; the order of the factors given is the
//! order of every result.
//!
//! The market factor is its proxy, `f_market = P_market`; every other factor is `f_k = P_k − b_k·P_market` with `b_k` the weighted slope (with
//! intercept) of proxy k on Market over the sessions on which **every** proxy has a return. The intercept is not removed.
//!
//! **Source.** Our own definition (design/analytics.md, Factors).
//!
//! **NaN.** NaN is a hole of a proxy: the session is left out for all of them. Infinite returns are [`Error::Invalid`].

use std::borrow::Cow;

use super::{
    Error, MINIMUM_OBSERVATIONS, covariance, design::Design, linalg::Matrix,
    regression::scaled_condition, weights,
};

/// Half-life of the regression weights, in sessions.
pub const HALF_LIFE: f64 = 126.0;

/// Below this share of the proxy's variance a market-neutral factor is rounding: its proxy is a multiple of the market.
const NO_OWN_VARIANCE: f64 = 1e-20;

/// What a factor is in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The market itself; exactly one.
    Market,
    /// A style, shrunk towards 0 in the joint fit.
    Style,
    /// Interest rates, not shrunk.
    Rates,
}

/// Proxies, slopes, factor moves and regression design of one date.
#[derive(Debug, Clone, PartialEq)]
pub struct FactorModel {
    roles: Vec<Role>,
    market: usize,
    window: usize,
    sessions: Vec<usize>,
    slopes: Vec<f64>,
    proxies: Vec<f64>,
    moves: Vec<f64>,
    design: Design,
    /// Of the whole design, which symbols without holes share: it is the dearest part of a fit.
    condition: Option<f64>,
}

impl FactorModel {
    /// Builds the model from one series of proxy total returns per factor, all of the same window (252 sessions to the as-of session,
    /// oldest first, NaN = missing).
    ///
    /// [`Error::Market`] unless exactly one role is Market, [`Error::Shape`] unless there is one series per role and all have one length,
    /// [`Error::Invalid`] for an infinite return,
    /// [`Error::Insufficient`] below 60 sessions on which every proxy has a return.
    pub fn new(roles: &[Role], proxies: &[&[f64]]) -> Result<Self, Error> {
        if proxies.len() != roles.len() {
            return Err(Error::Shape {
                what: "proxies",
                have: proxies.len(),
                need: roles.len(),
            });
        }
        let found = roles.iter().filter(|role| **role == Role::Market).count();
        let market = match roles.iter().position(|role| *role == Role::Market) {
            Some(market) if found == 1 => market,
            _ => return Err(Error::Market { found }),
        };
        let sessions = covariance::common_sessions(proxies)?;
        if sessions.len() < MINIMUM_OBSERVATIONS {
            return Err(Error::Insufficient {
                have: sessions.len(),
                need: MINIMUM_OBSERVATIONS,
            });
        }
        let window = proxies[market].len();
        let ages: Vec<usize> = sessions
            .iter()
            .map(|session| window - 1 - session)
            .collect();
        let weights = weights::half_life(&ages, HALF_LIFE)?;
        let k = roles.len();
        let rows: Vec<f64> = (sessions.iter())
            .flat_map(|&session| proxies.iter().map(move |proxy| proxy[session]))
            .collect();
        let raw = Design::new(sessions.clone(), &rows, k, &weights)?;
        let gram = raw.gram();
        let slopes: Vec<f64> = (0..k)
            .map(|i| {
                if i == market || gram.at(market, market) <= 0.0 {
                    0.0
                } else {
                    gram.at(i, market) / gram.at(market, market)
                }
            })
            .collect();
        let mut moves = rows.clone();
        for row in moves.chunks_exact_mut(k) {
            let of_market = row[market];
            for (value, slope) in row.iter_mut().zip(&slopes) {
                *value -= slope * of_market;
            }
        }
        let mut design = Design::new(sessions.clone(), &moves, k, &weights)?;
        let empty: Vec<usize> = (0..k)
            .filter(|&i| i != market && design.gram().at(i, i) <= NO_OWN_VARIANCE * gram.at(i, i))
            .collect();
        if !empty.is_empty() {
            for row in moves.chunks_exact_mut(k) {
                for &i in &empty {
                    row[i] = 0.0;
                }
            }
            design = Design::new(sessions.clone(), &moves, k, &weights)?;
        }
        Ok(Self {
            condition: scaled_condition(&design)?,
            roles: roles.to_vec(),
            market,
            window,
            sessions,
            slopes,
            proxies: rows,
            moves,
            design,
        })
    }

    /// Roles in factor order.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Index of the market factor.
    pub fn market(&self) -> usize {
        self.market
    }

    /// Sessions of the window.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Positions (0 = oldest) of the sessions on which every proxy has a return.
    pub fn sessions(&self) -> &[usize] {
        &self.sessions
    }

    /// Slopes `b_k` of the proxies on the market, free of units, in factor order; 0 for the market itself, whose factor is its proxy.
    pub fn slopes(&self) -> &[f64] {
        &self.slopes
    }

    /// Variance inflation of each factor over all [`sessions`](Self::sessions); `None` for a factor without variance of its own.
    pub fn variance_inflation(&self) -> Vec<Option<f64>> {
        self.design.variance_inflation()
    }

    /// Factor moves of one session from its proxy returns (any session, with today's slopes): `f_k = P_k − b_k·P_market`. `None` when a proxy
    /// has no return there (NaN), an infinite one, or the length is wrong.
    pub fn moves_of(&self, proxies: &[f64]) -> Option<Vec<f64>> {
        if proxies.len() != self.slopes.len()
            || proxies.iter().any(|value| !super::is_number(*value))
        {
            return None;
        }
        let of_market = proxies[self.market];
        Some(
            proxies
                .iter()
                .zip(&self.slopes)
                .map(|(value, slope)| value - slope * of_market)
                .collect(),
        )
    }

    /// Annual covariance `F` of the factors, in factor order: volatility half-life 63, correlation half-life 126. Errors as in
    /// [`covariance::weighted`].
    pub fn factor_covariance(&self) -> Result<Matrix, Error> {
        covariance::weighted(
            &self.moves,
            &self.ages(),
            self.roles.len(),
            covariance::VOLATILITY_HALF_LIFE,
            covariance::CORRELATION_HALF_LIFE,
        )
    }

    /// Annual covariance `Σ` of the proxy total returns, half-life 126 for volatility and correlation, for stress tests: with it the slopes
    /// are exactly `Σ_km/Σ_mm`. Errors as in [`covariance::weighted`].
    pub fn proxy_covariance(&self) -> Result<Matrix, Error> {
        covariance::weighted(
            &self.proxies,
            &self.ages(),
            self.roles.len(),
            HALF_LIFE,
            HALF_LIFE,
        )
    }

    /// The design of a fit on the rows `used` (positions in [`sessions`](Self::sessions)); shared when all rows are.
    pub(super) fn design_of(&self, used: &[usize]) -> Result<Cow<'_, Design>, Error> {
        if used.len() == self.sessions.len() {
            return Ok(Cow::Borrowed(&self.design));
        }
        let k = self.roles.len();
        let sessions: Vec<usize> = used.iter().map(|&row| self.sessions[row]).collect();
        // The same weights: the design norms them to sum 1 over its rows.
        let weights: Vec<f64> = used.iter().map(|&row| self.design.weights()[row]).collect();
        let rows: Vec<f64> = used
            .iter()
            .flat_map(|&row| &self.moves[row * k..(row + 1) * k])
            .copied()
            .collect();
        Ok(Cow::Owned(Design::new(sessions, &rows, k, &weights)?))
    }

    /// The condition number of what [`design_of`](Self::design_of) gave.
    pub(super) fn condition_of(&self, design: &Design) -> Result<Option<f64>, Error> {
        if std::ptr::eq(design, &raw const self.design) {
            return Ok(self.condition);
        }
        scaled_condition(design)
    }

    fn ages(&self) -> Vec<usize> {
        self.sessions
            .iter()
            .map(|session| self.window - 1 - session)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{ROLES, model, proxies};
    use super::*;

    #[test]
    fn factors_are_uncorrelated_with_the_market() {
        let proxies = proxies(252);
        let model = model(&proxies);
        for k in 1..4 {
            assert!(model.design.gram().at(0, k).abs() < 1e-18);
        }
    }

    #[test]
    fn a_model_needs_one_market_and_sixty_sessions() {
        let proxies = proxies(252);
        let slices: Vec<&[f64]> = proxies.iter().map(|proxy| &proxy[..59]).collect();
        assert_eq!(
            FactorModel::new(&ROLES, &slices),
            Err(Error::Insufficient { have: 59, need: 60 })
        );
        assert_eq!(FactorModel::new(&[], &[]), Err(Error::Market { found: 0 }));
        let market = &proxies[0][..];
        let twice = FactorModel::new(&[Role::Market; 2], &[market, market]);
        assert_eq!(twice, Err(Error::Market { found: 2 }));
        assert!(FactorModel::new(&ROLES, &[market]).is_err());
    }

    #[test]
    fn moves_of_a_session_are_those_of_the_model() {
        let proxies = proxies(252);
        let model = model(&proxies);
        let row: Vec<f64> = proxies.iter().map(|proxy| proxy[9]).collect();
        let moves = model.moves_of(&row).unwrap();
        assert_eq!(moves, model.moves[9 * 4..10 * 4]);
        assert_eq!(model.moves_of(&row[1..]), None);
        assert_eq!(model.moves_of(&[f64::NAN; 4]), None);
    }
}
