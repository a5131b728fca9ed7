//! Phase 6: everything about one portfolio at one date. Each analytic has its own outcome and its
//! own panic guard; one that fails costs the others nothing.
//!
//! It reads inputs and results of the same date only. A held symbol without a model gets one here,
//! from the kernel of phase 1.5, and it is stored with the rest: the safety net under the planner.

mod analyse;
mod book;
mod contracts;
pub mod explain;
mod losses;
pub mod made_up;
mod replay;
mod reverse;
mod risk;
mod sectors;
mod stress;
mod volatility;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::analyse::analyse;
use super::series::{self, Prices, Window};
use super::sets::{self, Keep};
use super::symbol_factors::{self, COVARIANCE_OWNER, DateModel, WINDOW};
use super::{Cx, Done, Error, HISTORY_SESSIONS, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::domain::{
    AssetClass, Calendar, PhaseName, PortfolioId, Replay, Symbol, TaskEpoch, TradingDate,
};
use crate::store::benchmarks::Benchmark;
use crate::store::definitions::Definitions;
use crate::store::market::Profiles;
use crate::store::portfolio_results::{self, Accounts, AnalyticsRows, Valued};
use crate::store::symbol_results::{self, CovarianceRow, JointModel, ModelRow, Slope};
use crate::store::universe::Wanted;
use crate::store::{
    ReadTx, WriteTx, benchmarks, definitions, market, replay_paths, result_sets, universe,
};

/// The phase.
pub struct PortfolioAnalytics;

/// One portfolio; the date is the task's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    portfolio: PortfolioId,
}

/// Inputs and same-date results.
pub struct Loaded {
    portfolio: PortfolioId,
    as_of: TradingDate,
    values: Vec<Valued>,
    accounts: Accounts,
    covariance: Option<CovarianceRow>,
    models: BTreeMap<Symbol, JointModel>,
    window: Window,
    prices: Prices,
    profiles: Profiles,
    reasons: BTreeMap<Symbol, String>,
    benchmarks: Vec<Benchmark>,
    definitions: Definitions,
    past: replay::Past,
}

/// Rows to write.
pub struct Output {
    rows: AnalyticsRows,
    /// Models that were missing.
    models: Vec<ModelRow>,
    definitions: String,
}

/// Why there is no net asset value: phase 3 left none.
const NO_SNAPSHOT: &str = "no snapshot of this date: the ledger failed";
/// Why there is nothing to analyse: phase 2.5 left no values, not even those of an empty book.
const NO_VALUES: &str = "no values of this date: the valuation of the positions failed";

/// How an analytic ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Done,
    NotApplicable(String),
    Insufficient(String),
    TimedOut(String),
    Failed(String),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotApplicable(_) => "not_applicable",
            Self::Insufficient(_) => "insufficient_data",
            Self::TimedOut(_) => "timed_out",
            Self::Failed(_) => "failed",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::NotApplicable(why)
            | Self::Insufficient(why)
            | Self::TimedOut(why)
            | Self::Failed(why) => Some(why),
        }
    }

    fn is_strict(&self) -> bool {
        matches!(
            self,
            Self::Done | Self::NotApplicable(_) | Self::Insufficient(_)
        )
    }
}

impl Phase for PortfolioAnalytics {
    const NAME: PhaseName = PhaseName::PortfolioAnalytics;
    // Last of all, though it reads no metrics: a date is done when its analytics are, so a run that is cancelled then must have left
    // nothing else to do.
    const AFTER: &'static [PhaseName] = &[
        PhaseName::SymbolFactors,
        PhaseName::SymbolMetrics,
        PhaseName::PnlSnapshots,
        PhaseName::PositionUpdates,
        PhaseName::SectorTags,
    ];
    // Stress has 90 seconds of its own; the rest is milliseconds.
    const TIMEOUT: Duration = Duration::from_mins(3);
    type Input = Input;
    type Loaded = Loaded;
    type Fetched = Loaded;
    type Output = Output;

    async fn plan(&self, _: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        let mut units = Vec::new();
        for (&portfolio, dates) in &run.work {
            units.extend(dates.iter().map(|&as_of| Unit {
                unit: format!("portfolio:{portfolio}"),
                as_of,
                input: Input { portfolio },
            }));
        }
        Ok(units)
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Loaded> {
        let (portfolio, as_of) = (input.portfolio, task.as_of);
        let date = as_of.date();
        let values = portfolio_results::values(db, portfolio, date).await?;
        let accounts = portfolio_results::accounts(db, portfolio, date).await?;
        let definitions = definitions::load(db).await?;

        let mut symbols: Vec<Symbol> = values
            .iter()
            .filter(|valued| valued.class != AssetClass::Private)
            .map(|valued| valued.underlying.as_ref().unwrap_or(&valued.symbol).clone())
            .collect();
        symbols.sort();
        symbols.dedup();
        let names: Vec<String> = symbols.iter().map(ToString::to_string).collect();

        // What stands on stale results must not claim to be newer than they are.
        let book = portfolio.to_string();
        let mut used = vec![
            (PhaseName::PositionValues.as_str(), book.as_str()),
            (PhaseName::PnlSnapshots.as_str(), book.as_str()),
            ("factor-covariance", COVARIANCE_OWNER),
        ];
        used.extend(
            names
                .iter()
                .map(|name| (PhaseName::SymbolFactors.as_str(), name.as_str())),
        );
        if let Some(version) = result_sets::stale_version(db, &used, date).await? {
            db.rests_on(version);
        }

        let covariance = symbol_results::covariance(db, date).await?;
        let models = symbol_results::joint_models(db, &names, date).await?;
        let window = symbol_factors::window(task.calendar, as_of, as_of, HISTORY_SESSIONS - 1)?;
        let prices = series::load(db, &window, &symbols, &definitions.factors).await?;
        let profiles = market::profiles(db, &names).await?;
        let reasons = market::reasons_without_price(db, &names, date).await?;
        let benchmarks = benchmarks::as_of(db, date).await?;
        let past = past(db, task.calendar, as_of, &names, &definitions).await?;
        Ok(Loaded {
            portfolio,
            as_of,
            values,
            accounts,
            covariance,
            models,
            window,
            prices,
            profiles,
            reasons,
            benchmarks,
            definitions,
            past,
        })
    }

    async fn fetch(&self, _: &Cx, loaded: Loaded) -> Result<Loaded> {
        Ok(loaded)
    }

    fn compute(&self, cx: &Cx, mut loaded: Loaded) -> Result<Output> {
        let models = safety_net(&mut loaded)?;
        let rows = analyse(cx, &loaded)?;
        Ok(Output {
            rows,
            models,
            definitions: loaded.definitions.hash,
        })
    }

    fn subjects(input: &Input, as_of: TradingDate) -> Subjects {
        Subjects {
            portfolios: vec![input.portfolio],
            dates: Some(vec![as_of]),
            ..Subjects::default()
        }
    }

    async fn commit(&self, tx: &mut WriteTx, done: &[Done<'_, Output>]) -> Result<Vec<TaskEpoch>> {
        let (done, mut superseded) = without_regressions(tx, done).await?;
        rescue(tx, &done).await?;
        let ours = sets::claim(tx, &done, Keep::Dated, |output| {
            let owner = output.rows.portfolio.to_string();
            vec![(
                Self::NAME.as_str(),
                owner,
                output.rows.as_of,
                output.definitions.clone(),
            )]
        })
        .await?;
        let key = |rows: &AnalyticsRows| (rows.portfolio.to_string(), rows.as_of);
        let rows = ours.rows(&done, |output| std::slice::from_ref(&output.rows), key);
        portfolio_results::replace_analytics(tx, &rows).await?;
        superseded.extend(ours.superseded);
        Ok(superseded)
    }
}

/// The windows of the past that are over, and the paths of the symbols and of the factors' proxies through them.
async fn past(
    db: &mut ReadTx<'_>,
    calendar: Calendar,
    as_of: TradingDate,
    names: &[String],
    definitions: &Definitions,
) -> Result<replay::Past> {
    let windows = Replay::over(calendar, as_of);
    let windows = windows.map_err(|error| Error::Permanent(error.to_string()))?;
    let mut asked = names.to_vec();
    let proxies = definitions.factors.iter();
    asked.extend(proxies.map(|factor| factor.proxy.to_string()));
    let paths = replay_paths::paths(db, &asked, &windows).await?;
    Ok(replay::Past { windows, paths })
}

/// Leaves out sets with a failed or timed-out analytic where a complete set of the same version of
/// the inputs stands: a failure never replaces a value.
async fn without_regressions<'a>(
    tx: &mut WriteTx,
    done: &[Done<'a, Output>],
) -> Result<(Vec<Done<'a, Output>>, Vec<TaskEpoch>)> {
    let failing: Vec<_> = done
        .iter()
        .filter(|one| !one.output.rows.strict)
        .map(|one| {
            (
                one.output.rows.portfolio,
                one.output.rows.as_of,
                one.data_version,
            )
        })
        .collect();
    if failing.is_empty() {
        return Ok((done.to_vec(), Vec::new()));
    }
    let complete = portfolio_results::strictly_complete(tx, &failing).await?;
    let keeps = |one: &Done<'a, Output>| {
        let rows = &one.output.rows;
        rows.strict || !complete.contains(&(rows.portfolio, rows.as_of))
    };
    let kept = done.iter().copied().filter(|one| keeps(one)).collect();
    let superseded = done
        .iter()
        .filter(|one| !keeps(one))
        .map(|one| one.task.at)
        .collect();
    Ok((kept, superseded))
}

/// Models of held symbols that phase 1.5 knows nothing of, computed with its kernel.
fn safety_net(loaded: &mut Loaded) -> Result<Vec<ModelRow>> {
    let mut missing: Vec<Symbol> = Vec::new();
    for valued in &loaded.values {
        let symbol = valued.underlying.as_ref().unwrap_or(&valued.symbol);
        if valued.class != AssetClass::Private && !loaded.models.contains_key(symbol) {
            missing.push(symbol.clone());
        }
    }
    missing.sort();
    missing.dedup();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    let fits = Fits::new(loaded)?;
    for symbol in &missing {
        rows.push(fits.fit(loaded, symbol)?);
    }
    for (symbol, row) in missing.into_iter().zip(&rows) {
        let betas = row
            .exposures
            .iter()
            .filter(|exposure| exposure.model == "joint")
            .map(|e| {
                let slope = Slope {
                    beta: e.beta,
                    std_error: e.std_error.unwrap_or(0.0),
                    interval: e.inference.interval,
                };
                (e.factor.clone(), slope)
            });
        let model = JointModel {
            reason: row.reason.clone(),
            alpha: row.alpha.unwrap_or(0.0),
            specific_variance: row.specific_variance.unwrap_or(0.0),
            betas: betas.collect(),
        };
        loaded.models.insert(symbol, model);
    }
    Ok(rows)
}

/// The factor model of the date, to fit symbols under.
struct Fits<'a> {
    dated: DateModel<'a>,
    span: RangeInclusive<usize>,
}

impl<'a> Fits<'a> {
    fn new(loaded: &'a Loaded) -> Result<Self> {
        let factors = &loaded.definitions.factors;
        let mut proxies = Vec::with_capacity(factors.len());
        for factor in factors {
            proxies.push(loaded.window.proxy_returns(&loaded.prices, factor)?);
        }
        let last = loaded.window.sessions.len() - 1;
        let span = last + 1 - WINDOW..=last;
        Ok(Self {
            dated: DateModel::new(factors, &proxies, &loaded.window, span.clone()),
            span,
        })
    }

    /// What phase 1.5 makes of a symbol.
    fn fit(&self, loaded: &Loaded, symbol: &Symbol) -> Result<ModelRow> {
        let returns = loaded.window.returns(&loaded.prices, symbol)?;
        let profile = loaded.profiles.at(symbol, loaded.as_of);
        let returns = &returns[self.span.clone()];
        Ok(symbol_factors::fit(
            &self.dated,
            symbol,
            loaded.as_of,
            returns,
            profile,
        ))
    }
}

/// Stores what the safety net caught: the symbol in the universe, its model under its own header.
async fn rescue(tx: &mut WriteTx, done: &[Done<'_, Output>]) -> Result<()> {
    if done.iter().all(|one| one.output.models.is_empty()) {
        return Ok(());
    }
    for one in done {
        let wanted: Vec<Wanted> = one
            .output
            .models
            .iter()
            .map(|row| Wanted {
                symbol: row.symbol.clone(),
                class: "PUBLIC".into(),
                yields: false,
                since: None,
                until: None,
            })
            .collect();
        let date = one.task.as_of.date();
        universe::ensure(tx, &wanted, date, date).await?;
    }
    // Two portfolios of a commit may miss the same symbol: one row stands for both.
    let ours = sets::claim(tx, done, Keep::Dated, |output| {
        let wish = |row: &ModelRow| {
            let kind = PhaseName::SymbolFactors.as_str();
            (
                kind,
                row.symbol.to_string(),
                row.as_of,
                output.definitions.clone(),
            )
        };
        output.models.iter().map(wish).collect()
    })
    .await?;
    let key = |row: &ModelRow| (row.symbol.to_string(), row.as_of);
    let rows = ours.rows(done, |output| &output.models, key);
    symbol_results::replace_models(tx, &rows).await?;
    Ok(())
}
