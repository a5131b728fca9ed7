//! Stress scenarios: `version`, and a `[[scenario]]` each with id, name, category, severity,
//! active, `implied_vol_multiplier` and its `[[scenario.shock]]` of factor, value and kind.

use super::document::{self, Section};
use super::issues::{Issues, Rejected, quoted};
use crate::domain::{
    FactorRole, FactorSet, INTEREST_RATE, Scenario, ScenarioSet, Shock, ShockKind,
};

const ID_TWICE: &str = "ERR_DEF_020";
const BAD_ID: &str = "ERR_DEF_021";
const SEVERITY: &str = "ERR_DEF_022";
const MULTIPLIER: &str = "ERR_DEF_023";
const NO_SHOCKS: &str = "ERR_DEF_024";
const UNKNOWN_FACTOR: &str = "ERR_DEF_025";
const SHOCKED_TWICE: &str = "ERR_DEF_026";
const KIND_MISFIT: &str = "ERR_DEF_027";
const SHOCK_VALUE: &str = "ERR_DEF_028";
const NO_SCENARIOS: &str = "ERR_DEF_029";
const TOO_MANY: &str = "ERR_DEF_030";

/// How bad a scenario is, in order.
const SEVERITIES: [&str; 5] = ["base", "mild", "moderate", "severe", "extreme"];
/// More scenarios than this do not fit into the time a portfolio has.
const MAX_SCENARIOS: usize = 500;
/// Largest factor on implied volatility that is no slip.
const MAX_MULTIPLIER: f64 = 20.0;
/// Largest absolute shock: a factor of eleven, or a yield change of 1,000 percentage points.
const MAX_SHOCK: f64 = 10.0;

/// The scenarios of a file, or every error of it. Shocks name factors of `factors`.
pub fn parse(text: &str, factors: &FactorSet) -> Result<ScenarioSet, Rejected> {
    let mut issues = Issues::default();
    let (mut version, mut scenarios) = (None, Vec::new());
    if let Some(table) = document::parse(text, &mut issues) {
        let top = Section::top(text, &table);
        top.only(&["version", "scenario"], &mut issues);
        version = top.text("version", &mut issues);
        let sections = top.tables("scenario", "id", &mut issues);
        if sections.is_empty() {
            let remedy = "add [[scenario]] tables";
            top.error(
                &mut issues,
                "scenario",
                NO_SCENARIOS,
                "no scenarios",
                remedy,
            );
        } else if sections.len() > MAX_SCENARIOS {
            let message = format!("{} scenarios, more than {MAX_SCENARIOS}", sections.len());
            top.error(
                &mut issues,
                "scenario",
                TOO_MANY,
                &message,
                "keep those that matter",
            );
        }
        let mut ids = Vec::new();
        for section in &sections {
            scenarios.extend(scenario(section, factors, &mut ids, &mut issues));
        }
    }
    issues.or(ScenarioSet::new(version.unwrap_or_default(), scenarios))
}

fn scenario(
    section: &Section<'_, '_>,
    factors: &FactorSet,
    ids: &mut Vec<String>,
    issues: &mut Issues,
) -> Option<Scenario> {
    let keys = [
        "id",
        "name",
        "category",
        "severity",
        "active",
        "implied_vol_multiplier",
        "shock",
    ];
    section.only(&keys, issues);
    let id = id(section, ids, issues);
    let name = section.text("name", issues);
    let category = section.text("category", issues);
    let severity = section.text("severity", issues);
    if let Some(unknown) = severity
        .as_ref()
        .filter(|text| !SEVERITIES.contains(&text.as_str()))
    {
        let message = format!("{} is no severity", quoted(unknown));
        let remedy = format!("write one of {}", SEVERITIES.join(", "));
        section.error(issues, "severity", SEVERITY, &message, &remedy);
    }
    let active = section.flag("active", issues);
    let multiplier = section.optional_number("implied_vol_multiplier", issues);
    if multiplier.is_some_and(|value| value <= 0.0 || value > MAX_MULTIPLIER) {
        let message = "the multiplier of implied volatility is not above 0 and at most 20";
        section.error(
            issues,
            "implied_vol_multiplier",
            MULTIPLIER,
            message,
            "2.5 is +150 %",
        );
    }
    let sections = section.tables("shock", "factor", issues);
    if sections.is_empty() {
        let remedy = "add [[scenario.shock]] tables below the scenario";
        section.error(issues, "shock", NO_SHOCKS, "no shocks", remedy);
    }
    let mut shocked = Vec::new();
    let mut shocks = Vec::new();
    for section in &sections {
        shocks.extend(shock(section, factors, &mut shocked, issues));
    }
    Some(Scenario {
        id: id?,
        name: name?,
        category: category?,
        severity: severity?,
        active: active?,
        implied_vol_multiplier: multiplier.unwrap_or(1.0),
        shocks,
    })
}

fn id(section: &Section<'_, '_>, ids: &mut Vec<String>, issues: &mut Issues) -> Option<String> {
    let id = section.text("id", issues)?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !id.chars().all(allowed) {
        let message = format!("{} is no id", quoted(&id));
        section.error(issues, "id", BAD_ID, &message, "use a-z, 0-9 and _");
    } else if ids.contains(&id) {
        let message = format!("{} is the id of another scenario", quoted(&id));
        section.error(issues, "id", ID_TWICE, &message, "rename one of them");
    }
    ids.push(id.clone());
    Some(id)
}

fn shock(
    section: &Section<'_, '_>,
    factors: &FactorSet,
    shocked: &mut Vec<String>,
    issues: &mut Issues,
) -> Option<Shock> {
    section.only(&["factor", "value", "kind"], issues);
    let key = section.text("factor", issues);
    let value = section.number("value", issues);
    let words = "total_return, market_relative, yield_change";
    let kind: Option<ShockKind> = section.word("kind", words, issues);
    let key = key?;
    let Some(driven) = factors.driven_by(&key) else {
        let known: Vec<_> = factors
            .factors
            .iter()
            .map(|factor| factor.name.as_str())
            .collect();
        let message = format!("unknown factor {}", quoted(&key));
        let remedy = format!(
            "name one of {}, or {INTEREST_RATE} for rates",
            known.join(", ")
        );
        section.error(issues, "factor", UNKNOWN_FACTOR, &message, &remedy);
        return None;
    };
    if shocked.contains(&driven.name) {
        let message = format!("a second shock of {}", quoted(&driven.name));
        section.error(
            issues,
            "factor",
            SHOCKED_TWICE,
            &message,
            "keep one of them",
        );
    }
    shocked.push(driven.name.clone());
    let (value, kind) = (value?, kind?);
    let misfit = match kind {
        ShockKind::YieldChange if driven.role != FactorRole::Rates => {
            Some("a yield change is of the factor of role rates")
        }
        ShockKind::TotalReturn | ShockKind::MarketRelative if key == INTEREST_RATE => {
            Some("Interest_Rate is a yield: its shock is a yield_change")
        }
        ShockKind::MarketRelative if driven.role == FactorRole::Market => {
            Some("the market cannot move relative to itself")
        }
        _ => None,
    };
    if let Some(message) = misfit {
        section.error(
            issues,
            "kind",
            KIND_MISFIT,
            message,
            "change the kind or the factor",
        );
    }
    // From D/C on the quadratic turns: a higher yield would raise the price again.
    let turn = driven
        .duration
        .zip(driven.convexity)
        .filter(|(_, convexity)| *convexity > 0.0);
    let turn = turn.map(|(duration, convexity)| duration / convexity);
    let turn = turn.filter(|turn| kind == ShockKind::YieldChange && value >= *turn);
    let message = match (kind, turn) {
        (_, Some(_)) => Some("a rise of the yield by duration/convexity or more"),
        (ShockKind::TotalReturn, _) if value <= -1.0 => Some("a loss of everything or more"),
        _ if value.abs() > MAX_SHOCK => Some("a shock beyond ±10"),
        _ => None,
    };
    if let Some(message) = message {
        let mut remedy = "give a fraction: -0.35 is -35 %, 0.01 is 100 basis points".to_owned();
        if let Some(turn) = turn {
            remedy = format!("{remedy}; of {} it must be below {turn}", driven.name);
        }
        section.error(issues, "value", SHOCK_VALUE, message, &remedy);
    }
    Some(Shock {
        factor: key,
        value,
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import;

    const HEAD: &str = "id = \"a\"\nname = \"A\"\ncategory = \"market\"\nseverity = \"mild\"\n";

    fn codes(text: &str) -> Vec<(u64, &'static str, String)> {
        let errors = parse(text, &import::defaults().0).unwrap_err().errors;
        errors
            .into_iter()
            .map(|error| (error.line, error.code, error.column))
            .collect()
    }

    fn one(shocks: &[(&str, &str, &str)]) -> String {
        let shock = |(factor, value, kind): &(&str, &str, &str)| {
            format!(
                "[[scenario.shock]]\nfactor = \"{factor}\"\nvalue = {value}\nkind = \"{kind}\"\n"
            )
        };
        let shocks: Vec<_> = shocks.iter().map(shock).collect();
        format!("version = \"1\"\n[[scenario]]\n{HEAD}{}", shocks.concat())
    }

    #[test]
    fn a_scenario_without_further_keys_is_active_and_leaves_volatility() {
        let text = one(&[("Market", "-1e-1", "total_return")]);
        let set = parse(&text, &import::defaults().0).unwrap();
        let scenario = &set.scenarios[0];
        assert!(scenario.active);
        assert!((scenario.implied_vol_multiplier - 1.0).abs() < f64::EPSILON);
        assert!((scenario.shocks[0].value + 0.1).abs() < f64::EPSILON);
    }

    #[test]
    fn shocks_must_fit_their_factor() {
        let code = |shock| {
            let errors = codes(&one(&[shock]));
            assert_eq!(errors.len(), 1, "{errors:?}");
            (errors[0].0, errors[0].1)
        };
        assert_eq!(code(("Marked", "0.1", "total_return")), (8, UNKNOWN_FACTOR));
        assert_eq!(code(("Market", "0.1", "yield_change")), (10, KIND_MISFIT));
        assert_eq!(
            code(("Interest_Rate", "0.1", "total_return")),
            (10, KIND_MISFIT)
        );
        assert_eq!(
            code(("Market", "0.1", "market_relative")),
            (10, KIND_MISFIT)
        );
        assert_eq!(code(("Market", "-1", "total_return")), (9, SHOCK_VALUE));
        assert_eq!(code(("Value", "11", "market_relative")), (9, SHOCK_VALUE));
        assert_eq!(
            code(("Value", "inf", "market_relative")),
            (9, "ERR_DEF_007")
        );
        assert_eq!(
            code(("Value", "\"1\"", "market_relative")),
            (9, "ERR_DEF_003")
        );
        // 16.5 / 360 = 0.04583…
        assert_eq!(
            code(("Interest_Rate", "0.0459", "yield_change")),
            (9, SHOCK_VALUE)
        );
        let rates = import::defaults().0;
        assert!(parse(&one(&[("Rates", "0.0458", "yield_change")]), &rates).is_ok());
        let beyond = one(&[("Rates", "0.0459", "yield_change")]);
        let errors = parse(&beyond, &rates).unwrap_err().errors;
        let remedy = &errors[0].remedy;
        let limit = format!("of Rates it must be below {}", 16.5 / 360.0);
        assert!(remedy.ends_with(&limit), "{remedy}");
        let twice = [
            ("Rates", "0.1", "total_return"),
            ("Interest_Rate", "0.01", "yield_change"),
        ];
        assert_eq!(
            codes(&one(&twice)),
            [(12, SHOCKED_TWICE, "factor".to_owned())]
        );
    }

    #[test]
    fn every_fault_of_a_set_is_found_at_once_with_its_line() {
        let text = format!(
            "[[scenario]]\n{HEAD}active = 1\nimplied_vol_multiplier = 0\ncolour = \"red\"\n\
             [[scenario]]\n{HEAD}[[scenario.shock]]\nfactor = \"Market\"\nvalue = -0.1\nkind = \"x\"\n\
             [[scenario]]\nid = \"Big Crash\"\nname = \" \"\nseverity = \"bad\"\nshock = 5\n"
        );
        let at = |line, code, key: &str| (line, code, key.to_owned());
        let expected = [
            at(1, "ERR_DEF_002", "version"),
            at(1, NO_SHOCKS, "shock"),
            at(6, "ERR_DEF_003", "active"),
            at(7, MULTIPLIER, "implied_vol_multiplier"),
            at(8, "ERR_DEF_004", "colour"),
            at(10, ID_TWICE, "id"),
            at(17, "ERR_DEF_005", "kind"),
            at(18, "ERR_DEF_002", "category"),
            at(19, BAD_ID, "id"),
            at(20, "ERR_DEF_003", "name"),
            at(21, SEVERITY, "severity"),
            at(22, "ERR_DEF_003", "shock"),
            at(22, NO_SHOCKS, "shock"),
        ];
        assert_eq!(codes(&text), expected);
        assert_eq!(codes("version = \"1\""), [at(1, NO_SCENARIOS, "scenario")]);
    }
}
