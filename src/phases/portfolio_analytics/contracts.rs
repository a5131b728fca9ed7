//! Options of the book: terms and volatility of each contract, so that it counts with its delta
//! equivalent and is repriced in every scenario.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::Loaded;
use super::risk::amount;
use crate::analytics::implied_volatility::{Unimplied, implied_volatility};
use crate::analytics::option_leg::Leg;
use crate::analytics::options::{Terms, Valuation};
use crate::domain::{Calendar, OptionTerms, PositionId, Quality, Symbol, TradingDate, money};
use crate::phases::option_market::{Carry, Modelled, Underlying, volatility_at};
use crate::store::portfolio_results::{OptionRow, Valued};

/// Shares per contract.
const CONTRACT_SIZE: Decimal = Decimal::ONE_HUNDRED;

/// What implied a volatility: a price of the contract, which may be days old, and the market of its day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Implied {
    /// Session of the price.
    pub(super) date: NaiveDate,
    /// Of the contract, per share of the entry.
    pub(super) price: f64,
    /// The contract at the underlying's close of that session.
    pub(super) terms: Terms,
}

/// Lots of one contract with the same splits of the underlying since their entries.
pub(super) struct Contract<'a> {
    pub(super) symbol: &'a Symbol,
    pub(super) underlying: &'a Symbol,
    /// Shares of the entry bought and, negative, written: added in decimals.
    long: Decimal,
    short: Decimal,
    terms: Terms,
    volatility: f64,
    /// What implied the volatility; none where it is the realised one of the underlying.
    pub(super) implied: Option<Implied>,
    /// Why the volatility is the realised one of the underlying; none where the contract's price implied it.
    note: Option<String>,
    valuation: Valuation,
    lots: Vec<(PositionId, Decimal)>,
    /// Delta equivalents of what was bought and of what was written.
    sides: [Decimal; 2],
}

impl Contract<'_> {
    /// Of the underlying, per share of the entry.
    pub(super) fn spot(&self) -> f64 {
        self.terms.spot
    }

    fn worth(&self, shares: Decimal) -> f64 {
        self.valuation.delta * self.terms.spot * money::to_f64(shares)
    }

    /// Delta equivalents of what was bought and of what was written.
    pub(super) fn sides(&self) -> [Decimal; 2] {
        self.sides
    }

    /// Adds the lots up; false where they are no amount of money.
    fn settle(&mut self) -> bool {
        let sides = [self.long, self.short].map(|shares| amount(self.worth(shares)));
        let [Some(long), Some(short)] = sides else {
            return false;
        };
        self.sides = [long, short];
        true
    }

    /// Delta equivalent of each lot.
    pub(super) fn lots(&self) -> impl Iterator<Item = (PositionId, f64)> {
        let worth = |&(lot, shares): &(PositionId, Decimal)| (lot, self.worth(shares));
        self.lots.iter().map(worth)
    }

    /// All of them, ready to be repriced.
    pub(super) fn leg(&self) -> Leg {
        Leg {
            terms: self.terms,
            volatility: self.volatility,
            shares: money::to_f64(self.long + self.short),
        }
    }

    /// The row that is stored: Greeks per share, delta equivalent of the whole.
    pub(super) fn row(&self) -> OptionRow {
        OptionRow {
            symbol: self.symbol.to_string(),
            underlying: self.underlying.to_string(),
            strike: self.terms.strike,
            spot: self.terms.spot,
            years: self.terms.years,
            rate: self.terms.rate,
            dividend_yield: self.terms.dividend_yield,
            volatility: self.volatility,
            source: if self.note.is_none() {
                "implied"
            } else {
                "realised"
            },
            note: self.note.clone(),
            price: self.valuation.price,
            delta: self.valuation.delta,
            gamma: self.valuation.gamma,
            vega: self.valuation.vega,
            theta: self.valuation.theta,
            rho: self.valuation.rho,
            shares: (self.long + self.short).normalize(),
            exposure: self.sides[0] + self.sides[1],
        }
    }
}

/// Shares of a lot in units of its entry, as spot and strike are: a split on file of the contract's own symbol multiplies the
/// contracts of the day, and is in the spot already.
fn shares(valued: &Valued) -> Decimal {
    valued.entry_quantity.saturating_mul(CONTRACT_SIZE)
}

/// Every contract by symbol, and why others cannot be modelled.
pub(super) fn contracts(
    loaded: &Loaded,
    calendar: Calendar,
) -> (Vec<Contract<'_>>, BTreeMap<String, String>) {
    let mut found: BTreeMap<(&Symbol, u64), Contract<'_>> = BTreeMap::new();
    let mut missing = BTreeMap::new();
    for valued in &loaded.values {
        let Some(terms) = &valued.option else {
            continue;
        };
        let market = match Market::new(loaded, calendar, valued, terms) {
            Ok(market) => market,
            Err(why) => {
                let why = and_kept(why, loaded, calendar, valued, terms);
                missing.insert(valued.symbol.to_string(), why);
                continue;
            }
        };
        let shares = shares(valued);
        let key = (&valued.symbol, market.split.to_bits());
        let contract = match found.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => match market.contract(loaded, valued, terms) {
                Ok(contract) => free.insert(contract),
                Err(why) => {
                    let why = and_kept(why, loaded, calendar, valued, terms);
                    missing.insert(valued.symbol.to_string(), why);
                    continue;
                }
            },
        };
        let side = if shares.is_sign_negative() {
            &mut contract.short
        } else {
            &mut contract.long
        };
        *side = side.saturating_add(shares);
        contract.lots.push((valued.position, shares));
    }
    let mut found: Vec<Contract<'_>> = found.into_values().collect();
    for contract in &mut found {
        if !contract.settle() {
            let why = "its delta equivalent is no amount".to_owned();
            missing.insert(contract.symbol.to_string(), why);
        }
    }
    // A contract of which one lot cannot be priced is left out as a whole.
    found.retain(|contract| !missing.contains_key(contract.symbol.as_str()));
    (found, missing)
}

/// Why a lot cannot be modelled, and which model price it is carried at where it is.
fn and_kept(
    why: String,
    loaded: &Loaded,
    calendar: Calendar,
    valued: &Valued,
    terms: &OptionTerms,
) -> String {
    match kept(loaded, calendar, valued, terms) {
        Some(date) => format!("{why}; the last model price is kept, of the close of {date}"),
        None => why,
    }
}

/// The close behind the last model price, of a lot that is carried at it: an own close of the same session has another price.
fn kept(
    loaded: &Loaded,
    calendar: Calendar,
    valued: &Valued,
    terms: &OptionTerms,
) -> Option<NaiveDate> {
    let date = valued
        .price_date
        .filter(|_| valued.quality == Quality::Carried)?;
    let underlying = Underlying::new(&terms.underlying, &loaded.window, &loaded.prices);
    let returns = underlying.returns().ok()?;
    let modelled = Modelled {
        underlying: &underlying,
        returns: &returns,
        terms,
        entry: calendar.on_or_after(valued.entry_date).ok()?,
        rate: loaded.definitions.risk_free_rate,
        profiles: &loaded.profiles,
    };
    let last = modelled.price(loaded.window.sessions.len().checked_sub(1)?)?;
    let worth = shares(valued).saturating_mul(last.price);
    (last.spot_date.date() == date && worth == valued.market_value).then_some(date)
}

/// The underlying as a lot sees it: per share at the entry, for strikes are of then.
struct Market<'a> {
    underlying: Underlying<'a>,
    entry: TradingDate,
    /// What a share of the entry has become.
    split: f64,
    spot: f64,
    carry: Carry,
}

impl<'a> Market<'a> {
    fn new(
        loaded: &'a Loaded,
        calendar: Calendar,
        valued: &Valued,
        terms: &'a OptionTerms,
    ) -> Result<Self, String> {
        let entry = calendar.on_or_after(valued.entry_date);
        let entry = entry.map_err(|error| error.to_string())?;
        let underlying = Underlying::new(&terms.underlying, &loaded.window, &loaded.prices);
        let newest = underlying.newest(loaded.window.sessions.len() - 1);
        let Some(newest) = newest else {
            let reason = loaded.reasons.get(&terms.underlying);
            let why = reason.map_or("no recent close", String::as_str);
            return Err(format!("underlying {}: {why}", terms.underlying));
        };
        let profile = loaded.profiles.at(&terms.underlying, loaded.as_of);
        Ok(Self {
            split: underlying.split_factor(entry, loaded.as_of),
            spot: underlying.spot(newest, entry),
            carry: Carry::new(loaded.definitions.risk_free_rate, profile),
            underlying,
            entry,
        })
    }

    fn contract(
        &self,
        loaded: &Loaded,
        valued: &'a Valued,
        terms: &'a OptionTerms,
    ) -> Result<Contract<'a>, String> {
        let (volatility, implied, note) = match self.implied(loaded, valued, terms) {
            Ok((volatility, implied)) => (volatility, Some(implied), None),
            Err(why) => {
                let returns = self.underlying.returns();
                let returns = returns.map_err(|error| error.to_string())?;
                let volatility = volatility_at(&returns, returns.len() - 1)
                    .map_err(|error| format!("no volatility of {}: {error}", terms.underlying))?;
                (volatility, None, Some(why))
            }
        };
        let now = self.carry.terms(terms, loaded.as_of.date(), self.spot);
        let valuation = now.value(volatility).map_err(|error| error.to_string())?;
        Ok(Contract {
            symbol: &valued.symbol,
            underlying: &terms.underlying,
            long: Decimal::ZERO,
            short: Decimal::ZERO,
            terms: now,
            volatility,
            implied,
            note,
            valuation,
            lots: Vec::new(),
            sides: [Decimal::ZERO; 2],
        })
    }

    /// From the contract's own price and the close of the underlying on the same day.
    fn implied(
        &self,
        loaded: &Loaded,
        valued: &Valued,
        terms: &OptionTerms,
    ) -> Result<(f64, Implied), String> {
        let shares = shares(valued);
        let date = match (valued.quality, valued.price_date) {
            (Quality::Close | Quality::Stale, Some(date)) if !shares.is_zero() => date,
            _ => return Err("the contract has no price of its own".to_owned()),
        };
        let at = loaded.window.position(TradingDate::trusted(date));
        let at = at.filter(|at| self.underlying.has_close(*at));
        let at = at.ok_or_else(|| format!("no close of {} on {date}", terms.underlying))?;
        let spot = self.underlying.spot(at, self.entry);
        let market = self.carry.terms(terms, date, spot);
        let price = money::to_f64(valued.market_value) / money::to_f64(shares);
        match implied_volatility(&market, price).map_err(|error| error.to_string())? {
            Ok(volatility) => {
                let implied = Implied {
                    date,
                    price,
                    terms: market,
                };
                Ok((volatility, implied))
            }
            Err(why) => Err(match why {
                Unimplied::Expired => "the contract has expired",
                Unimplied::BelowIntrinsic => {
                    "the price of the contract is below its intrinsic value"
                }
                Unimplied::AboveLargest => "the price of the contract is above any volatility",
            }
            .to_owned()),
        }
    }
}
