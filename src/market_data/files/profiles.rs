//! `profiles.csv`: one row per instrument; every cell but the symbol may be empty.

use std::collections::BTreeMap;

use super::report::Report;
use super::table::{Others, Row, Table};
use super::{instrument, values};
use crate::domain::Symbol;
use crate::market_data::Profile;

const OPTIONAL: [&str; 10] = [
    "name",
    "sector",
    "industry",
    "country",
    "currency",
    "quote_type",
    "beta",
    "dividend_yield",
    "market_cap",
    "description",
];

/// Profiles by instrument.
pub(super) fn read(file: &str, text: &str, report: &mut Report) -> BTreeMap<Symbol, Profile> {
    let mut profiles = BTreeMap::new();
    let mut lines = BTreeMap::new();
    let Some(mut table) = Table::open(file, text, report) else {
        return profiles;
    };
    let columns = table.columns(["symbol"], OPTIONAL, Others::Refused, report);
    let Some(([symbol], optional)) = columns else {
        return profiles;
    };
    while let Some(row) = table.next_row(report) {
        match parse(&row, symbol, optional) {
            Ok(profile) => {
                if let Some(line) = lines.insert(profile.symbol.clone(), row.line) {
                    let problem = format!("{} is already in line {line}", profile.symbol);
                    report.add(file, row.line, problem);
                }
                profiles.insert(profile.symbol.clone(), profile);
            }
            Err(problem) => report.add(file, row.line, problem),
        }
    }
    profiles
}

fn parse(
    row: &Row<'_>,
    symbol: usize,
    optional: [Option<usize>; OPTIONAL.len()],
) -> Result<Profile, String> {
    let [
        name,
        sector,
        industry,
        country,
        currency,
        quote_type,
        beta,
        yields,
        cap,
        description,
    ] = optional.map(|column| column.and_then(|column| row.cell(column)));
    let yields = yields.map(|text| {
        values::fraction("dividend_yield", text)?;
        values::not_negative("dividend_yield", text)?;
        values::statistic("dividend_yield", text)
    });
    Ok(Profile {
        symbol: instrument(&values::symbol(row.cell(symbol).unwrap_or_default())?),
        name: name.map(str::to_owned),
        sector: sector.map(str::to_owned),
        industry: industry.map(str::to_owned),
        country: country.map(str::to_owned),
        currency: currency.map(str::to_owned),
        quote_type: quote_type.map(str::to_owned),
        beta: beta
            .map(|text| values::statistic("beta", text))
            .transpose()?,
        dividend_yield: yields.transpose()?,
        market_cap: cap
            .map(|text| values::positive("market_cap", text))
            .transpose()?,
        description: description.map(str::to_owned),
    })
}
