//! The factor model of a date and the joint fits on it.

use std::collections::BTreeMap;

use sigmabatch::analytics::factors::{FactorModel, Role};
use sigmabatch::analytics::returns;

use crate::numbers::Numbers;
use crate::table::{CLOSES, STOCKS, Table, YIELDS};

/// The factor model of 2016-12-30, and where its window ends.
pub(crate) fn model(table: &Table) -> (FactorModel, usize) {
    let treasury = Table::read(YIELDS);
    let yields: BTreeMap<&str, f64> = (treasury.dates.iter().map(String::as_str))
        .zip(treasury.columns["UST10Y"].iter().copied())
        .collect();
    let aligned: Vec<f64> = (table.dates.iter())
        .map(|date| yields.get(date.as_str()).copied().unwrap_or(f64::NAN))
        .collect();
    let mut proxies: Vec<Vec<f64>> = ["SP500", "MTUM", "QUAL", "SIZE", "VLUE", "USMV"]
        .iter()
        .map(|name| table.returns(name))
        .collect();
    proxies.push(returns::yield_returns(&aligned, 8.8, 88.0).unwrap());
    let mut roles = vec![Role::Style; 7];
    roles[0] = Role::Market;
    roles[6] = Role::Rates;
    let end = table.at("2016-12-30") + 1;
    let window: Vec<&[f64]> = proxies.iter().map(|proxy| &proxy[end - 252..end]).collect();
    (FactorModel::new(&roles, &window).unwrap(), end)
}

#[test]
fn the_factor_model_and_the_prior_ridge_of_every_stock() {
    let numbers = Numbers::of(&["factor model", "joint "]);
    let table = Table::read(CLOSES);
    let (model, end) = model(&table);
    numbers.check_all("factor model", "slope", model.slopes().iter().copied());
    let covariance = model.factor_covariance().unwrap();
    numbers.check_all(
        "factor model",
        "covariance",
        covariance.data().iter().copied(),
    );
    for name in STOCKS {
        let fit = model
            .joint_fit(&table.returns(name)[end - 252..end])
            .unwrap();
        let case = format!("joint {name}");
        numbers.check_all(&case, "beta", fit.betas.iter().copied());
        numbers.check_all(&case, "error", fit.standard_errors.iter().copied());
        let inference = || fit.inference.iter();
        let ends = || inference().map(|of| of.interval.unwrap());
        numbers.check_all(&case, "t", inference().map(|of| of.t.unwrap()));
        numbers.check_all(&case, "p", inference().map(|of| of.p.unwrap()));
        numbers.check_all(&case, "low", ends().map(|(low, _)| low));
        numbers.check_all(&case, "high", ends().map(|(_, high)| high));
        let inflation = fit.variance_inflation.iter().map(|vif| vif.unwrap());
        numbers.check_all(&case, "vif", inflation);
        numbers.check(&case, "alpha", fit.alpha);
        numbers.check(&case, "alpha_error", fit.alpha_error);
        numbers.check(&case, "alpha_t", fit.alpha_inference.t.unwrap());
        numbers.check(&case, "alpha_p", fit.alpha_inference.p.unwrap());
        numbers.check(&case, "adjusted", fit.adjusted_r_squared.unwrap());
        numbers.check(&case, "durbin_watson", fit.durbin_watson.unwrap());
        numbers.check(&case, "condition", fit.condition.unwrap());
        numbers.check(&case, "penalty", fit.penalty);
        numbers.check(&case, "edf", fit.edf);
        numbers.check(&case, "specific", fit.specific_variance);
        numbers.check(&case, "r_squared", fit.r_squared.unwrap());
    }
}
