//! The kernels on the shipped data, against numbers made by an independent prototype (`goldens.md`, "Real-data numbers" and "The whole
//! pipeline on the shipped data").
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]
#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[path = "golden/table.rs"]
mod table;

use std::collections::BTreeMap;

use sigmabatch::analytics::{
    clustering, correlation, covariance,
    factors::{FactorModel, Role},
    forecast,
    joint_fit::JointFit,
    ledoit_wolf,
    linalg::Matrix,
    portfolio_returns::{self, Holding},
    regression, returns,
    risk::{self, Underlying},
    spreads,
    stress::{Shock, ShockKind, StressModel},
    stress_pnl, volatility,
};
use table::{CLOSES, STOCKS, Table, YIELDS};

fn close(have: f64, want: f64, tolerance: f64) {
    assert!(
        (have - want).abs() <= tolerance,
        "have {have:.12}, want {want:.12}"
    );
}

/// The book of the pipeline section with everything computed for it.
struct Pipeline {
    model: FactorModel,
    fits: Vec<JointFit>,
    stocks: Vec<Vec<f64>>,
    proxies: Vec<Vec<f64>>,
    end: usize,
}

const WEIGHT: f64 = 100_000.0 / 120_000.0 / 20.0;

fn pipeline() -> Pipeline {
    let table = Table::read(CLOSES);
    let treasury = Table::read(YIELDS);
    let yields: BTreeMap<&str, f64> = treasury
        .dates
        .iter()
        .map(String::as_str)
        .zip(treasury.columns["UST10Y"].iter().copied())
        .collect();
    let aligned: Vec<f64> = table
        .dates
        .iter()
        .map(|date| yields.get(date.as_str()).copied().unwrap_or(f64::NAN))
        .collect();
    let mut proxies: Vec<Vec<f64>> = ["SP500", "MTUM", "QUAL", "SIZE", "VLUE", "USMV"]
        .iter()
        .map(|name| table.returns(name))
        .collect();
    proxies.push(returns::yield_returns(&aligned, 8.8, 88.0).unwrap());
    let roles = [
        Role::Market,
        Role::Style,
        Role::Style,
        Role::Style,
        Role::Style,
        Role::Style,
        Role::Rates,
    ];
    let end = table.at("2016-12-30") + 1;
    let window: Vec<&[f64]> = proxies.iter().map(|proxy| &proxy[end - 252..end]).collect();
    let model = FactorModel::new(&roles, &window).unwrap();
    let stocks: Vec<Vec<f64>> = STOCKS.iter().map(|name| table.returns(name)).collect();
    let fits = stocks
        .iter()
        .map(|stock| model.joint_fit(&stock[end - 252..end]).unwrap())
        .collect();
    Pipeline {
        model,
        fits,
        stocks,
        proxies,
        end,
    }
}

#[test]
fn the_whole_pipeline_risk() {
    let pipeline = pipeline();
    assert_eq!(pipeline.model.sessions().len(), 248);
    let underlyings: Vec<Underlying<'_>> = (pipeline.fits.iter())
        .map(|fit| Underlying {
            weight: WEIGHT,
            betas: &fit.betas,
            specific_variance: fit.specific_variance,
        })
        .collect();
    let risk = risk::decompose(&underlyings, &pipeline.model.factor_covariance().unwrap()).unwrap();
    close(risk.betas[0], 0.8162085643, 1e-10);
    close(risk.sigma, 0.0995625975, 1e-10);
    close(risk.specific_variance.sqrt(), 0.0467938925, 1e-10);
    close(risk.systematic_share.unwrap(), 0.77910499, 1e-8);
    close(risk.contributions.iter().sum(), risk.sigma, 1e-12);
}

#[test]
fn the_whole_pipeline_volatility() {
    let pipeline = pipeline();
    let range = pipeline.end - 505..pipeline.end;
    let moves: Vec<Option<Vec<f64>>> = (range.clone())
        .map(|t| {
            pipeline.model.moves_of(
                &pipeline
                    .proxies
                    .iter()
                    .map(|proxy| proxy[t])
                    .collect::<Vec<_>>(),
            )
        })
        .collect();
    let holdings: Vec<Holding<'_>> = (pipeline.stocks.iter().zip(&pipeline.fits))
        .map(|(stock, fit)| Holding {
            weight: WEIGHT,
            returns: &stock[range.clone()],
            alpha: fit.alpha,
            betas: &fit.betas,
        })
        .collect();
    let series = portfolio_returns::portfolio_returns(&holdings, &moves).unwrap();
    assert_eq!(
        (series.filled, series.dropped, series.returns.len()),
        (0, 0, 505)
    );
    let forecast = forecast::forecast(&series.returns).unwrap();
    close(
        volatility::realised(&series.returns, 21).unwrap(),
        0.0689913768,
        1e-10,
    );
    close(
        volatility::realised(&series.returns, 63).unwrap(),
        0.0831784937,
        1e-10,
    );
    close(forecast.volatility, 0.0995587902, 1e-10);
}

#[test]
fn the_whole_pipeline_stress() {
    let pipeline = pipeline();
    let model = StressModel::of(&pipeline.model).unwrap();
    let legs = |shock: Shock| {
        let scenario = model.scenario(&[shock]).unwrap();
        let leg = |moves: &[f64]| {
            let positions: Vec<_> = pipeline
                .fits
                .iter()
                .map(|fit| {
                    (
                        WEIGHT,
                        stress_pnl::instrument_move(&fit.betas, moves).unwrap(),
                    )
                })
                .collect();
            stress_pnl::profit_and_loss(&positions).amount
        };
        (leg(&scenario.direct), leg(&scenario.propagated))
    };
    let (direct, propagated) = legs(Shock {
        factor: 0,
        kind: ShockKind::TotalReturn,
        size: -0.35,
    });
    close(direct, -0.28567300, 1e-8);
    close(propagated, -0.28567300, 1e-8);
    let rates = ShockKind::YieldChange {
        duration: 8.8,
        convexity: 88.0,
    };
    let (direct, propagated) = legs(Shock {
        factor: 6,
        kind: rates,
        size: 0.01,
    });
    close(direct, 0.00631510, 1e-8);
    close(propagated, 0.05113259, 1e-8);
}

/// Regressors of the spread section: the index, then MTUM, QUAL, SIZE, VLUE, USMV each minus the index.
fn spread_columns(table: &Table) -> (Vec<Vec<f64>>, std::ops::Range<usize>) {
    let market = table.returns("SP500");
    let mut columns = vec![market.clone()];
    for name in ["MTUM", "QUAL", "SIZE", "VLUE", "USMV"] {
        columns.push(spreads::spread(&table.returns(name), &market).unwrap());
    }
    (columns, table.at("2014-01-03")..table.at("2022-12-28") + 1)
}

#[test]
fn the_spread_regression() {
    let table = Table::read(CLOSES);
    let (columns, range) = spread_columns(&table);
    assert_eq!(range.len(), 2263);
    let columns: Vec<&[f64]> = columns
        .iter()
        .map(|column| &column[range.clone()])
        .collect();
    let fit = |name: &str, errors| {
        let y = table.returns(name);
        regression::least_squares(&columns, &y[range.clone()], None, errors).unwrap()
    };
    // Column, coefficient, HC3 error, HAC error with 5 lags.
    let apple = [
        (0, 0.968223, 0.036446, 0.037330),
        (3, -0.314210, 0.082957, 0.096454),
        (4, -0.533057, 0.071322, 0.078413),
        (5, -0.929172, 0.101357, 0.114670),
    ];
    let exxon = [
        (0, 0.896818, 0.055157, 0.051623),
        (4, 0.839577, 0.097011, 0.114226),
    ];
    for (name, r_squared, rows) in [
        ("AAPL", 0.618715, &apple[..]),
        ("XOM", 0.448398, &exxon[..]),
    ] {
        let hac = fit(name, regression::Errors::NeweyWest(5));
        let hc3 = fit(name, regression::Errors::Hc3);
        close(hac.r_squared.unwrap(), r_squared, 1e-6);
        for (at, beta, of_hc3, of_hac) in rows {
            close(hac.coefficients[*at], *beta, 1e-6);
            close(hc3.errors.coefficients[*at], *of_hc3, 1e-6);
            close(hac.errors.coefficients[*at], *of_hac, 1e-6);
        }
    }
    let last = table.at("2022-12-28") + 1;
    let market = table.returns("SP500");
    for (name, beta, r_squared) in [("AAPL", 1.306362, 0.783432), ("XOM", 0.539384, 0.137169)] {
        let y = table.returns(name);
        let window = last - 252..last;
        let fit = regression::least_squares(
            &[&market[window.clone()]],
            &y[window],
            None,
            regression::Errors::Classical,
        )
        .unwrap();
        close(fit.coefficients[0], beta, 1e-6);
        close(fit.r_squared.unwrap(), r_squared, 1e-6);
    }
}

#[test]
fn the_volatility_of_the_index() {
    let table = Table::read(CLOSES);
    let range = table.at("2014-01-02")..table.at("2022-12-28") + 1;
    let index = &table.returns("SP500")[range];
    let volatility = volatility::realised(index, index.len()).unwrap();
    close(volatility, 0.1817587918, 1e-10);
}

#[test]
fn variance_inflation_of_raw_factors_and_of_spreads() {
    let table = Table::read(CLOSES);
    let (columns, range) = spread_columns(&table);
    let spreads: Vec<&[f64]> = columns
        .iter()
        .map(|column| &column[range.clone()])
        .collect();
    let raw: Vec<Vec<f64>> = ["SP500", "QUAL", "VLUE", "USMV", "SIZE", "MTUM"]
        .iter()
        .map(|name| table.returns(name))
        .collect();
    let raw: Vec<&[f64]> = raw.iter().map(|column| &column[range.clone()]).collect();
    for (have, want) in regression::variance_inflation(&raw, None)
        .unwrap()
        .iter()
        .zip([57.7, 35.7, 9.2, 8.8, 8.6, 6.7])
    {
        close(have.unwrap(), want, 0.1);
    }
    // In the order of the columns: MKT, MTUM, QUAL, SIZE, VLUE, USMV.
    let of_spreads = regression::variance_inflation(&spreads, None).unwrap();
    for (have, want) in of_spreads.iter().zip([1.60, 1.14, 1.05, 1.30, 1.38, 1.70]) {
        close(have.unwrap(), want, 0.01);
    }
}

#[test]
fn ledoit_wolf_on_the_twenty_stocks() {
    let table = Table::read(CLOSES);
    let last = table.at("2022-12-28") + 1;
    let stocks: Vec<Vec<f64>> = STOCKS
        .iter()
        .map(|name| table.returns(name)[last - 252..last].to_vec())
        .collect();
    let slices: Vec<&[f64]> = stocks.iter().map(Vec::as_slice).collect();
    let result = ledoit_wolf::ledoit_wolf(&slices).unwrap();
    close(result.shrinkage, 0.0315081640, 1e-10);
    close(result.sample_condition().unwrap().unwrap(), 177.28, 0.01);
    close(result.condition().unwrap().unwrap(), 107.64, 0.01);
    let correlations = correlation::correlations(&slices).unwrap();
    let matrix = correlations.matrix(&correlations.complete()).unwrap();
    let clusters = clustering::clusters(&matrix).unwrap();
    // BAC and JPM are one group, CVX and XOM another.
    assert_eq!(clusters[2], clusters[8]);
    assert_eq!(clusters[4], clusters[19]);
    assert_ne!(clusters[2], clusters[4]);
}

#[test]
fn the_equal_weight_book_in_the_spread_model() {
    let table = Table::read(CLOSES);
    let (columns, range) = spread_columns(&table);
    let window = range.end - 252..range.end;
    let columns: Vec<&[f64]> = columns
        .iter()
        .map(|column| &column[window.clone()])
        .collect();
    let stocks: Vec<Vec<f64>> = STOCKS
        .iter()
        .map(|name| table.returns(name)[window.clone()].to_vec())
        .collect();
    let book: Vec<f64> = (0..252)
        .map(|t| stocks.iter().map(|stock| stock[t]).sum::<f64>() / 20.0)
        .collect();
    let fit =
        regression::least_squares(&columns, &book, None, regression::Errors::Classical).unwrap();
    // MKT, MTUM, QUAL, SIZE, VLUE, USMV.
    for (have, want) in fit
        .coefficients
        .iter()
        .zip([0.96144, 0.02305, -0.13511, -0.21137, 0.42599, 0.39909])
    {
        close(*have, want, 1e-5);
    }
    close(volatility::realised(&book, 252).unwrap(), 0.20364, 1e-5);
    // Sample covariance (ddof 1) of the regressors, residual variance with n − 7 degrees of freedom.
    let sample = covariance::covariance(&columns, 1e15, 1e15).unwrap();
    let scaled = sample
        .data()
        .iter()
        .map(|value| value * 252.0 / 251.0)
        .collect();
    let sample = Matrix::new(6, 6, scaled).unwrap();
    let fits: Vec<_> = (stocks.iter())
        .map(|stock| {
            regression::least_squares(&columns, stock, None, regression::Errors::Classical).unwrap()
        })
        .collect();
    let underlyings: Vec<Underlying<'_>> = (fits.iter())
        .map(|fit| Underlying {
            weight: 0.05,
            betas: &fit.coefficients,
            specific_variance: fit.residuals.iter().map(|value| value * value).sum::<f64>() * 252.0
                / (252.0 - 7.0),
        })
        .collect();
    let risk = risk::decompose(&underlyings, &sample).unwrap();
    close(risk.factor_variance.sqrt(), 0.19573, 1e-5);
    close(risk.specific_variance.sqrt(), 0.05335, 1e-5);
    close(risk.sigma, 0.20287, 1e-5);
    close(risk.systematic_share.unwrap(), 0.9308, 1e-4);
}
