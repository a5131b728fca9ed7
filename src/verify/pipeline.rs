//! The whole pipeline on the shipped data: equal weight of the twenty stocks, 100,000 of exposure in a NAV of 120,000, as of
//! 2016-12-30.
#![expect(clippy::unreadable_literal, reason = "golden numbers as printed")]

use super::shipped::STOCKS;
use super::{Error, Section, Shipped, golden};
use crate::analytics::factors::{FactorModel, Role};
use crate::analytics::joint_fit::JointFit;
use crate::analytics::portfolio_returns::{Holding, portfolio_returns};
use crate::analytics::risk::{Risk, Underlying, decompose};
use crate::analytics::stress::{Shock, ShockKind, StressModel};
use crate::analytics::{forecast, returns, stress_pnl, volatility};

const WEIGHT: f64 = 100_000.0 / 120_000.0 / 20.0;
const DURATION: f64 = 8.8;
const CONVEXITY: f64 = 88.0;
/// Where Market and Rates stand among the factors.
const MARKET: usize = 0;
const RATES: usize = 6;

/// Model, fits and series of the book.
pub(super) struct Pipeline {
    model: FactorModel,
    fits: Vec<JointFit>,
    stocks: Vec<Vec<f64>>,
    proxies: Vec<Vec<f64>>,
    end: usize,
}

fn make(shipped: &Shipped) -> Result<Pipeline, Error> {
    let table = &shipped.closes;
    let names = ["SP500", "MTUM", "QUAL", "SIZE", "VLUE", "USMV"];
    let mut proxies = Vec::new();
    for name in names {
        proxies.push(table.returns(name)?);
    }
    let yields = shipped.yields_aligned()?;
    proxies.push(returns::yield_returns(&yields, DURATION, CONVEXITY)?);
    let mut roles = [Role::Style; 7];
    (roles[MARKET], roles[RATES]) = (Role::Market, Role::Rates);
    let end = table.at("2016-12-30")? + 1;
    let window: Vec<&[f64]> = proxies.iter().map(|proxy| &proxy[end - 252..end]).collect();
    let model = FactorModel::new(&roles, &window)?;
    let (mut stocks, mut fits) = (Vec::new(), Vec::new());
    for name in STOCKS {
        let stock = table.returns(name)?;
        fits.push(model.joint_fit(&stock[end - 252..end])?);
        stocks.push(stock);
    }
    Ok(Pipeline {
        model,
        fits,
        stocks,
        proxies,
        end,
    })
}

fn of(shipped: &Shipped) -> Result<&Pipeline, Error> {
    if let Some(made) = shipped.pipeline.get() {
        return Ok(made);
    }
    let made = make(shipped)?;
    Ok(shipped.pipeline.get_or_init(|| made))
}

fn risk(shipped: &Shipped) -> Result<Risk, Error> {
    let pipeline = of(shipped)?;
    let underlyings = pipeline.fits.iter().map(|fit| Underlying {
        weight: WEIGHT,
        betas: &fit.betas,
        specific_variance: fit.specific_variance,
    });
    let underlyings: Vec<_> = underlyings.collect();
    Ok(decompose(
        &underlyings,
        &pipeline.model.factor_covariance()?,
    )?)
}

fn series(shipped: &Shipped) -> Result<Vec<f64>, Error> {
    let pipeline = of(shipped)?;
    let range = pipeline.end - 505..pipeline.end;
    let moves = range.clone().map(|t| {
        let of_session: Vec<f64> = pipeline.proxies.iter().map(|proxy| proxy[t]).collect();
        pipeline.model.moves_of(&of_session)
    });
    let moves: Vec<Option<Vec<f64>>> = moves.collect();
    let holdings = pipeline.stocks.iter().zip(&pipeline.fits);
    let holdings: Vec<Holding<'_>> = holdings
        .map(|(stock, fit)| Holding {
            weight: WEIGHT,
            returns: &stock[range.clone()],
            alpha: fit.alpha,
            betas: &fit.betas,
        })
        .collect();
    Ok(portfolio_returns(&holdings, &moves)?.returns)
}

#[derive(Clone, Copy)]
enum Leg {
    Direct,
    Propagated,
}

fn stress(shipped: &Shipped, shock: Shock, leg: Leg) -> Result<f64, Error> {
    let pipeline = of(shipped)?;
    let scenario = StressModel::of(&pipeline.model)?.scenario(&[shock])?;
    let moves = match leg {
        Leg::Direct => &scenario.direct,
        Leg::Propagated => &scenario.propagated,
    };
    let mut positions = Vec::new();
    for fit in &pipeline.fits {
        positions.push((WEIGHT, stress_pnl::instrument_move(&fit.betas, moves)?));
    }
    Ok(stress_pnl::profit_and_loss(&positions).amount)
}

const CRASH: Shock = Shock {
    factor: MARKET,
    kind: ShockKind::TotalReturn,
    size: -0.35,
};
const RISE: Shock = Shock {
    factor: RATES,
    kind: ShockKind::YieldChange {
        duration: DURATION,
        convexity: CONVEXITY,
    },
    size: 0.01,
};

pub(super) const PIPELINE: Section = Section {
    name: "pipeline",
    about: "equal weight of the 20 stocks on 2016-12-30, factors, risk, volatility and stress",
    goldens: &[
        golden("sessions of the factors", 248.0, 0.0, |shipped| {
            Ok(of(shipped)?.model.sessions().len() as f64)
        }),
        golden("market beta", 0.8162085643, 1e-10, |shipped| {
            Ok(risk(shipped)?.betas[0])
        }),
        golden("σ", 0.0995625975, 1e-10, |shipped| Ok(risk(shipped)?.sigma)),
        golden("specific σ", 0.0467938925, 1e-10, |shipped| {
            Ok(risk(shipped)?.specific_variance.sqrt())
        }),
        golden("systematic share", 0.77910499, 1e-8, |shipped| {
            let share = risk(shipped)?.systematic_share;
            share.ok_or_else(|| Error::missing("a share"))
        }),
        golden("contributions less σ", 0.0, 1e-10, |shipped| {
            let risk = risk(shipped)?;
            Ok(risk.contributions.iter().sum::<f64>() - risk.sigma)
        }),
        golden("realised 21", 0.0689913768, 1e-10, |shipped| {
            Ok(volatility::realised(&series(shipped)?, 21)?)
        }),
        golden("realised 63", 0.0831784937, 1e-10, |shipped| {
            Ok(volatility::realised(&series(shipped)?, 63)?)
        }),
        golden("forecast 21", 0.0995587902, 1e-10, |shipped| {
            Ok(forecast::forecast(&series(shipped)?)?.volatility)
        }),
        golden("market −35 %, direct", -0.28567300, 1e-8, |shipped| {
            stress(shipped, CRASH, Leg::Direct)
        }),
        golden("market −35 %, propagated", -0.28567300, 1e-8, |shipped| {
            stress(shipped, CRASH, Leg::Propagated)
        }),
        golden("+100 bp, direct", 0.00631510, 1e-8, |shipped| {
            stress(shipped, RISE, Leg::Direct)
        }),
        golden("+100 bp, propagated", 0.05113259, 1e-8, |shipped| {
            stress(shipped, RISE, Leg::Propagated)
        }),
    ],
};
