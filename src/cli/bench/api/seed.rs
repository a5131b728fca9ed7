//! What is asked about: one portfolio that was really computed, at one date, and its rows again for many portfolios and dates.

use std::path::Path;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::super::world::World;
use crate::cli::import::{self, DefinitionsArgs, FactorsArgs, PortfolioArgs};
use crate::cli::{Error, run};
use crate::domain::{Calendar, Lane, PortfolioId, TradingDate, Trigger, Verdict};
use crate::engine::{self, Dates, Request, Selection};
use crate::store::{WriteTx, bench};

/// The book of the incident: ten funds with prices and three without.
const BOOK: &str = "testscotty.csv";
const EQUITY: u32 = 250_000;
/// The newest session of the prices in `data`.
const NIGHT: (i32, u32, u32) = (2016, 12, 30);
const INCEPTION: (i32, u32, u32) = (2016, 1, 4);
/// Portfolios of one transaction.
const CHUNK: usize = 10;

/// What was computed.
pub(super) struct Seed {
    portfolio: PortfolioId,
    as_of: NaiveDate,
}

/// What can be asked about.
pub(super) struct Stored {
    pub(super) portfolios: Vec<PortfolioId>,
    pub(super) days: Vec<NaiveDate>,
}

impl Seed {
    /// Imports definitions and a book, and runs its night on a real worker.
    pub(super) async fn compute(world: &World, data: &Path) -> Result<Self, Error> {
        let data = data.canonicalize().map_err(|source| Error::Read {
            file: data.to_path_buf(),
            source,
        })?;
        let (pools, clock) = (&world.engine.pools, &world.engine.clock);
        let scenarios = data.join("scenarios.toml");
        let factors = FactorsArgs {
            file: data.join("factors.toml"),
            scenarios: Some(scenarios.clone()),
        };
        import::factors(pools, &factors).await?;
        import::scenarios(pools, &DefinitionsArgs { file: scenarios }).await?;
        let book = PortfolioArgs {
            file: data.join("portfolios").join(BOOK),
            name: Some("Asked".to_owned()),
            equity: Some(Decimal::from(EQUITY)),
            inception: Some(date(INCEPTION)),
            id: None,
            owner: "bench".to_owned(),
            currency: "USD".to_owned(),
            update: false,
            empty: false,
            dry_run: false,
            run: false,
        };
        let portfolio = import::portfolio(pools, clock, &book).await?.portfolio.id;

        let program = "sigmabatch-worker";
        let mut worker = world
            .program(program)?
            .env(
                "MARKET_DATA",
                format!("files:{}", data.join("market").display()),
            )
            .arg("--until-stdin-closes")
            .spawn()
            .map_err(|source| Error::Start { program, source })?;
        let as_of = date(NIGHT);
        let request = Request {
            trigger: Trigger::Cli,
            portfolios: Selection::Only(vec![portfolio]),
            dates: Dates::On(as_of),
            lane: Some(Lane::Interactive),
            force: false,
            principal: "bench".to_owned(),
            idempotency_key: None,
        };
        let planned = engine::plan(&world.engine, &request).await?;
        engine::start(&world.engine, planned.run).await;
        // Waiting closes a standard input that is still there, and then the worker goes.
        let input = worker.stdin.take();
        let verdict = tokio::select! {
            verdict = run::wait_for(&world.engine, planned.run, false) => verdict?,
            ended = worker.wait() => {
                let status = ended.map_err(|source| Error::Start { program, source })?;
                return Err(Error::not_there(
                    format!("{program} ended before its run did: {status}"),
                    "build all programs alike: cargo build --release --workspace",
                ));
            }
        };
        drop(input);
        let ended = worker.wait().await;
        ended.map_err(|source| Error::Start { program, source })?;
        if verdict == Verdict::Failed {
            return Err(Error::not_there(
                format!("run {} failed", planned.run),
                "run it with --log=info to see more",
            ));
        }
        Ok(Self { portfolio, as_of })
    }

    /// So many portfolios at so many sessions up to the night, the computed one included.
    pub(super) async fn copy(
        &self,
        world: &World,
        portfolios: usize,
        sessions: usize,
    ) -> Result<Stored, Error> {
        let mut days = vec![self.as_of];
        let mut day = TradingDate::trusted(self.as_of);
        while days.len() < sessions {
            day = Calendar::nyse().previous(day)?;
            days.push(day.date());
        }
        let pool = &world.engine.pools.control;
        let copies = portfolios.saturating_sub(1);
        let mut tx = WriteTx::begin(pool).await?;
        let made = bench::copy_portfolios(&mut tx, self.portfolio, number(copies)).await?;
        bench::copy_symbols(&mut tx, self.as_of, &days).await?;
        tx.commit().await?;
        for first in (0..=copies).step_by(CHUNK) {
            let last = (first + CHUNK - 1).min(copies);
            let span = (number(first), number(last));
            let mut tx = WriteTx::begin(pool).await?;
            bench::copy_results(&mut tx, self.portfolio, self.as_of, &days, span).await?;
            tx.commit().await?;
        }
        let mut portfolios = made;
        portfolios.push(self.portfolio);
        Ok(Stored { portfolios, days })
    }
}

fn date((y, m, d): (i32, u32, u32)) -> NaiveDate {
    NaiveDate::from_ymd_opt(y, m, d).unwrap_or_default()
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
