//! The ledger against a slow simulation that walks through every session of random books: shares
//! are kept and multiplied, cash is kept and changed, nothing is computed in closed form.

use std::collections::BTreeSet;

use super::tests::day;
use super::world::{Dice, World, world};
use super::*;
use crate::domain::{AssetClass, FlowKind, OptionRight, OptionTerms, Quality};

const NYSE: Calendar = Calendar::nyse();
fn product(splits: &[(TradingDate, Decimal)], after: TradingDate, to: TradingDate) -> Decimal {
    let mut product = Decimal::ONE;
    for (ex, ratio) in splits {
        if *ex > after && *ex <= to {
            product *= ratio;
        }
    }
    product
}

/// Price per share at the close of `on`, in shares of that day.
fn price(history: Option<&PriceHistory>, on: TradingDate) -> Option<(Decimal, TradingDate)> {
    let history = history?;
    let (date, close) = history.closes.iter().rev().find(|(date, _)| *date <= on)?;
    Some((close / product(&history.splits, *date, on), *date))
}

/// One lot while it is held.
struct Holding {
    shares: Decimal,
    underlying_factor: Decimal,
}

#[derive(Debug, PartialEq)]
struct Expected {
    cash: Decimal,
    long: Decimal,
    short: Decimal,
    realised: Decimal,
    income: Decimal,
    external: Decimal,
    unrealised: Decimal,
    positions: Vec<(PositionId, Decimal, Decimal, Quality)>,
    unpriced: Vec<UnpricedExpiry>,
}

/// What one share of the contract is worth inside, in shares of the day.
fn inside(
    terms: &OptionTerms,
    underlying: Option<(Decimal, TradingDate)>,
    holding: &Holding,
) -> Option<Decimal> {
    let (spot, _) = underlying?;
    let strike = terms.strike / holding.underlying_factor;
    let inside = match terms.right {
        OptionRight::Call => spot - strike,
        OptionRight::Put => strike - spot,
    };
    Some(inside.max(Decimal::ZERO))
}

fn mark(marks: Option<&[(NaiveDate, Decimal)]>, today: TradingDate) -> Option<Decimal> {
    let mut marks = marks?.iter().rev();
    marks
        .find(|(date, _)| *date <= today.date())
        .map(|(_, price)| *price)
}

fn quality(date: TradingDate, today: TradingDate) -> Quality {
    let until = |date| NYSE.sessions(day("2023-12-01"), date).unwrap().len();
    match until(today.date()) - until(date.date()) {
        0 => Quality::Close,
        1..=5 => Quality::Stale,
        _ => Quality::Carried,
    }
}

#[expect(clippy::too_many_lines, reason = "the steps of a day, in their order")]
fn simulate(world: &World) -> Vec<Expected> {
    let World {
        book,
        histories,
        sessions,
    } = world;
    let mut cash = book.opening_equity;
    let mut held: Vec<Option<Holding>> = book.lots.iter().map(|_| None).collect();
    let mut days = Vec::new();
    let mut paying = BTreeSet::new();
    let mut unpriced = BTreeSet::new();
    let mut before = day("1990-01-01");
    for &today in sessions {
        let due = |date: NaiveDate| before < date && date <= today.date();
        let tomorrow = NYSE.next(today).unwrap().date();
        let (mut realised, mut income, mut external) =
            (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        let mut positions = Vec::new();
        let (mut long, mut short, mut unrealised) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for (lot, slot) in book.lots.iter().zip(&mut held) {
            let size = Decimal::from(if lot.option.is_some() { 100 } else { 1 });
            let cost = lot.quantity * lot.entry_price * size;
            let own = histories
                .get(&lot.symbol)
                .filter(|_| lot.class != AssetClass::Private);
            let underlying = lot
                .option
                .as_ref()
                .and_then(|terms| histories.get(&terms.underlying));
            // 1. what happens to shares held since yesterday
            if let Some(holding) = slot.as_mut() {
                let splits = own.iter().flat_map(|history| &history.splits);
                for (_, ratio) in splits.filter(|(ex, _)| *ex == today) {
                    holding.shares *= ratio;
                }
                let splits = underlying.iter().flat_map(|history| &history.splits);
                for (_, ratio) in splits.filter(|(ex, _)| *ex == today) {
                    holding.underlying_factor *= ratio;
                }
                let dividends = own.iter().flat_map(|history| &history.dividends);
                for (_, dividend) in dividends.filter(|(ex, _)| *ex == today) {
                    if lot.class == AssetClass::Public {
                        income += holding.shares * dividend;
                        paying.insert(&lot.symbol);
                    }
                }
            }
            // 2. bought at the close
            if due(lot.entry_date) {
                cash -= cost;
                *slot = Some(Holding {
                    shares: lot.quantity,
                    underlying_factor: Decimal::ONE,
                });
            }
            // 3. sold or expired at the close
            let Some(holding) = slot.as_ref() else {
                continue;
            };
            let sold = lot.exit.filter(|exit| due(exit.date));
            let expired = lot.option.as_ref().filter(|terms| terms.expiry < tomorrow);
            let proceeds = match (sold, expired) {
                (Some(exit), _) => Some(holding.shares * exit.price * size),
                (None, Some(terms)) => {
                    let spot = price(underlying, today);
                    if spot.is_none_or(|(_, of)| of != today) {
                        unpriced.insert(UnpricedExpiry {
                            session: today,
                            contract: lot.symbol.clone(),
                            underlying: terms.underlying.clone(),
                            close: spot.map(|(_, of)| of),
                        });
                    }
                    let inside = inside(terms, spot, holding);
                    let shares = lot.quantity * size * holding.underlying_factor;
                    Some(inside.map_or(cost, |inside| shares * inside))
                }
                (None, None) => None,
            };
            if let Some(proceeds) = proceeds {
                cash += proceeds;
                realised += proceeds - cost;
                *slot = None;
                continue;
            }
            // 4. valued at the close
            let marks = book.marks.get(&lot.symbol).map(Vec::as_slice);
            let mut models = book.models.get(&lot.id).into_iter().flatten();
            let model = models.find(|model| model.session == today);
            let (price, quality) = match (lot.class, price(own, today)) {
                (AssetClass::Private, _) => (mark(marks, today), Quality::Manual),
                (_, Some((price, date))) if quality(date, today) != Quality::Carried => {
                    (Some(price), quality(date, today))
                }
                // A price of the model that is kept is no newer than its spot.
                (_, Some((price, date)))
                    if date.date() >= lot.entry_date
                        && model.is_some_and(|model| model.kept && date >= model.spot_date) =>
                {
                    (Some(price), Quality::Carried)
                }
                (_, quoted) if model.is_some() => {
                    // In units of the entry, whatever the splits of the contract itself.
                    let since = quoted.map_or(Decimal::ONE, |_| holding.shares / lot.quantity);
                    let quality = match model {
                        Some(model) if model.kept => Quality::Carried,
                        _ => Quality::Model,
                    };
                    (model.map(|model| model.price / since), quality)
                }
                (_, None) => (None, Quality::Carried),
                (_, Some((_, date))) if date.date() < lot.entry_date => (None, Quality::Carried),
                (_, Some((price, _))) => (Some(price), Quality::Carried),
            };
            let value = price.map_or(cost, |price| holding.shares * price * size);
            let side = if lot.quantity > Decimal::ZERO {
                &mut long
            } else {
                &mut short
            };
            *side += value;
            unrealised += value - cost;
            positions.push((lot.id, holding.shares, value, quality));
        }
        for flow in book.flows.iter().filter(|flow| due(flow.date)) {
            match flow.kind {
                FlowKind::Contribution => external += flow.amount,
                FlowKind::Withdrawal => external -= flow.amount,
                // Who pays by itself is not paid twice.
                FlowKind::Dividend if flow.symbol.iter().any(|of| paying.contains(of)) => {}
                FlowKind::Dividend | FlowKind::Interest => income += flow.amount,
                FlowKind::Fee => income -= flow.amount,
            }
        }
        cash += income + external;
        days.push(Expected {
            cash,
            long,
            short,
            realised,
            income,
            external,
            unrealised,
            positions,
            unpriced: unpriced.iter().cloned().collect(),
        });
        before = today.date();
    }
    days
}

fn run(book: &Book, world: &World, from: usize, to: usize) -> Vec<LedgerDay> {
    let World {
        histories,
        sessions,
        ..
    } = world;
    ledger(book, histories, NYSE, sessions[from], sessions[to]).unwrap()
}

#[test]
fn random_books_agree_with_the_simulation_to_the_last_digit() {
    for seed in 0..150 {
        let world = world(seed);
        let days = run(&world.book, &world, 0, world.sessions.len() - 1);
        let (mut unrealised, mut nav) = (Decimal::ZERO, world.book.opening_equity);
        let expected = simulate(&world);
        assert_eq!(days.len(), expected.len());
        for (day, expected) in days.iter().zip(expected) {
            unrealised += day.unrealised_change;
            let positions = day.positions.iter();
            let found = Expected {
                cash: day.cash,
                long: day.long_value,
                short: day.short_value,
                realised: day.realised,
                income: day.income,
                external: day.external_flows,
                unrealised,
                positions: positions
                    .map(|(id, value)| (*id, value.quantity, value.market_value, value.quality))
                    .collect(),
                unpriced: day.unpriced.clone(),
            };
            assert_eq!(found, expected, "seed {seed}, {}", day.date);
            assert_eq!(day.nav, day.cash + day.long_value + day.short_value);
            assert_eq!(day.nav - nav, day.pnl_day + day.external_flows);
            assert_eq!(
                day.pnl_day,
                day.realised + day.unrealised_change + day.income
            );
            let values = day.positions.iter().map(|(_, value)| value.market_value);
            assert_eq!(day.nav, day.cash + values.sum::<Decimal>());
            nav = day.nav;
        }
    }
}

#[test]
fn daily_profits_of_any_partition_are_the_profit_of_the_interval() {
    for seed in 0..40 {
        let world = world(seed);
        let last = world.sessions.len() - 1;
        let all = run(&world.book, &world, 0, last);
        let mut dice = Dice(seed);
        let mut from = 0;
        let mut total = Decimal::ZERO;
        while from <= last {
            let to = (from + usize::try_from(dice.below(30)).unwrap()).min(last);
            let part = run(&world.book, &world, from, to);
            assert_eq!(part, all[from..=to], "seed {seed}");
            total += part.iter().map(|day| day.pnl_day).sum::<Decimal>();
            assert_eq!(all[to].pnl_total, total);
            from = to + 1;
        }
        let flows: Decimal = all.iter().map(|day| day.external_flows).sum();
        assert_eq!(all[last].nav, world.book.opening_equity + flows + total);
    }
}

#[test]
fn a_lot_in_three_parts_changes_no_number_of_the_portfolio() {
    for seed in 0..40 {
        let world = world(seed);
        let last = world.sessions.len() - 1;
        let mut parts = world.book.clone();
        parts.lots = Vec::new();
        for lot in &world.book.lots {
            let (one, two) = (lot.quantity.round(), "0.07".parse::<Decimal>().unwrap());
            for quantity in [one, two, lot.quantity - one - two] {
                parts.lots.push(Lot {
                    quantity,
                    ..lot.clone()
                });
            }
        }
        let strip = |days: Vec<LedgerDay>| -> Vec<_> {
            let net = |day: LedgerDay| LedgerDay {
                // A part may have the other sign: only the sum of both sides is comparable.
                long_value: day.long_value + day.short_value,
                short_value: Decimal::ZERO,
                positions: Vec::new(),
                ended: Vec::new(),
                ..day
            };
            days.into_iter().map(net).collect()
        };
        let whole = strip(run(&world.book, &world, 0, last));
        assert_eq!(whole, strip(run(&parts, &world, 0, last)), "seed {seed}");
        let mut reversed = world.book.clone();
        reversed.lots.reverse();
        reversed.flows.reverse();
        assert_eq!(whole, strip(run(&reversed, &world, 0, last)), "seed {seed}");
    }
}

#[test]
fn the_parts_of_lots_and_income_add_up_to_the_profit() {
    for seed in 0..40 {
        let world = world(seed);
        let last = world.sessions.len() - 1;
        let all = run(&world.book, &world, 0, last);
        let mut dice = Dice(seed + 1000);
        for _ in 0..4 {
            let from = usize::try_from(dice.below(u64::try_from(last).unwrap())).unwrap();
            let to = last.min(from + usize::try_from(dice.below(60)).unwrap());
            let parts = contributions(
                &world.book,
                &world.histories,
                Calendar::nyse(),
                world.sessions[from],
                world.sessions[to],
            )
            .unwrap();
            let profit: Decimal = all[from..=to].iter().map(|day| day.pnl_day).sum();
            assert_eq!(parts.total(), profit, "seed {seed}, {from} to {to}");
        }
    }
}
