//! The book as analytics see it: exposures per instrument, what is modelled, what is left out and why.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::contracts::{Contract, contracts};
use super::{Loaded, NO_SNAPSHOT, NO_VALUES, Outcome};
use crate::analytics::Error as NumericError;
use crate::analytics::concentration::{Exposure, concentration as concentrate};
use crate::analytics::option_leg::Leg;
use crate::analytics::replay::Held;
use crate::analytics::risk;
use crate::domain::{AssetClass, Calendar, PositionId, Quality, Symbol, money};
use crate::store::portfolio_results::Valued;
use crate::store::symbol_results::{JointModel, Slope};

/// Long and short value of an instrument, added in decimals and converted once.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sides {
    pub(super) long: Decimal,
    pub(super) short: Decimal,
}

impl Sides {
    pub(super) fn add(&mut self, value: Decimal) {
        if value.is_sign_negative() {
            self.short += value;
        } else {
            self.long += value;
        }
    }

    pub(super) fn net(self) -> Decimal {
        self.long + self.short
    }

    pub(super) fn gross(self) -> Decimal {
        self.long - self.short
    }
}

/// An underlying that market analytics can use: the stock and its options, net.
pub(super) struct Modelled<'a> {
    pub(super) symbol: &'a Symbol,
    /// Net exposure X in the portfolio's currency: value of the stock and delta equivalents.
    pub(super) exposure: f64,
    /// The part of it that is stock, and moves in proportion.
    pub(super) linear: f64,
    /// The part that is repriced.
    pub(super) options: Vec<Leg>,
    /// X over net asset value; zero where that is not positive.
    pub(super) weight: f64,
    pub(super) gross: Decimal,
    pub(super) model: &'a JointModel,
    /// Slopes in the order of the covariance's factors.
    pub(super) betas: Vec<f64>,
    pub(super) errors: Vec<f64>,
    /// Their 95 % intervals.
    pub(super) intervals: Vec<Option<(f64, f64)>>,
}

impl Modelled<'_> {
    /// Profit when the underlying returns `by` at once and volatilities are multiplied: options are repriced in full.
    pub(super) fn profit(&self, by: f64, volatility: f64) -> Result<f64, NumericError> {
        let alike = Held {
            total: by,
            price: by,
        };
        profit((self.linear, &self.options), alike, volatility)
    }

    /// Profit of having held it through a window: stock has what it paid, options follow the price alone.
    pub(super) fn through(&self, held: Held) -> Result<f64, NumericError> {
        profit((self.linear, &self.options), held, 1.0)
    }
}

/// What cannot be modelled and yet may have been through a crisis of the past, with a path of its own.
pub(super) struct Unmodelled<'a> {
    pub(super) symbol: &'a Symbol,
    linear: f64,
    options: Vec<Leg>,
    pub(super) gross: Decimal,
}

impl Unmodelled<'_> {
    /// As of [`Modelled::through`].
    pub(super) fn through(&self, held: Held) -> Result<f64, NumericError> {
        profit((self.linear, &self.options), held, 1.0)
    }
}

fn profit(
    (linear, options): (f64, &[Leg]),
    held: Held,
    volatility: f64,
) -> Result<f64, NumericError> {
    let mut profit = linear * held.total;
    for leg in options {
        profit += leg.profit(held.price, volatility)?;
    }
    Ok(profit)
}

/// A portfolio at a date, for all analytics.
pub(super) struct BookView<'a> {
    /// Net asset value, where it is positive.
    pub(super) nav: Option<f64>,
    /// Why ratios are missing.
    pub(super) no_ratios: Option<Outcome>,
    pub(super) cash: Decimal,
    pub(super) values: &'a [Valued],
    /// Exposure of every instrument by symbol; contracts stand alone.
    pub(super) instruments: BTreeMap<&'a Symbol, Sides>,
    /// Stocks with their options, by symbol: what has returns of its own and can be correlated.
    pub(super) priced: Vec<(&'a Symbol, Sides)>,
    /// The contracts that are modelled, by symbol.
    pub(super) contracts: Vec<Contract<'a>>,
    /// Exposure of each lot that has one, in the order of the values.
    pub(super) lots: Vec<(PositionId, &'a Symbol, f64)>,
    pub(super) modelled: Vec<Modelled<'a>>,
    pub(super) unmodelled: Vec<Unmodelled<'a>>,
    /// Gross of everything.
    pub(super) gross: Decimal,
    /// Modelled gross over gross.
    pub(super) coverage: Option<f64>,
    /// Symbol → why it is left out.
    pub(super) missing: BTreeMap<String, String>,
    /// Whether the positions have values at all.
    pub(super) valued: bool,
    market_positions: bool,
}

/// Exposures as they are added up, by instrument and by underlying.
struct Exposed<'a> {
    contracts: Vec<Contract<'a>>,
    instruments: BTreeMap<&'a Symbol, Sides>,
    stocks: BTreeMap<&'a Symbol, Sides>,
    /// Stocks and delta equivalents of their options.
    priced: BTreeMap<&'a Symbol, Sides>,
    legs: BTreeMap<&'a Symbol, Vec<Leg>>,
    lots: Vec<(PositionId, &'a Symbol, f64)>,
    missing: BTreeMap<String, String>,
}

impl<'a> Exposed<'a> {
    fn new(loaded: &'a Loaded, calendar: Calendar) -> Self {
        let (contracts, mut missing) = contracts(loaded, calendar);
        let mut instruments: BTreeMap<&Symbol, Sides> = BTreeMap::new();
        let mut stocks: BTreeMap<&Symbol, Sides> = BTreeMap::new();
        let mut priced: BTreeMap<&Symbol, Sides> = BTreeMap::new();
        let mut legs: BTreeMap<&Symbol, Vec<Leg>> = BTreeMap::new();
        let mut of_lots: BTreeMap<PositionId, f64> = BTreeMap::new();
        for contract in &contracts {
            for exposure in contract.sides() {
                let of = [
                    instruments.entry(contract.symbol).or_default(),
                    priced.entry(contract.underlying).or_default(),
                ];
                for sides in of {
                    sides.add(exposure);
                }
            }
            legs.entry(contract.underlying)
                .or_default()
                .push(contract.leg());
            of_lots.extend(contract.lots());
        }
        let mut lots = Vec::new();
        for valued in &loaded.values {
            if let Some(exposure) = of_lots.get(&valued.position) {
                let underlying = valued.underlying.as_ref().unwrap_or(&valued.symbol);
                lots.push((valued.position, underlying, *exposure));
                continue;
            }
            let value = valued.market_value;
            instruments.entry(&valued.symbol).or_default().add(value);
            if valued.class == AssetClass::Options {
                continue; // why it is not modelled is known already
            }
            if let Some(why) = why_left_out(loaded, valued) {
                missing.insert(valued.symbol.to_string(), why);
            } else {
                stocks.entry(&valued.symbol).or_default().add(value);
                priced.entry(&valued.symbol).or_default().add(value);
                lots.push((valued.position, &valued.symbol, money::to_f64(value)));
            }
        }
        Self {
            contracts,
            instruments,
            stocks,
            priced,
            legs,
            lots,
            missing,
        }
    }
}

impl<'a> BookView<'a> {
    pub(super) fn new(loaded: &'a Loaded, calendar: Calendar) -> Self {
        let Exposed {
            contracts,
            instruments,
            stocks,
            priced,
            mut legs,
            lots,
            mut missing,
        } = Exposed::new(loaded, calendar);
        let nav = loaded.accounts.money.map(|(nav, _)| nav);
        let positive = nav.filter(|nav| *nav > Decimal::ZERO).map(money::to_f64);
        let factors = loaded
            .covariance
            .as_ref()
            .map_or(&[][..], |row| &row.factors[..]);
        let (mut modelled, mut unmodelled) = (Vec::new(), Vec::new());
        let mut covered = Decimal::ZERO;
        for (&symbol, &sides) in &priced {
            let Some(model) = loaded.models.get(symbol) else {
                continue;
            };
            let linear = stocks
                .get(symbol)
                .map_or(0.0, |own| money::to_f64(own.net()));
            let options = legs.remove(symbol).unwrap_or_default();
            let gross = sides.gross();
            if let Some(why) = &model.reason {
                unmodelled.push(Unmodelled {
                    symbol,
                    linear,
                    options,
                    gross,
                });
                missing.insert(symbol.to_string(), why.clone());
                let own = contracts.iter().filter(|one| one.underlying == symbol);
                missing.extend(own.map(|one| (one.symbol.to_string(), why.clone())));
                continue;
            }
            let of = |factor: &String| model.betas.get(factor).copied().unwrap_or_default();
            let slopes: Vec<Slope> = factors.iter().map(of).collect();
            covered += gross;
            let exposure = money::to_f64(sides.net());
            modelled.push(Modelled {
                symbol,
                exposure,
                linear,
                options,
                weight: positive.map_or(0.0, |nav| exposure / nav),
                gross,
                model,
                betas: slopes.iter().map(|slope| slope.beta).collect(),
                errors: slopes.iter().map(|slope| slope.std_error).collect(),
                intervals: slopes.iter().map(|slope| slope.interval).collect(),
            });
        }
        let gross: Decimal = instruments.values().map(|sides| sides.gross()).sum();
        Self {
            nav: positive,
            no_ratios: match nav {
                None => Some(Outcome::Failed(NO_SNAPSHOT.to_owned())),
                Some(_) if positive.is_none() => {
                    Some(Outcome::NotApplicable("nonpositive_nav".to_owned()))
                }
                Some(_) => None,
            },
            valued: loaded.accounts.valued,
            cash: loaded
                .accounts
                .money
                .map_or(Decimal::ZERO, |(_, cash)| cash),
            values: &loaded.values,
            market_positions: loaded.values.iter().any(|v| v.class != AssetClass::Private),
            coverage: coverage(covered, gross),
            instruments,
            priced: priced.into_iter().collect(),
            contracts,
            lots,
            modelled,
            unmodelled,
            gross,
            missing,
        }
    }

    /// Why market analytics have nothing to work on, if so.
    pub(super) fn nothing_to_model(&self) -> Option<Outcome> {
        if !self.valued {
            return Some(Outcome::Failed(NO_VALUES.to_owned()));
        }
        if !self.market_positions {
            let why = if self.values.is_empty() {
                "no positions"
            } else {
                "private assets only"
            };
            return Some(Outcome::NotApplicable(why.to_owned()));
        }
        if self.modelled.is_empty() {
            let why = self.missing.iter().next();
            let why = why.map_or_else(
                || "no symbol is modelled".to_owned(),
                |(symbol, why)| format!("no symbol is modelled; {symbol}: {why}"),
            );
            return Some(Outcome::Insufficient(why));
        }
        None
    }

    pub(super) fn betas_outcome(&self) -> Outcome {
        if let Some(outcome) = self.nothing_to_model() {
            return outcome;
        }
        let market = self
            .values
            .iter()
            .filter(|valued| valued.class != AssetClass::Private);
        let left_out = market.filter(|valued| self.missing.contains_key(valued.symbol.as_str()));
        // What is carried may well have a model: then its price is why it is left out.
        let fitless: BTreeSet<&Symbol> = self.unmodelled.iter().map(|one| one.symbol).collect();
        let (mut carried, mut without) = (BTreeSet::new(), BTreeSet::new());
        for valued in left_out {
            let symbol = valued.symbol.as_str();
            if is_carried(valued) && !fitless.contains(&valued.symbol) {
                carried.insert(symbol);
            } else {
                without.insert(symbol);
            }
        }
        let named = |why: &str, symbols: Vec<&str>| {
            (!symbols.is_empty()).then(|| format!("{why} {}", symbols.join(", ")))
        };
        // Another lot of the same symbol may have a price.
        let without = without.difference(&carried).copied().collect();
        let carried = carried.iter().copied().collect();
        let reasons = [
            named("no factor model for", without),
            named("left out for a carried price:", carried),
        ];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        if reasons.is_empty() {
            return Outcome::Done;
        }
        Outcome::Insufficient(reasons.join("; "))
    }
}

/// Part of the gross that a number rests on. Both are exact sums: what is covered as a whole is covered to 1, not nearly.
pub(super) fn coverage(covered: Decimal, gross: Decimal) -> Option<f64> {
    let part = risk::coverage(money::to_f64(covered), money::to_f64(gross));
    part.map(|part| part.clamp(0.0, 1.0))
}

/// Whether a stock has a price that is too old, or none but its cost.
fn is_carried(valued: &Valued) -> bool {
    valued.class == AssetClass::Public && valued.quality == Quality::Carried
}

/// Why market analytics leave a position out; `None` for one with prices.
fn why_left_out(loaded: &Loaded, valued: &Valued) -> Option<String> {
    match valued.class {
        AssetClass::Private => Some("private: not applicable to market numbers".to_owned()),
        AssetClass::Public if is_carried(valued) => {
            let reason = loaded
                .reasons
                .get(&valued.symbol)
                .map_or("no price", String::as_str);
            let since = valued.price_date.map_or_else(
                || "carried at cost".to_owned(),
                |date| format!("carried at its close of {date}"),
            );
            Some(format!("{reason}; {since}"))
        }
        AssetClass::Public | AssetClass::Options => None,
    }
}

/// Gross, HHI, effective names, top 3, top 10, instruments.
pub(super) type ConcentrationRow = (Decimal, f64, f64, f64, f64, i32);

/// Concentration by instrument: every position counts, private ones too.
pub(super) fn concentration(view: &BookView<'_>) -> (Option<ConcentrationRow>, Outcome) {
    let exposures: Vec<Exposure> = view
        .instruments
        .values()
        .map(|sides| Exposure {
            long: money::to_f64(sides.long),
            short: money::to_f64(-sides.short),
        })
        .collect();
    let gross: Decimal = view.instruments.values().map(|sides| sides.gross()).sum();
    match concentrate(&exposures) {
        Ok(Some(c)) => {
            let names = i32::try_from(c.names).unwrap_or(i32::MAX);
            (
                Some((gross, c.hhi, c.effective_names, c.top_3, c.top_10, names)),
                Outcome::Done,
            )
        }
        Ok(None) => {
            let why = view.nothing_to_model();
            let none = || Outcome::NotApplicable("no positions".to_owned());
            (None, why.unwrap_or_else(none))
        }
        Err(error) => (None, Outcome::Failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::of_the_market;
    use super::*;
    use crate::analytics::options::{Right, Terms};

    #[test]
    fn what_is_left_out_for_its_price_is_not_said_to_have_no_model() {
        let mut loaded = of_the_market(Vec::new());
        let stock = loaded.values[0].clone();
        let model = loaded.models[&stock.symbol].clone();
        assert_eq!(model.reason, None);
        let outcome = |loaded: &Loaded| BookView::new(loaded, Calendar::nyse()).betas_outcome();
        let insufficient = |why: &str| Outcome::Insufficient(why.to_owned());
        let add = |loaded: &mut Loaded, symbol: &str, quality, reason: Option<&str>| {
            let symbol: Symbol = symbol.parse().unwrap();
            let mut model = model.clone();
            model.reason = reason.map(str::to_owned);
            loaded.models.insert(symbol.clone(), model);
            let mut value = stock.clone();
            (value.symbol, value.quality) = (symbol, quality);
            loaded.values.push(value);
        };
        assert_eq!(outcome(&loaded), Outcome::Done);
        let old = "left out for a carried price: CAR";
        add(&mut loaded, "CAR", Quality::Carried, None);
        assert_eq!(outcome(&loaded), insufficient(old));
        // A second lot of it has a price: the first one is left out all the same.
        add(&mut loaded, "CAR", Quality::Close, None);
        assert_eq!(outcome(&loaded), insufficient(old));
        add(&mut loaded, "NEW", Quality::Close, Some("too few"));
        let both = "no factor model for NEW; left out for a carried price: CAR";
        assert_eq!(outcome(&loaded), insufficient(both));
        // Its lot with a price has no model either.
        add(&mut loaded, "NEW", Quality::Carried, Some("too few"));
        assert_eq!(outcome(&loaded), insufficient(both));
        add(&mut loaded, "BAR", Quality::Carried, None);
        let all = "no factor model for NEW; left out for a carried price: BAR, CAR";
        assert_eq!(outcome(&loaded), insufficient(all));

        let rest = |valued: &Valued| is_carried(valued) && valued.symbol.as_str() != "NEW";
        loaded.values.retain(rest);
        let none = "no symbol is modelled; BAR: no price; carried at its close of 2016-12-30";
        assert_eq!(outcome(&loaded), insufficient(none));
    }

    #[test]
    fn a_dividend_is_paid_to_shares_and_not_to_options() {
        let call = Leg {
            terms: Terms {
                right: Right::Call,
                spot: 100.0,
                strike: 100.0,
                years: 0.5,
                rate: 0.04,
                dividend_yield: 0.0,
            },
            volatility: 0.3,
            shares: 100.0,
        };
        let (total, price) = (-0.15, -0.2);
        let made = |linear: f64, options: &[Leg]| {
            profit((linear, options), Held { total, price }, 1.0).unwrap()
        };
        let repriced = call.profit(price, 1.0).unwrap();
        assert!((made(5_000.0, &[]) - 5_000.0 * total).abs() < 1e-9);
        assert!((made(0.0, &[call]) - repriced).abs() < 1e-9);
        assert!((made(5_000.0, &[call]) - (5_000.0 * total + repriced)).abs() < 1e-9);
        assert!(repriced < call.profit(total, 1.0).unwrap() - 10.0);
    }
}
