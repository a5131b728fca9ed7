//! Value at risk of the index, and G22 with the internal rate of return: performance.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::{Error, Section, Shipped, golden};
use crate::analytics::drawdown::{Drawdown, drawdowns};
use crate::analytics::performance::{Day, index, returns};
use crate::analytics::value_at_risk::{Confidence, Loss, historical};
use crate::analytics::xirr::{Flow, Rate, xirr};

fn loss(shipped: &Shipped, confidence: Confidence) -> Result<Loss, Error> {
    let returns = shipped.closes.returns("SP500")?;
    let range = shipped.closes.at("2014-01-02")?..shipped.closes.at("2022-12-28")? + 1;
    Ok(historical(&returns[range], confidence)?)
}

fn deepest(levels: &[f64]) -> Result<Drawdown, Error> {
    let all = drawdowns(levels)?;
    let deepest = all.into_iter().max_by(|a, b| a.depth.total_cmp(&b.depth));
    deepest.ok_or_else(|| Error::missing("a drawdown"))
}

pub(super) const VALUE_AT_RISK: Section = Section {
    name: "S&P 500",
    about: "historical value at risk and drawdown, 2014 to 2022",
    goldens: &[
        // `goldens.md` prints 0.0175664715: with the weight 0.150026 in place of the 0.15 of type 7; all else there agrees.
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
        golden("deepest drawdown, %", 33.92496, 1e-5, |s| {
            let from = s.closes.at("2014-01-02")?;
            Ok(100.0 * deepest(&s.closes.column("SP500")?[from..])?.depth)
        }),
    ],
};

pub(super) const G22: Section = Section {
    name: "G22",
    about: "time-weighted and internal rates of return, drawdown",
    goldens: &[
        golden(
            "time-weighted, flows at the close, %",
            4.0131579,
            1e-7,
            |_| {
                let day = |nav, flow| Day { nav, flow };
                let found = returns(100.0, &[day(152.0, 50.0), day(155.0, 0.0)])?;
                let found: Vec<f64> = found.into_iter().flatten().collect();
                let last = index(&found).last().copied();
                Ok(100.0 * (last.ok_or_else(|| Error::missing("a return"))? - 1.0))
            },
        ),
        golden("deepest drawdown", 0.2, 1e-12, |_| {
            Ok(deepest(&[100.0, 110.0, 99.0, 104.0, 88.0, 120.0])?.depth)
        }),
        // 2008-01-01 is day 13 879.
        golden("XIRR", 0.3733625335, 1e-10, |_| {
            let flow = |day, amount| Flow { day, amount };
            let flows = [
                flow(13879, -10000.0),
                flow(13939, 2750.0),
                flow(14182, 4250.0),
                flow(14290, 3250.0),
                flow(14335, 2750.0),
            ];
            match xirr(&flows)? {
                Rate::One(rate) => Ok(rate),
                none => Err(Error::other(format!("{none:?}"))),
            }
        }),
    ],
};
