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
const REALISED_WINDOW: usize = 63;
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

    /// Close of a session times what a share of the entry had become by then: strikes are of the entry.
    pub(super) fn spot(&self, at: usize, entry: TradingDate) -> f64 {
        let date = self.window.sessions[at];
        self.closes[at] * self.prices.split_factor(self.symbol, entry, date)
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
    let first = (at + 2).saturating_sub(LOOKBACK_SESSIONS);
    let known = returns[first..=at].iter().rev();
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
    /// Model prices of every option of a book, for each session of the range on which it is held. A session has none where the
    /// underlying has no close of the last five sessions or fewer than 63 returns.
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
        let sessions = self.window.sessions.iter().enumerate();
        let asked = sessions.skip(LOOKBACK_SESSIONS - 1);
        let price = |(at, &session): (usize, &TradingDate)| {
            let newest = underlying.newest(at).filter(|_| life.is_live(session))?;
            let volatility = volatility_at(returns.get(..=at)?, at).ok()?;
            let spot = underlying.spot(newest, life.entry);
            let profile = self.profiles.at(&terms.underlying, session);
            let carry = Carry::new(self.rate, profile);
            let terms = carry.terms(terms, session.date(), spot);
            let valuation = terms.value(volatility).ok()?;
            Some(ModelPrice {
                session,
                price: rounded(valuation.price)?,
                spot_date: self.window.sessions[newest],
            })
        };
        Ok(asked.filter_map(price).collect())
    }
}

fn rounded(price: f64) -> Option<Decimal> {
    money::from_f64(price).map(|price| price.round_dp(PRICE_DECIMALS).normalize())
}
