//! What a lot is worth at the close of a session, from inputs alone.
//!
//! The price is the close of the session; else the latest close at most five sessions old
//! (`stale`); else the last close of any age, else the cost (`carried`). A close from before a
//! split is divided by its ratio. An option is priced by its own contract, never by its
//! underlying; a private asset by its last manual mark, else its cost (`manual`). Nothing is ever
//! worth zero because a price is missing.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::words::words;
use super::{AssetClass, Calendar, Lot, OptionRight, OptionTerms, TradingDate};

/// Oldest close, in sessions, that is `stale` and not yet `carried`.
pub const STALE_SESSIONS: usize = 5;
/// Decimals of an amount of money. With it sums stay exact up to 10¹⁴, and only an amount that
/// has more of them (quantity, price and split ratio together) is rounded.
pub(super) const AMOUNT_DECIMALS: u32 = 14;

/// What is known about the prices of one symbol, each list sorted by date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceHistory {
    /// Closes as traded.
    pub closes: Vec<(TradingDate, Decimal)>,
    /// Split ratios by ex-date: 10 for ten new shares of one old.
    pub splits: Vec<(TradingDate, Decimal)>,
    /// Cash dividends per post-split share, by ex-date.
    pub dividends: Vec<(TradingDate, Decimal)>,
}

/// Prices set by hand for one private asset, sorted by date.
pub type Marks = [(NaiveDate, Decimal)];

words! {
    /// Where a price comes from.
    Quality {
        /// The close of the session.
        Close = "close",
        /// A close one to five sessions old.
        Stale = "stale",
        /// An older close, or the cost: no price, but not zero.
        Carried = "carried",
        /// A mark set by hand, or the cost of a private asset.
        Manual = "manual",
    }
}

/// The value of one lot at the close of a session. Shorts have negative quantity, value and cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotValue {
    /// Signed shares or contracts, splits since entry included.
    pub quantity: Decimal,
    /// Price per share as of the session.
    pub price: Decimal,
    /// The day the price is from; none for the cost.
    pub price_date: Option<NaiveDate>,
    /// Where the price comes from.
    pub quality: Quality,
    /// Quantity × price × multiplier.
    pub market_value: Decimal,
    /// What the lot cost.
    pub cost: Decimal,
    /// Market value less cost: profit is positive, for shorts too.
    pub unrealised: Decimal,
}

/// A close, found for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    date: TradingDate,
    close: Decimal,
    quality: Quality,
}

impl Quote {
    /// The close found for `on`, with the quality of its age.
    pub(super) fn new(
        &(date, close): &(TradingDate, Decimal),
        on: TradingDate,
        calendar: Calendar,
    ) -> Self {
        let recent = || {
            calendar
                .count_between(date, on)
                .is_ok_and(|age| age <= STALE_SESSIONS)
        };
        let quality = match date {
            _ if date == on => Quality::Close,
            _ if recent() => Quality::Stale,
            _ => Quality::Carried,
        };
        Self {
            date,
            close,
            quality,
        }
    }
}

impl PriceHistory {
    /// The latest close on or before `on`.
    fn quote(&self, on: TradingDate, calendar: Calendar) -> Option<Quote> {
        let known = self.closes.partition_point(|(date, _)| *date <= on);
        let latest = known
            .checked_sub(1)
            .and_then(|index| self.closes.get(index));
        latest.map(|close| Quote::new(close, on, calendar))
    }

    /// How many shares one share of the close of `after` has become at the close of `until`.
    pub(super) fn split_factor(&self, after: TradingDate, until: TradingDate) -> Decimal {
        let between = self
            .splits
            .iter()
            .filter(|(ex, _)| after < *ex && *ex <= until);
        between.fold(Decimal::ONE, |factor, (_, ratio)| {
            factor.saturating_mul(*ratio)
        })
    }

    /// A close, as value of one share that was entered on `entry`. After the entry the splits up
    /// to the close multiply it, which is exact; a close from before is divided by those between.
    fn value_per_entry_share(&self, quote: &Quote, entry: TradingDate) -> Decimal {
        if self.splits.is_empty() {
            return quote.close;
        }
        let shares = self.split_factor(entry, quote.date);
        divided(
            quote.close.saturating_mul(shares),
            self.split_factor(quote.date, entry),
        )
    }
}

/// The value of a lot at the close of `on`. `entry` is the session of its entry, `history` that
/// of its own symbol (the contract's, for an option), `marks` those of a private asset.
pub fn value_lot(
    lot: &Lot,
    entry: TradingDate,
    history: Option<&PriceHistory>,
    marks: &Marks,
    on: TradingDate,
    calendar: Calendar,
) -> LotValue {
    let quote = history.and_then(|history| history.quote(on, calendar));
    Holding::new(lot, entry).value(history.zip(quote), marks, on)
}

/// A lot with what stays the same on every day of its life.
pub(super) struct Holding<'a> {
    lot: &'a Lot,
    entry: TradingDate,
    cost: Decimal,
    /// Quantity × multiplier.
    shares: Decimal,
}

impl<'a> Holding<'a> {
    pub(super) fn new(lot: &'a Lot, entry: TradingDate) -> Self {
        let shares = lot.quantity.saturating_mul(lot.multiplier());
        Self {
            lot,
            entry,
            cost: lot.cost(),
            shares,
        }
    }

    /// The value at the close of `on`, from the close that was found for it.
    pub(super) fn value(
        &self,
        quoted: Option<(&PriceHistory, Quote)>,
        marks: &Marks,
        on: TradingDate,
    ) -> LotValue {
        let Self {
            lot, entry, cost, ..
        } = *self;
        let mut value = LotValue {
            quantity: lot.quantity,
            price: lot.entry_price,
            price_date: None,
            quality: Quality::Carried,
            market_value: cost,
            cost,
            unrealised: Decimal::ZERO,
        };
        value.market_value = self.market_value(quoted, marks, on);
        if lot.class == AssetClass::Private {
            value.quality = Quality::Manual;
            if let Some((date, price)) = latest_mark(marks, on) {
                value.price = price;
                value.price_date = Some(date);
            }
        } else if let Some((history, quote)) = quoted {
            let since = history.split_factor(entry, on);
            value.quantity = lot.quantity.saturating_mul(since);
            if self.is_older(&quote) {
                value.price = divided(lot.entry_price, since);
            } else {
                value.price = divided(quote.close, history.split_factor(quote.date, on));
                value.price_date = Some(quote.date.date());
                value.quality = quote.quality;
            }
        }
        value.unrealised = value.market_value.saturating_sub(cost);
        value
    }

    /// The market value alone: all that the totals of a book need.
    pub(super) fn market_value(
        &self,
        quoted: Option<(&PriceHistory, Quote)>,
        marks: &Marks,
        on: TradingDate,
    ) -> Decimal {
        let worth = if self.lot.class == AssetClass::Private {
            latest_mark(marks, on).map(|(_, price)| price)
        } else {
            quoted
                .filter(|(_, quote)| !self.is_older(quote))
                .map(|(history, quote)| history.value_per_entry_share(&quote, self.entry))
        };
        worth.map_or(self.cost, |worth| {
            rounded(self.shares.saturating_mul(worth))
        })
    }

    /// Whether the lot is short: splits change the quantity, never its sign.
    pub(super) fn is_short(&self) -> bool {
        self.lot.quantity.is_sign_negative()
    }

    /// An old close from before the entry says less than the price that was paid.
    fn is_older(&self, quote: &Quote) -> bool {
        quote.quality == Quality::Carried && quote.date < self.entry
    }
}

fn latest_mark(marks: &Marks, on: TradingDate) -> Option<(NaiveDate, Decimal)> {
    let known = marks.partition_point(|(date, _)| *date <= on.date());
    known
        .checked_sub(1)
        .and_then(|index| marks.get(index))
        .copied()
}

/// What an option pays at its expiry session: the intrinsic value of the contracts from the
/// underlying's close of that session, else its latest close; the cost if there is none at all.
/// A split of the underlying since entry multiplies the shares and divides the strike, as the
/// clearing house does. A written option pays: the amount is negative.
pub(super) fn settlement(
    lot: &Lot,
    terms: &OptionTerms,
    entry: TradingDate,
    underlying: Option<&PriceHistory>,
    on: TradingDate,
    calendar: Calendar,
) -> Decimal {
    let quoted = underlying.and_then(|history| Some((history, history.quote(on, calendar)?)));
    let Some((history, quote)) = quoted else {
        return lot.cost();
    };
    let spot = history.value_per_entry_share(&quote, entry);
    let intrinsic = match terms.right {
        OptionRight::Call => spot.saturating_sub(terms.strike),
        OptionRight::Put => terms.strike.saturating_sub(spot),
    };
    amount(lot, intrinsic.max(Decimal::ZERO))
}

/// `price` per share of the entry, for the whole lot.
pub(super) fn amount(lot: &Lot, price: Decimal) -> Decimal {
    let shares = lot.quantity.saturating_mul(lot.multiplier());
    rounded(shares.saturating_mul(price))
}

/// At most [`AMOUNT_DECIMALS`] decimals.
pub(super) fn rounded(value: Decimal) -> Decimal {
    if value.scale() <= AMOUNT_DECIMALS {
        value
    } else {
        value.round_dp(AMOUNT_DECIMALS)
    }
}

/// `value / by`, untouched where nothing is to be divided.
fn divided(value: Decimal, by: Decimal) -> Decimal {
    if by == Decimal::ONE {
        return value;
    }
    value.checked_div(by).map_or(value, rounded)
}

#[cfg(test)]
mod tests;
