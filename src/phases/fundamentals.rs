//! Phase 2: statements and estimates, where they are due: never fetched, or three days after
//! earnings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units::{PROVIDER_CHUNK, chunk_name, singles};
use super::{Cx, Done, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::domain::{PermitClass, PhaseName, Symbol, TaskEpoch, TradingDate};
use crate::market_data;
use crate::store::market::{self, Statements};
use crate::store::{ReadTx, WriteTx, plans};

/// The phase.
pub struct Fundamentals;

/// Symbols to ask for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    symbols: Vec<Symbol>,
}

type Answers = Vec<(Symbol, Option<market_data::Fundamentals>)>;

impl Phase for Fundamentals {
    const NAME: PhaseName = PhaseName::Fundamentals;
    const AFTER: &'static [PhaseName] = &[PhaseName::CompanyProfiles];
    const TIMEOUT: Duration = Duration::from_mins(5);
    const CLASS: PermitClass = PermitClass::Provider;
    type Input = Input;
    type Loaded = Vec<Symbol>;
    type Fetched = Answers;
    type Output = Answers;

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        let symbols: Vec<String> = run
            .symbols
            .iter()
            .filter(|wanted| wanted.class == "PUBLIC" && !wanted.yields)
            .map(|wanted| wanted.symbol.to_string())
            .collect();
        let due = if run.force {
            symbols
        } else {
            plans::fundamentals_due(db, &symbols, run.final_date.date()).await?
        };
        let due: Vec<Symbol> = due
            .iter()
            .filter_map(|text| Symbol::parse(text).ok())
            .collect();
        let chunks = due.chunks(PROVIDER_CHUNK);
        Ok(chunks
            .map(|chunk| Unit {
                unit: chunk_name("symbol", chunk),
                as_of: run.final_date,
                input: Input {
                    symbols: chunk.to_vec(),
                },
            })
            .collect())
    }

    async fn load(&self, db: &mut ReadTx<'_>, _: &TaskRef, input: &Input) -> Result<Vec<Symbol>> {
        db.data_version().await?;
        Ok(input.symbols.clone())
    }

    async fn fetch(&self, cx: &Cx, symbols: Vec<Symbol>) -> Result<Answers> {
        let answers = cx.provider.fundamentals(&symbols).await?;
        Ok(symbols.into_iter().zip(answers).collect())
    }

    fn compute(&self, _: &Cx, answers: Answers) -> Result<Answers> {
        Ok(answers)
    }

    async fn commit(&self, tx: &mut WriteTx, done: &[Done<'_, Answers>]) -> Result<Vec<TaskEpoch>> {
        // One by one: tasks of two runs may bring the same symbol.
        for one in done {
            let mut statements = Statements::default();
            let mut estimates = Statements::default();
            for (symbol, answer) in one.output {
                let Some(answer) = answer else { continue };
                for row in &answer.statements {
                    statements.symbols.push(symbol.to_string());
                    statements.period_ends.push(row.period_end);
                    statements.kinds.push(row.kind.as_str().to_owned());
                    statements.items.push(row.item.clone());
                    statements.values.push(row.value);
                }
                for row in &answer.estimates {
                    estimates.symbols.push(symbol.to_string());
                    estimates.period_ends.push(row.period_end);
                    estimates.items.push(row.item.clone());
                    estimates.values.push(row.value);
                }
            }
            market::upsert_statements(tx, &statements).await?;
            market::upsert_estimates(tx, &estimates).await?;
            let symbols: Vec<String> = one.output.iter().map(|(s, _)| s.to_string()).collect();
            let answers = || one.output.iter().map(|(_, answer)| answer.as_ref());
            let earnings: Vec<_> = answers().map(|answer| answer?.last_earnings).collect();
            let reason = |answer: Option<_>| match answer {
                Some(_) => None,
                None => Some("no fundamentals from the provider".to_owned()),
            };
            let reasons: Vec<_> = answers().map(reason).collect();
            let as_of = one.task.final_date.date();
            market::record_fundamentals(tx, &symbols, &earnings, &reasons, as_of).await?;
        }
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

    fn outcome(answers: &Answers) -> String {
        let found = answers.iter().any(|(_, answer)| answer.is_some());
        if found {
            "done".to_owned()
        } else {
            "not_applicable".to_owned()
        }
    }
}
