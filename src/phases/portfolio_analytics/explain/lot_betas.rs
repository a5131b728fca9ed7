//! Slopes of a lot: those of the joint fit of what it moves with, an option's of its underlying.

use rust_decimal::Decimal;
use serde_json::json;

use super::factors::{shared_in, shared_of, window};
use super::fields::{Field, amount, field, names, statistic};
use super::ledger::{lot_of, typed};
use super::{Explained, Metric, Refusal, Sources, Told, line, money, not_stored};
use crate::phases::portfolio_analytics::risk::exposures;
use crate::store::portfolio_results::PositionFactorRow;
use crate::store::reports::{Fit, Position, Report};
use crate::store::symbol_results::Slope;

pub(super) const LOT_BETA: Metric = Metric {
    name: "lot_beta",
    argument: Some("SYMBOL or ID:FACTOR:NUMBER"),
    about: "slope of a lot on a factor; with :std_error, :low_95 or :high_95 how sure it is, with :dollar times its exposure",
    formula: "slope of the joint fit of the symbol, or of the underlying of an option",
    source: "symbol_factor_exposures, symbol_factor_models, factor_covariance, position_values",
    unit: UNIT,
    explain: slope,
    told: slope_told,
};

const UNIT: &str = "return of the symbol per return of the factor";

/// What is stored of a lot and a factor.
struct Stored {
    slope: Slope,
    dollar: Option<Decimal>,
}

const OF_LOT_BETA: &[Field<Stored, PositionFactorRow>] = &[
    Field {
        name: "beta",
        formula: LOT_BETA.formula,
        unit: UNIT,
        stored: |row| statistic(row.slope.beta),
        made: |row| statistic(row.beta),
    },
    Field {
        name: "std_error",
        formula: "that of the slope of the joint fit, Newey and West with 5 lags",
        unit: "of the beta",
        stored: |row| statistic(row.slope.std_error),
        made: |row| statistic(row.std_error),
    },
    Field {
        name: "low_95",
        formula: "lower end of the 95 % interval of the slope of the joint fit",
        unit: UNIT,
        stored: |row| statistic(row.slope.interval.map(|(low, _)| low)),
        made: |row| statistic(row.interval.map(|(low, _)| low)),
    },
    Field {
        name: "high_95",
        formula: "upper end of the 95 % interval of the slope of the joint fit",
        unit: UNIT,
        stored: |row| statistic(row.slope.interval.map(|(_, high)| high)),
        made: |row| statistic(row.interval.map(|(_, high)| high)),
    },
    Field {
        name: "dollar",
        formula: "beta × value of the lot, of an option × its delta equivalent",
        unit: "currency of the portfolio",
        stored: |row| amount(row.dollar),
        made: |row| amount(row.dollar),
    },
];

/// What is asked of a lot.
struct Asked<'a> {
    lot: &'a Position,
    factor: &'a str,
    stored: Stored,
    of: &'static Field<Stored, PositionFactorRow>,
}

fn asked<'a>(report: &'a Report, argument: &str) -> Result<Asked<'a>, Refusal> {
    let (which, rest) = argument.split_once(':').unwrap_or((argument, ""));
    let usual = OF_LOT_BETA[0].name;
    let (factor, number) = rest.split_once(':').unwrap_or((rest, usual));
    let lot = lot_of(report, which);
    let found = lot.and_then(|lot| Some((lot, lot.betas.get_key_value(factor)?)));
    let Some((lot, (factor, slope))) = found else {
        if report.positions.iter().all(|lot| lot.betas.is_empty()) {
            return Err(not_stored(report, "factors"));
        }
        let each = report.positions.iter().flat_map(|lot| {
            let factors = lot.betas.keys();
            factors.flat_map(move |factor| {
                let before = format!("{}:{factor}:", typed(report, lot));
                names(OF_LOT_BETA, &before)
            })
        });
        return Err(Refusal::Argument(each.collect()));
    };
    Ok(Asked {
        lot,
        factor,
        stored: Stored {
            slope: *slope,
            dollar: lot.dollars.get(factor).copied(),
        },
        of: field(OF_LOT_BETA, number, &format!("{which}:{factor}:"))?,
    })
}

impl Asked<'_> {
    /// What the lot moves with.
    fn symbol(&self) -> &str {
        let own = self.lot.symbol.as_str();
        self.lot.underlying.as_deref().unwrap_or(own)
    }

    fn fit<'a>(&self, report: &'a Report) -> Option<&'a Fit> {
        let mut fits = report.fits.iter();
        fits.find(|fit| fit.symbol.as_str() == self.symbol())
    }

    fn stored(&self) -> Result<super::Number, Refusal> {
        let none = "the factor is redundant".to_owned();
        self.of.stored(&self.stored, Some(&none))
    }
}

fn slope(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let asked = asked(sources.report, argument)?;
    let stored = asked.stored()?;
    let all = exposures(&sources.view, sources.loaded);
    let mut rows = all.positions.iter();
    let row = rows.find(|row| row.position == asked.lot.id && row.factor == asked.factor);
    let gone = || {
        let why = all.outcome.reason();
        Refusal::NotMade(why.unwrap_or("the lot is not modelled any more").to_owned())
    };
    let row = row.ok_or_else(gone)?;
    let symbol = asked.symbol();
    let mut modelled = sources.view.modelled.iter();
    let model = modelled.find(|one| one.symbol.as_str() == symbol);
    let model = model.ok_or_else(gone)?;
    let slopes = model.model.betas.iter().map(|(factor, one)| {
        let value = json!({ "beta": one.beta, "std_error": one.std_error });
        line(format!("{symbol} on {factor}"), value)
    });
    let fit = asked.fit(sources.report);
    Ok(Explained {
        formula: asked.of.formula,
        source: LOT_BETA.source,
        unit: asked.of.unit,
        window: window(sources.loaded.as_of, &shared_of(sources)),
        n: fit.and_then(|fit| usize::try_from(fit.n).ok()).unwrap_or(0),
        inputs: slopes.collect(),
        steps: vec![
            line("moves with", symbol),
            line("beta", row.beta),
            line("standard error", row.std_error),
            line("exposure × beta", money(row.dollar)),
        ],
        computed: asked.of.made(row)?,
        stored,
    })
}

fn slope_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let asked = asked(report, argument)?;
    let value = asked.stored()?;
    let symbol = asked.symbol();
    let slopes = asked.lot.betas.iter().map(|(factor, one)| {
        let value = json!({ "beta": one.beta, "std_error": one.std_error });
        line(format!("{symbol} on {factor}"), value)
    });
    let fit = asked.fit(report);
    Ok(Told {
        formula: asked.of.formula,
        source: LOT_BETA.source,
        unit: asked.of.unit,
        window: window(report.published.as_of, &shared_in(report)),
        n: fit.and_then(|fit| usize::try_from(fit.n).ok()),
        inputs: slopes.collect(),
        steps: vec![
            line("moves with", symbol),
            line("beta", asked.stored.slope.beta),
            line("standard error", asked.stored.slope.std_error),
            line("exposure × beta", asked.stored.dollar.map(money)),
            line("value of the lot", money(asked.lot.market_value)),
        ],
        value,
    })
}
