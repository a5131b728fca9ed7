//! The joint fit of a symbol: the table of a regression, made again from the stored closes.

use serde_json::json;

use super::factors::{shared_in, shared_of, window};
use super::fields::{Field, counted, field, names, statistic};
use super::{Explained, Line, Metric, Refusal, Sources, Told, line};
use crate::domain::Symbol;
use crate::phases::portfolio_analytics::Fits;
use crate::phases::symbol_factors::WINDOW;
use crate::store::reports::{Fit, FitSlope, Report};
use crate::store::symbol_results::{ExposureRow, FitQuality, ModelRow};

pub(super) const FIT: Metric = Metric {
    name: "fit",
    argument: Some("SYMBOL:NUMBER or SYMBOL:FACTOR:NUMBER"),
    about: "the joint factor fit of a symbol",
    formula: "min Σ w e² + P Σ γ² of the styles, e = r − alpha − Σ beta × f, weights halve every 126 sessions",
    source: "market_data_cache, corporate_actions, yields, factor_definitions",
    unit: "a slope per return of the factor, or what its name says",
    explain: fitted,
    told: fit_told,
};

const OF_FIT: &[Field<Fit, ModelRow>] = &[
    Field {
        name: "alpha",
        formula: "intercept of the joint fit",
        unit: "a return per session",
        stored: |row| statistic(row.alpha),
        made: |row| statistic(row.alpha),
    },
    Field {
        name: "alpha_error",
        formula: ERROR,
        unit: "a return per session",
        stored: |row| statistic(row.quality.alpha_error),
        made: |row| statistic(row.quality.alpha_error),
    },
    Field {
        name: "alpha_t",
        formula: "alpha / alpha_error",
        unit: "a ratio",
        stored: |row| statistic(row.quality.alpha.t),
        made: |row| statistic(row.quality.alpha.t),
    },
    Field {
        name: "alpha_p",
        formula: P,
        unit: "a p-value, 0 to 1",
        stored: |row| statistic(row.quality.alpha.p),
        made: |row| statistic(row.quality.alpha.p),
    },
    Field {
        name: "alpha_low_95",
        formula: "alpha − t × alpha_error, t the 97.5 % quantile of Student's t with n_eff − edf degrees of freedom",
        unit: "a return per session",
        stored: |row| statistic(row.quality.alpha.low()),
        made: |row| statistic(row.quality.alpha.low()),
    },
    Field {
        name: "alpha_high_95",
        formula: "alpha + t × alpha_error, t the 97.5 % quantile of Student's t with n_eff − edf degrees of freedom",
        unit: "a return per session",
        stored: |row| statistic(row.quality.alpha.high()),
        made: |row| statistic(row.quality.alpha.high()),
    },
    Field {
        name: "r_squared",
        formula: "1 − Σ w e² / Σ w (r − weighted mean)²",
        unit: "a fraction",
        stored: |row| statistic(row.r_squared),
        made: |row| statistic(row.r_squared),
    },
    Field {
        name: "adjusted_r_squared",
        formula: "1 − (1 − R²)(n_eff − 1) / (n_eff − edf)",
        unit: "a fraction",
        stored: |row| statistic(row.quality.adjusted_r_squared),
        made: |row| statistic(row.quality.adjusted_r_squared),
    },
    Field {
        name: "specific_variance",
        formula: "252 × Σ w e² × n_eff / (n_eff − edf)",
        unit: "a return, squared, per year",
        stored: |row| statistic(row.specific_variance),
        made: |row| statistic(row.specific_variance),
    },
    Field {
        name: "durbin_watson",
        formula: "Σ (e − e before)² / Σ e², e the residuals without their weights",
        unit: "0 to 4, 2 without serial correlation",
        stored: |row| statistic(row.quality.durbin_watson),
        made: |row| statistic(row.quality.durbin_watson),
    },
    Field {
        name: "condition_number",
        formula: "largest over smallest singular value of the scaled design",
        unit: "a ratio, 1 or more",
        stored: |row| statistic(row.quality.condition_number),
        made: |row| statistic(row.quality.condition_number),
    },
    Field {
        name: "edf",
        formula: "1 + tr((G + P)⁻¹ G)",
        unit: "effective degrees of freedom, the intercept included",
        stored: |row| statistic(row.edf),
        made: |row| statistic(row.edf),
    },
    Field {
        name: "n_eff",
        formula: "1 / Σ w²",
        unit: "returns",
        stored: |row| statistic(row.n_eff),
        made: |row| statistic(row.n_eff),
    },
    Field {
        name: "n",
        formula: "returns on which the symbol and every factor has one",
        unit: "returns",
        stored: |row| counted(row.n),
        made: |row| counted(row.n),
    },
];

const OF_SLOPE: &[Field<FitSlope, ExposureRow>] = &[
    Field {
        name: "beta",
        formula: FIT.formula,
        unit: "return of the symbol per return of the factor",
        stored: |row| statistic(row.beta),
        made: |row| statistic(row.beta),
    },
    Field {
        name: "std_error",
        formula: ERROR,
        unit: "of the beta",
        stored: |row| statistic(row.std_error),
        made: |row| statistic(row.std_error),
    },
    Field {
        name: "t",
        formula: "beta / std_error",
        unit: "a ratio",
        stored: |row| statistic(row.inference.t),
        made: |row| statistic(row.inference.t),
    },
    Field {
        name: "p",
        formula: P,
        unit: "a p-value, 0 to 1",
        stored: |row| statistic(row.inference.p),
        made: |row| statistic(row.inference.p),
    },
    Field {
        name: "low_95",
        formula: "beta − t × std_error, t the 97.5 % quantile of Student's t with n_eff − edf degrees of freedom",
        unit: "return of the symbol per return of the factor",
        stored: |row| statistic(row.inference.low()),
        made: |row| statistic(row.inference.low()),
    },
    Field {
        name: "high_95",
        formula: "beta + t × std_error, t the 97.5 % quantile of Student's t with n_eff − edf degrees of freedom",
        unit: "return of the symbol per return of the factor",
        stored: |row| statistic(row.inference.high()),
        made: |row| statistic(row.inference.high()),
    },
    Field {
        name: "vif",
        formula: "1 / (1 − R² of the factor on the others)",
        unit: "a ratio, 1 or more",
        stored: |row| statistic(row.vif),
        made: |row| statistic(row.vif),
    },
];

const ERROR: &str = "√ of the diagonal of (G + P)⁻¹ NW (G + P)⁻¹, NW Newey and West with 5 lags";
const P: &str = "P(|T| > |t|), Student's t with n_eff − edf degrees of freedom";

/// What is asked of a fit.
enum Asked<'a> {
    Fit(&'static Field<Fit, ModelRow>),
    Slope(&'a str, &'a FitSlope, &'static Field<FitSlope, ExposureRow>),
}

fn asked<'a>(report: &'a Report, argument: &'a str) -> Result<(&'a Fit, Asked<'a>), Refusal> {
    let (symbol, of) = argument.split_once(':').unwrap_or((argument, "r_squared"));
    let mut fits = report.fits.iter();
    let Some(fit) = fits.find(|fit| fit.symbol.as_str() == symbol) else {
        if report.fits.is_empty() {
            return Err(super::not_stored(report, "betas"));
        }
        let each = report.fits.iter().flat_map(choices);
        return Err(Refusal::Argument(each.collect()));
    };
    if let Some(why) = &fit.reason {
        return Err(Refusal::NotStored(why.clone()));
    }
    let (name, number) = of.split_once(':').unwrap_or((of, "beta"));
    if let Some((factor, slope)) = fit.slopes.get_key_value(name) {
        let number = field(OF_SLOPE, number, &format!("{symbol}:{factor}:"))?;
        return Ok((fit, Asked::Slope(factor, slope, number)));
    }
    match OF_FIT.iter().find(|one| one.name == of) {
        Some(number) => Ok((fit, Asked::Fit(number))),
        None => Err(Refusal::Argument(choices(fit))),
    }
}

fn choices(fit: &Fit) -> Vec<String> {
    if fit.reason.is_some() {
        return Vec::new();
    }
    let mut all = names(OF_FIT, &format!("{}:", fit.symbol));
    for factor in fit.slopes.keys() {
        all.extend(names(OF_SLOPE, &format!("{}:{factor}:", fit.symbol)));
    }
    all
}

impl Asked<'_> {
    fn formula(&self) -> &'static str {
        match self {
            Self::Fit(of) => of.formula,
            Self::Slope(_, _, of) => of.formula,
        }
    }

    fn unit(&self) -> &'static str {
        match self {
            Self::Fit(of) => of.unit,
            Self::Slope(_, _, of) => of.unit,
        }
    }

    fn stored(&self, fit: &Fit) -> Result<super::Number, Refusal> {
        let none = "the returns do not move, or the factor is redundant".to_owned();
        match self {
            Self::Fit(of) => of.stored(fit, Some(&none)),
            Self::Slope(_, slope, of) => of.stored(slope, Some(&none)),
        }
    }

    fn made(&self, row: &ModelRow) -> Result<super::Number, Refusal> {
        match self {
            Self::Fit(of) => of.made(row),
            Self::Slope(factor, _, of) => {
                let mut slopes = row.exposures.iter();
                let own = slopes.find(|one| one.model == "joint" && one.factor == *factor);
                of.made(own.ok_or_else(|| Refusal::NotMade(format!("no slope on {factor}")))?)
            }
        }
    }
}

fn fitted(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, asked) = asked(sources.report, argument)?;
    let value = asked.stored(stored)?;
    let loaded = sources.loaded;
    let refuse = |error: crate::phases::Error| Refusal::NotMade(error.to_string());
    let fits = Fits::new(loaded).map_err(refuse)?;
    let row = fits.fit(loaded, &stored.symbol).map_err(refuse)?;
    if let Some(why) = &row.reason {
        return Err(Refusal::NotMade(why.clone()));
    }
    let series = |symbol: &Symbol| loaded.window.returns(&loaded.prices, symbol);
    let mut inputs = vec![returns(
        &format!("returns of {}", stored.symbol),
        &series(&stored.symbol).map_err(refuse)?,
    )];
    for factor in &loaded.definitions.factors {
        let own = loaded.window.proxy_returns(&loaded.prices, factor);
        inputs.push(returns(
            &format!("returns of {}, proxy of {}", factor.proxy, factor.name),
            &own.map_err(refuse)?,
        ));
    }
    let slopes = row.exposures.iter().filter(|one| one.model == "joint");
    let slopes = slopes.map(|one| {
        let value = json!({ "beta": one.beta, "std_error": one.std_error, "t": one.inference.t, "p": one.inference.p,
                            "low_95": one.inference.low(), "high_95": one.inference.high(), "vif": one.vif });
        line(format!("factor {}", one.factor), value)
    });
    let mut steps: Vec<Line> = slopes.collect();
    steps.push(line("alpha", row.alpha));
    steps.push(line("alpha, the rest", intercept(&row.quality)));
    steps.push(line("effective returns, 1 / Σ w²", row.n_eff));
    steps.push(line("effective degrees of freedom", row.edf));
    steps.push(line("R²", row.r_squared));
    steps.push(line("specific variance", row.specific_variance));
    Ok(Explained {
        formula: asked.formula(),
        source: FIT.source,
        unit: asked.unit(),
        window: window(loaded.as_of, &shared_of(sources)),
        n: usize::try_from(row.n).unwrap_or(0),
        inputs,
        steps,
        computed: asked.made(&row)?,
        stored: value,
    })
}

/// How sure the intercept is.
fn intercept(quality: &FitQuality) -> serde_json::Value {
    let of = &quality.alpha;
    json!({ "std_error": quality.alpha_error, "t": of.t, "p": of.p, "low_95": of.low(), "high_95": of.high() })
}

/// Of the window of the fit; a session without a return has none.
fn returns(name: &str, all: &[f64]) -> Line {
    let last = &all[all.len() - WINDOW..];
    let values: Vec<Option<f64>> = last
        .iter()
        .map(|value| (!value.is_nan()).then_some(*value))
        .collect();
    line(name, json!(values))
}

fn fit_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (row, asked) = asked(report, argument)?;
    let slopes = row.slopes.iter().map(|(factor, one)| {
        let value = json!({ "beta": one.beta, "std_error": one.std_error, "t": one.inference.t, "p": one.inference.p,
                            "low_95": one.inference.low(), "high_95": one.inference.high(), "vif": one.vif });
        line(format!("factor {factor}"), value)
    });
    Ok(Told {
        formula: asked.formula(),
        source: FIT.source,
        unit: asked.unit(),
        window: window(report.published.as_of, &shared_in(report)),
        n: usize::try_from(row.n).ok(),
        inputs: slopes.collect(),
        steps: vec![
            line("alpha", row.alpha),
            line("alpha, the rest", intercept(&row.quality)),
            line("effective returns, 1 / Σ w²", row.n_eff),
            line("effective degrees of freedom", row.edf),
            line("R²", row.r_squared),
            line("specific variance", row.specific_variance),
        ],
        value: asked.stored(row)?,
    })
}
