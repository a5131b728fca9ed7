//! The terms of a listed option, and the name that the clearing house gives the contract.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{OptionRight, Symbol};

/// Longest root of an OCC symbol.
const MAX_ROOT: usize = 6;
/// Digits of the strike in thousandths in an OCC symbol.
const STRIKE_DIGITS: usize = 8;

/// The terms of a listed option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionTerms {
    /// What it is a right on.
    pub underlying: Symbol,
    /// Price of the right, per share.
    pub strike: Decimal,
    /// Last day of the right.
    pub expiry: NaiveDate,
    /// Call or put.
    pub right: OptionRight,
}

impl OptionTerms {
    /// The contract's symbol as the Options Clearing Corporation writes it, without padding:
    /// `IWM250919C00220000`. Nothing if the terms do not fit: a root above six letters or
    /// digits, a strike with more than three decimals or of 100,000 and more.
    pub fn occ_symbol(&self) -> Option<Symbol> {
        let root: String = self
            .underlying
            .as_str()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let strike = (self.strike * Decimal::ONE_THOUSAND).normalize();
        let digits = strike.to_string();
        let fits = (1..=MAX_ROOT).contains(&root.len())
            && strike.is_sign_positive()
            && strike.scale() == 0
            && digits.len() <= STRIKE_DIGITS;
        let right = match self.right {
            OptionRight::Call => 'C',
            OptionRight::Put => 'P',
        };
        let symbol = format!("{root}{}{right}{digits:0>8}", self.expiry.format("%y%m%d"));
        fits.then(|| Symbol::parse(&symbol).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_are_named_like_the_clearing_house_does() {
        let terms = |underlying: &str, strike: &str, right| OptionTerms {
            underlying: underlying.parse().unwrap(),
            strike: strike.parse().unwrap(),
            expiry: NaiveDate::from_ymd_opt(2025, 9, 19).unwrap(),
            right,
        };
        let name = |terms: OptionTerms| terms.occ_symbol().map(String::from);
        let (call, put) = (OptionRight::Call, OptionRight::Put);
        assert_eq!(
            name(terms("IWM", "220", call)).as_deref(),
            Some("IWM250919C00220000")
        );
        assert_eq!(
            name(terms("IWM", "220.50", put)).as_deref(),
            Some("IWM250919P00220500")
        );
        assert_eq!(
            name(terms("BRK.B", "0.125", call)).as_deref(),
            Some("BRKB250919C00000125")
        );
        assert_eq!(
            name(terms("SPX", "99999.999", put)).as_deref(),
            Some("SPX250919P99999999")
        );
        for (underlying, strike) in [("SPX", "100000"), ("SPX", "1.0001"), ("TOOLONG", "5")] {
            assert_eq!(name(terms(underlying, strike, call)), None);
        }
    }
}
