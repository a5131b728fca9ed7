//! Numbers of the book itself: net asset value, profit, concentration.

use rust_decimal::Decimal;
use serde_json::json;

use super::fields::{Field, amount, counted, field, statistic};
use super::{Explained, Line, Metric, Number, Refusal, Sources, line, money, told};
use crate::domain::{LedgerDay, money as crossing};
use crate::phases::portfolio_analytics::book::{ConcentrationRow, concentration};
use crate::store::reports::Concentration;

pub(super) const LEDGER: &str = "positions, cash_flows, manual_marks, market_data_cache, corporate_actions; options without a price of \
                                 their own: profile_versions, definition_sets";

pub(super) const NAV: Metric = Metric {
    name: "nav",
    argument: None,
    about: "net asset value",
    formula: "cash + Σ quantity × price × multiplier",
    source: LEDGER,
    unit: "currency of the portfolio",
    explain: nav,
    told: told::nav,
};

pub(super) const PNL_DAY: Metric = Metric {
    name: "pnl_day",
    argument: None,
    about: "profit and loss of the session",
    formula: "realised + change of unrealised + income = NAV − NAV before − external flows",
    source: LEDGER,
    unit: "currency of the portfolio, a loss is negative",
    explain: pnl_day,
    told: told::pnl_day,
};

const EXPOSURES: &str = "position_values; options: positions, market_data_cache, corporate_actions, profile_versions, definition_sets";

pub(super) const HHI: Metric = Metric {
    name: "hhi",
    argument: None,
    about: "concentration by instrument",
    formula: "10,000 × Σ share², share = (long + |short|) / gross",
    source: EXPOSURES,
    unit: "0 to 10,000",
    explain: |sources, _| concentrated(sources, "hhi"),
    told: |report, _| told::concentrated(report, &HHI, "hhi"),
};

pub(super) const CONCENTRATION: Metric = Metric {
    name: "concentration",
    argument: Some("NUMBER"),
    about: "another number of the concentration",
    formula: "share = (long + |short|) / gross, by instrument",
    source: EXPOSURES,
    unit: "a fraction of gross",
    explain: concentrated,
    told: |report, name| told::concentrated(report, &CONCENTRATION, name),
};

/// The ledger of the date.
pub(super) fn today<'a>(sources: &'a Sources<'_>) -> Result<&'a LedgerDay, Refusal> {
    let day = sources.days.last();
    let day = day.filter(|day| day.date == sources.loaded.as_of);
    day.ok_or_else(|| Refusal::NotMade("the book has no ledger at this date".to_owned()))
}

fn nav(sources: &Sources<'_>, _: &str) -> Result<Explained, Refusal> {
    let day = today(sources)?;
    let positions = &sources.report.positions;
    let inputs = day.positions.iter().map(|(id, value)| {
        let known = positions.iter().find(|position| position.id == *id);
        let name = known.map_or_else(|| id.to_string(), |known| known.symbol.to_string());
        let value = json!({
            "quantity": money(value.quantity),
            "price": money(value.price),
            "price_date": value.price_date,
            "value": money(value.market_value),
        });
        line(name, value)
    });
    Ok(Explained {
        formula: NAV.formula,
        source: NAV.source,
        unit: NAV.unit,
        window: format!("all bookings since {}", sources.report.portfolio.inception),
        n: day.positions.len(),
        inputs: inputs.collect(),
        steps: vec![
            line("cash", money(day.cash)),
            line("long value", money(day.long_value)),
            line("short value", money(day.short_value)),
        ],
        computed: Number::Money(day.nav),
        stored: Number::Money(sources.report.snapshot.nav),
    })
}

fn pnl_day(sources: &Sources<'_>, _: &str) -> Result<Explained, Refusal> {
    let day = today(sources)?;
    let before = sources.days.iter().rev().nth(1);
    let opening = sources.report.portfolio.opening_equity;
    let mut inputs = match before {
        Some(before) => vec![line(format!("NAV of {}", before.date), money(before.nav))],
        None => vec![line("opening equity", money(opening))],
    };
    inputs.push(line("NAV", money(day.nav)));
    inputs.push(line(
        "contributions less withdrawals",
        money(day.external_flows),
    ));
    Ok(Explained {
        formula: PNL_DAY.formula,
        source: PNL_DAY.source,
        unit: PNL_DAY.unit,
        window: "the session".to_owned(),
        n: day.positions.len(),
        inputs,
        steps: vec![
            line("realised", money(day.realised)),
            line("change of unrealised", money(day.unrealised_change)),
            line("income", money(day.income)),
        ],
        computed: Number::Money(day.pnl_day),
        stored: Number::Money(sources.report.snapshot.pnl_day),
    })
}

/// Numbers of the concentration.
pub(super) const OF_CONCENTRATION: &[Field<Concentration, ConcentrationRow>] = &[
    Field {
        name: "hhi",
        formula: HHI.formula,
        unit: HHI.unit,
        stored: |row| statistic(row.hhi),
        made: |row| statistic(row.1),
    },
    Field {
        name: "effective_names",
        formula: "10,000 / HHI",
        unit: "a number of names of equal size",
        stored: |row| statistic(row.effective_names),
        made: |row| statistic(row.2),
    },
    Field {
        name: "top_3",
        formula: "Σ of the three largest shares, share = (long + |short|) / gross",
        unit: "a fraction of gross",
        stored: |row| statistic(row.top_3),
        made: |row| statistic(row.3),
    },
    Field {
        name: "top_10",
        formula: "Σ of the ten largest shares, share = (long + |short|) / gross",
        unit: "a fraction of gross",
        stored: |row| statistic(row.top_10),
        made: |row| statistic(row.4),
    },
    Field {
        name: "gross",
        formula: "Σ long + |short|, options by their delta equivalent",
        unit: "currency of the portfolio",
        stored: |row| amount(row.gross),
        made: |row| amount(row.0),
    },
    Field {
        name: "instruments",
        formula: "number of instruments with a long or a short side",
        unit: "instruments",
        stored: |row| counted(row.instruments),
        made: |row| counted(row.5),
    },
];

fn concentrated(sources: &Sources<'_>, name: &str) -> Result<Explained, Refusal> {
    let of = field(OF_CONCENTRATION, name, "")?;
    let Some(stored) = &sources.report.concentration else {
        return Err(sources.not_stored("concentration"));
    };
    let (row, outcome) = concentration(&sources.view);
    let Some(row) = row else {
        let why = outcome.reason().unwrap_or("no exposure");
        return Err(Refusal::NotMade(why.to_owned()));
    };
    let (gross, hhi, effective, top_3, top_10, names) = row;
    let share = |value: Decimal| crossing::to_f64(value) / crossing::to_f64(gross);
    let inputs = sources.view.instruments.iter().map(|(symbol, sides)| {
        let value = json!({
            "long": money(sides.long),
            "short": money(sides.short),
            "share": share(sides.gross()),
        });
        line(symbol.to_string(), value)
    });
    let inputs: Vec<Line> = inputs.collect();
    Ok(Explained {
        formula: of.formula,
        source: HHI.source,
        unit: of.unit,
        window: "the date".to_owned(),
        n: usize::try_from(names).unwrap_or(0),
        inputs,
        steps: vec![
            line("gross", money(gross)),
            line("HHI", hhi),
            line("effective names, 10,000 / HHI", effective),
            line("top 3", top_3),
            line("top 10", top_10),
        ],
        computed: of.made(&row)?,
        stored: of.stored(stored, None)?,
    })
}
