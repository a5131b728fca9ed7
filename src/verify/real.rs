//! The real data: spread regressions, shrinkage, an equally weighted book, replays.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use std::ops::Range;

use super::shipped::STOCKS;
use super::{Error, Section, Shipped, golden, yes};
use crate::analytics::ledoit_wolf::{LedoitWolf, ledoit_wolf};
use crate::analytics::linalg::Matrix;
use crate::analytics::regression::{Errors, Regression, least_squares, variance_inflation};
use crate::analytics::risk::{Risk, Underlying, decompose};
use crate::analytics::{covariance, returns, spreads, volatility};
use crate::domain::{Calendar, TradingDate};

/// The index, then MTUM, QUAL, SIZE, VLUE, USMV each minus the index, from 2014-01-03 to 2022-12-28.
fn columns(shipped: &Shipped) -> Result<Vec<Vec<f64>>, Error> {
    let range = range(shipped)?;
    let market = shipped.closes.returns("SP500")?;
    let mut columns = vec![market[range.clone()].to_vec()];
    for name in ["MTUM", "QUAL", "SIZE", "VLUE", "USMV"] {
        let own = spreads::spread(&shipped.closes.returns(name)?, &market)?;
        columns.push(own[range.clone()].to_vec());
    }
    Ok(columns)
}

fn range(shipped: &Shipped) -> Result<Range<usize>, Error> {
    Ok(shipped.closes.at("2014-01-03")?..shipped.closes.at("2022-12-28")? + 1)
}

fn slices(columns: &[Vec<f64>]) -> Vec<&[f64]> {
    columns.iter().map(Vec::as_slice).collect()
}

/// Where the columns stand.
const MKT: usize = 0;
const SIZE: usize = 3;
const VLUE: usize = 4;
const USMV: usize = 5;

fn fit(shipped: &Shipped, name: &str) -> Result<Regression, Error> {
    let columns = columns(shipped)?;
    let y = shipped.closes.returns(name)?;
    let y = &y[range(shipped)?];
    Ok(least_squares(
        &slices(&columns),
        y,
        None,
        Errors::NeweyWest(5),
    )?)
}

/// White's errors, variant HC3.
fn hc3(shipped: &Shipped, name: &str, at: usize) -> Result<f64, Error> {
    let columns = columns(shipped)?;
    let y = shipped.closes.returns(name)?;
    let y = &y[range(shipped)?];
    let fit = least_squares(&slices(&columns), y, None, Errors::Hc3)?;
    Ok(fit.errors.coefficients[at])
}

fn beta(shipped: &Shipped, name: &str, at: usize) -> Result<f64, Error> {
    Ok(fit(shipped, name)?.coefficients[at])
}

fn error(shipped: &Shipped, name: &str, at: usize) -> Result<f64, Error> {
    Ok(fit(shipped, name)?.errors.coefficients[at])
}

fn capm(shipped: &Shipped, name: &str) -> Result<Regression, Error> {
    let last = range(shipped)?.end;
    let (x, y) = (
        shipped.closes.returns("SP500")?,
        shipped.closes.returns(name)?,
    );
    let window = last - 252..last;
    let x = &x[window.clone()];
    Ok(least_squares(&[x], &y[window], None, Errors::Classical)?)
}

fn some(value: Option<f64>) -> Result<f64, Error> {
    value.ok_or_else(|| Error::missing("the number"))
}

fn inflation(shipped: &Shipped, name: &str) -> Result<f64, Error> {
    let names = ["SP500", "QUAL", "VLUE", "USMV", "SIZE", "MTUM"];
    let range = range(shipped)?;
    let mut raw = Vec::new();
    for name in names {
        raw.push(shipped.closes.returns(name)?[range.clone()].to_vec());
    }
    let at = names.iter().position(|one| *one == name);
    let at = at.ok_or_else(|| Error::missing(name))?;
    some(variance_inflation(&slices(&raw), None)?[at])
}

fn spread_inflation(shipped: &Shipped, at: usize) -> Result<f64, Error> {
    some(variance_inflation(&slices(&columns(shipped)?), None)?[at])
}

fn last_year(shipped: &Shipped) -> Result<Vec<Vec<f64>>, Error> {
    let last = range(shipped)?.end;
    let mut stocks = Vec::new();
    for name in STOCKS {
        stocks.push(shipped.closes.returns(name)?[last - 252..last].to_vec());
    }
    Ok(stocks)
}

/// Whether the dates of the closes are the sessions of the exchange, from the first to the last of them.
fn are_sessions(shipped: &Shipped) -> Result<f64, Error> {
    let dates = &shipped.closes.dates;
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else {
        return Err(Error::missing("a date"));
    };
    let sessions = Calendar::nyse().sessions(*first, *last);
    let sessions = sessions.map_err(Error::other)?;
    Ok(yes(sessions
        .into_iter()
        .map(TradingDate::date)
        .eq(dates.iter().copied())))
}

fn shrunk(shipped: &Shipped) -> Result<LedoitWolf, Error> {
    Ok(ledoit_wolf(&slices(&last_year(shipped)?))?)
}

pub(super) const SPREADS: Section = Section {
    name: "real data",
    about: "spread regressions over 2014 to 2022, VIF, CAPM, Ledoit–Wolf",
    goldens: &[
        golden(
            "rows are the sessions, and all of them",
            1.0,
            0.0,
            are_sessions,
        ),
        golden("returns", 2263.0, 0.0, |s| Ok(range(s)?.len() as f64)),
        golden("AAPL R²", 0.618715, 1e-6, |s| {
            some(fit(s, "AAPL")?.r_squared)
        }),
        golden("AAPL MKT", 0.968223, 1e-6, |s| beta(s, "AAPL", MKT)),
        golden("AAPL MKT, error", 0.037330, 1e-6, |s| error(s, "AAPL", MKT)),
        golden("AAPL SIZE", -0.314210, 1e-6, |s| beta(s, "AAPL", SIZE)),
        golden("AAPL SIZE, error", 0.096454, 1e-6, |s| {
            error(s, "AAPL", SIZE)
        }),
        golden("AAPL VLUE", -0.533057, 1e-6, |s| beta(s, "AAPL", VLUE)),
        golden("AAPL VLUE, error", 0.078413, 1e-6, |s| {
            error(s, "AAPL", VLUE)
        }),
        golden("AAPL USMV", -0.929172, 1e-6, |s| beta(s, "AAPL", USMV)),
        golden("AAPL USMV, error", 0.114670, 1e-6, |s| {
            error(s, "AAPL", USMV)
        }),
        golden("AAPL CAPM", 1.306362, 1e-6, |s| {
            Ok(capm(s, "AAPL")?.coefficients[0])
        }),
        golden("AAPL CAPM R²", 0.783432, 1e-6, |s| {
            some(capm(s, "AAPL")?.r_squared)
        }),
        golden("XOM R²", 0.448398, 1e-6, |s| {
            some(fit(s, "XOM")?.r_squared)
        }),
        golden("XOM MKT", 0.896818, 1e-6, |s| beta(s, "XOM", MKT)),
        golden("XOM MKT, error", 0.051623, 1e-6, |s| error(s, "XOM", MKT)),
        golden("XOM VLUE", 0.839577, 1e-6, |s| beta(s, "XOM", VLUE)),
        golden("XOM VLUE, error", 0.114226, 1e-6, |s| error(s, "XOM", VLUE)),
        golden("AAPL MKT, HC3 error", 0.036446, 1e-6, |s| {
            hc3(s, "AAPL", MKT)
        }),
        golden("AAPL SIZE, HC3 error", 0.082957, 1e-6, |s| {
            hc3(s, "AAPL", SIZE)
        }),
        golden("AAPL VLUE, HC3 error", 0.071322, 1e-6, |s| {
            hc3(s, "AAPL", VLUE)
        }),
        golden("AAPL USMV, HC3 error", 0.101357, 1e-6, |s| {
            hc3(s, "AAPL", USMV)
        }),
        golden("XOM MKT, HC3 error", 0.055157, 1e-6, |s| hc3(s, "XOM", MKT)),
        golden("XOM VLUE, HC3 error", 0.097011, 1e-6, |s| {
            hc3(s, "XOM", VLUE)
        }),
        golden("XOM CAPM", 0.539384, 1e-6, |s| {
            Ok(capm(s, "XOM")?.coefficients[0])
        }),
        golden("XOM CAPM R²", 0.137169, 1e-6, |s| {
            some(capm(s, "XOM")?.r_squared)
        }),
        golden("VIF of SP500", 57.7, 0.1, |s| inflation(s, "SP500")),
        golden("VIF of QUAL", 35.7, 0.1, |s| inflation(s, "QUAL")),
        golden("VIF of VLUE", 9.2, 0.1, |s| inflation(s, "VLUE")),
        golden("VIF of USMV", 8.8, 0.1, |s| inflation(s, "USMV")),
        golden("VIF of SIZE", 8.6, 0.1, |s| inflation(s, "SIZE")),
        golden("VIF of MTUM", 6.7, 0.1, |s| inflation(s, "MTUM")),
        golden("VIF of MKT among spreads", 1.60, 0.01, |s| {
            spread_inflation(s, MKT)
        }),
        golden("VIF of spread MTUM", 1.14, 0.01, |s| spread_inflation(s, 1)),
        golden("VIF of spread QUAL", 1.05, 0.01, |s| spread_inflation(s, 2)),
        golden("VIF of spread SIZE", 1.30, 0.01, |s| {
            spread_inflation(s, SIZE)
        }),
        golden("VIF of spread VLUE", 1.38, 0.01, |s| {
            spread_inflation(s, VLUE)
        }),
        golden("VIF of spread USMV", 1.70, 0.01, |s| {
            spread_inflation(s, USMV)
        }),
        golden("Ledoit–Wolf intensity", 0.0315081640, 1e-10, |s| {
            Ok(shrunk(s)?.shrinkage)
        }),
        golden("condition number, sample", 177.28, 0.01, |s| {
            some(shrunk(s)?.sample_condition()?)
        }),
        golden("condition number, shrunk", 107.64, 0.01, |s| {
            some(shrunk(s)?.condition()?)
        }),
    ],
};

fn book(shipped: &Shipped) -> Result<Vec<f64>, Error> {
    let stocks = last_year(shipped)?;
    let mean = |t: usize| stocks.iter().map(|stock| stock[t]).sum::<f64>() / 20.0;
    Ok((0..252).map(mean).collect())
}

fn year_columns(shipped: &Shipped) -> Result<Vec<Vec<f64>>, Error> {
    let columns = columns(shipped)?;
    let tail = |column: &Vec<f64>| column[column.len() - 252..].to_vec();
    Ok(columns.iter().map(tail).collect())
}

fn book_beta(shipped: &Shipped, at: usize) -> Result<f64, Error> {
    let columns = year_columns(shipped)?;
    let fit = least_squares(&slices(&columns), &book(shipped)?, None, Errors::Classical)?;
    Ok(fit.coefficients[at])
}

/// Sample covariance (ddof 1) of the regressors, residual variances with n − 7 degrees of freedom.
fn book_risk(shipped: &Shipped) -> Result<Risk, Error> {
    let columns = year_columns(shipped)?;
    let sample = covariance::covariance(&slices(&columns), 1e15, 1e15)?;
    let scaled = sample.data().iter().map(|value| value * 252.0 / 251.0);
    let sample = Matrix::new(6, 6, scaled.collect())?;
    let mut fits = Vec::new();
    for stock in last_year(shipped)? {
        fits.push(least_squares(
            &slices(&columns),
            &stock,
            None,
            Errors::Classical,
        )?);
    }
    let underlyings: Vec<Underlying<'_>> = fits
        .iter()
        .map(|fit| Underlying {
            weight: 0.05,
            betas: &fit.coefficients,
            specific_variance: fit.residuals.iter().map(|e| e * e).sum::<f64>() * 252.0
                / (252.0 - 7.0),
        })
        .collect();
    Ok(decompose(&underlyings, &sample)?)
}

pub(super) const EQUAL_WEIGHT: Section = Section {
    name: "equal weight",
    about: "the 20 stocks over 252 sessions to 2022-12-28 in the spread model",
    goldens: &[
        golden("MKT", 0.96144, 1e-5, |s| book_beta(s, MKT)),
        golden("MTUM", 0.02305, 1e-5, |s| book_beta(s, 1)),
        golden("QUAL", -0.13511, 1e-5, |s| book_beta(s, 2)),
        golden("SIZE", -0.21137, 1e-5, |s| book_beta(s, SIZE)),
        golden("VLUE", 0.42599, 1e-5, |s| book_beta(s, VLUE)),
        golden("USMV", 0.39909, 1e-5, |s| book_beta(s, USMV)),
        golden("factor volatility", 0.19573, 1e-5, |s| {
            Ok(book_risk(s)?.factor_variance.sqrt())
        }),
        golden("specific volatility", 0.05335, 1e-5, |s| {
            Ok(book_risk(s)?.specific_variance.sqrt())
        }),
        golden("total volatility", 0.20287, 1e-5, |s| {
            Ok(book_risk(s)?.sigma)
        }),
        golden("realised", 0.20364, 1e-5, |s| {
            Ok(volatility::realised(&book(s)?, 252)?)
        }),
        golden("systematic share", 0.9308, 1e-4, |s| {
            some(book_risk(s)?.systematic_share)
        }),
    ],
};

/// Return over a span of sessions, bought at the first close and held.
fn held(shipped: &Shipped, name: &str, from: &str, to: &str) -> Result<f64, Error> {
    let closes = shipped.closes.column(name)?;
    let span = &closes[shipped.closes.at(from)?..=shipped.closes.at(to)?];
    let n = span.len();
    let index = returns::total_return_index(span, &vec![1.0; n], &vec![0.0; n])?;
    Ok(index[n - 1] - 1.0)
}

fn book_held(shipped: &Shipped, from: &str, to: &str) -> Result<f64, Error> {
    let mut sum = 0.0;
    for name in STOCKS {
        sum += held(shipped, name, from, to)?;
    }
    Ok(sum / 20.0)
}

const Q4: (&str, &str) = ("2018-09-20", "2018-12-24");
const COVID: (&str, &str) = ("2020-02-19", "2020-03-23");
const RATES: (&str, &str) = ("2022-01-03", "2022-10-12");

pub(super) const REPLAY: Section = Section {
    name: "replay",
    about: "the index, and crises bought and held",
    goldens: &[
        golden("S&P 500 volatility", 0.1817587918, 1e-10, |s| {
            let returns = s.closes.returns("SP500")?;
            let from = s.closes.at("2014-01-02")?;
            let returns = &returns[from..range(s)?.end];
            Ok(volatility::realised(returns, returns.len())?)
        }),
        golden("2018 Q4, equal weight", -0.1902, 1e-4, |s| {
            book_held(s, Q4.0, Q4.1)
        }),
        golden("2018 Q4, index", -0.1978, 1e-4, |s| {
            held(s, "SP500", Q4.0, Q4.1)
        }),
        golden("COVID, equal weight", -0.3124, 1e-4, |s| {
            book_held(s, COVID.0, COVID.1)
        }),
        golden("COVID, index", -0.3392, 1e-4, |s| {
            held(s, "SP500", COVID.0, COVID.1)
        }),
        golden("2022, equal weight", -0.0788, 1e-4, |s| {
            book_held(s, RATES.0, RATES.1)
        }),
        golden("2022, index", -0.2543, 1e-4, |s| {
            held(s, "SP500", RATES.0, RATES.1)
        }),
    ],
};
