//! Phase 1.5: betas per symbol, the factor covariance of each date, and the quality of the series behind both.

mod model;
mod quality;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) use model::{DateModel, covariance_row, fit, reason};

use super::series::{self, Prices, Window};
use super::sets::{Ours, Wish};
use super::units::{DATE_CHUNK, SYMBOL_CHUNK, chunk_name, rectangles, reopen, singles};
use super::{
    Cx, Done, Error, HISTORY_SESSIONS, MODEL_VERSION, Phase, Result, Scope, Subjects, TaskRef, Unit,
};
use crate::domain::{Calendar, Factor, PhaseName, Symbol, TaskEpoch, TradingDate};
use crate::store::data_quality::{self, QualityRow};
use crate::store::market::Profiles;
use crate::store::symbol_results::{self, CovarianceRow, ModelRow};
use crate::store::{ReadTx, WriteTx, definitions, market, plans};

/// Sessions of the window behind a beta.
pub(super) const WINDOW: usize = symbol_results::WINDOW;
/// Kind of the factor covariance among result sets.
const COVARIANCE: &str = "factor-covariance";
/// Kind of the data quality of a series.
const QUALITY: &str = "data-quality";
/// Owner of the factor covariance among result sets.
pub(super) const COVARIANCE_OWNER: &str = "factors";

/// The phase.
pub struct SymbolFactors;

/// Betas of symbols, or the factor covariance, for some dates.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Betas.
    Symbols {
        /// Whose.
        symbols: Vec<Symbol>,
        /// At most 21.
        dates: Vec<TradingDate>,
    },
    /// The covariance of the factors.
    Covariance {
        /// At most 21.
        dates: Vec<TradingDate>,
    },
}

impl Input {
    fn dates(&self) -> &[TradingDate] {
        match self {
            Self::Symbols { dates, .. } | Self::Covariance { dates } => dates,
        }
    }

    fn symbols(&self) -> &[Symbol] {
        match self {
            Self::Symbols { symbols, .. } => symbols,
            Self::Covariance { .. } => &[],
        }
    }
}

/// Prices of the symbols and of the factors' proxies.
pub struct Loaded {
    input: Input,
    window: Window,
    prices: Prices,
    factors: Vec<Factor>,
    profiles: Profiles,
    definitions: String,
}

/// Models and covariances.
pub struct Output {
    models: Vec<ModelRow>,
    covariances: Vec<CovarianceRow>,
    quality: Vec<QualityRow>,
    definitions: String,
}

/// The sessions that returns of a window of `returns` sessions up to `last` need, when the first
/// date is `first`.
pub(super) fn window(
    calendar: Calendar,
    first: TradingDate,
    last: TradingDate,
    returns: usize,
) -> Result<Window> {
    let sessions = calendar
        .back(first, returns)
        .and_then(|from| calendar.sessions(from.date(), last.date()))
        .map_err(|error| Error::Permanent(error.to_string()))?;
    Ok(Window { sessions })
}

impl Phase for SymbolFactors {
    const NAME: PhaseName = PhaseName::SymbolFactors;
    const AFTER: &'static [PhaseName] = &[PhaseName::MarketData, PhaseName::CompanyProfiles];
    const TIMEOUT: Duration = Duration::from_mins(5);
    type Input = Input;
    type Loaded = Loaded;
    type Fetched = Loaded;
    type Output = Output;

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        let dates = run.work_dates();
        if dates.is_empty() {
            return Ok(Vec::new());
        }
        let symbols: Vec<String> = run
            .symbols
            .iter()
            .filter(|wanted| {
                ["PUBLIC", "INACTIVE"].contains(&wanted.class.as_str()) && !wanted.yields
            })
            .map(|wanted| wanted.symbol.to_string())
            .collect();
        let kind = Self::NAME.as_str();
        let mut lacking =
            plans::without_current(db, kind, &symbols, &dates, MODEL_VERSION, run.recompute)
                .await?;
        let proxies = run.awaited_proxies();
        for symbol in &symbols {
            let own = Symbol::parse(symbol).ok();
            let own = own.and_then(|own| run.awaited.get(&own).copied());
            if let Some(from) = own.into_iter().chain(proxies).min() {
                reopen(&mut lacking, symbol, &dates, from);
            }
        }
        let mut units = Vec::new();
        for (symbols, dates) in rectangles(&lacking, SYMBOL_CHUNK, DATE_CHUNK) {
            let symbols: Vec<Symbol> = symbols
                .iter()
                .filter_map(|text| Symbol::parse(text).ok())
                .collect();
            let name = chunk_name("symbol", &symbols);
            let Some(&as_of) = dates.last() else { continue };
            units.push(Unit {
                unit: name,
                as_of,
                input: Input::Symbols { symbols, dates },
            });
        }
        let owner = [COVARIANCE_OWNER.to_owned()];
        let mut lacking =
            plans::without_current(db, COVARIANCE, &owner, &dates, MODEL_VERSION, run.recompute)
                .await?;
        if let Some(from) = proxies {
            reopen(&mut lacking, COVARIANCE_OWNER, &dates, from);
        }
        for (_, dates) in rectangles(&lacking, 1, DATE_CHUNK) {
            let Some(&as_of) = dates.last() else { continue };
            let name = chunk_name::<&str>("covariance", []);
            units.push(Unit {
                unit: name,
                as_of,
                input: Input::Covariance { dates },
            });
        }
        Ok(units)
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Loaded> {
        let dates = input.dates();
        let (Some(&first), Some(&last)) = (dates.first(), dates.last()) else {
            return Err(Error::Permanent("a unit without dates".into()));
        };
        // Models look at less; the quality is that of all sessions which a number of the date looks at.
        let window = window(task.calendar, first, last, HISTORY_SESSIONS - 1)?;
        let definitions = definitions::load(db).await?;
        let prices = series::load(db, &window, input.symbols(), &definitions.factors).await?;
        let names: Vec<String> = input.symbols().iter().map(ToString::to_string).collect();
        let mut looked_at = names.clone();
        looked_at.extend(definitions.factors.iter().map(|one| one.proxy.to_string()));
        let ends = (window.sessions.first(), window.sessions.last());
        let refused = match ends {
            (Some(from), Some(to)) => {
                market::refused(db, &looked_at, from.date(), to.date()).await?
            }
            _ => BTreeMap::new(),
        };
        let prices = prices.and_refused(refused);
        let profiles = market::profiles(db, &names).await?;
        Ok(Loaded {
            input: input.clone(),
            window,
            prices,
            factors: definitions.factors,
            profiles,
            definitions: definitions.hash,
        })
    }

    async fn fetch(&self, _: &Cx, loaded: Loaded) -> Result<Loaded> {
        Ok(loaded)
    }

    fn compute(&self, cx: &Cx, loaded: Loaded) -> Result<Output> {
        let Loaded {
            input,
            window,
            prices,
            factors,
            profiles,
            definitions,
        } = loaded;
        let proxies = model::proxies(&window, &prices, &factors)?;
        let mut returns = Vec::new();
        for symbol in input.symbols() {
            returns.push((symbol, window.returns(&prices, symbol)?));
        }
        let mut output = Output {
            models: Vec::new(),
            covariances: Vec::new(),
            quality: Vec::new(),
            definitions,
        };
        for &date in input.dates() {
            cx.check()?;
            let Some(at) = window.position(date) else {
                return Err(Error::Bug(format!("{date} is outside its window")));
            };
            let span = at + 1 - WINDOW..=at;
            let dated = DateModel::new(&factors, &proxies, &window, span.clone());
            match &input {
                Input::Covariance { .. } => {
                    output.covariances.push(covariance_row(&dated, date));
                    for factor in &factors {
                        let row = quality::of_proxy(&window, &prices, factor, at)?;
                        output.quality.push(row);
                    }
                }
                Input::Symbols { .. } => {
                    for (symbol, returns) in &returns {
                        let profile = profiles.at(symbol, date);
                        let row = fit(&dated, symbol, date, &returns[span.clone()], profile);
                        output.models.push(row);
                        let row = quality::of_symbol(&window, &prices, symbol, at)?;
                        output.quality.push(row);
                    }
                }
            }
        }
        Ok(output)
    }

    fn sets(output: &Output) -> Vec<Wish> {
        let wish = |kind, owner: String, as_of| (kind, owner, as_of, output.definitions.clone());
        let models = output
            .models
            .iter()
            .map(|row| wish(Self::NAME.as_str(), row.symbol.to_string(), row.as_of));
        let covariances = output.covariances.iter().map(|row| {
            let owner = COVARIANCE_OWNER.to_owned();
            wish(COVARIANCE, owner, row.as_of)
        });
        let quality = output.quality.iter().map(|row| {
            let (owner, none) = (row.symbol.to_string(), String::new());
            (QUALITY, owner, row.as_of, none)
        });
        models.chain(covariances).chain(quality).collect()
    }

    async fn commit(&self, tx: &mut WriteTx, done: &[Done<'_, Output>]) -> Result<Vec<TaskEpoch>> {
        let ours = Ours::of(done, Self::NAME.as_str());
        let key = |row: &ModelRow| (row.symbol.to_string(), row.as_of);
        let models = ours.rows(done, |output| &output.models, key);
        symbol_results::replace_models(tx, &models).await?;

        let ours = Ours::of(done, COVARIANCE);
        let key = |row: &CovarianceRow| (COVARIANCE_OWNER.to_owned(), row.as_of);
        let rows = ours.rows(done, |output| &output.covariances, key);
        symbol_results::replace_covariances(tx, &rows).await?;

        let ours = Ours::of(done, QUALITY);
        let key = |row: &QualityRow| (row.symbol.to_string(), row.as_of);
        let rows = ours.rows(done, |output| &output.quality, key);
        data_quality::replace(tx, &rows).await?;
        Ok(ours.superseded)
    }

    fn split(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
        match input {
            Input::Symbols { symbols, dates } => {
                singles("symbol", symbols, as_of, ToString::to_string, |symbols| {
                    Input::Symbols {
                        symbols,
                        dates: dates.clone(),
                    }
                })
            }
            Input::Covariance { .. } => Vec::new(),
        }
    }

    fn subjects(input: &Input, _as_of: TradingDate) -> Subjects {
        Subjects {
            symbols: input.symbols().to_vec(),
            dates: Some(input.dates().to_vec()),
            ..Subjects::default()
        }
    }
}
