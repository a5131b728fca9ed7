//! Numbers of the book itself: net asset value, profit, concentration, sectors.

use rust_decimal::Decimal;
use serde_json::json;

use super::fields::{Field, amount, field, names, statistic};
use super::{Explained, Line, Metric, Number, Refusal, Sources, Told, line, money, told};
use crate::domain::{LedgerDay, money as crossing};
use crate::phases::portfolio_analytics::book::{CASH, ConcentrationRow, concentration, sectors};
use crate::store::portfolio_results::SectorRow;
use crate::store::reports::{Concentration, Report, Sector};

pub(super) const LEDGER: &str =
    "positions, cash_flows, manual_marks, market_data_cache, corporate_actions";

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

pub(super) const HHI: Metric = Metric {
    name: "hhi",
    argument: None,
    about: "concentration by instrument",
    formula: "10,000 × Σ share², share = (long + |short|) / gross",
    source: "position_values",
    unit: "0 to 10,000",
    explain: |sources, _| concentrated(sources, "hhi"),
    told: |report, _| told::concentrated(report, &HHI, "hhi"),
};

pub(super) const CONCENTRATION: Metric = Metric {
    name: "concentration",
    argument: Some("NUMBER"),
    about: "another number of the concentration",
    formula: "share = (long + |short|) / gross, by instrument",
    source: "position_values",
    unit: "a fraction of gross",
    explain: concentrated,
    told: |report, name| told::concentrated(report, &CONCENTRATION, name),
};

pub(super) const SECTOR: Metric = Metric {
    name: "sector",
    argument: Some("BUCKET:NUMBER"),
    about: "weight or value of a sector",
    formula: "net = long + short, gross = long + |short|, weight = net / NAV",
    source: "position_values, profile_versions, portfolio_snapshots",
    unit: "a fraction of NAV, or currency of the portfolio",
    explain: sector,
    told: sector_told,
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

const OF_SECTOR: &[Field<Sector, SectorRow>] = &[
    Field {
        name: "net_weight",
        formula: "(long + short) / NAV",
        unit: "a fraction of NAV; all buckets and cash add up to 1",
        stored: |row| statistic(row.net_weight),
        made: |row| statistic(row.net_weight),
    },
    Field {
        name: "net_value",
        formula: "long + short",
        unit: "currency of the portfolio",
        stored: |row| amount(row.net_value),
        made: |row| amount(row.long + row.short),
    },
    Field {
        name: "gross_value",
        formula: "long + |short|",
        unit: "currency of the portfolio",
        stored: |row| amount(row.gross_value),
        made: |row| amount(row.long - row.short),
    },
    Field {
        name: "long_value",
        formula: "Σ values above zero",
        unit: "currency of the portfolio",
        stored: |row| amount(row.long_value),
        made: |row| amount(row.long),
    },
    Field {
        name: "short_value",
        formula: "Σ values below zero",
        unit: "currency of the portfolio, zero or negative",
        stored: |row| amount(row.short_value),
        made: |row| amount(row.short),
    },
];

/// The bucket that is meant, and the number of it.
fn bucket<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<(&'a Sector, &'static Field<Sector, SectorRow>), Refusal> {
    let usual = OF_SECTOR[0].name;
    let (name, of) = argument.split_once(':').unwrap_or((argument, usual));
    let mut rows = report.sectors.iter();
    let Some(row) = rows.find(|row| row.sector == name) else {
        let rows = report.sectors.iter();
        let each = rows.flat_map(|row| names(OF_SECTOR, &format!("{}:", row.sector)));
        return Err(Refusal::Argument(each.collect()));
    };
    Ok((row, field(OF_SECTOR, of, &format!("{name}:"))?))
}

/// Lots of a bucket with their values; of cash the cash.
fn lots_of(report: &Report, sector: &str) -> Vec<Line> {
    if sector == CASH {
        return vec![line("cash", money(report.snapshot.cash))];
    }
    let own = report.positions.iter().filter(|lot| lot.sector == sector);
    let lots = own.map(|lot| line(lot.symbol.to_string(), money(lot.market_value)));
    lots.collect()
}

const NO_RATIO: &str = "nonpositive_nav";

fn sector(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = bucket(sources.report, argument)?;
    let value = of.stored(stored, Some(&NO_RATIO.to_owned()))?;
    let rows = sectors(&sources.view, sources.loaded);
    let row = rows.iter().find(|row| row.sector == stored.sector);
    let row =
        row.ok_or_else(|| Refusal::NotMade("nothing is in the bucket any more".to_owned()))?;
    let inputs = lots_of(sources.report, &stored.sector);
    Ok(Explained {
        formula: of.formula,
        source: SECTOR.source,
        unit: of.unit,
        window: "the date".to_owned(),
        n: inputs.len(),
        inputs,
        steps: vec![
            line("long", money(row.long)),
            line("short", money(row.short)),
            line("NAV", sources.view.nav),
        ],
        computed: of.made(row)?,
        stored: value,
    })
}

fn sector_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (row, of) = bucket(report, argument)?;
    let inputs = lots_of(report, &row.sector);
    Ok(Told {
        formula: of.formula,
        source: SECTOR.source,
        unit: of.unit,
        window: "the date".to_owned(),
        n: Some(inputs.len()),
        inputs,
        steps: vec![
            line("long", money(row.long_value)),
            line("short", money(row.short_value)),
            line("NAV", money(report.snapshot.nav)),
        ],
        value: of.stored(row, Some(&NO_RATIO.to_owned()))?,
    })
}
