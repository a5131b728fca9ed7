//! Same inputs, same bits, on every machine: the bits of a wide set of results on the shipped data are committed in `bits.csv`. A change of
//! them is a change of numbers that somebody has stored, so it is made knowingly:
//! `SIGMABATCH_BLESS=1 cargo test --test golden bits_of_the_kernels` writes them again.

use std::fmt::Write;
use std::path::Path;

use chrono::NaiveDate;
use sigmabatch::analytics::concentration::{Exposure, concentration};
use sigmabatch::analytics::factors::FactorModel;
use sigmabatch::analytics::implied_volatility::implied_volatility;
use sigmabatch::analytics::joint_fit::JointFit;
use sigmabatch::analytics::linalg::Matrix;
use sigmabatch::analytics::options::{Right, Terms};
use sigmabatch::analytics::performance::{self, Day};
use sigmabatch::analytics::portfolio_returns::{Holding, portfolio_returns};
use sigmabatch::analytics::regression::{self, Errors, Regression};
use sigmabatch::analytics::reverse_stress::{Reverse, most_plausible};
use sigmabatch::analytics::risk::{self, Underlying};
use sigmabatch::analytics::stress::{Shock, ShockKind, StressModel};
use sigmabatch::analytics::value_at_risk::{self, Confidence};
use sigmabatch::analytics::xirr::{Flow, Rate, xirr};
use sigmabatch::analytics::{
    Error, clustering, correlation, covariance, drawdown, forecast, ledoit_wolf, market_beta,
    nearest_correlation, period, returns, ridge, special, spreads, stress_pnl, var_backtest,
    volatility, weights,
};

use crate::joint_model;
use crate::table::{CLOSES, STOCKS, Table};

/// `bits.csv` as it should be: name, bits in hexadecimal, and the number for whoever reads it.
struct Bits(String);

impl Bits {
    fn put(&mut self, name: &str, value: f64) {
        writeln!(self.0, "{name},{:016x},{value:e}", value.to_bits()).unwrap();
    }

    fn some(&mut self, name: &str, value: Option<f64>) {
        self.put(name, value.unwrap_or_else(|| panic!("{name} is missing")));
    }

    fn all(&mut self, name: &str, values: impl IntoIterator<Item = f64>) {
        for (at, value) in values.into_iter().enumerate() {
            self.put(&format!("{name} {at}"), value);
        }
    }

    /// A long series as one number: its bits, folded. Holes are left out, because a NaN has many bits.
    fn folded(&mut self, name: &str, values: &[f64]) {
        let numbers = values.iter().filter(|value| !value.is_nan());
        let fold = numbers.fold(0xcbf2_9ce4_8422_2325_u64, |fold, value| {
            (fold ^ value.to_bits()).wrapping_mul(0x0000_0100_0000_01b3)
        });
        writeln!(self.0, "{name},{fold:016x},{}", values.len()).unwrap();
    }
}

/// The last 252 sessions to 2022-12-28.
fn last(table: &Table, series: &[f64]) -> Vec<f64> {
    let end = table.at("2022-12-28") + 1;
    series[end - 252..end].to_vec()
}

fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

fn series(bits: &mut Bits, table: &Table) {
    let days: Vec<i32> = (table.dates.iter())
        .map(|date| {
            let date: NaiveDate = date.parse().unwrap();
            let days = date.signed_duration_since(NaiveDate::default()).num_days();
            i32::try_from(days).unwrap()
        })
        .collect();
    for (name, closes) in &table.columns {
        let n = closes.len();
        bits.folded(&format!("returns {name}"), &table.returns(name));
        let index = returns::total_return_index(closes, &vec![1.0; n], &vec![0.0; n]).unwrap();
        bits.folded(&format!("index {name}"), &index);
        let end = table.at("2022-12-28") + 1;
        let found = period::period_returns(&days[..end], &index[..end]).unwrap();
        for (what, value) in [
            ("day", found.one_day),
            ("month to date", found.month_to_date),
            ("year to date", found.year_to_date),
            ("month", found.one_month),
            ("three months", found.three_months),
            ("year", found.one_year),
        ] {
            bits.some(&format!("{what} of {name}"), value);
        }
    }
}

fn factor_model(bits: &mut Bits, table: &Table) {
    let (model, end) = joint_model::model(table);
    bits.all("slope", model.slopes().iter().copied());
    let factors = model.factor_covariance().unwrap();
    bits.all("factor covariance", factors.data().iter().copied());
    let proxies = model.proxy_covariance().unwrap();
    bits.all("proxy covariance", proxies.data().iter().copied());
    let fits = joint_fits(bits, table, (&model, end));
    risk_of(bits, &fits, &factors);
    stress_of(bits, &fits, &model);
}

/// The stocks' returns and their fits.
fn joint_fits(
    bits: &mut Bits,
    table: &Table,
    (model, end): (&FactorModel, usize),
) -> Vec<(Vec<f64>, JointFit)> {
    let mut fits = Vec::new();
    for name in STOCKS {
        let own = table.returns(name)[end - 252..end].to_vec();
        let fit = model.joint_fit(&own).unwrap();
        bits.all(&format!("{name} beta"), fit.betas.iter().copied());
        let errors = fit.standard_errors.iter().copied();
        bits.all(&format!("{name} error"), errors);
        let inference = || fit.inference.iter();
        bits.all(&format!("{name} p"), inference().map(|of| of.p.unwrap()));
        let low = inference().map(|of| of.interval.unwrap().0);
        bits.all(&format!("{name} low"), low);
        let inflation = fit.variance_inflation.iter().map(|vif| vif.unwrap());
        bits.all(&format!("{name} inflation"), inflation);
        for (what, value) in [
            ("alpha", fit.alpha),
            ("alpha error", fit.alpha_error),
            ("edf", fit.edf),
            ("penalty", fit.penalty),
            ("specific variance", fit.specific_variance),
            ("R²", fit.r_squared.unwrap()),
            ("Durbin–Watson", fit.durbin_watson.unwrap()),
            ("condition", fit.condition.unwrap()),
        ] {
            bits.put(&format!("{name} {what}"), value);
        }
        fits.push((own, fit));
    }
    fits
}

fn risk_of(bits: &mut Bits, fits: &[(Vec<f64>, JointFit)], factors: &Matrix) {
    let underlyings: Vec<Underlying<'_>> = (fits.iter())
        .map(|(_, fit)| Underlying {
            weight: 0.04,
            betas: &fit.betas,
            specific_variance: fit.specific_variance,
        })
        .collect();
    let risk = risk::decompose(&underlyings, factors).unwrap();
    bits.put("σ", risk.sigma);
    bits.put("factor variance", risk.factor_variance);
    bits.put("specific variance", risk.specific_variance);
    bits.put("specific contribution", risk.specific_contribution);
    bits.all("factor contribution", risk.factor_contributions);
    bits.all("marginal", risk.marginals);
    bits.all("contribution", risk.contributions);
    bits.some("systematic share", risk.systematic_share);
    bits.some("effective bets", risk.effective_bets);
    let diversification = risk.diversification_ratio_squared;
    bits.some("diversification ratio²", diversification);
    let holdings: Vec<Holding<'_>> = (fits.iter())
        .map(|(own, fit)| Holding {
            weight: 0.04,
            returns: own,
            alpha: fit.alpha,
            betas: &fit.betas,
        })
        .collect();
    let moves = vec![Some(vec![0.0; 7]); 252];
    let past = portfolio_returns(&holdings, &moves).unwrap();
    bits.folded("portfolio returns", &past.returns);
}

fn stress_of(bits: &mut Bits, fits: &[(Vec<f64>, JointFit)], model: &FactorModel) {
    let stress = StressModel::of(model).unwrap();
    let rates = ShockKind::YieldChange {
        duration: 8.8,
        convexity: 88.0,
    };
    let pnl = |moves: &[f64]| -> Result<f64, Error> {
        let mut positions = Vec::new();
        for (_, fit) in fits {
            positions.push((0.04, stress_pnl::instrument_move(&fit.betas, moves)?));
        }
        Ok(stress_pnl::profit_and_loss(&positions).amount)
    };
    for (name, shocks) in [
        ("crash", vec![(0, ShockKind::TotalReturn, -0.35)]),
        ("rise of rates", vec![(6, rates, 0.01)]),
        (
            "rotation",
            vec![
                (0, ShockKind::TotalReturn, -0.1),
                (1, ShockKind::MarketRelative, -0.05),
                (6, rates, -0.005),
            ],
        ),
    ] {
        let shocks: Vec<Shock> = shocks
            .into_iter()
            .map(|(factor, kind, size)| Shock { factor, kind, size })
            .collect();
        let scenario = stress.scenario(&shocks).unwrap();
        let (direct, propagated) = (pnl(&scenario.direct), pnl(&scenario.propagated));
        bits.put(&format!("{name} direct"), direct.unwrap());
        bits.put(&format!("{name} propagated"), propagated.unwrap());
        bits.all(&format!("{name} proxies"), scenario.propagated_proxies);
        bits.put(&format!("{name} distance"), scenario.plausibility.distance);
        bits.put(&format!("{name} tail"), scenario.plausibility.tail);
    }
    let of_proxies =
        |proxies: &[f64]| -> Result<f64, Error> { pnl(&stress.factor_moves(proxies)?) };
    let reverse = most_plausible(stress.covariance(), 0.1, &[], of_proxies).unwrap();
    let Reverse::Found(found) = reverse else {
        panic!("a book of stocks can lose a tenth");
    };
    bits.all("reverse stress", found.proxies);
    bits.put("reverse stress distance", found.distance);
    bits.put("reverse stress tail", found.tail);
}

fn regressions(bits: &mut Bits, table: &Table) {
    let market = last(table, &table.returns("SP500"));
    let mut columns = vec![market.clone()];
    for name in ["MTUM", "QUAL", "SIZE", "VLUE", "USMV"] {
        let own = last(table, &table.returns(name));
        columns.push(spreads::spread(&own, &market).unwrap());
    }
    let columns = slices(&columns);
    let halving = weights::half_life(&(0..252).rev().collect::<Vec<_>>(), 126.0).unwrap();
    for name in ["AAPL", "XOM", "RRC"] {
        let own = last(table, &table.returns(name));
        for (kind, errors) in [
            ("classical", Errors::Classical),
            ("HC3", Errors::Hc3),
            ("HAC", Errors::NeweyWest(5)),
        ] {
            for (weighted, weights) in [("plain", None), ("weighted", Some(&halving[..]))] {
                let fit = regression::least_squares(&columns, &own, weights, errors).unwrap();
                regression_of(bits, &format!("{name} {kind} {weighted}"), fit);
            }
        }
        let fit = spreads::spreads_fit(&market, &columns[1..], &own).unwrap();
        bits.put(&format!("{name} spread market"), fit.market);
        bits.put(&format!("{name} spread market error"), fit.market_error);
        bits.all(&format!("{name} spread beta"), fit.betas);
        bits.all(&format!("{name} spread error"), fit.standard_errors);
        let fit = ridge::ridge(&columns, &own, 1.0).unwrap();
        bits.put(&format!("{name} ridge alpha"), fit.alpha);
        bits.all(&format!("{name} ridge"), fit.coefficients);
        let fit = market_beta::market_beta(&market, &own).unwrap();
        bits.put(&format!("{name} market beta"), fit.beta);
        bits.put(&format!("{name} market error"), fit.standard_error);
        bits.put(&format!("{name} market adjusted"), fit.adjusted);
        bits.put(&format!("{name} market alpha"), fit.alpha);
        bits.some(&format!("{name} market p"), fit.inference.p);
        bits.some(&format!("{name} market R²"), fit.r_squared);
    }
    let inflation = regression::variance_inflation(&columns, Some(&halving)).unwrap();
    bits.all("inflation", inflation.into_iter().map(Option::unwrap));
    let both = covariance::covariance(&columns, 63.0, 126.0).unwrap();
    bits.all("covariance", both.data().iter().copied());
}

fn regression_of(bits: &mut Bits, name: &str, fit: Regression) {
    bits.put(&format!("{name} alpha"), fit.alpha);
    bits.put(&format!("{name} alpha error"), fit.errors.alpha);
    bits.all(&format!("{name} coefficient"), fit.coefficients);
    bits.all(&format!("{name} error"), fit.errors.coefficients);
    let inference = || fit.inference.iter();
    bits.all(&format!("{name} t"), inference().map(|of| of.t.unwrap()));
    bits.all(&format!("{name} p"), inference().map(|of| of.p.unwrap()));
    let high = inference().map(|of| of.interval.unwrap().1);
    bits.all(&format!("{name} high"), high);
    bits.some(&format!("{name} R²"), fit.r_squared);
    bits.some(&format!("{name} Durbin–Watson"), fit.durbin_watson);
    let condition = fit.condition.map(|condition| condition.scaled);
    bits.some(&format!("{name} condition"), condition);
}

fn moments(bits: &mut Bits, table: &Table) {
    let stocks: Vec<Vec<f64>> = (STOCKS.iter())
        .map(|name| last(table, &table.returns(name)))
        .collect();
    let stocks = slices(&stocks);
    let pairs = correlation::correlations(&stocks).unwrap();
    let known = || pairs.pairs.iter().map(|pair| pair.unwrap());
    bits.all("correlation", known().map(|pair| pair.rho));
    bits.all("correlation low", known().map(|pair| pair.low));
    let p = known().map(|pair| pair.p_value().unwrap());
    bits.all("correlation p", p);
    let mean = correlation::mean_correlation(&pairs, &[0.05; 20]).unwrap();
    bits.put("mean correlation", mean.signed);
    bits.put("mean absolute correlation", mean.absolute);
    let matrix = pairs.matrix(&pairs.complete()).unwrap();
    let effective = correlation::effective_positions(&[0.05; 20], &matrix);
    bits.some("effective positions", effective);
    let clusters = clustering::clusters(&matrix).unwrap();
    bits.all("cluster", clusters.iter().map(|cluster| *cluster as f64));
    bits.all("eigenvalue", matrix.symmetric_eigen().unwrap().values);
    let broken = vec![1.0, 0.9, 0.7, 0.9, 1.0, -0.2, 0.7, -0.2, 1.0];
    let broken = Matrix::new(3, 3, broken).unwrap();
    let nearest = nearest_correlation::nearest_correlation(&broken).unwrap();
    bits.all("nearest correlation", nearest.data().iter().copied());
    let clipped = nearest_correlation::clip(&broken).unwrap();
    bits.all("clipped correlation", clipped.data().iter().copied());
    let shrunk = ledoit_wolf::ledoit_wolf(&stocks).unwrap();
    bits.put("Ledoit–Wolf", shrunk.shrinkage);
    bits.some("Ledoit–Wolf condition", shrunk.condition().unwrap());
    bits.folded("Ledoit–Wolf covariance", shrunk.covariance.data());
}

fn losses_and_volatility(bits: &mut Bits, table: &Table) {
    let end = table.at("2022-12-28") + 1;
    let range = end - 504..end;
    let all: Vec<usize> = (0..504).collect();
    for name in ["AAPL", "RRC", "SP500", "equal"] {
        let own = match name {
            "equal" => table.equal_weight(),
            _ => table.returns(name),
        };
        let own = own[range.clone()].to_vec();
        let put = |bits: &mut Bits, what: &str, value: f64| {
            bits.put(&format!("{name} {what}"), value);
        };
        let realised = volatility::realised(&own, 63).unwrap();
        put(bits, "realised", realised);
        put(bits, "EWMA", volatility::ewma(&own, 21.0).unwrap());
        put(bits, "percentile", volatility::percentile(&own).unwrap());
        let trend = volatility::trend(&own).unwrap().unwrap();
        put(bits, "trend", trend.ratio);
        let ahead = forecast::forecast(&own).unwrap();
        put(bits, "forecast", ahead.volatility);
        put(bits, "HAR", ahead.har.unwrap().0);
        let runs = value_at_risk::compounded(&own, &all, 10).unwrap();
        for confidence in Confidence::ALL {
            let tail = confidence.tail();
            for (what, loss) in [
                ("historical", value_at_risk::historical(&own, confidence)),
                ("ten sessions", value_at_risk::historical(&runs, confidence)),
                ("normal", value_at_risk::parametric(&own, confidence, 10)),
            ] {
                let loss = loss.unwrap();
                put(bits, &format!("{what} VaR {tail}"), loss.value_at_risk);
                put(bits, &format!("{what} ES {tail}"), loss.expected_shortfall);
            }
            let test = var_backtest::backtest(&own, confidence).unwrap();
            put(bits, &format!("Kupiec {tail}"), test.kupiec.p);
            put(
                bits,
                &format!("independence {tail}"),
                test.independence.statistic,
            );
            put(bits, &format!("conditional {tail}"), test.conditional.p);
        }
    }
}

fn records(bits: &mut Bits, table: &Table) {
    let range = table.at("2014-01-02")..table.at("2022-12-28") + 1;
    let benchmark = table.returns("SP500")[range.clone()].to_vec();
    for name in ["AAPL", "XOM", "RRC"] {
        let own = table.returns(name)[range.clone()].to_vec();
        let index = performance::index(&own);
        bits.folded(&format!("{name} growth"), &index);
        let annual = performance::annual(index.last().unwrap() - 1.0, 3284);
        bits.some(&format!("{name} annual"), annual);
        let falls = drawdown::drawdowns(&index).unwrap();
        bits.all(&format!("{name} fall"), falls.iter().map(|fall| fall.depth));
        let ratios = performance::ratios(&own, 0.04).unwrap();
        bits.some(&format!("{name} Sharpe"), ratios.sharpe);
        bits.some(&format!("{name} Sortino"), ratios.sortino);
        let relative = performance::relative(&own, &benchmark, 0.04).unwrap();
        bits.put(&format!("{name} tracking error"), relative.tracking_error);
        let information = relative.information_ratio;
        bits.some(&format!("{name} information ratio"), information);
        bits.some(&format!("{name} beta to the index"), relative.beta);
        bits.some(&format!("{name} alpha to the index"), relative.alpha);
    }
    let days = [(152.3, 50.0), (155.1, 0.0), (120.7, -31.0)].map(|(nav, flow)| Day { nav, flow });
    let found = performance::returns(100.0, &days).unwrap();
    bits.all("return", found.into_iter().map(Option::unwrap));
    let flows = [
        (13_879, -10_000.0),
        (13_939, 2_750.0),
        (14_182, 4_250.0),
        (14_290, 3_250.0),
        (14_335, 2_750.0),
    ];
    let flows = flows.map(|(day, amount)| Flow { day, amount });
    let Rate::One(rate) = xirr(&flows).unwrap() else {
        panic!("one rate");
    };
    bits.put("XIRR", rate);
    let exposures = [0.4, 0.3, 0.2, 0.1].map(|long| Exposure { long, short: 0.0 });
    let found = concentration(&exposures).unwrap().unwrap();
    bits.put("HHI", found.hhi);
    bits.put("effective names", found.effective_names);
}

fn options_and_distributions(bits: &mut Bits) {
    for (name, right) in [("call", Right::Call), ("put", Right::Put)] {
        for (strike, years, volatility) in [
            (105.0, 90.0 / 365.0, 0.28),
            (60.0, 2.0, 0.55),
            (140.0, 7.0 / 365.0, 0.9),
        ] {
            let terms = Terms {
                right,
                spot: 100.0,
                strike,
                years,
                rate: 0.045,
                dividend_yield: 0.01,
            };
            let have = terms.value(volatility).unwrap();
            let all = [
                have.price, have.delta, have.gamma, have.vega, have.theta, have.rho,
            ];
            bits.all(&format!("{name} {strike}"), all);
            let implied = implied_volatility(&terms, have.price).unwrap().unwrap();
            bits.put(&format!("{name} {strike} implied"), implied);
        }
    }
    for x in [-7.5, -1.96, -0.3, 0.0, 0.7, 2.5, 6.0] {
        bits.some(&format!("normal {x}"), special::normal_cdf(x));
    }
    for (x, degrees) in [(0.2, 1), (3.84, 1), (5.99, 2), (20.0, 7), (60.0, 20)] {
        let tail = special::chi_square_tail(x, degrees);
        bits.some(&format!("χ² {x} {degrees}"), tail);
    }
    for (t, degrees) in [(0.5, 3.0), (1.98, 120.7), (6.0, 245.0)] {
        let p = special::student_t_p(t, degrees);
        bits.some(&format!("Student {t} {degrees}"), p);
        let critical = special::student_t_critical(0.05, degrees);
        bits.some(&format!("critical {degrees}"), critical);
    }
}

#[test]
fn bits_of_the_kernels() {
    let table = Table::read(CLOSES);
    let mut bits = Bits("name,bits,value\n".to_owned());
    series(&mut bits, &table);
    factor_model(&mut bits, &table);
    regressions(&mut bits, &table);
    moments(&mut bits, &table);
    losses_and_volatility(&mut bits, &table);
    records(&mut bits, &table);
    options_and_distributions(&mut bits);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bits.csv");
    if std::env::var_os("SIGMABATCH_BLESS").is_some() {
        std::fs::write(&path, &bits.0).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; SIGMABATCH_BLESS=1 writes it", path.display())
    });
    let (have, want): (Vec<&str>, Vec<&str>) = (bits.0.lines().collect(), agreed.lines().collect());
    let pairs = have.iter().zip(&want);
    let other: Vec<_> = pairs.filter(|(have, want)| have != want).take(20).collect();
    assert!(other.is_empty(), "(have, agreed): {other:#?}");
    assert_eq!(have.len(), want.len(), "rows of bits.csv");
    // A wide set: every kind of kernel, thousands of bits.
    assert!(have.len() > 1_000, "{}", have.len());
}
