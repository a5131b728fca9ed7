//! Numbers of the ledger: the amounts of a session, and the value of a lot.

use rust_decimal::Decimal;
use serde_json::json;

use super::book::{LEDGER, today};
use super::fields::{Field, amount, field, names, statistic};
use super::{Explained, Line, Metric, Number, Refusal, Sources, Told, line, money};
use crate::domain::{EndedLot, LedgerDay, LotValue, money as crossing};
use crate::store::reports::{Position, Report, Snapshot};

pub(super) const SNAPSHOT: Metric = Metric {
    name: "snapshot",
    argument: Some("AMOUNT"),
    about: "an amount of the ledger",
    formula: "NAV = cash + long value + short value; P&L = realised + change of unrealised + income",
    source: LEDGER,
    unit: CURRENCY,
    explain: snapshot,
    told: snapshot_told,
};

pub(super) const LOT: Metric = Metric {
    name: "lot",
    argument: Some("SYMBOL or ID:AMOUNT"),
    about: "value of a lot, and its part of NAV",
    formula: "value = quantity × price × multiplier; unrealised = value − cost",
    source: LEDGER,
    unit: CURRENCY,
    explain: lot,
    told: lot_told,
};

const CURRENCY: &str = "currency of the portfolio";
const SIGNED: &str = "currency of the portfolio, a loss is negative";

const AMOUNTS: &[Field<Snapshot, LedgerDay>] = &[
    Field {
        name: "cash",
        formula: "opening equity + Σ bookings: trades, flows, dividends, interest, fees",
        unit: CURRENCY,
        stored: |row| amount(row.cash),
        made: |day| amount(day.cash),
    },
    Field {
        name: "long_value",
        formula: "Σ quantity × price × multiplier of lots with a positive quantity",
        unit: CURRENCY,
        stored: |row| amount(row.long_value),
        made: |day| amount(day.long_value),
    },
    Field {
        name: "short_value",
        formula: "Σ quantity × price × multiplier of lots with a negative quantity",
        unit: "currency of the portfolio, zero or negative",
        stored: |row| amount(row.short_value),
        made: |day| amount(day.short_value),
    },
    Field {
        name: "external_flows",
        formula: "contributions − withdrawals of the session",
        unit: CURRENCY,
        stored: |row| amount(row.external_flows),
        made: |day| amount(day.external_flows),
    },
    Field {
        name: "realised",
        formula: "Σ proceeds − cost of the lots that ended in the session",
        unit: SIGNED,
        stored: |row| amount(row.realised),
        made: |day| amount(day.realised),
    },
    Field {
        name: "unrealised_change",
        formula: "Σ (value − cost) of the live lots − the same of the session before",
        unit: SIGNED,
        stored: |row| amount(row.unrealised_change),
        made: |day| amount(day.unrealised_change),
    },
    Field {
        name: "income",
        formula: "dividends + interest − fees of the session",
        unit: SIGNED,
        stored: |row| amount(row.income),
        made: |day| amount(day.income),
    },
    Field {
        name: "pnl_total",
        formula: "NAV − opening equity − Σ external flows since inception",
        unit: SIGNED,
        stored: |row| amount(row.pnl_total),
        made: |day| amount(day.pnl_total),
    },
    Field {
        name: "return_day",
        formula: "P&L of the session / NAV of the session before",
        unit: "a fraction",
        stored: |row| statistic(row.return_day),
        made: |day| statistic(day.return_day),
    },
];

fn snapshot(sources: &Sources<'_>, name: &str) -> Result<Explained, Refusal> {
    let field = field(AMOUNTS, name, "")?;
    let no_return = "the NAV of the session before is not positive".to_owned();
    let stored = field.stored(&sources.report.snapshot, Some(&no_return))?;
    let day = today(sources)?;
    let before = sources.days.iter().rev().nth(1);
    let opening = sources.report.portfolio.opening_equity;
    let mut steps = vec![match before {
        Some(before) => line(format!("NAV of {}", before.date), money(before.nav)),
        None => line("opening equity", money(opening)),
    }];
    let amounts = AMOUNTS.iter().filter(|one| one.name != field.name);
    let amounts = amounts.filter_map(|one| Some((one.name, (one.made)(day)?)));
    steps.extend(amounts.map(|(name, value)| line(name, crossed(value))));
    steps.push(line("pnl_day", money(day.pnl_day)));
    steps.push(line("NAV", money(day.nav)));
    let values = day.positions.iter();
    let inputs = values.map(|(id, value)| {
        let mut known = sources.report.positions.iter();
        let known = known.find(|position| position.id == *id);
        let name = known.map_or_else(|| id.to_string(), |known| known.symbol.to_string());
        line(name, valued(value))
    });
    let mut inputs: Vec<Line> = inputs.collect();
    inputs.insert(0, line("opening equity", money(opening)));
    let ended = day.ended.iter();
    inputs.extend(ended.map(|lot| line(format!("{}, ended", lot.symbol), brought(lot))));
    Ok(Explained {
        formula: field.formula,
        source: SNAPSHOT.source,
        unit: field.unit,
        window: format!("all bookings since {}", sources.report.portfolio.inception),
        n: day.positions.len(),
        inputs,
        steps,
        computed: field.made(day)?,
        stored,
    })
}

fn crossed(value: Number) -> serde_json::Value {
    match value {
        Number::Money(value) => money(value),
        Number::Statistic(value) => value.into(),
    }
}

fn valued(value: &LotValue) -> serde_json::Value {
    json!({
        "quantity": money(value.quantity),
        "price": money(value.price),
        "price_date": value.price_date,
        "cost": money(value.cost),
        "value": money(value.market_value),
    })
}

/// What a lot that ended brought; of an option that expired, from which close, null for one that got its cost back.
fn brought(lot: &EndedLot) -> serde_json::Value {
    let mut told = json!({ "cost": money(lot.cost), "proceeds": money(lot.proceeds) });
    if let Some(paid) = lot.settlement {
        let (date, close) = paid.close.unzip();
        told["settlement_close"] = json!(close.map(money));
        told["settlement_date"] = json!(date);
    }
    told
}

fn snapshot_told(report: &Report, name: &str) -> Result<Told, Refusal> {
    let field = field(AMOUNTS, name, "")?;
    let row = &report.snapshot;
    let no_return = "the NAV of the session before is not positive".to_owned();
    let value = field.stored(row, Some(&no_return))?;
    let amounts = AMOUNTS.iter().filter(|one| one.name != field.name);
    let amounts = amounts.filter_map(|one| Some((one.name, (one.stored)(row)?)));
    let mut steps: Vec<Line> = amounts
        .map(|(name, value)| line(name, crossed(value)))
        .collect();
    steps.push(line("pnl_day", money(row.pnl_day)));
    steps.push(line("NAV", money(row.nav)));
    let opening = money(report.portfolio.opening_equity);
    let lots = report.positions.iter();
    let lots = lots.map(|lot| line(lot.symbol.to_string(), money(lot.market_value)));
    Ok(Told {
        formula: field.formula,
        source: SNAPSHOT.source,
        unit: field.unit,
        window: format!("all bookings since {}", report.portfolio.inception),
        n: Some(report.positions.len()),
        inputs: std::iter::once(line("opening equity", opening))
            .chain(lots)
            .collect(),
        steps,
        value,
    })
}

/// A lot, and the net asset value of the book that it is in.
struct InBook<L> {
    lot: L,
    nav: Decimal,
}

type OfLot = Field<InBook<Position>, InBook<LotValue>>;

const OF_LOT: &[OfLot] = &[
    Field {
        name: "value",
        formula: "quantity × price × multiplier",
        unit: "currency of the portfolio, shorts negative",
        stored: |row| amount(row.lot.market_value),
        made: |row| amount(row.lot.market_value),
    },
    Field {
        name: "unrealised",
        formula: "value − cost",
        unit: SIGNED,
        stored: |row| amount(row.lot.unrealised),
        made: |row| amount(row.lot.unrealised),
    },
    Field {
        name: "cost",
        formula: "entry quantity × entry price × multiplier",
        unit: "currency of the portfolio, shorts negative",
        stored: |row| amount(row.lot.cost),
        made: |row| amount(row.lot.cost),
    },
    Field {
        name: "price",
        formula: "newest close that is not too old; else the model's price of an option; else an old close or the model's last price, \
                  the newer of the two; else the entry price; all after splits",
        unit: "currency per share",
        stored: |row| amount(row.lot.price),
        made: |row| amount(row.lot.price),
    },
    Field {
        name: "quantity",
        formula: "quantity at entry × Π split ratios since",
        unit: "shares or contracts, shorts negative",
        stored: |row| amount(row.lot.quantity),
        made: |row| amount(row.lot.quantity),
    },
    Field {
        name: "weight",
        formula: "value / NAV",
        unit: "a fraction of NAV, shorts negative",
        stored: |row| statistic(weight(row.lot.market_value, row.nav)),
        made: |row| statistic(weight(row.lot.market_value, row.nav)),
    },
];

/// A fraction of net asset value, where that is positive.
fn weight(value: Decimal, nav: Decimal) -> Option<f64> {
    (nav > Decimal::ZERO).then(|| crossing::to_f64(value) / crossing::to_f64(nav))
}

/// The lot of an id, or of a symbol where it is the only one of it.
pub(super) fn lot_of<'a>(report: &'a Report, which: &str) -> Option<&'a Position> {
    let mut lots = report.positions.iter();
    lots.find(|lot| {
        lot.id.to_string() == which || (lot.symbol.as_str() == which && alone(report, lot))
    })
}

/// Whether no other lot has its symbol.
fn alone(report: &Report, lot: &Position) -> bool {
    let lots = report.positions.iter();
    lots.filter(|other| other.symbol == lot.symbol).count() == 1
}

/// What a lot is called where it is asked for.
pub(super) fn typed(report: &Report, lot: &Position) -> String {
    if alone(report, lot) {
        lot.symbol.to_string()
    } else {
        lot.id.to_string()
    }
}

/// The lot that is meant, and the number of it.
fn find<'a>(report: &'a Report, argument: &str) -> Result<(&'a Position, &'static OfLot), Refusal> {
    let (which, name) = argument
        .split_once(':')
        .unwrap_or((argument, OF_LOT[0].name));
    let Some(lot) = lot_of(report, which) else {
        let lots = report.positions.iter();
        let each = lots.flat_map(|lot| names(OF_LOT, &format!("{}:", typed(report, lot))));
        return Err(Refusal::Argument(each.collect()));
    };
    Ok((lot, field(OF_LOT, name, &format!("{which}:"))?))
}

/// A lot as it is stored.
fn stored_lot(report: &Report, lot: &Position) -> InBook<Position> {
    InBook {
        lot: lot.clone(),
        nav: report.snapshot.nav,
    }
}

const NO_WEIGHT: &str = "nonpositive_nav";

fn about(lot: &Position) -> Vec<Line> {
    vec![
        line("lot", lot.id.to_string()),
        line("entry", lot.entry_date.to_string()),
        line("price of", json!(lot.price_date)),
        line("quality of the price", lot.quality.as_str()),
    ]
}

fn lot(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (lot, field) = find(sources.report, argument)?;
    let row = stored_lot(sources.report, lot);
    let value = field.stored(&row, Some(&NO_WEIGHT.to_owned()))?;
    let day = today(sources)?;
    let made = day.positions.iter().find(|(id, _)| *id == lot.id);
    let gone = || Refusal::NotMade("the book has no such lot at this date any more".to_owned());
    let (_, made) = made.ok_or_else(gone)?;
    let made = InBook {
        lot: *made,
        nav: day.nav,
    };
    let of = OF_LOT
        .iter()
        .filter_map(|one| Some((one.name, (one.made)(&made)?)));
    let of = of.chain([("NAV", Number::Money(day.nav))]);
    Ok(Explained {
        formula: field.formula,
        source: LOT.source,
        unit: field.unit,
        window: format!("{} to {}", lot.entry_date, sources.loaded.as_of),
        n: 1,
        inputs: about(lot),
        steps: of.map(|(name, value)| line(name, crossed(value))).collect(),
        computed: field.made(&made)?,
        stored: value,
    })
}

fn lot_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (lot, field) = find(report, argument)?;
    let row = stored_lot(report, lot);
    let value = field.stored(&row, Some(&NO_WEIGHT.to_owned()))?;
    let of = OF_LOT
        .iter()
        .filter_map(|one| Some((one.name, (one.stored)(&row)?)));
    let of = of.chain([("NAV", Number::Money(row.nav))]);
    Ok(Told {
        formula: field.formula,
        source: LOT.source,
        unit: field.unit,
        window: format!("{} to {}", lot.entry_date, report.published.as_of),
        n: Some(1),
        inputs: about(lot),
        steps: of.map(|(name, value)| line(name, crossed(value))).collect(),
        value,
    })
}
