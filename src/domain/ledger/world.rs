//! Random books with prices that have gaps, splits and dividends, the same for the same seed.

use chrono::Days;

use super::tests::day;
use super::*;
use crate::domain::{AssetClass, Exit, FlowKind, OptionRight, OptionTerms};

const NYSE: Calendar = Calendar::nyse();
const SYMBOLS: [&str; 4] = ["AA", "BB", "CC", "DD"];
/// Ratios whose divisions end, so that the simulation is exact too.
const RATIOS: [&str; 6] = ["2", "5", "10", "0.1", "0.5", "1.25"];
/// A Saturday: the first booking is on the Monday.
const INCEPTION: &str = "2024-01-06";

/// A small deterministic source of numbers (Knuth's multiplier).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn money(&mut self, most: u64, decimals: u32) -> Decimal {
        Decimal::new(i64::try_from(1 + self.below(most)).unwrap(), decimals)
    }

    fn signed(&mut self, value: Decimal) -> Decimal {
        if self.below(3) == 0 { -value } else { value }
    }

    fn date(&mut self) -> NaiveDate {
        day(INCEPTION) + Days::new(self.below(150))
    }

    fn symbol(&mut self) -> Symbol {
        SYMBOLS[usize::try_from(self.below(4)).unwrap()]
            .parse()
            .unwrap()
    }
}

fn history(dice: &mut Dice, sessions: &[TradingDate]) -> PriceHistory {
    let mut history = PriceHistory::default();
    let mut price = dice.money(20_000, 2);
    let mut silent = dice.below(12);
    for &date in sessions {
        if dice.below(60) == 0 {
            let ratio = RATIOS[usize::try_from(dice.below(6)).unwrap()]
                .parse()
                .unwrap();
            history.splits.push((date, ratio));
        }
        if dice.below(40) == 0 {
            history.dividends.push((date, dice.money(200, 2)));
        }
        if dice.below(50) == 0 {
            silent = dice.below(15);
        }
        if silent == 0 && dice.below(8) > 0 {
            price = (price + dice.money(300, 2) - dice.money(300, 2)).max(Decimal::ONE);
            history.closes.push((date, price));
        }
        silent = silent.saturating_sub(1);
    }
    history
}

fn lot(dice: &mut Dice, number: u128) -> Lot {
    let class = AssetClass::ALL[usize::try_from(dice.below(3)).unwrap()];
    let quantity = dice.money(50_000, 2);
    let entry_date = dice.date();
    let exit = (dice.below(2) == 0).then(|| Exit {
        date: entry_date + Days::new(dice.below(60)),
        price: dice.money(30_000, 2),
    });
    let option = (class == AssetClass::Options).then(|| OptionTerms {
        underlying: dice.symbol(),
        strike: dice.money(30_000, 2),
        expiry: entry_date + Days::new(dice.below(90)),
        right: OptionRight::ALL[usize::try_from(dice.below(2)).unwrap()],
    });
    Lot {
        id: PositionId(uuid::Uuid::from_u128(number)),
        symbol: match class {
            AssetClass::Public => dice.symbol(),
            AssetClass::Options => format!("OPT{}", dice.below(3)).parse().unwrap(),
            AssetClass::Private => "FUND".parse().unwrap(),
        },
        class,
        subtype: None,
        quantity: dice.signed(quantity),
        entry_price: dice.money(30_000, 2),
        entry_date,
        exit,
        option,
    }
}

/// Model prices of options on most sessions, some of them kept.
fn models(
    dice: &mut Dice,
    lots: &[Lot],
    sessions: &[TradingDate],
) -> BTreeMap<PositionId, Vec<ModelPrice>> {
    let mut models = BTreeMap::new();
    for lot in lots.iter().filter(|lot| lot.option.is_some()) {
        let mut known: Vec<ModelPrice> = Vec::new();
        for (at, &session) in sessions.iter().enumerate() {
            match (dice.below(8), known.last().copied()) {
                (0 | 1, _) => {}
                (2..=4, Some(last)) => known.push(ModelPrice {
                    session,
                    kept: true,
                    ..last
                }),
                _ => {
                    let age = usize::try_from(dice.below(20)).unwrap();
                    known.push(ModelPrice {
                        session,
                        price: dice.money(3_000, 2),
                        spot_date: sessions[at.saturating_sub(age)],
                        kept: false,
                    });
                }
            }
        }
        models.insert(lot.id, known);
    }
    models
}

pub(super) struct World {
    pub(super) book: Book,
    pub(super) histories: BTreeMap<Symbol, PriceHistory>,
    pub(super) sessions: Vec<TradingDate>,
}

pub(super) fn world(seed: u64) -> World {
    let mut dice = Dice(seed);
    let known = NYSE.sessions(day("2023-12-01"), day("2024-06-28")).unwrap();
    // OPT2 and DD have no prices at all.
    let mut histories = BTreeMap::new();
    for symbol in ["AA", "BB", "CC", "OPT0", "OPT1", "FUND"] {
        histories.insert(symbol.parse().unwrap(), history(&mut dice, &known));
    }
    let lots: Vec<Lot> = (0..14).map(|number| lot(&mut dice, number)).collect();
    let flows = (0..8)
        .map(|_| {
            let kind = FlowKind::ALL[usize::try_from(dice.below(5)).unwrap()];
            let (date, amount) = (dice.date(), dice.money(500_000, 2));
            let symbol = (kind == FlowKind::Dividend).then(|| dice.symbol());
            CashFlow {
                kind,
                date,
                amount,
                symbol,
            }
        })
        .collect();
    let mut marks: Vec<_> = (0..4)
        .map(|_| (dice.date(), dice.money(30_000, 2)))
        .collect();
    marks.sort_unstable();
    let marks = BTreeMap::from([("FUND".parse().unwrap(), marks)]);
    let sessions = NYSE.sessions(day(INCEPTION), day("2024-06-28")).unwrap();
    let models = models(&mut dice, &lots, &sessions);
    let inception = day(INCEPTION);
    let opening_equity = Decimal::from(dice.below(2_000_000));
    World {
        book: Book {
            opening_equity,
            inception,
            lots,
            flows,
            marks,
            models,
        },
        histories,
        sessions,
    }
}
