//! Weights and values of sectors, and how they differ from a benchmark.

use serde_json::json;

use super::fields::{Field, amount, field, names, statistic};
use super::{Explained, Line, Metric, Refusal, Sources, Told, line, money};
use crate::phases::portfolio_analytics::sectors::{CASH, sectors};
use crate::store::portfolio_results::{ActiveWeightRow, SectorRow};
use crate::store::reports::{ActiveWeight, NO_BENCHMARK, Report, Sector};

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

pub(super) const ACTIVE_WEIGHT: Metric = Metric {
    name: "active_weight",
    argument: Some("BENCHMARK:SECTOR"),
    about: "how much more of a sector is held than the benchmark holds; with :net_weight or :benchmark_weight either side",
    formula: "net weight − benchmark weight; a side without the sector weighs 0",
    source: "position_values, profile_versions, portfolio_snapshots, benchmark_weights",
    unit: "a fraction of NAV, negative where less is held; all sectors and cash add up to 0",
    explain: active,
    told: active_told,
};

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
    let lots = report.positions.iter();
    let own = lots.filter(|lot| lot.sector.as_deref() == Some(sector));
    own.map(|lot| line(lot.symbol.to_string(), money(lot.market_value)))
        .collect()
}

const NO_RATIO: &str = "nonpositive_nav";

fn sector(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = bucket(sources.report, argument)?;
    let value = of.stored(stored, Some(&NO_RATIO.to_owned()))?;
    let rows = sectors(&sources.view, sources.loaded).buckets;
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

const OF_ACTIVE: &[Field<ActiveWeight, ActiveWeightRow>] = &[
    Field {
        name: "active_weight",
        formula: ACTIVE_WEIGHT.formula,
        unit: ACTIVE_WEIGHT.unit,
        stored: |row| statistic(row.active_weight),
        made: |row| statistic(row.active_weight),
    },
    Field {
        name: "net_weight",
        formula: "(long + short) / NAV; 0 of a sector that is not held",
        unit: "a fraction of NAV",
        stored: |row| statistic(row.net_weight),
        made: |row| statistic(row.net_weight),
    },
    Field {
        name: "benchmark_weight",
        formula: "the newest weight of the benchmark that is not younger than the date, as it was loaded; 0 of a sector that it does not have",
        unit: "a fraction of the benchmark",
        stored: |row| statistic(row.benchmark_weight),
        made: |row| statistic(row.benchmark_weight),
    },
];

/// The row that is meant, and the number of it. Sectors and benchmarks may have colons in their names.
fn compared<'a>(
    report: &'a Report,
    argument: &str,
) -> Result<
    (
        &'a ActiveWeight,
        &'static Field<ActiveWeight, ActiveWeightRow>,
    ),
    Refusal,
> {
    let rows = &report.active_weights;
    if rows.is_empty() {
        return Err(Refusal::NotStored(NO_BENCHMARK.to_owned()));
    }
    let typed = |row: &ActiveWeight| format!("{}:{}", row.benchmark, row.sector);
    let found = |name: &str| rows.iter().find(|row| typed(row) == name);
    if let Some(row) = found(argument) {
        return Ok((row, &OF_ACTIVE[0]));
    }
    let (name, of) = argument.rsplit_once(':').unwrap_or((argument, ""));
    if let Some(row) = found(name) {
        return Ok((row, field(OF_ACTIVE, of, &format!("{name}:"))?));
    }
    let usual = rows.iter().map(typed);
    let others = rows.iter().flat_map(|row| {
        let numbers = OF_ACTIVE[1..].iter();
        let name = typed(row);
        numbers.map(move |one| format!("{name}:{}", one.name))
    });
    Err(Refusal::Argument(usual.chain(others).collect()))
}

/// The lots of the sector, and what the benchmark has of it.
fn sides_of(report: &Report, row: &ActiveWeight) -> Vec<Line> {
    let mut inputs = lots_of(report, &row.sector);
    let weight = json!({ "as_of": row.benchmark_as_of, "weight": row.benchmark_weight });
    inputs.push(line(row.benchmark.clone(), weight));
    inputs
}

fn active(sources: &Sources<'_>, argument: &str) -> Result<Explained, Refusal> {
    let (stored, of) = compared(sources.report, argument)?;
    let value = of.stored(stored, Some(&NO_RATIO.to_owned()))?;
    let rows = sectors(&sources.view, sources.loaded).active;
    let mut rows = rows.iter();
    let row = rows.find(|row| row.benchmark == stored.benchmark && row.sector == stored.sector);
    let gone = || Refusal::NotMade("neither side has the sector any more".to_owned());
    let row = row.ok_or_else(gone)?;
    let inputs = sides_of(sources.report, stored);
    Ok(Explained {
        formula: of.formula,
        source: ACTIVE_WEIGHT.source,
        unit: of.unit,
        window: "the date".to_owned(),
        n: inputs.len(),
        inputs,
        steps: vec![
            line("NAV", sources.view.nav),
            line("net weight", row.net_weight),
            line("benchmark weight", row.benchmark_weight),
        ],
        computed: of.made(row)?,
        stored: value,
    })
}

fn active_told(report: &Report, argument: &str) -> Result<Told, Refusal> {
    let (row, of) = compared(report, argument)?;
    let inputs = sides_of(report, row);
    Ok(Told {
        formula: of.formula,
        source: ACTIVE_WEIGHT.source,
        unit: of.unit,
        window: "the date".to_owned(),
        n: Some(inputs.len()),
        inputs,
        steps: vec![
            line("NAV", money(report.snapshot.nav)),
            line("net weight", row.net_weight),
            line("benchmark weight", row.benchmark_weight),
        ],
        value: of.stored(row, Some(&NO_RATIO.to_owned()))?,
    })
}
