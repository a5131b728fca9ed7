//! Factors and scenarios: definitions that are data. A set carries the version its author gave it
//! and a hash of what it says, so that a result can name the definitions it was computed with.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Symbol;
use super::words::words;

/// The key of a shock of yields: it drives the factor of role `rates`, whatever its name.
pub const INTEREST_RATE: &str = "Interest_Rate";

words! {
    /// What the values of a proxy series are.
    SeriesKind: "kind of series" {
        /// Prices: a return is a relative change.
        Price = "price",
        /// Yields, as fractions: a return follows from duration and convexity.
        Yield = "yield",
    }

    /// What a factor stands for in the joint model.
    FactorRole: "role of a factor" {
        /// The market itself: exactly one.
        Market = "market",
        /// A style, made market-neutral and shrunk.
        Style = "style",
        /// Interest rates, made market-neutral: at most one.
        Rates = "rates",
    }

    /// What a shock's value means.
    ShockKind: "kind of shock" {
        /// The proxy's total return: −0.35 is a loss of 35 %.
        TotalReturn = "total_return",
        /// The proxy's return beyond what the market's move explains.
        MarketRelative = "market_relative",
        /// The change of the yield: 0.01 is 100 basis points up.
        YieldChange = "yield_change",
    }
}

/// One factor and the series that stands for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// Its name, unique in the set.
    pub name: String,
    /// The symbol of its series.
    pub proxy: Symbol,
    /// What the series holds.
    pub kind: SeriesKind,
    /// What it stands for.
    pub role: FactorRole,
    /// Modified duration in years, D of `r = −D·Δy + ½·C·Δy²`.
    pub duration: Option<f64>,
    /// Convexity in years squared, C of the same.
    pub convexity: Option<f64>,
}

/// One shock of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shock {
    /// The factor's name, or [`INTEREST_RATE`].
    pub factor: String,
    /// How much, a fraction with sign.
    pub value: f64,
    /// What the value means.
    pub kind: ShockKind,
}

/// One stress scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its key, unique in the set: `market_crash_35`.
    pub id: String,
    /// Its title.
    pub name: String,
    /// The group it is shown in.
    pub category: String,
    /// How bad: `base`, `mild`, `moderate`, `severe` or `extreme`.
    pub severity: String,
    /// Whether it is computed.
    pub active: bool,
    /// Factor on the implied volatility of options: 1 leaves it, 2.5 is +150 %.
    pub implied_vol_multiplier: f64,
    /// Its shocks, at least one.
    pub shocks: Vec<Shock>,
}

/// All factors of an installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactorSet {
    /// The author's name for it.
    pub version: String,
    /// SHA-256 of the factors, hexadecimal; the version is not part of it.
    pub hash: String,
    /// The factors, in the order of their definition.
    pub factors: Vec<Factor>,
}

/// All scenarios of an installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSet {
    /// The author's name for it.
    pub version: String,
    /// SHA-256 of the scenarios, hexadecimal; the version is not part of it.
    pub hash: String,
    /// The scenarios, in the order of their definition.
    pub scenarios: Vec<Scenario>,
}

impl FactorSet {
    /// The set of these factors, with its hash.
    pub fn new(version: String, factors: Vec<Factor>) -> Self {
        Self {
            version,
            hash: hash(&factors),
            factors,
        }
    }

    /// The first factor of a role.
    pub fn of_role(&self, role: FactorRole) -> Option<&Factor> {
        self.factors.iter().find(|factor| factor.role == role)
    }

    /// The factor that a shock's key drives: the one of this name, or that of rates for
    /// [`INTEREST_RATE`].
    pub fn driven_by(&self, key: &str) -> Option<&Factor> {
        let named = self.factors.iter().find(|factor| factor.name == key);
        named.or_else(|| {
            (key == INTEREST_RATE)
                .then(|| self.of_role(FactorRole::Rates))
                .flatten()
        })
    }
}

impl ScenarioSet {
    /// The set of these scenarios, with its hash.
    pub fn new(version: String, scenarios: Vec<Scenario>) -> Self {
        Self {
            version,
            hash: hash(&scenarios),
            scenarios,
        }
    }
}

/// SHA-256 of the definitions as JSON: fields in the order of the types, numbers in their
/// shortest form.
fn hash<T: Serialize>(definitions: &[T]) -> String {
    // These types always have a JSON form: texts and numbers only.
    let json = serde_json::to_vec(definitions).unwrap_or_default();
    format!("{:x}", Sha256::digest(&json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(name: &str, role: FactorRole) -> Factor {
        let (proxy, kind) = ("SPY".parse().unwrap(), SeriesKind::Price);
        Factor {
            name: name.into(),
            proxy,
            kind,
            role,
            duration: None,
            convexity: None,
        }
    }

    #[test]
    fn the_hash_is_of_the_content_and_not_of_the_version() {
        let market = || vec![factor("Market", FactorRole::Market)];
        let set = FactorSet::new("1".into(), market());
        assert_eq!(set.hash, FactorSet::new("2".into(), market()).hash);
        assert_eq!(set.hash.len(), 64);
        let mut changed = market();
        changed[0].duration = Some(8.8);
        assert_ne!(set.hash, FactorSet::new("1".into(), changed).hash);
        let json = r#"[{"name":"Market","proxy":"SPY","kind":"price","role":"market","duration":null,"convexity":null}]"#;
        assert_eq!(
            serde_json::to_string(&market()).unwrap(),
            json,
            "stored hashes depend on it"
        );
    }

    #[test]
    fn the_interest_rate_drives_the_factor_of_rates() {
        let mut set = FactorSet::new(
            "1".into(),
            vec![
                factor("Market", FactorRole::Market),
                factor("Bonds", FactorRole::Rates),
            ],
        );
        assert_eq!(set.driven_by(INTEREST_RATE).unwrap().name, "Bonds");
        assert_eq!(set.driven_by("Bonds").unwrap().name, "Bonds");
        assert_eq!(set.driven_by("Value"), None);
        set.factors.pop();
        assert_eq!(set.driven_by(INTEREST_RATE), None);
    }
}
