//! G22, XIRR, and what the index lost: performance and value at risk.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::{Error, Section, Shipped, golden, yes};
use crate::analytics::drawdown::{Drawdown, drawdowns};
use crate::analytics::performance::{Day, index, returns};
use crate::analytics::value_at_risk::{Confidence, Loss, historical};
use crate::analytics::xirr::{Flow, Rate, xirr};

fn deepest(levels: &[f64]) -> Result<Drawdown, Error> {
    let found = drawdowns(levels)?.into_iter();
    let found = found.max_by(|a, b| a.depth.total_cmp(&b.depth));
    found.ok_or_else(|| Error::missing("a drawdown"))
}

fn small() -> Result<Drawdown, Error> {
    deepest(&[100.0, 110.0, 99.0, 104.0, 88.0, 120.0])
}

fn weighted(opening: f64, days: &[(f64, f64)]) -> Result<f64, Error> {
    let days: Vec<Day> = days.iter().map(|&(nav, flow)| Day { nav, flow }).collect();
    let all: Vec<f64> = returns(opening, &days)?.into_iter().flatten().collect();
    let last = index(&all).last().copied();
    Ok(last.ok_or_else(|| Error::missing("an index"))? - 1.0)
}

pub(super) const G22: Section = Section {
    name: "G22",
    about: "drawdown, and flows at the close",
    goldens: &[
        golden("drawdown", 0.20, 1e-12, |_| Ok(small()?.depth)),
        golden("from level", 1.0, 0.0, |_| Ok(small()?.peak as f64)),
        golden("to level", 4.0, 0.0, |_| Ok(small()?.trough as f64)),
        golden("time-weighted return", 0.040131579, 1e-9, |_| {
            weighted(100.0, &[(152.0, 50.0), (155.0, 0.0)])
        }),
        golden("time-weighted return of G21", 0.0255, 1e-12, |_| {
            weighted(
                100_000.0,
                &[(100_500.0, 0.0), (102_200.0, 0.0), (100_550.0, -2_000.0)],
            )
        }),
        golden("a return on less than nothing is none", 1.0, 0.0, |_| {
            let day = Day {
                nav: 100.0,
                flow: 0.0,
            };
            Ok(yes(returns(-5.0, &[day])? == [None]))
        }),
        golden("a return on nothing is none", 1.0, 0.0, |_| {
            let day = Day {
                nav: 100.0,
                flow: 100.0,
            };
            Ok(yes(returns(0.0, &[day])? == [None]))
        }),
    ],
};

pub(super) const XIRR: Section = Section {
    name: "XIRR",
    about: "five flows from 2008-01-01 on",
    goldens: &[golden("rate of a year", 0.3733625335, 1e-10, |_| {
        // 2008-01-01 is day 13,879; then 60, 303, 411 and 456 days later.
        let flows = [
            (13_879, -10_000.0),
            (13_939, 2_750.0),
            (14_182, 4_250.0),
            (14_290, 3_250.0),
            (14_335, 2_750.0),
        ];
        match xirr(&flows.map(|(day, amount)| Flow { day, amount }))? {
            Rate::One(rate) => Ok(rate),
            other => Err(Error::Other(format!("{other:?}"))),
        }
    })],
};

/// From the last close of 2013 on, so that the first return is that of 2014-01-02.
fn levels(shipped: &Shipped) -> Result<&[f64], Error> {
    let from = shipped.closes.at("2013-12-31")?;
    Ok(&shipped.closes.column("SP500")?[from..])
}

fn loss(shipped: &Shipped, confidence: Confidence) -> Result<Loss, Error> {
    let levels = levels(shipped)?;
    let returns: Vec<f64> = levels
        .windows(2)
        .map(|pair| pair[1] / pair[0] - 1.0)
        .collect();
    Ok(historical(&returns, confidence)?)
}

/// A date as one number, 20200219.
fn date(shipped: &Shipped, pick: fn(&Drawdown) -> usize) -> Result<f64, Error> {
    let from = shipped.closes.at("2013-12-31")?;
    let at = from + pick(&deepest(levels(shipped)?)?);
    let text = shipped.closes.dates[at].format("%Y%m%d").to_string();
    text.parse().map_err(Error::other)
}

pub(super) const INDEX: Section = Section {
    name: "S&P 500",
    about: "losses and drawdown from 2014-01-02 to 2022-12-28",
    goldens: &[
        // Printed as 0.0175664715; numpy on the same closes has 0.01756647472, and all else agrees.
        golden("VaR 95", 0.0175664747, 1e-10, |s| {
            Ok(loss(s, Confidence::P95)?.value_at_risk)
        }),
        golden("ES 95", 0.0282482571, 1e-10, |s| {
            Ok(loss(s, Confidence::P95)?.expected_shortfall)
        }),
        golden("VaR 99", 0.0335778716, 1e-10, |s| {
            Ok(loss(s, Confidence::P99)?.value_at_risk)
        }),
        golden("ES 99", 0.0479185268, 1e-10, |s| {
            Ok(loss(s, Confidence::P99)?.expected_shortfall)
        }),
        golden("drawdown", 0.3392496, 1e-7, |s| {
            Ok(deepest(levels(s)?)?.depth)
        }),
        golden("from", 20_200_219.0, 0.0, |s| date(s, |fall| fall.peak)),
        golden("to", 20_200_323.0, 0.0, |s| date(s, |fall| fall.trough)),
    ],
};
