//! G13 to G16: correlation, its repair, its shrinkage, and concentration.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use std::collections::BTreeMap;

use super::books::{book, closes, ledger_days, lot};
use super::fixture::{X, X2, Y};
use super::{Error, Section, golden, yes};
use crate::analytics::concentration::{self, Concentration, Exposure};
use crate::analytics::correlation::{self, Correlations, MeanCorrelation, Pair};
use crate::analytics::ledoit_wolf::{LedoitWolf, ledoit_wolf};
use crate::analytics::linalg::Matrix;
use crate::analytics::nearest_correlation::{clip, distance, nearest_correlation};
use crate::analytics::regression::{Errors, least_squares};
use crate::domain::{PriceHistory, Symbol, money};

fn broken() -> Result<Matrix, Error> {
    let data = vec![1.0, 0.9, 0.7, 0.9, 1.0, -0.2, 0.7, -0.2, 1.0];
    Ok(Matrix::new(3, 3, data)?)
}

fn eigenvalue(at: usize) -> Result<f64, Error> {
    Ok(broken()?.symmetric_eigen()?.values[at])
}

fn clipped() -> Result<Matrix, Error> {
    Ok(clip(&broken()?)?)
}

fn nearest() -> Result<Matrix, Error> {
    Ok(nearest_correlation(&broken()?)?)
}

fn away(matrix: &Matrix) -> Result<f64, Error> {
    distance(matrix, &broken()?).ok_or_else(|| Error::missing("a distance"))
}

pub(super) const G13: Section = Section {
    name: "G13",
    about: "nearest correlation matrix",
    goldens: &[
        golden("eigenvalue 1", -0.242126366, 1e-9, |_| eigenvalue(0)),
        golden("eigenvalue 2", 1.193463407, 1e-9, |_| eigenvalue(1)),
        golden("eigenvalue 3", 2.048662959, 1e-9, |_| eigenvalue(2)),
        golden("clipped, 1-2", 0.7380405603, 1e-10, |_| {
            Ok(clipped()?.at(0, 1))
        }),
        golden("clipped, 1-3", 0.5755729154, 1e-10, |_| {
            Ok(clipped()?.at(0, 2))
        }),
        golden("clipped, 2-3", -0.1269861600, 1e-10, |_| {
            Ok(clipped()?.at(1, 2))
        }),
        golden("clipped, distance", 0.3067376, 1e-7, |_| away(&clipped()?)),
        golden("Higham, 1-2", 0.7515960780, 1e-10, |_| {
            Ok(nearest()?.at(0, 1))
        }),
        golden("Higham, 1-3", 0.5798480724, 1e-10, |_| {
            Ok(nearest()?.at(0, 2))
        }),
        golden("Higham, 2-3", -0.1016000782, 1e-10, |_| {
            Ok(nearest()?.at(1, 2))
        }),
        golden("Higham, distance", 0.3037854, 1e-7, |_| away(&nearest()?)),
        golden("Higham, diagonal less 1", 0.0, 0.0, |_| {
            let nearest = nearest()?;
            Ok((0..3).map(|at| (nearest.at(at, at) - 1.0).abs()).sum())
        }),
        golden("Higham, no eigenvalue below −1e-12", 1.0, 0.0, |_| {
            Ok(yes(nearest()?.symmetric_eigen()?.values[0] >= -1e-12))
        }),
        golden("what is one comes back, distance", 0.0, 0.0, |_| {
            let good = Matrix::new(2, 2, vec![1.0, 0.9, 0.9, 1.0])?;
            let same = distance(&nearest_correlation(&good)?, &good);
            same.ok_or_else(|| Error::missing("a distance"))
        }),
        golden("NaN is refused", 1.0, 0.0, |_| {
            let holed = vec![1.0, f64::NAN, f64::NAN, 1.0];
            Ok(yes(Matrix::new(2, 2, holed).is_err()))
        }),
    ],
};

fn shrunk() -> Result<LedoitWolf, Error> {
    Ok(ledoit_wolf(&[&X, &X2, &Y])?)
}

pub(super) const G14: Section = Section {
    name: "G14",
    about: "Ledoit–Wolf",
    goldens: &[
        golden(
            "intensity",
            0.1319742010,
            1e-10,
            |_| Ok(shrunk()?.shrinkage),
        ),
        golden("covariance 1-1", 8.34116e-05, 1e-9, |_| {
            Ok(shrunk()?.covariance.at(0, 0))
        }),
        golden("covariance 1-2", 7.27058e-05, 1e-9, |_| {
            Ok(shrunk()?.covariance.at(0, 1))
        }),
        golden("covariance 1-3", 9.67502e-05, 1e-9, |_| {
            Ok(shrunk()?.covariance.at(0, 2))
        }),
        golden("positive definite", 1.0, 0.0, |_| {
            Ok(yes(shrunk()?.covariance.cholesky().is_ok()))
        }),
    ],
};

fn pair() -> Result<Pair, Error> {
    correlation::pearson(&X, &Y, 0)?.ok_or_else(|| Error::missing("a correlation"))
}

/// Mean of three pairs with weights .5, .3, .2.
fn mean() -> Result<MeanCorrelation, Error> {
    let pair = |rho| {
        Some(Pair {
            rho,
            n: 60,
            low: -1.0,
            high: 1.0,
        })
    };
    let pairs = Correlations {
        size: 3,
        pairs: [0.8, -0.4, 0.1].map(pair).to_vec(),
        common: vec![60; 3],
    };
    let mean = correlation::mean_correlation(&pairs, &[0.5, 0.3, 0.2]);
    mean.ok_or_else(|| Error::missing("a mean"))
}

pub(super) const G15: Section = Section {
    name: "G15",
    about: "inference on a correlation",
    goldens: &[
        golden("ρ", 0.9903487559, 1e-10, |_| Ok(pair()?.rho)),
        golden("p", 3.752084056e-08, 1e-17, |_| {
            pair()?.p_value().ok_or_else(|| Error::missing("p"))
        }),
        golden("95 %, from", 0.9582204663, 1e-10, |_| Ok(pair()?.low)),
        golden("95 %, to", 0.9977983014, 1e-10, |_| Ok(pair()?.high)),
        golden("p less that of the slope", 0.0, 1e-17, |_| {
            let fit = least_squares(&[&X], &Y, None, Errors::Classical)?;
            let both = pair()?.p_value().zip(fit.inference[0].p);
            let (own, slope) = both.ok_or_else(|| Error::missing("p"))?;
            Ok(own - slope)
        }),
        golden("weighted pairs, mean |ρ|", 0.5354838710, 1e-10, |_| {
            Ok(mean()?.absolute)
        }),
        golden("weighted pairs, signed", 0.2774193548, 1e-10, |_| {
            Ok(mean()?.signed)
        }),
    ],
};

fn four() -> Result<Concentration, Error> {
    let sizes = [0.4, 0.3, 0.2, 0.1].map(|long| Exposure { long, short: 0.0 });
    concentration::concentration(&sizes)?.ok_or_else(|| Error::missing("an exposure"))
}

/// The four names as the ledger values them, the first in two lots.
fn two_lots() -> Result<Concentration, Error> {
    let date = "2026-01-05";
    let mut lots = Vec::new();
    for (symbol, shares) in [
        ("A", "250"),
        ("A", "150"),
        ("B", "300"),
        ("C", "200"),
        ("D", "100"),
    ] {
        lots.push(lot(symbol, shares, "1", date)?);
    }
    let mut histories: BTreeMap<Symbol, PriceHistory> = BTreeMap::new();
    for lot in &lots {
        histories.insert(lot.symbol.clone(), closes(&[(date, "1")])?);
    }
    let book = book("1000", date, lots, Vec::new())?;
    let days = ledger_days(&book, &histories, date, date)?;
    let day = days.first().ok_or_else(|| Error::missing("a day"))?;
    // A day has its lots in the order of the book.
    let mut sizes: BTreeMap<&Symbol, f64> = BTreeMap::new();
    for (lot, (_, value)) in book.lots.iter().zip(&day.positions) {
        *sizes.entry(&lot.symbol).or_default() += money::to_f64(value.market_value);
    }
    let exposures = sizes
        .into_values()
        .map(|long| Exposure { long, short: 0.0 });
    let exposures: Vec<Exposure> = exposures.collect();
    concentration::concentration(&exposures)?.ok_or_else(|| Error::missing("an exposure"))
}

fn equal(names: usize, rho: f64) -> Result<f64, Error> {
    let data = (0..names * names).map(|at| if at % (names + 1) == 0 { 1.0 } else { rho });
    let matrix = Matrix::new(names, names, data.collect())?;
    let weights = vec![1.0 / names as f64; names];
    let effective = correlation::effective_positions(&weights, &matrix);
    effective.ok_or_else(|| Error::missing("an effective number"))
}

pub(super) const G16: Section = Section {
    name: "G16",
    about: "concentration",
    goldens: &[
        golden("HHI", 3000.0, 1e-9, |_| Ok(four()?.hhi)),
        golden("effective names", 3.3333333, 1e-7, |_| {
            Ok(four()?.effective_names)
        }),
        golden("top 3", 0.9, 1e-12, |_| Ok(four()?.top_3)),
        golden("a name in two lots, HHI", 3000.0, 1e-9, |_| {
            Ok(two_lots()?.hhi)
        }),
        golden("a name in two lots, names", 4.0, 0.0, |_| {
            Ok(two_lots()?.names as f64)
        }),
        golden("a name in two lots, top 3", 0.9, 1e-12, |_| {
            Ok(two_lots()?.top_3)
        }),
        golden("3 names of ρ .5", 1.5, 1e-12, |_| equal(3, 0.5)),
        golden("10 names of ρ .3", 2.7027027, 1e-7, |_| equal(10, 0.3)),
    ],
};
