//! Phase 0: profiles of companies and funds, where they are no longer fresh at the run's final date.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::option_market::REALISED_WINDOW;
use super::units::{PROVIDER_CHUNK, chunk_name, singles};
use super::{Cx, Done, Error, LOOKBACK_SESSIONS, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::domain::{
    Calendar, FIRST_DATE, PermitClass, PhaseName, ProfileFacts, Reach, Symbol, TaskEpoch,
    TradingDate,
};
use crate::store::inputs::{self, Changed};
use crate::store::market::{self, ProfileRow};
use crate::store::{ReadTx, WriteTx, plans};

/// Valuation fields (beta, dividend yield, market cap) are fresh for one session; descriptions, for
/// three, come with the same answer.
const FRESH_SESSIONS: usize = 1;

/// The phase.
pub struct CompanyProfiles;

/// Symbols to ask for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    symbols: Vec<Symbol>,
}

fn units(symbols: &[Symbol], as_of: TradingDate) -> Vec<Unit<Input>> {
    let chunks = symbols.chunks(PROVIDER_CHUNK);
    chunks
        .map(|chunk| Unit {
            unit: chunk_name("symbol", chunk),
            as_of,
            input: Input {
                symbols: chunk.to_vec(),
            },
        })
        .collect()
}

/// The symbols whose facts of a reach count after its end, too: an option on them may be carried at a model price from within. Not where
/// closes without a gap give the first session after the reach a price of its own.
async fn kept_over(
    tx: &mut WriteTx,
    calendar: Calendar,
    reaches: &[(Symbol, Reach)],
) -> Result<BTreeSet<String>> {
    let (mut symbols, mut first, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for (symbol, reach) in reaches {
        let Some(to) = reach.to else { continue };
        let before = calendar
            .on_or_before(to)
            .and_then(|session| calendar.back(session, REALISED_WINDOW));
        let before = before.map_err(|error| Error::Permanent(error.to_string()))?;
        symbols.push(symbol.to_string());
        first.push(before.date());
        last.push(to);
    }
    let closes = i64::try_from(REALISED_WINDOW + 1).unwrap_or(i64::MAX);
    Ok(market::optioned_with_gaps(tx, &symbols, (&first, &last), closes).await?)
}

impl Phase for CompanyProfiles {
    const NAME: PhaseName = PhaseName::CompanyProfiles;
    const AFTER: &'static [PhaseName] = &[];
    const TIMEOUT: Duration = Duration::from_mins(5);
    const CLASS: PermitClass = PermitClass::Provider;
    type Input = Input;
    type Loaded = Vec<Symbol>;
    type Fetched = Vec<(Symbol, ProfileRow)>;
    type Output = (Vec<(Symbol, ProfileRow)>, &'static str);

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        let symbols: Vec<String> = run
            .symbols
            .iter()
            .filter(|wanted| {
                !wanted.yields
                    && !["OPTIONS", "CLOSED", "INACTIVE"].contains(&wanted.class.as_str())
            })
            .map(|wanted| wanted.symbol.to_string())
            .collect();
        let oldest = if run.force {
            chrono::NaiveDate::MAX.min(run.final_date.date() + chrono::Days::new(1))
        } else {
            let back = run.calendar.back(run.final_date, FRESH_SESSIONS);
            back.map_or(run.final_date.date(), TradingDate::date)
        };
        let due = plans::without_fresh_profile(db, &symbols, oldest).await?;
        let due: Vec<Symbol> = due
            .iter()
            .filter_map(|text| Symbol::parse(text).ok())
            .collect();
        Ok(units(&due, run.final_date))
    }

    async fn load(&self, db: &mut ReadTx<'_>, _: &TaskRef, input: &Input) -> Result<Vec<Symbol>> {
        db.data_version().await?;
        Ok(input.symbols.clone())
    }

    async fn fetch(&self, cx: &Cx, symbols: Vec<Symbol>) -> Result<Vec<(Symbol, ProfileRow)>> {
        let answers = cx.provider.profiles(&symbols).await?;
        let rows = answers.into_iter().map(|answer| match answer {
            Some(profile) => ProfileRow {
                reason: None,
                facts: ProfileFacts {
                    sector: profile.sector,
                    quote_type: profile.quote_type,
                    beta: profile.beta,
                    dividend_yield: profile.dividend_yield,
                },
                name: profile.name,
                industry: profile.industry,
                country: profile.country,
                currency: profile.currency,
                market_cap: profile.market_cap,
                description: profile.description,
            },
            None => ProfileRow {
                reason: Some(format!("no profile from {}", cx.provider.name())),
                ..ProfileRow::default()
            },
        });
        Ok(symbols.into_iter().zip(rows).collect())
    }

    fn compute(&self, cx: &Cx, rows: Vec<(Symbol, ProfileRow)>) -> Result<Self::Output> {
        Ok((rows, cx.provider.name()))
    }

    async fn commit(
        &self,
        tx: &mut WriteTx,
        done: &[Done<'_, Self::Output>],
    ) -> Result<Vec<TaskEpoch>> {
        let mut changes = Vec::new();
        for one in done {
            let (rows, source) = one.output;
            let as_of = one.task.final_date.date();
            let reaches = market::upsert_profiles(tx, rows, source, as_of).await?;
            let calendar = one.task.calendar;
            let kept = kept_over(tx, calendar, &reaches).await?;
            // The first date after a reach is in it: its profit is from the value of an option at the date before.
            let change = |(symbol, reach): (Symbol, Reach)| {
                let from = reach.from.unwrap_or(FIRST_DATE);
                let longer = |to| calendar.forward(to, LOOKBACK_SESSIONS).ok();
                let to = if kept.contains(symbol.as_str()) {
                    reach.to.and_then(longer).map(TradingDate::date)
                } else {
                    reach.to
                };
                (Changed::Profile(symbol), from, to)
            };
            changes.extend(reaches.into_iter().map(change));
        }
        inputs::changed_between(tx, &changes, "profile").await?;
        Ok(Vec::new())
    }

    fn split(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
        singles(
            "symbol",
            &input.symbols,
            as_of,
            ToString::to_string,
            |symbols| Input { symbols },
        )
    }

    fn subjects(input: &Input, as_of: TradingDate) -> Subjects {
        Subjects {
            symbols: input.symbols.clone(),
            dates: Some(vec![as_of]),
            ..Subjects::default()
        }
    }
}
