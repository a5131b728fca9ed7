//! Options on the market of their underlying: what the valuation of a lot (phases 2.5 and 3) and its analytics (phase 6) share, so that both
//! see the same spot, the same volatility and the same price.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::series::{self, Prices, Window};
use super::{LOOKBACK_SESSIONS, RISK_FREE_RATE, Result};
use crate::analytics::Error as NumericError;
use crate::analytics::conventions::DAYS_PER_YEAR;
use crate::analytics::options::{Right, Terms};
use crate::analytics::volatility::realised;
use crate::domain::{
    Book, Calendar, CalendarError, Lot, ModelPrice, OptionRight, OptionTerms, PositionId,
    ProfileFacts, STALE_SESSIONS, Symbol, TradingDate, money,
};
use crate::store::market::Profiles;
use crate::store::{ReadTx, definitions, market};

/// Sessions of the realised volatility that stands in for an implied one.
pub(super) const REALISED_WINDOW: usize = 63;
/// Decimals of a model price, as of prices in files: a book's amounts stay exact.
const PRICE_DECIMALS: u32 = 6;

/// An underlying in a window of sessions.
pub(super) struct Underlying<'a> {
    symbol: &'a Symbol,
    window: &'a Window,
    prices: &'a Prices,
    closes: Vec<f64>,
}

impl<'a> Underlying<'a> {
    pub(super) fn new(symbol: &'a Symbol, window: &'a Window, prices: &'a Prices) -> Self {
        Self {
            symbol,
            window,
            prices,
            closes: window.closes(prices, symbol),
        }
    }

    /// Where the newest close is that is at most five sessions older than the session at `at`.
    pub(super) fn newest(&self, at: usize) -> Option<usize> {
        let recent = at.saturating_sub(STALE_SESSIONS)..=at;
        recent.rev().find(|at| self.has_close(*at))
    }

    /// Whether a session of the window has a close.
    pub(super) fn has_close(&self, at: usize) -> bool {
        self.closes.get(at).is_some_and(|close| *close > 0.0)
    }

    /// Close of a session times what a share of the entry had become by then: strikes are of the entry. A close from before the
    /// entry is divided by the splits between.
    pub(super) fn spot(&self, at: usize, entry: TradingDate) -> f64 {
        let (date, close) = (self.window.sessions[at], self.closes[at]);
        if date < entry {
            return close / self.prices.split_factor(self.symbol, date, entry);
        }
        close * self.prices.split_factor(self.symbol, entry, date)
    }

    /// What a share of the entry has become at the close of `on`.
    pub(super) fn split_factor(&self, entry: TradingDate, on: TradingDate) -> f64 {
        self.prices.split_factor(self.symbol, entry, on)
    }

    /// Total returns, session by session: what [`volatility_at`] looks at.
    pub(super) fn returns(&self) -> Result<Vec<f64>> {
        self.window.returns(self.prices, self.symbol)
    }
}

/// Realised volatility of the last 63 returns within the lookback of the session at `at`; holes are passed over.
pub(super) fn volatility_at(returns: &[f64], at: usize) -> std::result::Result<f64, NumericError> {
    volatility_of(&returns[oldest_return(at)..=at])
}

/// Where the oldest return is within the lookback of the session at `at`.
fn oldest_return(at: usize) -> usize {
    (at + 2).saturating_sub(LOOKBACK_SESSIONS)
}

fn volatility_of(returns: &[f64]) -> std::result::Result<f64, NumericError> {
    let known = returns.iter().rev();
    let known = known.copied().filter(|value| !value.is_nan());
    let mut known: Vec<f64> = known.take(REALISED_WINDOW).collect();
    known.reverse();
    realised(&known, REALISED_WINDOW)
}

/// What is the same for every option on an underlying.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carry {
    /// Risk-free rate a year, continuous.
    pub(super) rate: f64,
    /// Dividend yield a year, continuous; 0 where no profile tells it.
    pub(super) dividend_yield: f64,
}

impl Carry {
    /// Of what is stored: the rate, and the profile of the date.
    pub(super) fn new(rate: Option<f64>, profile: Option<&ProfileFacts>) -> Self {
        let dividend_yield = profile.and_then(|facts| facts.dividend_yield);
        Self {
            rate: rate.unwrap_or(RISK_FREE_RATE),
            dividend_yield: dividend_yield.unwrap_or(0.0),
        }
    }

    /// The contract at the close of `on`, per share of its entry.
    pub(super) fn terms(self, option: &OptionTerms, on: NaiveDate, spot: f64) -> Terms {
        Terms {
            right: match option.right {
                OptionRight::Call => Right::Call,
                OptionRight::Put => Right::Put,
            },
            spot,
            strike: money::to_f64(option.strike),
            years: (option.expiry - on).num_days() as f64 / DAYS_PER_YEAR,
            rate: self.rate,
            dividend_yield: self.dividend_yield,
        }
    }
}

/// A lot of options since its entry, with all that a model looks at.
pub(super) struct Modelled<'a> {
    pub(super) underlying: &'a Underlying<'a>,
    pub(super) returns: &'a [f64],
    pub(super) terms: &'a OptionTerms,
    pub(super) entry: TradingDate,
    pub(super) rate: Option<f64>,
    pub(super) profiles: &'a Profiles,
}

impl Modelled<'_> {
    /// The price at the session at `at`. Where it has none, that of the last session since the entry which has one is kept, for as long as
    /// the returns behind it are within the lookback: what a result looks at is the same in every run, whatever closes others have stored.
    pub(super) fn price(&self, at: usize) -> Option<ModelPrice> {
        let oldest = oldest_return(at);
        if let Some(price) = self.price_of(at, oldest) {
            return Some(price);
        }
        let session = *self.underlying.window.sessions.get(at)?;
        let known = self.returns.get(oldest..=at)?.iter();
        if known.filter(|value| !value.is_nan()).count() < REALISED_WINDOW {
            return None;
        }
        let kept = (oldest..at)
            .rev()
            .find_map(|of| self.price_of(of, oldest))?;
        Some(ModelPrice {
            session,
            kept: true,
            ..kept
        })
    }

    /// The price of a session by itself, from returns that are not older than that at `oldest`.
    fn price_of(&self, of: usize, oldest: usize) -> Option<ModelPrice> {
        let sessions = &self.underlying.window.sessions;
        let session = *sessions.get(of)?;
        if session < self.entry {
            return None;
        }
        let newest = self.underlying.newest(of)?;
        let volatility = volatility_of(self.returns.get(oldest..=of)?).ok()?;
        let spot = self.underlying.spot(newest, self.entry);
        let profile = self.profiles.at(&self.terms.underlying, session);
        let carry = Carry::new(self.rate, profile);
        let terms = carry.terms(self.terms, session.date(), spot);
        let valuation = terms.value(volatility).ok()?;
        Some(ModelPrice {
            session,
            price: rounded(valuation.price)?,
            spot_date: sessions[newest],
            kept: false,
        })
    }
}

/// What prices the options of some books; nothing where there are none.
#[derive(Default)]
pub(super) struct OptionMarket {
    window: Window,
    prices: Prices,
    rate: Option<f64>,
    profiles: Profiles,
}

/// Reads it for the sessions from `first` to `last`.
pub(super) async fn load(
    db: &mut ReadTx<'_>,
    calendar: Calendar,
    books: impl Iterator<Item = &Book>,
    (first, last): (TradingDate, TradingDate),
) -> Result<OptionMarket> {
    let lots = books.flat_map(|book| &book.lots);
    let terms = lots.filter_map(|lot| lot.option.as_ref());
    let mut underlyings: Vec<Symbol> = terms.map(|terms| terms.underlying.clone()).collect();
    underlyings.sort();
    underlyings.dedup();
    if underlyings.is_empty() {
        return Ok(OptionMarket::default());
    }
    let window = super::symbol_factors::window(calendar, first, last, LOOKBACK_SESSIONS - 1)?;
    let prices = series::load(db, &window, &underlyings, &[]).await?;
    let rate = definitions::risk_free_rate(db).await?;
    let names: Vec<String> = underlyings.iter().map(ToString::to_string).collect();
    let profiles = market::profiles(db, &names).await?;
    Ok(OptionMarket {
        window,
        prices,
        rate,
        profiles,
    })
}

impl OptionMarket {
    /// Model prices of every option of a book, for each session of the range on which it is held. Where the underlying has no close of
    /// the last five sessions or fewer than 63 returns, it is the last one that is kept; a session has none where there never was one.
    pub(super) fn models(
        &self,
        book: &Book,
        calendar: Calendar,
    ) -> std::result::Result<BTreeMap<PositionId, Vec<ModelPrice>>, CalendarError> {
        let mut underlyings = BTreeMap::new();
        let mut models = BTreeMap::new();
        for lot in &book.lots {
            let Some(terms) = &lot.option else { continue };
            let (underlying, returns) = underlyings.entry(&terms.underlying).or_insert_with(|| {
                let underlying = Underlying::new(&terms.underlying, &self.window, &self.prices);
                // A series that has no returns has no volatility, and its options no model.
                let returns = underlying.returns().unwrap_or_default();
                (underlying, returns)
            });
            let prices = self.prices_of(lot, terms, underlying, returns, calendar)?;
            models.insert(lot.id, prices);
        }
        Ok(models)
    }

    fn prices_of(
        &self,
        lot: &Lot,
        terms: &OptionTerms,
        underlying: &Underlying<'_>,
        returns: &[f64],
        calendar: Calendar,
    ) -> std::result::Result<Vec<ModelPrice>, CalendarError> {
        let life = lot.life(calendar)?;
        let modelled = Modelled {
            underlying,
            returns,
            terms,
            entry: life.entry,
            rate: self.rate,
            profiles: &self.profiles,
        };
        let sessions = self.window.sessions.iter().enumerate();
        let asked = sessions.skip(LOOKBACK_SESSIONS - 1);
        let live = asked.filter(|(_, session)| life.is_live(**session));
        Ok(live.filter_map(|(at, _)| modelled.price(at)).collect())
    }
}

fn rounded(price: f64) -> Option<Decimal> {
    money::from_f64(price).map(|price| price.round_dp(PRICE_DECIMALS).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::market::{Action, Series};

    #[test]
    fn a_spot_is_of_a_share_of_the_entry_on_both_sides_of_a_split() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let sessions = Calendar::nyse().sessions(day("2016-12-19"), day("2016-12-23"));
        let window = Window {
            sessions: sessions.unwrap(),
        };
        let symbol: Symbol = "AAA".parse().unwrap();
        let series = Series {
            values: vec![100.0, 25.0],
            dates: vec![day("2016-12-19"), day("2016-12-21")],
        };
        let split = Action {
            symbol: symbol.clone(),
            ex_date: window.sessions[1],
            split: Some(Decimal::from(4)),
            dividend: None,
        };
        let prices = Prices::of(BTreeMap::from([(symbol.clone(), series)]), BTreeMap::new());
        let prices = prices.and_actions(BTreeMap::from([(symbol.clone(), vec![split])]));
        let underlying = Underlying::new(&symbol, &window, &prices);
        let [before, after] = [0, 1].map(|at| window.sessions[at]);
        // The newest close may be from before the split and before the entry.
        let spots = [0, 2].map(|at| [before, after].map(|entry| underlying.spot(at, entry)));
        assert_eq!(
            spots.map(|of| of.map(f64::to_bits)),
            [[100_f64, 25.0]; 2].map(|of| of.map(f64::to_bits))
        );
    }

    #[test]
    fn the_last_price_is_kept_while_its_returns_are_within_the_lookback() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let sessions = Calendar::nyse().sessions(day("2013-01-02"), day("2016-12-30"));
        let window = Window {
            sessions: sessions.unwrap(),
        };
        // A hundred closes, and none after them.
        let closes = (0_u32..100).map(|t| 100.0 + f64::from(t % 7) - f64::from(t % 5));
        let series = Series {
            values: closes.collect(),
            dates: window.sessions[..100].iter().map(|on| on.date()).collect(),
        };
        let symbol: Symbol = "AAA".parse().unwrap();
        let prices = Prices::of(BTreeMap::from([(symbol.clone(), series)]), BTreeMap::new());
        let underlying = Underlying::new(&symbol, &window, &prices);
        let returns = underlying.returns().unwrap();
        let terms = OptionTerms {
            underlying: symbol.clone(),
            strike: Decimal::ONE_HUNDRED,
            expiry: day("2017-12-15"),
            right: OptionRight::Put,
        };
        let price = |entry: usize, at| {
            let modelled = Modelled {
                underlying: &underlying,
                returns: &returns,
                terms: &terms,
                entry: window.sessions[entry],
                rate: None,
                profiles: &Profiles::default(),
            };
            modelled.price(at)
        };
        let last = price(90, 104).unwrap();
        assert!(!last.kept);
        assert_eq!(last.spot_date, window.sessions[99]);
        // Its 63 returns begin at 37, and the lookback of 541 does.
        for at in [105, 300, 541] {
            let kept = ModelPrice {
                session: window.sessions[at],
                kept: true,
                ..last
            };
            assert_eq!(price(90, at), Some(kept));
        }
        assert_eq!(price(90, 542), None);
        // Who bought later never had one.
        assert_eq!(price(104, 105).map(|price| price.kept), Some(true));
        assert_eq!(price(105, 105), None);
    }
}
