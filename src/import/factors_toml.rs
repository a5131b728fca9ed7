//! Factor definitions: `version`, and a `[[factor]]` each with name, proxy, kind, role, duration
//! and convexity. Exactly one factor is the market, at most one is rates.

use std::collections::BTreeMap;

use super::can_be_addressed;
use super::document::{self, Section};
use super::issues::{Issues, Rejected, quoted};
use crate::domain::{Factor, FactorRole, FactorSet, INTEREST_RATE, SeriesKind, Symbol};

const BAD_PROXY: &str = "ERR_DEF_010";
const NAME_TWICE: &str = "ERR_DEF_011";
const ONE_MARKET: &str = "ERR_DEF_012";
const ONE_RATES: &str = "ERR_DEF_013";
const DURATION: &str = "ERR_DEF_014";
const NO_FACTORS: &str = "ERR_DEF_015";
const TOO_MANY: &str = "ERR_DEF_016";
const PROXY_TWICE: &str = "ERR_DEF_017";
const BAD_NAME: &str = "ERR_DEF_018";
/// More factors than this cannot be told apart with a year of returns.
const MAX_FACTORS: usize = 50;

/// The factors of a file, or every error of it.
pub fn parse(text: &str) -> Result<FactorSet, Rejected> {
    let mut issues = Issues::default();
    let (mut version, mut factors) = (None, Vec::new());
    if let Some(table) = document::parse(text, &mut issues) {
        let top = Section::top(text, &table);
        top.only(&["version", "factor"], &mut issues);
        version = top.text("version", &mut issues);
        let sections = top.tables("factor", "name", &mut issues);
        count(&top, sections.len(), &mut issues);
        let mut names = Vec::new();
        let mut proxies = BTreeMap::new();
        let mut roles = Vec::new();
        for section in &sections {
            let factor = factor(section, &mut issues);
            let (name, role) = (factor.name, factor.role);
            if let Some(name) = &name {
                if names.contains(name) {
                    let message = format!("{} is the name of another factor", quoted(name));
                    section.error(
                        &mut issues,
                        "name",
                        NAME_TWICE,
                        &message,
                        "rename one of them",
                    );
                } else if name == INTEREST_RATE && role != Some(FactorRole::Rates) {
                    let message = format!("{INTEREST_RATE} names shocks of the yield");
                    let remedy = "give the role rates, or another name";
                    section.error(&mut issues, "name", NAME_TWICE, &message, remedy);
                }
                addressable(section, name, &mut issues);
                names.push(name.clone());
            }
            one_series(section, factor.proxy.as_ref(), &mut proxies, &mut issues);
            one_each(section, role, &mut roles, &mut issues);
            factors.extend(name.zip(role).zip(factor.proxy).zip(factor.kind).map(
                |(((name, role), proxy), kind)| {
                    let (duration, convexity) = (factor.duration, factor.convexity);
                    Factor {
                        name,
                        proxy,
                        kind,
                        role,
                        duration,
                        convexity,
                    }
                },
            ));
        }
        let market = roles.contains(&Some(FactorRole::Market)) || roles.contains(&None);
        if !sections.is_empty() && !market {
            let remedy = "give one factor the role market";
            top.error(
                &mut issues,
                "factor",
                ONE_MARKET,
                "no factor is the market",
                remedy,
            );
        }
    }
    issues.or(FactorSet::new(version.unwrap_or_default(), factors))
}

/// What could be read of a factor.
struct Draft {
    name: Option<String>,
    proxy: Option<Symbol>,
    kind: Option<SeriesKind>,
    role: Option<FactorRole>,
    duration: Option<f64>,
    convexity: Option<f64>,
}

fn factor(section: &Section<'_, '_>, issues: &mut Issues) -> Draft {
    section.only(
        &["name", "proxy", "kind", "role", "duration", "convexity"],
        issues,
    );
    let draft = Draft {
        name: section.text("name", issues),
        proxy: proxy(section, issues),
        kind: section.word("kind", "price, yield", issues),
        role: section.word("role", "market, style, rates", issues),
        duration: section.optional_number("duration", issues),
        convexity: section.optional_number("convexity", issues),
    };
    let of_yields = draft.kind == Some(SeriesKind::Yield) || draft.role == Some(FactorRole::Rates);
    for (key, value) in [("duration", draft.duration), ("convexity", draft.convexity)] {
        let given = section.has(key);
        let (message, remedy) = if of_yields && !given {
            (
                format!("no {key}"),
                "a series of yields and the role rates need it: years, years²",
            )
        } else if !of_yields && given && draft.kind.is_some() && draft.role.is_some() {
            (
                format!("{key} without yields"),
                "remove it, or give the role rates",
            )
        } else if value.is_some_and(|value| value < 0.0 || (key == "duration" && value == 0.0)) {
            (
                format!("{key} is not positive"),
                "give it in years, as a positive number",
            )
        } else {
            continue;
        };
        section.error(issues, key, DURATION, &message, remedy);
    }
    draft
}

fn proxy(section: &Section<'_, '_>, issues: &mut Issues) -> Option<Symbol> {
    let text = section.text("proxy", issues)?;
    Symbol::parse(&text)
        .map_err(|error| {
            let remedy = "name the series by its symbol";
            section.error(issues, "proxy", BAD_PROXY, &error.to_string(), remedy);
        })
        .ok()
}

/// Metrics and addresses name a factor as they name a benchmark.
fn addressable(section: &Section<'_, '_>, name: &str, issues: &mut Issues) {
    if !can_be_addressed(name) {
        let message = format!("{} cannot stand in a metric or an address", quoted(name));
        let remedy = "use printable characters without : / ? # %";
        section.error(issues, "name", BAD_NAME, &message, remedy);
    }
}

/// A series is the proxy of one factor: two with the same returns cannot be told apart.
fn one_series<'s>(
    section: &'s Section<'_, '_>,
    proxy: Option<&Symbol>,
    proxies: &mut BTreeMap<Symbol, &'s str>,
    issues: &mut Issues,
) {
    let Some(proxy) = proxy else {
        return;
    };
    if let Some(other) = proxies.insert(proxy.clone(), section.called()) {
        let message = format!("{proxy} is the proxy of {other} too");
        let remedy = "name another series, or remove one of the two";
        section.error(issues, "proxy", PROXY_TWICE, &message, remedy);
    }
}

fn one_each(
    section: &Section<'_, '_>,
    role: Option<FactorRole>,
    roles: &mut Vec<Option<FactorRole>>,
    issues: &mut Issues,
) {
    let code = match role {
        Some(FactorRole::Market) => ONE_MARKET,
        Some(FactorRole::Rates) => ONE_RATES,
        Some(FactorRole::Style) | None => "",
    };
    if let Some(role) = role.filter(|_| !code.is_empty() && roles.contains(&role)) {
        let message = format!("a second factor of role {role}");
        section.error(issues, "role", code, &message, "keep one of them");
    }
    roles.push(role);
}

fn count(top: &Section<'_, '_>, factors: usize, issues: &mut Issues) {
    if factors == 0 {
        top.error(
            issues,
            "factor",
            NO_FACTORS,
            "no factors",
            "add [[factor]] tables",
        );
    } else if factors > MAX_FACTORS {
        let message = format!("{factors} factors, more than {MAX_FACTORS}");
        top.error(
            issues,
            "factor",
            TOO_MANY,
            &message,
            "keep those that matter",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKET: &str = "version = \"1\"\n[[factor]]\nname = \"Market\"\nproxy = \"SPY\"\nkind = \"price\"\nrole = \"market\"\n";
    const RATES: &str = "[[factor]]\nname = \"Rates\"\nproxy = \"TLT\"\nkind = \"price\"\nrole = \"rates\"\nduration = 16.5\nconvexity = 360\n";

    fn codes(text: &str) -> Vec<(u64, &'static str, String)> {
        let errors = parse(text).unwrap_err().errors;
        errors
            .into_iter()
            .map(|error| (error.line, error.code, error.column))
            .collect()
    }

    fn at(line: u64, code: &'static str, key: &str) -> (u64, &'static str, String) {
        (line, code, key.to_owned())
    }

    #[test]
    fn a_set_is_read_with_version_and_hash() {
        let set = parse(&format!("{MARKET}{RATES}")).unwrap();
        assert_eq!((set.version.as_str(), set.factors.len()), ("1", 2));
        let rates = set.of_role(FactorRole::Rates).unwrap();
        assert_eq!((rates.duration, rates.convexity), (Some(16.5), Some(360.0)));
        let comment = parse(&format!("# mine\n{MARKET}\n{RATES}")).unwrap();
        assert_eq!(set.hash, comment.hash);
        assert_ne!(set.hash, parse(MARKET).unwrap().hash);
    }

    #[test]
    fn every_fault_of_a_set_is_found_at_once_with_its_line() {
        let text = format!(
            "{MARKET}{RATES}[[factor]]\nname = \"Rates\"\nproxy = \"A B\"\nkind = \"prices\"\n\
             role = \"rates\"\nduration = nan\nconvexity = -1\nweight = 3\n[[factor]]\nrole = 5\n\
             [[factor]]\nname = \"Value\"\nproxy = \"VTV\"\nkind = \"price\"\nrole = \"style\"\nduration = 3\n\
             [[factor]]\nname = \"Yield\"\nproxy = \"DGS10\"\nkind = \"yield\"\nrole = \"market\"\nduration = 0\n"
        );
        let expected = [
            at(15, NAME_TWICE, "name"),
            at(16, BAD_PROXY, "proxy"),
            at(17, "ERR_DEF_005", "kind"),
            at(18, ONE_RATES, "role"),
            at(19, "ERR_DEF_007", "duration"),
            at(20, DURATION, "convexity"),
            at(21, "ERR_DEF_004", "weight"),
            at(22, "ERR_DEF_002", "name"),
            at(22, "ERR_DEF_002", "proxy"),
            at(22, "ERR_DEF_002", "kind"),
            at(23, "ERR_DEF_003", "role"),
            at(29, DURATION, "duration"),
            at(30, DURATION, "convexity"),
            at(34, ONE_MARKET, "role"),
            at(35, DURATION, "duration"),
        ];
        assert_eq!(codes(&text), expected);
        let error = &parse(&text).unwrap_err().errors[6];
        assert_eq!(error.message, "factor \"Rates\": unknown key \"weight\"");
    }

    #[test]
    fn two_factors_of_one_series_are_refused() {
        let style = |name: &str, proxy: &str| {
            format!(
                "[[factor]]\nname = \"{name}\"\nproxy = \"{proxy}\"\nkind = \"price\"\nrole = \"style\"\n"
            )
        };
        let text = format!("{MARKET}{}{RATES}", style("Value", "SPY"));
        let errors = parse(&text).unwrap_err().errors;
        assert_eq!(
            errors[0].to_string(),
            "line 9, proxy: factor \"Value\": SPY is the proxy of factor \"Market\" too (ERR_DEF_017); \
             name another series, or remove one of the two"
        );
        assert_eq!(errors.len(), 1);
        // Prices and yields of one symbol are checked under that symbol alike.
        let yields = RATES.replace("TLT", "VTV").replace("price", "yield");
        let text = format!("{MARKET}{}{yields}", style("Value", "VTV"));
        assert_eq!(codes(&text), [at(14, PROXY_TWICE, "proxy")]);
        assert!(parse(&format!("{MARKET}{}{RATES}", style("Value", "VTV"))).is_ok());
    }

    #[test]
    fn the_name_of_a_factor_can_stand_in_a_metric_and_in_an_address() {
        let named = |name: &str| MARKET.replace("\"Market\"", &format!("\"{name}\""));
        let longest = "x".repeat(100);
        for right in ["S&P 500, large", "Low Volatility", "Größe", &longest] {
            assert_eq!(parse(&named(right)).unwrap().factors[0].name, right);
        }
        for wrong in ["a:b", "a/b", "a?b", "a#b", "5%", "a\\u0007b"] {
            assert_eq!(codes(&named(wrong)), [at(3, BAD_NAME, "name")], "{wrong}");
        }
        for wrong in ["", "  ", &"x".repeat(101)] {
            let refused = [at(3, "ERR_DEF_003", "name")];
            assert_eq!(codes(&named(wrong)), refused, "{wrong}");
        }
    }

    #[test]
    fn an_empty_or_broken_file_says_so() {
        assert_eq!(
            codes(""),
            [at(1, "ERR_DEF_002", "version"), at(1, NO_FACTORS, "factor")]
        );
        assert_eq!(
            codes("version = \"1\"\nfactor = 3")[0],
            at(2, "ERR_DEF_003", "factor")
        );
        let broken = codes("version = \nfactor = [\n");
        assert!(
            broken.iter().all(|(_, code, _)| *code == "ERR_DEF_001"),
            "{broken:?}"
        );
        assert_eq!(
            codes(&format!("version = \"1\"\n{RATES}")),
            [at(2, ONE_MARKET, "factor")]
        );
    }
}
