//! Whatever goes in, no kernel panics and no result holds a NaN.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use sigmabatch::analytics::{
    clustering, correlation, covariance,
    factors::{FactorModel, Role},
    forecast,
    joint_fit::JointFit,
    ledoit_wolf,
    linalg::Matrix,
    market_beta, nearest_correlation, period,
    portfolio_returns::{self, Holding},
    returns,
    risk::{self, Underlying},
    spreads,
    stress::{Shock, ShockKind, StressModel},
    stress_pnl, volatility,
};

struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let at = self.next() * of.len() as f64;
        of.iter()
            .enumerate()
            .find(|(i, _)| at < (i + 1) as f64)
            .map(|(_, value)| *value)
            .unwrap()
    }

    /// A series of one of many kinds: ordinary, holed, constant, tiny, huge, a copy, with an infinity.
    fn series(&mut self, n: usize, others: &[Vec<f64>]) -> Vec<f64> {
        let kind = self.next();
        if kind < 0.1
            && let Some(other) = others.first()
        {
            let factor = if self.next() < 0.5 { 1.0 } else { -2.0 };
            return other.iter().map(|value| factor * value).collect();
        }
        let scale = if kind < 0.6 {
            0.01
        } else {
            self.pick(&[0.0, 1e-9, 1e-170, 1e3, 1e59, 1e-60])
        };
        let holes = self.pick(&[0.0, 0.0, 0.02, 0.5, 1.0]);
        let constant = kind > 0.95;
        let mut series: Vec<f64> = (0..n)
            .map(|_| {
                let value = scale
                    * if constant {
                        0.1
                    } else {
                        self.next() + self.next() - 1.0
                    };
                if self.next() < holes { f64::NAN } else { value }
            })
            .collect();
        if self.next() < 0.02 {
            series[n / 2] = self.pick(&[f64::INFINITY, f64::MAX, -1e300]);
        }
        series
    }
}

fn finite<'a>(what: &str, values: impl IntoIterator<Item = &'a f64>) {
    for value in values {
        assert!(value.is_finite(), "{what}: {value}");
    }
}

fn check_fit(fit: &JointFit) {
    finite("betas", &fit.betas);
    finite("errors", &fit.standard_errors);
    finite("inflation", fit.variance_inflation.iter().flatten());
    finite(
        "fit",
        [
            &fit.alpha,
            &fit.alpha_error,
            &fit.edf,
            &fit.n_eff,
            &fit.penalty,
            &fit.specific_variance,
        ],
    );
    finite("r squared", fit.r_squared.as_ref());
    assert!(fit.specific_variance >= 0.0);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one input after the other")]
fn no_input_panics_and_no_result_is_nan() {
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let (mut models, mut fits, mut scenarios) = (0, 0, 0);
    for _ in 0..1500 {
        let n = random.pick(&[1, 30, 60, 130, 252, 300]);
        let mut all: Vec<Vec<f64>> = Vec::new();
        for _ in 0..7 {
            let next = random.series(n, &all);
            all.push(next);
        }
        let slices: Vec<&[f64]> = all.iter().map(Vec::as_slice).collect();
        let market = slices[0];
        if let Ok(beta) = market_beta::market_beta(market, slices[1]) {
            finite(
                "beta",
                [
                    &beta.beta,
                    &beta.standard_error,
                    &beta.adjusted,
                    &beta.alpha,
                    &beta.n_eff,
                ],
            );
        }
        if let Ok(fit) = spreads::spreads_fit(market, &slices[1..4], slices[6]) {
            finite("spreads", &fit.betas);
            finite("spreads", &fit.standard_errors);
            finite("spreads", [&fit.market, &fit.market_error, &fit.alpha]);
        }
        let roles = [Role::Market, Role::Style, Role::Style, Role::Rates];
        if let Ok(model) = FactorModel::new(&roles, &slices[..4]) {
            models += 1;
            let covariance = model.factor_covariance().unwrap();
            finite("covariance", covariance.data());
            let joint: Vec<JointFit> = slices[3..]
                .iter()
                .filter_map(|symbol| model.joint_fit(symbol).ok())
                .collect();
            joint.iter().for_each(check_fit);
            fits += joint.len();
            let underlyings: Vec<Underlying<'_>> = (joint.iter())
                .map(|fit| Underlying {
                    weight: random.next() - 0.3,
                    betas: &fit.betas,
                    specific_variance: fit.specific_variance,
                })
                .collect();
            if let Ok(risk) = risk::decompose(&underlyings, &covariance) {
                finite("risk", &risk.contributions);
                finite("risk", &risk.factor_contributions);
                finite("risk", [&risk.sigma, &risk.specific_contribution]);
                finite(
                    "risk",
                    [
                        risk.systematic_share,
                        risk.effective_bets,
                        risk.diversification_ratio_squared,
                    ]
                    .iter()
                    .flatten(),
                );
                let sum: f64 = risk.contributions.iter().sum();
                assert!(
                    (sum - risk.sigma).abs() <= 1e-9 * risk.sigma,
                    "{sum} {}",
                    risk.sigma
                );
            }
            let stress = StressModel::of(&model);
            for shocks in [
                vec![Shock {
                    factor: 0,
                    kind: ShockKind::TotalReturn,
                    size: -0.35,
                }],
                vec![
                    Shock {
                        factor: 1,
                        kind: ShockKind::MarketRelative,
                        size: 0.1,
                    },
                    Shock {
                        factor: 3,
                        kind: ShockKind::YieldChange {
                            duration: 16.5,
                            convexity: 360.0,
                        },
                        size: 0.01,
                    },
                ],
            ] {
                if let Ok(scenario) = stress.clone().and_then(|stress| stress.scenario(&shocks)) {
                    scenarios += 1;
                    finite("scenario", &scenario.propagated);
                    finite("scenario", &scenario.direct);
                    finite(
                        "scenario",
                        [&scenario.plausibility.distance, &scenario.plausibility.tail],
                    );
                    for fit in &joint {
                        if let Ok(instrument) =
                            stress_pnl::instrument_move(&fit.betas, &scenario.propagated)
                        {
                            assert!(instrument.applied >= -1.0);
                        }
                    }
                }
            }
            let moves: Vec<Option<Vec<f64>>> = (0..n)
                .map(|t| model.moves_of(&slices[..4].iter().map(|one| one[t]).collect::<Vec<_>>()))
                .collect();
            let holdings: Vec<Holding<'_>> = (joint.iter().zip(&slices[3..]))
                .map(|(fit, returns)| Holding {
                    weight: 0.1,
                    returns,
                    alpha: fit.alpha,
                    betas: &fit.betas,
                })
                .collect();
            if let Ok(series) = portfolio_returns::portfolio_returns(&holdings, &moves) {
                finite("returns", &series.returns);
                finite(
                    "realised",
                    volatility::realised(&series.returns, 21).ok().as_ref(),
                );
                finite(
                    "forecast",
                    forecast::forecast(&series.returns)
                        .ok()
                        .map(|forecast| forecast.volatility)
                        .as_ref(),
                );
                finite(
                    "percentile",
                    volatility::percentile(&series.returns).ok().as_ref(),
                );
                finite(
                    "trend",
                    volatility::trend(&series.returns)
                        .ok()
                        .flatten()
                        .map(|trend| trend.ratio)
                        .as_ref(),
                );
            }
        }
        if let Ok(covariance) = covariance::covariance(&slices, 63.0, 126.0) {
            finite("covariance", covariance.data());
        }
        if let Ok(correlations) = correlation::correlations(&slices) {
            for pair in correlations.pairs.iter().flatten() {
                finite("pair", [&pair.rho, &pair.low, &pair.high]);
            }
            let matrix = correlations.matrix(&correlations.complete()).unwrap();
            let repaired = nearest_correlation::nearest_correlation(&matrix).unwrap();
            assert!(clustering::clusters(&repaired).is_ok());
        }
        if let Ok(result) = ledoit_wolf::ledoit_wolf(&slices) {
            finite("ledoit", result.covariance.data());
            finite("ledoit", [&result.shrinkage]);
        }
        let days: Vec<i32> = (0..).take(n).collect();
        let _ = period::period_returns(&days, market).unwrap();
        let _ = returns::total_returns(market, slices[1], slices[2]);
    }
    assert!(
        models > 50 && fits > 100 && scenarios > 50,
        "{models} {fits} {scenarios}"
    );
}

#[test]
fn random_indefinite_matrices_become_correlations() {
    let mut random = Random(77);
    for n in [2, 5, 12] {
        let mut data = vec![1.0; n * n];
        for i in 0..n {
            for j in 0..i {
                let value = 2.0 * random.next() - 1.0;
                data[i * n + j] = value;
                data[j * n + i] = value;
            }
        }
        let near =
            nearest_correlation::nearest_correlation(&Matrix::new(n, n, data).unwrap()).unwrap();
        assert!(near.symmetric_eigen().unwrap().values[0] >= -1e-12);
        assert!(near.data().iter().all(|value| value.abs() <= 1.0));
    }
}

#[test]
fn extreme_dates_do_not_overflow() {
    for days in [[i32::MIN, i32::MIN + 1], [i32::MAX - 1, i32::MAX]] {
        assert!(
            period::period_returns(&days, &[1.0, 2.0])
                .unwrap()
                .one_day
                .is_some()
        );
    }
}
