//! Stress scenarios on the factor model: what the shocked proxies do to all factors, and how plausible that is.
//!
//! A scenario fixes some rows `L·P = s` of the proxy total returns P. **propagated** moves the other proxies to their conditional
//! expectation `E[P | L·P = s] = Σ·L'(L·Σ·L')⁻¹·s`; **direct** leaves every other factor `f_k` at 0, Market included. Both are reported as
//! factor moves f, ready for `Σ_f β_f·f`. [`super::stress_pnl`] turns them into profit and loss.
//!
//! **Source.** Kupiec 1998 (the other factors at their expectation given the shocks), Mahalanobis 1936 (distance); the legs and limits are our own
//! (design/analytics.md, Stress tests).
//!
//! **NaN.** No missing values: NaN and infinite numbers are [`Error::Invalid`].

use super::{
    Error, at_least_zero,
    factors::FactorModel,
    linalg::{Matrix, dot},
    no_negative_zero, returns, special,
};

/// Below this tail probability a scenario is implausible: shown, but never the "worst stress".
pub const IMPLAUSIBLE_TAIL: f64 = 1e-4;

/// What the number of a shock means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ShockKind {
    /// Total return of the factor's proxy.
    TotalReturn,
    /// Market-relative move `f_k`. On Market itself the same as a total return.
    MarketRelative,
    /// Change of the yield behind the proxy, a fraction (0.01 is +100 basis points), turned into the total return
    /// `−D·Δy + ½·C·Δy²`.
    YieldChange {
        /// Duration D in years.
        duration: f64,
        /// Convexity C in years squared.
        convexity: f64,
    },
}

/// One shock of a scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shock {
    /// Index of the factor in the model.
    pub factor: usize,
    /// What `size` means.
    pub kind: ShockKind,
    /// A fraction: −0.35 is −35 %.
    pub size: f64,
}

/// What stress tests need of the factor model of a date.
#[derive(Debug, Clone, PartialEq)]
pub struct StressModel {
    market: usize,
    slopes: Vec<f64>,
    covariance: Matrix,
}

/// Both legs of a scenario as factor moves, in factor order, and its plausibility.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Conditional expectation given the shocks (the headline).
    pub propagated: Vec<f64>,
    /// Shocked rows hold, every other factor is 0.
    pub direct: Vec<f64>,
    /// Proxy total returns of the propagated leg.
    pub propagated_proxies: Vec<f64>,
    /// How far out the shocks are.
    pub plausibility: Plausibility,
}

/// Distance of the shocks from the middle of a year's distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plausibility {
    /// Mahalanobis distance `d = √(s'(L·252Σ·L')⁻¹s)`, in annual standard deviations.
    pub distance: f64,
    /// `P(χ²_k > d²)`, k the number of shocks; 1 without shocks.
    pub tail: f64,
    /// `tail < 1e-4`.
    pub implausible: bool,
}

impl StressModel {
    /// Takes slopes and proxy covariance from the model of the date. Errors as in [`FactorModel::proxy_covariance`].
    pub fn of(model: &FactorModel) -> Result<Self, Error> {
        Self::new(
            model.market(),
            model.slopes().to_vec(),
            model.proxy_covariance()?,
        )
    }

    /// From the index of the market, slopes `b_k` (the entry of the market is not looked at) and the **annual** covariance of the proxy total
    /// returns. [`Error::Shape`] unless it is square with a row per slope, [`Error::Market`] for an index beyond them, [`Error::Invalid`] for a slope
    /// that is NaN or infinite.
    pub fn new(market: usize, slopes: Vec<f64>, covariance: Matrix) -> Result<Self, Error> {
        covariance.require_square()?;
        if slopes.len() != covariance.rows() {
            return Err(Error::Shape {
                what: "slopes",
                have: slopes.len(),
                need: covariance.rows(),
            });
        }
        if market >= slopes.len() {
            return Err(Error::Market { found: 0 });
        }
        if slopes.iter().any(|slope| !super::is_number(*slope)) {
            return Err(Error::Invalid { what: "slope" });
        }
        let mut slopes = slopes;
        slopes[market] = 0.0;
        Ok(Self {
            market,
            slopes,
            covariance,
        })
    }

    /// The annual covariance of the proxies' total returns.
    pub fn covariance(&self) -> &Matrix {
        &self.covariance
    }

    /// Moves `f_k = P_k − b_k·P_market`, fractions, under total returns of the proxies, in factor order. [`Error::Shape`] for another number of them,
    /// [`Error::Invalid`] for a return that is NaN or infinite.
    pub fn factor_moves(&self, proxies: &[f64]) -> Result<Vec<f64>, Error> {
        if proxies.len() != self.slopes.len() {
            return Err(Error::Shape {
                what: "proxies",
                have: proxies.len(),
                need: self.slopes.len(),
            });
        }
        if proxies.iter().any(|proxy| !super::is_number(*proxy)) {
            return Err(Error::Invalid {
                what: "return of a proxy",
            });
        }
        let of_market = proxies[self.market];
        let neutral = |(proxy, slope): (&f64, &f64)| no_negative_zero(proxy - slope * of_market);
        Ok(proxies.iter().zip(&self.slopes).map(neutral).collect())
    }

    /// Evaluates a scenario: `E[P | L·P = s] = Σ·L'(L·Σ·L')⁻¹·s` and what is made of it. The order of the shocks changes no bit.
    ///
    /// [`Error::UnknownFactor`], [`Error::DuplicateShock`], [`Error::Invalid`] for a size that is not finite, [`Error::YieldChange`] for a
    /// yield change at or beyond D/C, [`Error::NotPositiveDefinite`] when the shocked rows have no variance of their own.
    pub fn scenario(&self, shocks: &[Shock]) -> Result<Scenario, Error> {
        let shocks = self.resolve(shocks)?;
        let direct = self.direct(&shocks);
        let k = self.slopes.len();
        if shocks.is_empty() {
            let plausibility = Plausibility {
                distance: 0.0,
                tail: 1.0,
                implausible: false,
            };
            return Ok(Scenario {
                propagated: vec![0.0; k],
                direct,
                propagated_proxies: vec![0.0; k],
                plausibility,
            });
        }
        let rows: Vec<Vec<f64>> = shocks.iter().map(|shock| self.row(shock)).collect();
        let spread: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| self.covariance.multiply_vector(row))
            .collect::<Result<_, _>>()?; // Σ·L', a row per shock
        let mut shocked = Matrix::zeros(shocks.len(), shocks.len());
        for (i, row) in rows.iter().enumerate() {
            for (j, column) in spread.iter().enumerate() {
                shocked.set(i, j, dot(row, column));
            }
        }
        let sizes: Vec<f64> = shocks.iter().map(|shock| shock.size).collect();
        let factor = shocked.cholesky().map_err(|_| Error::NotPositiveDefinite {
            what: "covariance of the shocked rows",
        })?;
        let loads = factor.solve(&sizes)?;
        let mut proxies = vec![0.0; k];
        for (load, column) in loads.iter().zip(&spread) {
            for (proxy, value) in proxies.iter_mut().zip(column) {
                *proxy += load * value;
            }
        }
        // What the scenario fixes holds to the last bit.
        for shock in shocks.iter().filter(|shock| !shock.relative) {
            proxies[shock.factor] = shock.size;
        }
        let of_market = proxies[self.market];
        for shock in shocks.iter().filter(|shock| shock.relative) {
            proxies[shock.factor] = shock.size + self.slopes[shock.factor] * of_market;
        }
        let mut propagated: Vec<f64> = proxies
            .iter()
            .zip(&self.slopes)
            .map(|(proxy, slope)| proxy - slope * of_market)
            .collect();
        for shock in shocks.iter().filter(|shock| shock.relative) {
            propagated[shock.factor] = shock.size;
        }
        let square = dot(&sizes, &loads);
        let moves = propagated.iter().chain(&proxies).chain(&direct);
        if !square.is_finite() || moves.into_iter().any(|value| !value.is_finite()) {
            return Err(Error::Invalid { what: "distance" });
        }
        let square = at_least_zero(square);
        let tail = special::chi_square_tail(square, shocks.len())
            .ok_or(Error::Invalid { what: "distance" })?;
        let plausibility = Plausibility {
            distance: square.sqrt(),
            tail,
            implausible: tail < IMPLAUSIBLE_TAIL,
        };
        Ok(Scenario {
            propagated,
            direct,
            propagated_proxies: proxies,
            plausibility,
        })
    }

    /// Shocks as total returns or market-relative moves, in factor order.
    fn resolve(&self, shocks: &[Shock]) -> Result<Vec<Resolved>, Error> {
        let mut resolved = Vec::with_capacity(shocks.len());
        for shock in shocks {
            if shock.factor >= self.slopes.len() {
                return Err(Error::UnknownFactor {
                    index: shock.factor,
                    factors: self.slopes.len(),
                });
            }
            let size = match shock.kind {
                ShockKind::TotalReturn | ShockKind::MarketRelative => shock.size,
                ShockKind::YieldChange {
                    duration,
                    convexity,
                } => yield_shock(shock.size, duration, convexity)?,
            };
            if !super::is_number(size) {
                return Err(Error::Invalid { what: "shock" });
            }
            let relative = shock.kind == ShockKind::MarketRelative && shock.factor != self.market;
            resolved.push(Resolved {
                factor: shock.factor,
                relative,
                size: no_negative_zero(size),
            });
        }
        resolved.sort_by_key(|shock| shock.factor);
        match resolved
            .windows(2)
            .find(|pair| pair[0].factor == pair[1].factor)
        {
            Some(pair) => Err(Error::DuplicateShock {
                index: pair[0].factor,
            }),
            None => Ok(resolved),
        }
    }

    fn direct(&self, shocks: &[Resolved]) -> Vec<f64> {
        let mut moves = vec![0.0; self.slopes.len()];
        let of_market = shocks
            .iter()
            .find(|shock| shock.factor == self.market)
            .map_or(0.0, |shock| shock.size);
        for shock in shocks {
            let market_part = if shock.relative {
                0.0
            } else {
                self.slopes[shock.factor] * of_market
            };
            moves[shock.factor] = shock.size - market_part;
        }
        moves
    }

    fn row(&self, shock: &Resolved) -> Vec<f64> {
        let mut row = vec![0.0; self.slopes.len()];
        row[shock.factor] = 1.0;
        if shock.relative {
            row[self.market] = -self.slopes[shock.factor];
        }
        row
    }
}

struct Resolved {
    factor: usize,
    relative: bool,
    size: f64,
}

/// Total return of a yield change, `−D·Δy + ½·C·Δy²`. For positive convexity the curve turns upwards at D/C, so a change at or beyond it
/// is [`Error::YieldChange`]. A rise is a loss: negative. [`Error::Invalid`] for NaN and infinite numbers.
pub fn yield_shock(change: f64, duration: f64, convexity: f64) -> Result<f64, Error> {
    if !(super::is_number(change) && super::is_number(duration) && super::is_number(convexity)) {
        return Err(Error::Invalid {
            what: "yield change, duration or convexity",
        });
    }
    let limit = duration / convexity;
    if convexity > 0.0 && change >= limit {
        return Err(Error::YieldChange { change, limit });
    }
    Ok(returns::bond_return(change, duration, convexity))
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
#[expect(clippy::float_cmp, reason = "exact by construction")]
mod tests {
    use super::super::fixtures::{model, noise, proxies};
    use super::super::stress_pnl::{instrument_move, profit_and_loss};
    use super::*;

    const MARKET: usize = 0;
    const RATES: usize = 3;
    const TLT: ShockKind = ShockKind::YieldChange {
        duration: 16.5,
        convexity: 360.0,
    };

    fn total(factor: usize, size: f64) -> Shock {
        Shock {
            factor,
            kind: ShockKind::TotalReturn,
            size,
        }
    }

    fn close(have: f64, want: f64, tolerance: f64) {
        assert!((have - want).abs() <= tolerance, "have {have}, want {want}");
    }

    fn g17() -> StressModel {
        let (s, r) = (
            [0.18, 0.20, 0.12],
            [[1.0, 0.92, 0.75], [0.92, 1.0, 0.60], [0.75, 0.60, 1.0]],
        );
        let data = (0..9)
            .map(|at| s[at / 3] * s[at % 3] * r[at / 3][at % 3])
            .collect();
        let slopes = vec![0.0, 0.92 * 0.20 / 0.18, 0.75 * 0.12 / 0.18];
        StressModel::new(MARKET, slopes, Matrix::new(3, 3, data).unwrap()).unwrap()
    }

    #[test]
    fn g17_conditional_stress() {
        let one = g17().scenario(&[total(0, -0.20)]).unwrap();
        close(one.propagated_proxies[1], -0.2044444444, 1e-10);
        close(one.propagated_proxies[2], -0.1, 1e-10);
        let two = g17().scenario(&[total(2, -0.30), total(0, -0.20)]).unwrap();
        close(two.propagated_proxies[1], -0.1358730159, 1e-10);
        assert_eq!(
            (two.propagated_proxies[0], two.propagated_proxies[2]),
            (-0.20, -0.30)
        );
        close(two.plausibility.distance, 2.7538653290, 1e-10);
        assert!(!two.plausibility.implausible);
    }

    #[test]
    fn g17_properties() {
        let model = g17();
        let all = model
            .scenario(&[total(0, -0.2), total(1, -0.1), total(2, 0.05)])
            .unwrap();
        for (left, right) in all.propagated.iter().zip(&all.direct) {
            close(*left, *right, 1e-12);
        }
        let (one, two) = (
            model.scenario(&[total(1, -0.1)]).unwrap(),
            model.scenario(&[total(1, -0.2)]).unwrap(),
        );
        for (one, two) in one.propagated.iter().zip(&two.propagated) {
            close(2.0 * one, *two, 1e-15);
        }
        let apart = StressModel::new(0, vec![0.0, 0.0], Matrix::identity(2)).unwrap();
        assert_eq!(
            apart.scenario(&[total(1, -0.1)]).unwrap().propagated,
            [0.0, -0.1]
        );
    }

    #[test]
    fn g18_rates() {
        for (change, size, loss) in [
            (0.0025, -0.040125, -12_037.50),
            (0.01, -0.147, -44_100.0),
            (0.03, -0.333, -99_900.0),
        ] {
            let shock = yield_shock(change, 16.5, 360.0).unwrap();
            close(shock, size, 1e-12);
            let instrument = instrument_move(&[0.3], &[shock]).unwrap();
            close(
                profit_and_loss(&[(1_000_000.0, instrument)]).amount,
                loss,
                1e-6,
            );
        }
        assert!(matches!(
            yield_shock(16.5 / 360.0, 16.5, 360.0),
            Err(Error::YieldChange { .. })
        ));
        assert!(yield_shock(0.5, 16.5, 0.0).is_ok() && yield_shock(-1.0, 16.5, 360.0).is_ok());
        assert!(yield_shock(f64::NAN, 16.5, 360.0).is_err());
    }

    #[test]
    fn a_book_of_the_market_falls_by_the_market_shock_in_both_legs() {
        let proxies = proxies(252);
        let model = model(&proxies);
        let betas = model.joint_fit(&proxies[0]).unwrap().betas;
        let scenario = StressModel::of(&model)
            .unwrap()
            .scenario(&[total(MARKET, -0.35)])
            .unwrap();
        close(
            instrument_move(&betas, &scenario.direct).unwrap().applied,
            -0.35,
            1e-9,
        );
        close(
            instrument_move(&betas, &scenario.propagated)
                .unwrap()
                .applied,
            -0.35,
            1e-9,
        );
    }

    #[test]
    fn a_book_of_the_bond_falls_by_the_rate_shock_in_both_legs() {
        let proxies = proxies(252);
        let model = model(&proxies);
        let betas = model.joint_fit(&proxies[RATES]).unwrap().betas;
        let scenario = StressModel::of(&model)
            .unwrap()
            .scenario(&[Shock {
                factor: RATES,
                kind: TLT,
                size: 0.01,
            }])
            .unwrap();
        close(
            instrument_move(&betas, &scenario.direct).unwrap().applied,
            -0.147,
            1e-9,
        );
        close(
            instrument_move(&betas, &scenario.propagated)
                .unwrap()
                .applied,
            -0.147,
            1e-9,
        );
        assert!(scenario.propagated[MARKET].abs() > 1e-3 && scenario.direct[MARKET] == 0.0);
    }

    #[test]
    fn any_book_has_equal_legs_under_a_market_shock_alone() {
        let mut proxies = proxies(252);
        proxies[2][17] = f64::NAN;
        let model = model(&proxies);
        let betas = model.joint_fit(&noise(77, 252, 0.02)).unwrap().betas;
        let scenario = StressModel::of(&model)
            .unwrap()
            .scenario(&[total(MARKET, -0.2)])
            .unwrap();
        let (direct, propagated) = (
            instrument_move(&betas, &scenario.direct).unwrap(),
            instrument_move(&betas, &scenario.propagated).unwrap(),
        );
        close(direct.applied, propagated.applied, 1e-9);
    }

    #[test]
    fn shocking_every_factor_makes_the_legs_equal_whatever_the_kinds() {
        let proxies = proxies(252);
        let model = StressModel::of(&model(&proxies)).unwrap();
        let shocks = [
            Shock {
                factor: RATES,
                kind: TLT,
                size: -0.005,
            },
            total(0, -0.3),
            Shock {
                factor: 1,
                kind: ShockKind::MarketRelative,
                size: 0.05,
            },
            total(2, -0.4),
        ];
        let scenario = model.scenario(&shocks).unwrap();
        for (left, right) in scenario.propagated.iter().zip(&scenario.direct) {
            close(*left, *right, 1e-9);
        }
        let mut turned = shocks;
        turned.reverse();
        assert_eq!(model.scenario(&turned).unwrap(), scenario);
    }

    #[test]
    fn a_market_relative_shock_moves_its_factor_and_leaves_the_market_alone() {
        let proxies = proxies(252);
        let model = StressModel::of(&model(&proxies)).unwrap();
        let shock = Shock {
            factor: 1,
            kind: ShockKind::MarketRelative,
            size: 0.1,
        };
        let scenario = model.scenario(&[shock]).unwrap();
        assert_eq!(scenario.direct, [0.0, 0.1, 0.0, 0.0]);
        assert_eq!(scenario.propagated[1], 0.1);
        close(scenario.propagated[MARKET], 0.0, 1e-12); // f_k is uncorrelated with the market
        assert!(scenario.plausibility.tail < 0.5);
    }

    #[test]
    fn wrong_scenarios_are_errors() {
        let model = g17();
        assert_eq!(
            model.scenario(&[total(9, 0.1)]),
            Err(Error::UnknownFactor {
                index: 9,
                factors: 3
            })
        );
        assert_eq!(
            model.scenario(&[total(1, 0.1), total(1, 0.1)]),
            Err(Error::DuplicateShock { index: 1 })
        );
        assert!(model.scenario(&[total(1, f64::NAN)]).is_err());
        assert_eq!(model.scenario(&[]).unwrap().plausibility.tail, 1.0);
        let flat = StressModel::new(0, vec![0.0; 2], Matrix::zeros(2, 2)).unwrap();
        assert!(matches!(
            flat.scenario(&[total(0, -0.1)]),
            Err(Error::NotPositiveDefinite { .. })
        ));
        assert!(StressModel::new(5, vec![0.0; 2], Matrix::zeros(2, 2)).is_err());
        let far = model.scenario(&[total(0, -0.9)]).unwrap();
        assert!(far.plausibility.implausible);
    }
}
