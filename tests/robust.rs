//! Whatever goes in, no kernel panics and no result holds a NaN, an infinity or a −0.
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use sigmabatch::analytics::{
    Error, clustering, correlation, covariance, drawdown,
    factors::{FactorModel, Role},
    forecast,
    implied_volatility::implied_volatility,
    joint_fit::JointFit,
    ledoit_wolf,
    linalg::Matrix,
    market_beta, nearest_correlation,
    option_leg::Leg,
    options::{Right, Terms, Valuation},
    performance, period,
    portfolio_returns::{self, Holding},
    replay, returns,
    risk::{self, Underlying},
    shrinkage, special, spreads,
    stress::{Shock, ShockKind, StressModel},
    stress_pnl, volatility, weights,
    xirr::{Flow, Rate, xirr},
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
        assert!(
            value.is_finite() && !is_negative_zero(*value),
            "{what}: {value}"
        );
    }
}

fn is_negative_zero(value: f64) -> bool {
    value.to_bits() == (-0.0_f64).to_bits()
}

/// A series may have holes, and nothing else that is no number.
fn series(what: &str, values: &[f64]) {
    finite(what, values.iter().filter(|value| !value.is_nan()));
}

fn invalid<T: std::fmt::Debug>(result: &Result<T, Error>) {
    assert!(matches!(result, Err(Error::Invalid { .. })), "{result:?}");
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
        if let Ok(found) = period::period_returns(&days, market) {
            let all = [found.one_day, found.month_to_date, found.year_to_date];
            finite("period", all.iter().flatten());
            let all = [found.one_month, found.three_months, found.one_year];
            finite("period", all.iter().flatten());
        }
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

/// What a caller should never pass, among what it may.
const HOSTILE: [f64; 14] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.04,
    -0.3,
    1e-300,
    1e60,
    -1e60,
    f64::MAX,
    100.0,
];

fn check_value(value: &Valuation) {
    let Valuation {
        price,
        delta,
        gamma,
        vega,
        theta,
        rho,
    } = value;
    finite("option", [price, delta, gamma, vega, theta, rho]);
    assert!(*price >= 0.0);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one kernel after the other")]
fn hostile_numbers_are_refused_or_harmless() {
    let mut random = Random(0xFEED_5EED_0BAD_CAFE);
    let (mut refused, mut fine) = (0, 0);
    let mut count = |ok: bool| if ok { fine += 1 } else { refused += 1 };
    for _ in 0..20_000 {
        let mut next = || random.pick(&HOSTILE);
        let [a, b, c, d, e, f] = [next(), next(), next(), next(), next(), next()];
        let right = if a > 0.5 { Right::Call } else { Right::Put };
        let terms = Terms {
            right,
            spot: a,
            strike: b,
            years: c,
            rate: d,
            dividend_yield: e,
        };
        let value = terms.value(f);
        value.iter().for_each(check_value);
        count(value.is_ok());
        if let Ok(Ok(implied)) = implied_volatility(&terms, f) {
            finite("implied", [&implied]);
        }
        let leg = Leg {
            terms,
            volatility: 0.2,
            shares: f,
        };
        finite("exposure", leg.exposure().ok().as_ref());
        finite("profit", leg.profit(-0.3, 1.5).ok().as_ref());
        finite("calm", leg.profit(0.0, 1.0).ok().as_ref());

        let six = [a, b, c, d, e, f];
        let ones = [1.0; 6];
        for result in [
            returns::total_returns(&six, &ones, &[0.0; 6]),
            returns::total_returns(&six, &[b; 6], &[c; 6]),
            returns::total_return_index(&six, &ones, &[0.0; 6]),
            returns::total_return_index(&six, &[b; 6], &[c; 6]),
            returns::yield_returns(&six, 8.8, c),
            spreads::spread(&six, &[c; 6]),
        ] {
            count(result.is_ok());
            if let Ok(found) = result {
                series("series", &found);
            }
        }
        if six.iter().any(|value| value.is_infinite()) {
            invalid(&returns::total_returns(&six, &ones, &[0.0; 6]));
            invalid(&returns::total_return_index(&six, &ones, &[0.0; 6]));
            invalid(&returns::yield_returns(&six, 8.8, 88.0));
            invalid(&spreads::spread(&six, &ones));
            invalid(&period::period_returns(&[1, 2, 3, 4, 5, 6], &six));
        }

        finite("index", &performance::index(&six));
        finite("annual", performance::annual(a, 365).as_ref());
        finite("calmar", performance::calmar(a, b).as_ref());
        if let Ok(ratios) = performance::ratios(&six, 0.0) {
            finite("ratios", [&ratios.volatility]);
            finite("ratios", [ratios.sharpe, ratios.sortino].iter().flatten());
        }
        if let Ok(relative) = performance::relative(&six, &[f, e, d, c, b, a], 0.04) {
            finite("relative", [&relative.tracking_error]);
            let all = [relative.information_ratio, relative.beta, relative.alpha];
            finite("relative", all.iter().flatten());
        }
        if let Ok(falls) = drawdown::drawdowns(&six.map(f64::abs)) {
            finite("drawdown", falls.iter().map(|fall| &fall.depth));
        }
        let flows = [(0, a), (30, b), (365, c), (700, d)];
        let flows = flows.map(|(day, amount)| Flow { day, amount });
        if let Ok(Rate::One(rate)) = xirr(&flows) {
            finite("rate", [&rate]);
        }
        let action = replay::Action {
            split: c,
            dividend: d,
        };
        if let Ok(held) = replay::held(a, b, &[action; 6]) {
            finite("held", [&held.total, &held.price]);
        }
        if let Ok(moves) = replay::factor_moves(0, &[0.0, a], &[Some(b), Some(c)]) {
            finite("replay", moves.iter().flatten());
        }
        let covariance = Matrix::new(2, 2, vec![0.04, 0.01, 0.01, 0.09]).unwrap();
        if let Ok(model) = StressModel::new(0, vec![0.0, a], covariance.clone()) {
            if let Ok(moves) = model.factor_moves(&[b, c]) {
                finite("moves", &moves);
            }
            let shock = Shock {
                factor: 1,
                kind: ShockKind::MarketRelative,
                size: b,
            };
            if let Ok(scenario) = model.scenario(&[shock]) {
                finite("scenario", &scenario.propagated);
                finite("scenario", &scenario.direct);
                finite("scenario", &scenario.propagated_proxies);
                finite("scenario", [&scenario.plausibility.distance]);
            }
        }
        let underlyings = [[a, b], [c, d]].map(|betas| (e, betas));
        let underlyings: Vec<Underlying<'_>> = underlyings
            .iter()
            .map(|(weight, betas)| Underlying {
                weight: *weight,
                betas,
                specific_variance: f,
            })
            .collect();
        let risk = risk::decompose(&underlyings, &covariance);
        count(risk.is_ok());
        if let Ok(risk) = risk {
            finite("risk", &risk.contributions);
            finite("risk", &risk.marginals);
            finite("risk", &risk.factor_contributions);
            finite("risk", [&risk.sigma, &risk.specific_contribution]);
        }
        let positions = [(a, Some((b, c))), (d, None), (e, Some((f, 0.1)))];
        if let Ok(beta) = risk::portfolio_beta(&positions) {
            finite("beta", [&beta.beta, &beta.standard_error]);
            finite("beta", beta.coverage.as_ref());
        }
        let tails = [
            special::normal_cdf(a),
            special::chi_square_tail(a, 2),
            special::student_t_p(a, b),
            special::student_t_critical(a, b),
            special::incomplete_beta(a, b, c),
            weights::half_life_of_decay(a),
            weights::n_eff(&six),
            risk::coverage(a, b),
        ];
        finite("tail", tails.iter().flatten());
    }
    assert!(refused > 1_000 && fine > 1_000, "{refused} {fine}");
}

#[test]
fn nan_is_an_error_where_it_marks_no_hole() {
    let covariance = Matrix::new(1, 1, vec![0.04]).unwrap();
    let model = StressModel::new(0, vec![0.0], covariance).unwrap();
    invalid(&model.factor_moves(&[f64::NAN]));
    let terms = Terms {
        right: Right::Call,
        spot: 100.0,
        strike: 100.0,
        years: 0.5,
        rate: 0.04,
        dividend_yield: 0.0,
    };
    let leg = Leg {
        terms,
        volatility: 0.2,
        shares: f64::NAN,
    };
    invalid(&leg.exposure());
    invalid(&leg.profit(0.1, 1.0));
    // The discounted strike is infinite, and infinity times 0 is no price.
    let absurd = Terms {
        years: 1e3,
        rate: -1e3,
        ..terms
    };
    invalid(&absurd.value(0.2));
    // A shorter index than there are returns is how a caller sees that it ended.
    assert_eq!(performance::index(&[0.5, f64::NAN, 0.5]), [1.0, 1.5]);
    // In a series it is a hole, on both sides of which there is no return.
    let holed = returns::total_returns(&[1.0, f64::NAN, 2.0, 3.0], &[1.0; 4], &[0.0; 4]).unwrap();
    assert!(holed[..3].iter().all(|value| value.is_nan()) && holed[3] > 0.0);
}

/// Arithmetic that returns a bare number cannot refuse; it must not turn what is missing into a number either.
#[test]
fn arithmetic_on_nan_is_nan() {
    let missing = f64::NAN;
    let a_move = stress_pnl::Move {
        applied: 0.1,
        raw: 0.1,
    };
    for value in [
        shrinkage::blume(missing),
        shrinkage::vasicek(missing, 0.1, 1.0, 0.3),
        shrinkage::vasicek(1.2, missing, 1.0, 0.3),
        returns::bond_return(missing, 8.8, 88.0),
        stress_pnl::profit_and_loss(&[(missing, a_move)]).amount,
    ] {
        assert!(value.is_nan(), "{value}");
    }
}

#[test]
fn zero_has_no_sign() {
    let put = Terms {
        right: Right::Put,
        spot: 100.0,
        strike: 100.0,
        years: 0.5,
        rate: 0.04,
        dividend_yield: 0.0,
    };
    let far = Terms {
        strike: 1e-3,
        ..put
    };
    let at_expiry = Terms { years: 0.0, ..put };
    let expired = Terms {
        strike: 120.0,
        ..at_expiry
    };
    for terms in [put, far, at_expiry, expired] {
        for right in [Right::Call, Right::Put] {
            let terms = Terms { right, ..terms };
            finite("intrinsic", [&terms.intrinsic()]);
            for volatility in [0.0, 0.2] {
                check_value(&terms.value(volatility).unwrap());
                let written = Leg {
                    terms,
                    volatility,
                    shares: -100.0,
                };
                finite("exposure", [&written.exposure().unwrap()]);
                finite("profit", [&written.profit(0.0, 1.0).unwrap()]);
            }
        }
    }
    // A short position in a book that is hedged to nothing.
    let covariance = Matrix::new(1, 1, vec![0.04]).unwrap();
    let hedged = [0.5, -0.5].map(|weight| Underlying {
        weight,
        betas: &[1.0],
        specific_variance: 0.0,
    });
    let with_other = [
        Underlying {
            weight: -0.5,
            betas: &[0.0],
            specific_variance: 0.0,
        },
        hedged[0],
    ];
    for book in [&hedged[..], &with_other[..], &hedged[..0]] {
        let risk = risk::decompose(book, &covariance).unwrap();
        finite("risk", &risk.contributions);
        finite("risk", &risk.marginals);
        finite("risk", &risk.factor_contributions);
        finite("risk", [&risk.sigma, &risk.factor_variance]);
        finite(
            "risk",
            [&risk.specific_contribution, &risk.specific_variance],
        );
    }
    let model = StressModel::new(0, vec![0.0], covariance).unwrap();
    let nothing = Shock {
        factor: 0,
        kind: ShockKind::TotalReturn,
        size: -0.0,
    };
    let scenario = model.scenario(&[nothing]).unwrap();
    finite("scenario", &scenario.propagated);
    finite("scenario", &scenario.direct);
    finite("scenario", &scenario.propagated_proxies);
    finite("moves", &model.factor_moves(&[-0.0]).unwrap());
    for convexity in [88.0, 0.0, -88.0] {
        finite("bond", [&returns::bond_return(0.0, 8.8, convexity)]);
    }
    let empty = Matrix::zeros(0, 0);
    finite(
        "distance",
        nearest_correlation::distance(&empty, &empty).as_ref(),
    );
    finite("tail", special::incomplete_beta(1.0, 1.0, -0.0).as_ref());
    finite("calmar", performance::calmar(-0.0, 0.1).as_ref());
    let inverse = Matrix::identity(3).sweep_inverse(1e-10).unwrap().inverse;
    finite("inverse", inverse.data());
    let even = [(0, -100.0), (365, 100.0)].map(|(day, amount)| Flow { day, amount });
    match xirr(&even).unwrap() {
        Rate::One(rate) => finite("rate", [&rate]),
        other => panic!("{other:?}"),
    }
}
