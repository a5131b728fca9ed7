//! A lot: what was bought or sold short in one booking, and until when it is held.
//!
//! Quantities are signed, shorts negative. Every date is the user's own; [`Lot::life`] moves it to
//! the session on which it is booked.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    AssetClass, Calendar, CalendarError, OptionRight, OptionTerms, PositionId, PositionType,
    Symbol, TradingDate,
};

/// Shares per listed option contract.
const CONTRACT_SIZE: Decimal = Decimal::ONE_HUNDRED;
/// One lot of a portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// Its identity: portfolio, [`Lot::content`], and which of the equal lots it is.
    pub id: PositionId,
    /// What was traded; for an option the contract's own symbol.
    pub symbol: Symbol,
    /// The class.
    pub class: AssetClass,
    /// A finer label of the class: `ETF`, `HEDGE_FUND`. Decides nothing.
    pub subtype: Option<String>,
    /// Signed number of shares or contracts at entry, before later splits.
    pub quantity: Decimal,
    /// Price per share paid or received, positive.
    pub entry_price: Decimal,
    /// Day of the entry.
    pub entry_date: NaiveDate,
    /// How it was closed, if it was.
    pub exit: Option<Exit>,
    /// The terms of the contract: exactly for options.
    pub option: Option<OptionTerms>,
}

/// The closing of a lot. A date needs a price: without it there would be no proceeds to book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Day of the exit.
    pub date: NaiveDate,
    /// Price per share, zero for a worthless end. Per share as of the exit, after splits.
    pub price: Decimal,
}

/// The sessions between which a lot is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The session at whose close it is booked.
    pub entry: TradingDate,
    /// The session at whose close it is gone, and why.
    pub end: Option<(TradingDate, End)>,
}

/// Why a lot is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Closed by its owner, at this price per share.
    Exit(Decimal),
    /// Expired: its intrinsic value becomes cash.
    Expiry,
}

impl Lot {
    /// The kind of position.
    pub fn position_type(&self) -> PositionType {
        let right = self.option.as_ref().map(|terms| terms.right);
        match (right, self.quantity.is_sign_negative()) {
            (None, false) => PositionType::Long,
            (None, true) => PositionType::Short,
            (Some(OptionRight::Call), false) => PositionType::LongCall,
            (Some(OptionRight::Call), true) => PositionType::ShortCall,
            (Some(OptionRight::Put), false) => PositionType::LongPut,
            (Some(OptionRight::Put), true) => PositionType::ShortPut,
        }
    }

    /// Shares per unit of quantity: 100 for options, else 1.
    pub fn multiplier(&self) -> Decimal {
        match self.class {
            AssetClass::Options => CONTRACT_SIZE,
            AssetClass::Public | AssetClass::Private => Decimal::ONE,
        }
    }

    /// What was paid at entry; negative for a short, whose owner received it.
    pub fn cost(&self) -> Decimal {
        self.quantity
            .saturating_mul(self.multiplier())
            .saturating_mul(self.entry_price)
    }

    /// The sessions between which the lot is held. An exit wins over an expiry of the same
    /// session; an option entered after its expiry session ends on the session of its entry.
    pub fn life(&self, calendar: Calendar) -> Result<Life, CalendarError> {
        let entry = calendar.on_or_after(self.entry_date)?;
        let mut end = None;
        if let Some(exit) = self.exit {
            let date = calendar.on_or_after(exit.date)?;
            end = Some((date.max(entry), End::Exit(exit.price)));
        }
        if let Some(terms) = &self.option {
            let date = calendar.on_or_before(terms.expiry)?.max(entry);
            if end.is_none_or(|(exit, _)| date < exit) {
                end = Some((date, End::Expiry));
            }
        }
        Ok(Life { entry, end })
    }

    /// Whether the lot is a position at the close of `on`.
    pub fn is_live(&self, on: TradingDate, calendar: Calendar) -> Result<bool, CalendarError> {
        self.life(calendar).map(|life| life.is_live(on))
    }

    /// The terms of the entry as one line: lots with the same line are equal lots. The exit is
    /// not part of it, so a lot keeps its identity when it is closed.
    pub fn content(&self) -> String {
        let mut content = format!(
            "{}|{}|{}|{}|{}|{}",
            self.symbol,
            self.class,
            self.subtype.as_deref().unwrap_or_default(),
            self.quantity.normalize(),
            self.entry_price.normalize(),
            self.entry_date,
        );
        if let Some(OptionTerms {
            underlying,
            strike,
            expiry,
            right,
        }) = &self.option
        {
            let terms = format!("|{underlying}|{}|{expiry}|{right}", strike.normalize());
            content.push_str(&terms);
        }
        content
    }
}

impl Life {
    /// Held at the close of `on`: entered by then, and not gone yet.
    pub fn is_live(&self, on: TradingDate) -> bool {
        self.entry <= on && self.end.is_none_or(|(end, _)| on < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn session(text: &str) -> TradingDate {
        Calendar::nyse().session(day(text)).unwrap().unwrap()
    }

    fn stock(entry: &str, exit: Option<&str>) -> Lot {
        Lot {
            id: PositionId(uuid::Uuid::nil()),
            symbol: "AAPL".parse().unwrap(),
            class: AssetClass::Public,
            subtype: None,
            quantity: Decimal::TEN,
            entry_price: "12.50".parse().unwrap(),
            entry_date: day(entry),
            exit: exit.map(|date| Exit {
                date: day(date),
                price: Decimal::ONE,
            }),
            option: None,
        }
    }

    fn call(entry: &str, expiry: &str, exit: Option<&str>) -> Lot {
        let option = OptionTerms {
            underlying: "IWM".parse().unwrap(),
            strike: "220".parse().unwrap(),
            expiry: day(expiry),
            right: OptionRight::Call,
        };
        let symbol = option.occ_symbol().unwrap();
        let lot = stock(entry, exit);
        Lot {
            symbol,
            class: AssetClass::Options,
            option: Some(option),
            ..lot
        }
    }

    #[test]
    fn kind_and_cost_follow_from_class_right_and_sign() {
        let long = call("2025-06-30", "2025-09-19", None);
        assert_eq!(long.position_type(), PositionType::LongCall);
        assert_eq!(long.cost(), Decimal::from(12_500));
        let short = Lot {
            quantity: Decimal::from(-2),
            ..long
        };
        assert_eq!(short.position_type(), PositionType::ShortCall);
        assert_eq!(short.cost(), Decimal::from(-2_500));
        let stock = stock("2025-06-30", None);
        assert_eq!(stock.position_type(), PositionType::Long);
        let owed = Lot {
            quantity: Decimal::from(-10),
            ..stock
        };
        assert_eq!(
            (owed.position_type(), owed.cost()),
            (PositionType::Short, (-125).into())
        );
    }

    #[test]
    fn a_lot_is_live_from_its_entry_until_before_its_exit() {
        // Entered on a Saturday, closed on a Sunday: booked on the Mondays.
        let lot = stock("2026-01-10", Some("2026-01-25"));
        let live = |date: &str| lot.is_live(session(date), Calendar::nyse()).unwrap();
        assert!(!live("2026-01-09"));
        assert!(live("2026-01-12"));
        assert!(live("2026-01-23"));
        assert!(!live("2026-01-26"));
        let same_day = stock("2026-01-12", Some("2026-01-12"));
        assert!(
            !same_day
                .is_live(session("2026-01-12"), Calendar::nyse())
                .unwrap()
        );
    }

    #[test]
    fn an_option_is_gone_at_the_last_session_of_its_right() {
        let end = |lot: Lot| lot.life(Calendar::nyse()).unwrap().end.unwrap();
        // A Saturday expiry ends at the Friday, as do those on Good Friday at the Thursday.
        let saturday = call("2014-01-06", "2014-01-18", None);
        assert!(
            saturday
                .is_live(session("2014-01-16"), Calendar::nyse())
                .unwrap()
        );
        assert!(
            !saturday
                .is_live(session("2014-01-17"), Calendar::nyse())
                .unwrap()
        );
        assert_eq!(end(saturday), (session("2014-01-17"), End::Expiry));
        let good_friday = call("2025-04-01", "2025-04-18", None);
        assert_eq!(end(good_friday), (session("2025-04-17"), End::Expiry));
        let sold = call("2025-06-30", "2025-09-19", Some("2025-09-19"));
        assert_eq!(end(sold), (session("2025-09-19"), End::Exit(Decimal::ONE)));
        let late = call("2014-01-18", "2014-01-18", None);
        assert_eq!(end(late), (session("2014-01-21"), End::Expiry));
    }

    #[test]
    fn the_exit_is_no_part_of_the_identity() {
        let open = stock("2026-01-12", None);
        let closed = stock("2026-01-12", Some("2026-02-12"));
        assert_eq!(open.content(), closed.content());
        assert_eq!(open.content(), "AAPL|PUBLIC||10|12.5|2026-01-12");
        let label = Lot {
            subtype: Some("ETF".into()),
            ..open.clone()
        };
        assert_ne!(open.content(), label.content());
        let option = call("2025-06-30", "2025-09-19", None).content();
        assert!(option.ends_with("|IWM|220|2025-09-19|CALL"), "{option}");
    }
}
