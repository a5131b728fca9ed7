//! A portfolio: whose it is, and the capital it began with.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::PortfolioId;
use super::words::words;

/// A book of lots with its opening capital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {
    /// Its identity.
    pub id: PortfolioId,
    /// What its owner calls it.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// Three letters, upper case: `USD`. Every amount of the portfolio is in it.
    pub currency: String,
    /// Net asset value before the first booking of the inception session; not also a
    /// contribution.
    pub opening_equity: Decimal,
    /// First day of the book. A date without a session means the next session.
    pub inception: NaiveDate,
}

words! {
    /// What kind of asset a lot is. A column of the import, never guessed.
    AssetClass: "class of assets" {
        /// Priced by the market: stocks, funds, bonds.
        Public = "PUBLIC",
        /// A listed option contract.
        Options = "OPTIONS",
        /// Priced by hand: funds, property, art.
        Private = "PRIVATE",
    }

    /// What kind of position a lot is: follows from class, option right and sign.
    PositionType: "type of position" {
        /// Owned.
        Long = "LONG",
        /// Owed.
        Short = "SHORT",
        /// Call owned.
        LongCall = "LC",
        /// Put owned.
        LongPut = "LP",
        /// Call written.
        ShortCall = "SC",
        /// Put written.
        ShortPut = "SP",
    }

    /// What an option is the right to.
    OptionRight: "right of an option" {
        /// To buy.
        Call = "CALL",
        /// To sell.
        Put = "PUT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_survives_text_and_json() {
        for word in PositionType::ALL {
            assert_eq!(word.to_string().parse::<PositionType>().unwrap(), *word);
            let json = serde_json::to_string(word).unwrap();
            assert_eq!(json, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<PositionType>(&json).unwrap(), *word);
        }
        let error = "public".parse::<AssetClass>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"public\" is no class of assets; there are PUBLIC, OPTIONS, PRIVATE"
        );
    }
}
