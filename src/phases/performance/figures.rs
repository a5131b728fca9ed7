//! Returns and ratios of a range: each is a number or the reason why it is none.

use chrono::NaiveDate;

use super::day;
use crate::analytics::conventions::DAYS_TO_ANNUALISE;
use crate::analytics::drawdown::drawdowns;
use crate::analytics::performance::{Day, annual, calmar, index, ratios, relative, returns};
use crate::analytics::xirr::{Flow, Rate, xirr};
use crate::analytics::{Error as NumericError, MINIMUM_OBSERVATIONS};
use crate::domain::{Symbol, TradingDate, money};
use crate::store::reports::SnapshotDay;

/// Drawdowns that are listed.
const LISTED: usize = 5;

/// A fraction, or why there is none.
pub type Figure = Result<f64, String>;

/// A fall of the return index from a peak.
#[derive(Debug, Clone, PartialEq)]
pub struct DatedDrawdown {
    /// The close of the peak.
    pub peak: NaiveDate,
    /// The close of the low.
    pub trough: NaiveDate,
    /// The first close at or above the peak.
    pub recovery: Option<NaiveDate>,
    /// A positive fraction.
    pub depth: f64,
}

/// Against a benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct Benchmark {
    /// Which.
    pub symbol: Symbol,
    /// Its total return.
    pub total: Figure,
    /// Annual.
    pub tracking_error: Figure,
    /// Annual.
    pub information_ratio: Figure,
    /// Slope of excess returns.
    pub beta: Figure,
    /// Annual.
    pub alpha: Figure,
}

/// The figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Time-weighted, over the range.
    pub total: Figure,
    /// The same per year.
    pub annual: Figure,
    /// Internal rate of return per year.
    pub xirr: Figure,
    /// Annual.
    pub volatility: Figure,
    /// Annual.
    pub sharpe: Figure,
    /// Annual.
    pub sortino: Figure,
    /// Annual.
    pub calmar: Figure,
    /// The deepest fall.
    pub max_drawdown: Figure,
    /// The deepest falls, deepest first.
    pub drawdowns: Vec<DatedDrawdown>,
    /// Against the benchmark, if one was named.
    pub benchmark: Option<Benchmark>,
}

/// What the figures are made of.
pub(super) struct Span<'a> {
    /// Day of the close before.
    pub(super) before: i32,
    /// Calendar days.
    pub(super) days: i32,
    /// Net asset value of then.
    pub(super) opening: f64,
    pub(super) stored: &'a [SnapshotDay],
    /// Why the returns cannot be chained.
    pub(super) gap: Option<&'a str>,
    /// A year, continuous.
    pub(super) risk_free_rate: f64,
}

impl Span<'_> {
    /// Whether something may be made annual.
    fn long(&self) -> Result<(), String> {
        if self.days >= DAYS_TO_ANNUALISE {
            return Ok(());
        }
        Err(format!(
            "{} days: nothing is made annual below {DAYS_TO_ANNUALISE}",
            self.days
        ))
    }

    /// Daily returns, every one of them.
    fn returns(&self) -> Result<Vec<f64>, String> {
        if let Some(why) = self.gap {
            return Err(why.to_owned());
        }
        let days: Vec<Day> = self
            .stored
            .iter()
            .map(|day| Day {
                nav: money::to_f64(day.nav),
                flow: money::to_f64(day.external_flows),
            })
            .collect();
        let returns = returns(self.opening, &days).map_err(|error| error.to_string())?;
        let undefined = returns.iter().position(Option::is_none);
        match undefined {
            Some(at) => Err(format!("nonpositive_nav before {}", self.stored[at].as_of)),
            None => Ok(returns.into_iter().flatten().collect()),
        }
    }

    fn xirr(&self) -> Figure {
        self.long()?;
        if let Some(why) = self.gap {
            return Err(why.to_owned());
        }
        let mut flows = vec![Flow {
            day: self.before,
            amount: -self.opening,
        }];
        for snapshot in self.stored {
            flows.push(Flow {
                day: day(TradingDate::trusted(snapshot.as_of)),
                amount: -money::to_f64(snapshot.external_flows),
            });
        }
        if let Some(last) = self.stored.last() {
            flows.push(Flow {
                day: day(TradingDate::trusted(last.as_of)),
                amount: money::to_f64(last.nav),
            });
        }
        match xirr(&flows).map_err(|error| error.to_string())? {
            Rate::One(rate) => Ok(rate),
            Rate::None => Err("no rate balances the flows".to_owned()),
            Rate::Many => Err("more than one rate balances the flows".to_owned()),
        }
    }
}

pub(super) fn figures(
    span: &Span<'_>,
    benchmark: Option<&(Symbol, Result<Vec<f64>, String>)>,
) -> Figures {
    let returns = span.returns();
    let chained = returns.as_ref().map_err(Clone::clone).and_then(|own| {
        let index = index(own);
        if index.len() > own.len() {
            Ok(index)
        } else {
            let at = span.stored[index.len() - 1].as_of;
            Err(format!("everything was lost on {at}"))
        }
    });
    let total = chained
        .as_ref()
        .map(|index| index.last().copied().unwrap_or(1.0) - 1.0)
        .map_err(Clone::clone);
    let yearly = span.long().and(total.clone()).and_then(|total| {
        annual(total, span.days).ok_or_else(|| "the rate is beyond all numbers".to_owned())
    });
    let ratio = span.long().and_then(|()| {
        let own = returns.as_ref().map_err(Clone::clone)?;
        ratios(own, span.risk_free_rate).map_err(|error| error.to_string())
    });
    let falls = chained.and_then(|index| drawdowns(&index).map_err(|error| error.to_string()));
    let deepest = falls.as_ref().map_err(Clone::clone).map(|falls| {
        let depths = falls.iter().map(|fall| fall.depth);
        depths.fold(0.0, f64::max)
    });
    let still = |what: &str| format!("no {what}: the quotient is not defined");
    let of = |value: Option<f64>, what: &str| value.ok_or_else(|| still(what));
    Figures {
        xirr: span.xirr(),
        volatility: ratio.clone().map(|ratio| ratio.volatility),
        sharpe: ratio
            .clone()
            .and_then(|ratio| of(ratio.sharpe, "volatility")),
        sortino: ratio
            .clone()
            .and_then(|ratio| of(ratio.sortino, "loss against the risk-free return")),
        calmar: yearly
            .clone()
            .and_then(|yearly| of(calmar(yearly, deepest.clone()?), "drawdown")),
        drawdowns: dated(span, falls.as_deref().unwrap_or_default()),
        max_drawdown: deepest,
        benchmark: benchmark.map(|(symbol, theirs)| against(span, &returns, symbol, theirs)),
        total,
        annual: yearly,
    }
}

/// The deepest falls with their dates; entry 0 of the index is the close before the range.
fn dated(span: &Span<'_>, falls: &[crate::analytics::drawdown::Drawdown]) -> Vec<DatedDrawdown> {
    let before = NaiveDate::from_epoch_days(span.before).unwrap_or_default();
    let date = |at: usize| {
        at.checked_sub(1)
            .and_then(|at| span.stored.get(at))
            .map_or(before, |day| day.as_of)
    };
    let mut all: Vec<DatedDrawdown> = falls
        .iter()
        .map(|fall| DatedDrawdown {
            peak: date(fall.peak),
            trough: date(fall.trough),
            recovery: fall.recovery.map(date),
            depth: fall.depth,
        })
        .collect();
    all.sort_by(|a, b| b.depth.total_cmp(&a.depth).then(a.peak.cmp(&b.peak)));
    all.truncate(LISTED);
    all
}

fn against(
    span: &Span<'_>,
    returns: &Result<Vec<f64>, String>,
    symbol: &Symbol,
    theirs: &Result<Vec<f64>, String>,
) -> Benchmark {
    let pair = || -> Result<(&Vec<f64>, &Vec<f64>), String> {
        Ok((
            returns.as_ref().map_err(Clone::clone)?,
            theirs.as_ref().map_err(Clone::clone)?,
        ))
    };
    let compared = pair().and_then(|(own, theirs)| {
        let have = own.len();
        if have < MINIMUM_OBSERVATIONS {
            let need = MINIMUM_OBSERVATIONS;
            return Err(NumericError::Insufficient { have, need }.to_string());
        }
        relative(own, theirs, span.risk_free_rate).map_err(|error| error.to_string())
    });
    let annual = span.long().and(compared.clone());
    let still = |what: &str| format!("no {what}: the quotient is not defined");
    let of = |value: Option<f64>, what: &str| value.ok_or_else(|| still(what));
    let moving = "movement of the benchmark";
    Benchmark {
        symbol: symbol.clone(),
        total: theirs
            .as_ref()
            .map(|own| index(own).last().copied().unwrap_or(1.0) - 1.0)
            .map_err(Clone::clone),
        tracking_error: annual.clone().map(|found| found.tracking_error),
        information_ratio: annual
            .clone()
            .and_then(|found| of(found.information_ratio, "tracking error")),
        beta: compared.and_then(|found| of(found.beta, moving)),
        alpha: annual.and_then(|found| of(found.alpha, moving)),
    }
}
