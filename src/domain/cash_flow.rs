//! Cash that comes, goes or is earned without a lot being bought or sold.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Symbol;
use super::words::words;

words! {
    /// What a cash flow is. The kind gives the sign.
    FlowKind: "kind of flow" {
        /// The owner adds capital: external, not profit.
        Contribution = "contribution",
        /// The owner takes capital out: external, not loss.
        Withdrawal = "withdrawal",
        /// Received: income.
        Dividend = "dividend",
        /// Received, or paid when the amount is negative: income.
        Interest = "interest",
        /// Paid: negative income.
        Fee = "fee",
    }
}

/// One cash flow of a portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashFlow {
    /// What it is.
    pub kind: FlowKind,
    /// When; a date without a session means the next session.
    pub date: NaiveDate,
    /// How much, positive; interest alone may be negative.
    pub amount: Decimal,
    /// The symbol it belongs to, where it belongs to one.
    pub symbol: Option<Symbol>,
}

impl CashFlow {
    /// The change of cash: positive comes in.
    pub fn signed(&self) -> Decimal {
        match self.kind {
            FlowKind::Contribution | FlowKind::Dividend | FlowKind::Interest => self.amount,
            FlowKind::Withdrawal | FlowKind::Fee => -self.amount,
        }
    }

    /// Whether it moves capital between owner and book: neither profit nor loss.
    pub fn is_external(&self) -> bool {
        matches!(self.kind, FlowKind::Contribution | FlowKind::Withdrawal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_gives_the_sign_and_only_capital_is_external() {
        let signs: Vec<_> = FlowKind::ALL
            .iter()
            .map(|&kind| {
                let date = NaiveDate::default();
                let flow = CashFlow {
                    kind,
                    date,
                    amount: Decimal::TEN,
                    symbol: None,
                };
                (flow.signed() / Decimal::TEN, flow.is_external())
            })
            .collect();
        let (plus, minus) = (Decimal::ONE, Decimal::NEGATIVE_ONE);
        let expected = [
            (plus, true),
            (minus, true),
            (plus, false),
            (plus, false),
            (minus, false),
        ];
        assert_eq!(signs, expected);
    }
}
