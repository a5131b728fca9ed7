//! Numbers of the ledger: the amounts of a session, and the value of a lot.

use serde_json::json;

use super::book::{LEDGER, today};
use super::fields::{Field, amount, field, names, statistic};
use super::{Explained, Line, Metric, Number, Refusal, Sources, Told, line, money};
use crate::domain::{LedgerDay, LotValue};
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
    about: "value of a lot",
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

const OF_LOT: &[Field<Position, LotValue>] = &[
    Field {
        name: "value",
        formula: "quantity × price × multiplier",
        unit: "currency of the portfolio, shorts negative",
        stored: |lot| amount(lot.market_value),
        made: |value| amount(value.market_value),
    },
    Field {
        name: "unrealised",
        formula: "value − cost",
        unit: SIGNED,
        stored: |lot| amount(lot.unrealised),
        made: |value| amount(value.unrealised),
    },
    Field {
        name: "cost",
        formula: "entry quantity × entry price × multiplier",
        unit: "currency of the portfolio, shorts negative",
        stored: |lot| amount(lot.cost),
        made: |value| amount(value.cost),
    },
    Field {
        name: "price",
        formula: "newest close that is not too old; else the model's price of an option; else an old close, else the entry price, \
                  both after splits",
        unit: "currency per share",
        stored: |lot| amount(lot.price),
        made: |value| amount(value.price),
    },
    Field {
        name: "quantity",
        formula: "quantity at entry × Π split ratios since",
        unit: "shares or contracts, shorts negative",
        stored: |lot| amount(lot.quantity),
        made: |value| amount(value.quantity),
    },
];

/// The lot that is meant: by its id, or by its symbol where it is the only one of it.
fn find<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<(&'a Position, &'static Field<Position, LotValue>), Refusal> {
    let (which, name) = argument
        .split_once(':')
        .unwrap_or((argument, OF_LOT[0].name));
    let lots = || report.positions.iter();
    let by_symbol = |symbol: &str| lots().filter(|lot| lot.symbol.as_str() == symbol).count();
    let meant = lots().find(|lot| {
        lot.id.to_string() == which
            || (lot.symbol.as_str() == which && by_symbol(lot.symbol.as_str()) == 1)
    });
    let Some(lot) = meant else {
        let each = lots().flat_map(|lot| {
            let alone = by_symbol(lot.symbol.as_str()) == 1;
            let known = if alone {
                lot.symbol.to_string()
            } else {
                lot.id.to_string()
            };
            names(OF_LOT, &format!("{known}:"))
        });
        return Err(Refusal::Argument(each.collect()));
    };
    Ok((lot, field(OF_LOT, name, &format!("{which}:"))?))
}

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
    let day = today(sources)?;
    let made = day.positions.iter().find(|(id, _)| *id == lot.id);
    let gone = || Refusal::NotMade("the book has no such lot at this date any more".to_owned());
    let (_, made) = made.ok_or_else(gone)?;
    let of = OF_LOT
        .iter()
        .filter_map(|one| Some((one.name, (one.made)(made)?)));
    Ok(Explained {
        formula: field.formula,
        source: LOT.source,
        unit: field.unit,
        window: format!("{} to {}", lot.entry_date, sources.loaded.as_of),
        n: 1,
        inputs: about(lot),
        steps: of.map(|(name, value)| line(name, crossed(value))).collect(),
        computed: field.made(made)?,
        stored: field.stored(lot, None)?,
    })
}

fn lot_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (lot, field) = find(report, argument)?;
    let of = OF_LOT
        .iter()
        .filter_map(|one| Some((one.name, (one.stored)(lot)?)));
    Ok(Told {
        formula: field.formula,
        source: LOT.source,
        unit: field.unit,
        window: format!("{} to {}", lot.entry_date, report.published.as_of),
        n: Some(1),
        inputs: about(lot),
        steps: of.map(|(name, value)| line(name, crossed(value))).collect(),
        value: field.stored(lot, None)?,
    })
}
