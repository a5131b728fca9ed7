//! The tables of the fits: what is null has its reason beside it.

use serde_json::{Map, Value, json};

use crate::store::reports::symbols::SlopeRow;
use crate::store::reports::{Fit, FitSlope, Report};
use crate::store::symbol_results::{Inference, MarketFit, Slope};

/// Nothing leaves room for an error.
const EXACT: &str = "the fit is exact: its errors are 0";
/// Other factors have its part of the returns.
const REDUNDANT: &str = "the factor is redundant in this window";
/// The fit has used up what the returns say.
const NO_FREEDOM: &str =
    "the effective number of returns leaves no degrees of freedom for an error";
/// There is nothing to explain.
const MOTIONLESS: &str = "the returns are constant";
/// Which of both it is stands in the table of the symbol.
const NO_INTERVAL: &str = "no interval: the fit of the symbol says why";

/// Symbol → table.
pub(super) fn tables(report: &Report) -> Value {
    let fits = report.fits.iter();
    let tables: Map<String, Value> = fits
        .map(|fit| (fit.symbol.to_string(), table(fit)))
        .collect();
    Value::Object(tables)
}

/// Factor → slope of a position with its whiskers.
pub(super) fn slopes(slopes: &std::collections::BTreeMap<String, Slope>) -> Value {
    let slopes = slopes.iter().map(|(factor, slope)| {
        let value = json!({
            "beta": slope.beta,
            "std_error": slope.std_error,
            "low_95": slope.interval.map(|ends| ends.0),
            "high_95": slope.interval.map(|ends| ends.1),
            "reason": slope.interval.is_none().then_some(NO_INTERVAL),
        });
        (factor.clone(), value)
    });
    Value::Object(slopes.collect())
}

/// Factor → slope, for those that only want the number.
pub(super) fn betas(slopes: &std::collections::BTreeMap<String, Slope>) -> Value {
    let betas = slopes
        .iter()
        .map(|(factor, slope)| (factor.clone(), json!(slope.beta)));
    Value::Object(betas.collect())
}

fn table(fit: &Fit) -> Value {
    let quality = &fit.quality;
    let why = |missing: bool, or: &'static str| {
        let reason = fit.reason.clone().unwrap_or_else(|| or.to_owned());
        missing.then_some(reason)
    };
    let freedom = fit.n_eff.zip(fit.edf).is_none_or(|(n, edf)| n > edf);
    let slopes = fit.slopes.iter();
    let slopes = slopes.map(|(factor, own)| (factor.clone(), slope(own, freedom)));
    let untested = if freedom { EXACT } else { NO_FREEDOM };
    json!({
        "available": fit.reason.is_none(),
        "reason": fit.reason,
        "n": fit.n,
        "n_eff": fit.n_eff,
        "edf": fit.edf,
        "alpha": fit.alpha,
        "alpha_std_error": quality.alpha_error,
        "alpha_t": quality.alpha.t,
        "alpha_p": quality.alpha.p,
        "alpha_p_reason": why(quality.alpha.p.is_none(), untested),
        "alpha_t_reason": why(quality.alpha.t.is_none(), untested),
        "alpha_low_95": quality.alpha.low(),
        "alpha_high_95": quality.alpha.high(),
        "r_squared": fit.r_squared,
        "adjusted_r_squared": quality.adjusted_r_squared,
        "r_squared_reason": why(fit.r_squared.is_none(), "the returns are constant"),
        "durbin_watson": quality.durbin_watson,
        "durbin_watson_reason": why(quality.durbin_watson.is_none(), EXACT),
        "condition_number": quality.condition_number,
        "condition_number_reason": why(quality.condition_number.is_none(), "a factor is redundant in this window"),
        "specific_variance": fit.specific_variance,
        "slopes": Value::Object(slopes.collect()),
        "displays": fit.displays.iter().map(display).collect::<Vec<_>>(),
    })
}

/// A model for display, with the numbers that its kind has.
fn display(slope: &SlopeRow) -> Value {
    let fit = slope.fit.as_ref();
    let inference = &slope.inference;
    let own = match slope.model.as_str() {
        "market" => json!({
            "shrunk": slope.shrunk,
            "n_eff": fit.map(|fit| fit.n_eff),
            "alpha": fit.map(|fit| fit.alpha),
            "alpha_std_error": fit.map(|fit| fit.alpha_error),
            "alpha_t": fit.and_then(|fit| fit.inference.t),
            "alpha_p": fit.and_then(|fit| fit.inference.p),
            "alpha_low_95": fit.and_then(|fit| fit.inference.low()),
            "alpha_high_95": fit.and_then(|fit| fit.inference.high()),
            "r_squared": fit.and_then(|fit| fit.r_squared),
            "adjusted_r_squared": fit.and_then(|fit| fit.adjusted_r_squared),
        }),
        "spread" => json!({ "vif": slope.vif }),
        _ => json!({ "source": slope.source }),
    };
    let tested = json!({
        "std_error": slope.std_error,
        "t": inference.t,
        "p": inference.p,
        "low_95": inference.low(),
        "high_95": inference.high(),
        "n": slope.n,
    });
    let mut told = Map::new();
    for part in [Some(own), (slope.model != "provider").then_some(tested)] {
        if let Some(Value::Object(part)) = part {
            told.extend(part);
        }
    }
    // Nobody is named where nobody has told anything.
    let missing = |(name, value): (&String, &Value)| name != "source" && value.is_null();
    let incomplete = told.iter().any(missing);
    let reason = slope.reason.clone().or_else(|| {
        let why = match (inference.interval, fit) {
            (
                _,
                Some(MarketFit {
                    r_squared: None, ..
                }),
            ) => MOTIONLESS,
            (None, _) if slope.vif.is_none() && slope.model == "spread" => REDUNDANT,
            (None, _) => NO_FREEDOM,
            (Some(_), _) => EXACT,
        };
        incomplete.then(|| why.to_owned())
    });
    told.extend([
        ("model".to_owned(), json!(slope.model)),
        ("factor".to_owned(), json!(slope.factor)),
        ("status".to_owned(), json!(slope.status)),
        ("reason".to_owned(), json!(reason)),
        ("beta".to_owned(), json!(slope.beta)),
        ("flags".to_owned(), json!(slope.flags)),
    ]);
    Value::Object(told)
}

fn slope(slope: &FitSlope, freedom: bool) -> Value {
    let Inference { t, p, interval } = slope.inference;
    let reason = match (interval, t) {
        (None, _) if freedom => Some(REDUNDANT),
        (None, _) => Some(NO_FREEDOM),
        (Some(_), None) => Some(EXACT),
        (Some(_), Some(_)) => None,
    };
    json!({
        "beta": slope.beta,
        "std_error": slope.std_error,
        "t": t,
        "p": p,
        "low_95": interval.map(|ends| ends.0),
        "high_95": interval.map(|ends| ends.1),
        "reason": reason,
        "vif": slope.vif,
        "vif_reason": slope.vif.is_none().then_some(REDUNDANT),
        "flags": slope.flags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::portfolio::sample;

    #[test]
    fn a_model_for_display_has_its_numbers_or_null_and_a_reason() {
        let report = sample::report();
        let table = table(&report.fits[0]);
        let [market, spread, provider] = [0_usize, 1, 2].map(|at| &table["displays"][at]);
        assert_eq!(market["alpha"], 0.0001);
        assert_eq!(
            (&spread["status"], &spread["beta"]),
            (&json!("unavailable"), &Value::Null)
        );
        assert!(spread["reason"].as_str().unwrap().contains("IWF"));
        assert_eq!(provider["beta"], 1.25);
        assert!(provider.get("alpha").is_none() && provider["reason"].is_null());
    }

    #[test]
    fn a_slope_without_an_interval_is_redundant_only_where_others_could_have_one() {
        let mut report = sample::report();
        let fit = &mut report.fits[0];
        let reasons = |fit: &Fit| {
            let table = table(fit);
            [
                &table["slopes"]["Value"]["reason"],
                &table["alpha_t_reason"],
            ]
            .map(Clone::clone)
        };
        assert_eq!(reasons(fit), [REDUNDANT, EXACT]);
        fit.edf = fit.n_eff;
        assert_eq!(reasons(fit), [NO_FREEDOM, NO_FREEDOM]);
    }
}
