//! What a lot is worth at the close of a session, from inputs alone.
//!
//! The price is the close of the session; else the latest close at most five sessions old
//! (`stale`); else the last close of any age, else the cost (`carried`). A close from before a
//! split is divided by its ratio. An option is priced by its own contract, else by a model from its
//! underlying (`model`), never at its underlying's price; where the model has no price any more it
//! keeps the model's last one or its own last close, the newer of the two (`carried`). A private
//! asset is priced by its last manual mark, else its cost (`manual`). Nothing is ever worth zero
//! because a price is missing.

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

/// What a model says that an option is worth at the close of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelPrice {
    /// The session.
    pub session: TradingDate,
    /// Price per share of the entry: splits of the underlying since then multiply it.
    pub price: Decimal,
    /// The session of the underlying's close behind it.
    pub spot_date: TradingDate,
    /// The session has none: this is the price of the last one that had.
    pub kept: bool,
}

words! {
    /// Where a price comes from.
    Quality: "quality of a price" {
        /// The close of the session.
        Close = "close",
        /// A close one to five sessions old.
        Stale = "stale",
        /// An option without a recent price of its own: what a model makes of its underlying.
        Model = "model",
        /// An older close, what a model said last, or the cost: no price, but not zero.
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

    /// A close, as value of one share that was entered on `entry`.
    fn value_per_entry_share(&self, quote: &Quote, entry: TradingDate) -> Decimal {
        SharesSince::new(self, entry).value_of(quote)
    }
}

/// What one share of an entry has become, walked along the splits: closes are asked for in the order of their dates.
pub(super) struct SharesSince<'a> {
    history: &'a PriceHistory,
    entry: TradingDate,
    /// The first split that is not in `shares`.
    next: usize,
    /// None before the first split.
    shares: Option<Decimal>,
}

impl<'a> SharesSince<'a> {
    pub(super) fn new(history: &'a PriceHistory, entry: TradingDate) -> Self {
        Self {
            history,
            entry,
            next: history.splits.partition_point(|(ex, _)| *ex <= entry),
            shares: None,
        }
    }

    /// A close, as value of one share of the entry. After the entry the splits up to the close multiply it, which is exact; a close
    /// from before is divided by those between.
    fn value_of(&mut self, quote: &Quote) -> Decimal {
        if quote.date < self.entry {
            let between = self.history.split_factor(quote.date, self.entry);
            return divided(quote.close, between);
        }
        while let Some((_, ratio)) = self
            .history
            .splits
            .get(self.next)
            .filter(|(ex, _)| *ex <= quote.date)
        {
            let shares = self
                .shares
                .map_or(*ratio, |shares| shares.saturating_mul(*ratio));
            self.shares = Some(shares);
            self.next += 1;
        }
        match self.shares {
            Some(shares) => quote.close.saturating_mul(shares),
            None => quote.close,
        }
    }
}

/// What is known of the worth of a lot at a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Of its own symbol (the contract's, for an option).
    pub history: Option<&'a PriceHistory>,
    /// Of a private asset.
    pub marks: &'a Marks,
    /// Of an option.
    pub model: Option<&'a ModelPrice>,
}

/// The value of a lot at the close of `on`. `entry` is the session of its entry.
pub fn value_lot(
    lot: &Lot,
    entry: TradingDate,
    known: Known<'_>,
    on: TradingDate,
    calendar: Calendar,
) -> LotValue {
    let quote = known
        .history
        .and_then(|history| history.quote(on, calendar));
    Holding::new(lot, entry).value(known, quote, on)
}

/// A lot with what stays the same on every day of its life.
pub(super) struct Holding<'a> {
    lot: &'a Lot,
    entry: TradingDate,
    cost: Decimal,
    /// Quantity × multiplier.
    shares: Decimal,
}

/// Where the worth of a lot is from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Close(&'a PriceHistory, Quote),
    Model(&'a ModelPrice),
    Mark(NaiveDate, Decimal),
    Cost,
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

    fn source<'k>(&self, known: Known<'k>, quote: Option<Quote>, on: TradingDate) -> Source<'k> {
        if self.lot.class == AssetClass::Private {
            let mark = latest_mark(known.marks, on);
            return mark.map_or(Source::Cost, |(date, price)| Source::Mark(date, price));
        }
        let recent = quote.is_some_and(|quote| quote.quality != Quality::Carried);
        let quoted = known.history.zip(quote);
        // An old close from before the entry says less than the price that was paid.
        let quoted = quoted.filter(|(_, quote)| recent || quote.date >= self.entry);
        // Of two old prices the newer one counts. From the same session it is the own close: that was the better one until it was old.
        let newer = |model: &ModelPrice| {
            let own = quoted.is_some_and(|(_, quote)| quote.date >= model.spot_date);
            !(model.kept && own)
        };
        let model = known.model.filter(|model| newer(model));
        let close = quoted.map(|(history, quote)| Source::Close(history, quote));
        let model = model.map(Source::Model);
        let found = if recent { close } else { model.or(close) };
        found.unwrap_or(Source::Cost)
    }

    /// The value at the close of `on`, from the close that was found for it.
    pub(super) fn value(
        &self,
        known: Known<'_>,
        quote: Option<Quote>,
        on: TradingDate,
    ) -> LotValue {
        let Self {
            lot, entry, cost, ..
        } = *self;
        let source = self.source(known, quote, on);
        let private = lot.class == AssetClass::Private;
        // Shares of the day for one of the entry; of what has no closes nobody knows the splits.
        let since = match known.history.filter(|_| quote.is_some() && !private) {
            Some(history) => history.split_factor(entry, on),
            None => Decimal::ONE,
        };
        let (price, price_date, quality) = match source {
            Source::Close(history, quote) => (
                divided(quote.close, history.split_factor(quote.date, on)),
                Some(quote.date.date()),
                quote.quality,
            ),
            Source::Model(model) => (
                divided(model.price, since),
                Some(model.spot_date.date()),
                if model.kept {
                    Quality::Carried
                } else {
                    Quality::Model
                },
            ),
            Source::Mark(date, price) => (price, Some(date), Quality::Manual),
            Source::Cost if private => (lot.entry_price, None, Quality::Manual),
            Source::Cost => (divided(lot.entry_price, since), None, Quality::Carried),
        };
        let market_value = self.worth(source);
        LotValue {
            quantity: lot.quantity.saturating_mul(since),
            price,
            price_date,
            quality,
            market_value,
            cost,
            unrealised: market_value.saturating_sub(cost),
        }
    }

    /// The market value alone: all that the totals of a book need. `since` is of the lot's history and entry.
    pub(super) fn market_value(
        &self,
        known: Known<'_>,
        quote: Option<Quote>,
        on: TradingDate,
        since: Option<&mut SharesSince<'_>>,
    ) -> Decimal {
        let source = self.source(known, quote, on);
        match (&source, since) {
            (Source::Close(_, quote), Some(since)) => {
                rounded(self.shares.saturating_mul(since.value_of(quote)))
            }
            _ => self.worth(source),
        }
    }

    fn worth(&self, source: Source<'_>) -> Decimal {
        let per_share = match source {
            Source::Close(history, quote) => history.value_per_entry_share(&quote, self.entry),
            Source::Model(model) => model.price,
            Source::Mark(_, price) => price,
            Source::Cost => return self.cost,
        };
        rounded(self.shares.saturating_mul(per_share))
    }

    /// Whether the lot is short: splits change the quantity, never its sign.
    pub(super) fn is_short(&self) -> bool {
        self.lot.quantity.is_sign_negative()
    }
}

fn latest_mark(marks: &Marks, on: TradingDate) -> Option<(NaiveDate, Decimal)> {
    let known = marks.partition_point(|(date, _)| *date <= on.date());
    known
        .checked_sub(1)
        .and_then(|index| marks.get(index))
        .copied()
}

/// What an option paid when it expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// What it paid; negative for a written one.
    pub amount: Decimal,
    /// The underlying's close behind it, as traded, with its session; none where the cost was given back.
    pub close: Option<(TradingDate, Decimal)>,
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
) -> Settlement {
    let quoted = underlying.and_then(|history| Some((history, history.quote(on, calendar)?)));
    let Some((history, quote)) = quoted else {
        return Settlement {
            amount: lot.cost(),
            close: None,
        };
    };
    let spot = history.value_per_entry_share(&quote, entry);
    let intrinsic = match terms.right {
        OptionRight::Call => spot.saturating_sub(terms.strike),
        OptionRight::Put => terms.strike.saturating_sub(spot),
    };
    Settlement {
        amount: amount(lot, intrinsic.max(Decimal::ZERO)),
        close: Some((quote.date, quote.close)),
    }
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
