//! The columns of a portfolio file, their rules, and the codes of what can be wrong with them.

use rust_decimal::Decimal;

use crate::domain::AssetClass;
use crate::import::cells::{Date, Number, Range, SymbolCodes};
use crate::import::table::{Column, required};

/// Every file has all of them: a misspelt or forgotten one would silently lose exits or terms of options.
pub(super) const COLUMNS: &[Column] = &[
    required("Symbol"),
    required("Quantity"),
    required("Entry Price Per Share"),
    required("Entry Date"),
    required("Investment Class"),
    required("Investment Subtype"),
    required("Underlying Symbol"),
    required("Strike Price"),
    required("Expiration Date"),
    required("Option Type"),
    required("Exit Date"),
    required("Exit Price Per Share"),
];
pub(super) const SYMBOL: usize = 0;
pub(super) const CLASS: usize = 4;
pub(super) const SUBTYPE: usize = 5;
pub(super) const UNDERLYING: usize = 6;
pub(super) const STRIKE: usize = 7;
pub(super) const EXPIRATION: usize = 8;
pub(super) const RIGHT: usize = 9;
pub(super) const EXIT_DATE: usize = 10;
pub(super) const EXIT_PRICE: usize = 11;
pub(super) const ENTRY_DATE: usize = 3;

pub(super) const FUTURE: &str = "ERR_POS_014";
pub(super) const BAD_CLASS: &str = "ERR_POS_016";
pub(super) const BAD_SUBTYPE: &str = "ERR_POS_017";
pub(super) const EXIT_BEFORE_ENTRY: &str = "ERR_POS_018";
pub(super) const BAD_UNDERLYING: &str = "ERR_POS_019";
pub(super) const BAD_STRIKE: &str = "ERR_POS_020";
pub(super) const BAD_EXPIRATION: &str = "ERR_POS_021";
pub(super) const BAD_RIGHT: &str = "ERR_POS_022";
// ERR_POS_023 was "duplicate" in the earlier system: two equal rows are two lots here.
pub(super) const BEFORE_INCEPTION: &str = "ERR_POS_024";
pub(super) const PRICE_WITHOUT_EXIT: &str = "ERR_POS_025";
pub(super) const EXIT_WITHOUT_PRICE: &str = "ERR_POS_026";
pub(super) const BAD_EXIT_PRICE: &str = "ERR_POS_027";
pub(super) const TOO_LARGE: &str = "ERR_POS_028";
pub(super) const NOT_AN_OPTION: &str = "ERR_POS_029";
pub(super) const SUBTYPE_AGAINST_RIGHT: &str = "ERR_POS_030";
pub(super) const AFTER_EXPIRATION: &str = "ERR_POS_031";
pub(super) const BAD_CONTRACT: &str = "ERR_POS_032";
pub(super) const LARGE_TOTAL: &str = "ERR_POS_033";
pub(super) const NOT_EMPTY: &str = "ERR_POS_034";

/// Above these, and above [`crate::import::MAX_TOTAL`], a lot is a slip of the unit, and the ledger
/// would not be exact any more.
pub(super) const MAX_QUANTITY: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0); // 10^12
pub(super) const MAX_PRICE: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0); // 10^9

pub(super) const QUANTITY: Number = Number {
    column: 1,
    what: "quantity",
    range: Range::NotZero,
    limit: MAX_QUANTITY,
    missing: "ERR_POS_004",
    unreadable: "ERR_POS_005",
    out_of_range: "ERR_POS_006",
    decimals: "ERR_POS_007",
    too_large: TOO_LARGE,
};
pub(super) const ENTRY_PRICE: Number = Number {
    column: 2,
    what: "entry price",
    range: Range::Positive,
    limit: MAX_PRICE,
    missing: "ERR_POS_008",
    unreadable: "ERR_POS_009",
    out_of_range: "ERR_POS_010",
    decimals: "ERR_POS_011",
    too_large: TOO_LARGE,
};
pub(super) const SYMBOLS: SymbolCodes = SymbolCodes {
    missing: "ERR_POS_001",
    too_long: "ERR_POS_002",
    character: "ERR_POS_003",
};
pub(super) const ENTRY: Date = Date {
    column: ENTRY_DATE,
    missing: "ERR_POS_012",
    format: "ERR_POS_013",
    horizon: "ERR_POS_015",
};

/// Labels of a class; [`Lot::subtype`] is one of them or none.
pub(super) const fn subtypes(class: AssetClass) -> &'static [&'static str] {
    match class {
        AssetClass::Public => &["STOCK", "ETF", "MUTUAL_FUND", "BOND", "CASH"],
        AssetClass::Options => &["CALL", "PUT"],
        AssetClass::Private => &[
            "PRIVATE_EQUITY",
            "VENTURE_CAPITAL",
            "HEDGE_FUND",
            "PRIVATE_REIT",
            "REAL_ESTATE",
            "CRYPTOCURRENCY",
            "CRYPTO",
            "ART",
            "MONEY_MARKET",
            "TREASURY_BILLS",
            "CASH",
            "COMMODITY",
            "OTHER",
        ],
    }
}
