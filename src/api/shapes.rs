//! The shapes of answers, for the document of the API and for programs in Rust that read them. The answers themselves are
//! made in `documents`, which the command line shares; a test holds every section of a real answer against these,
//! in both directions: no key without a shape, no shape without a key.

mod answer;
mod book;
mod control;
mod diff;
mod explain;
mod fits;
mod holdings;
mod imports;
mod losses;
mod overview;
mod performance;
mod problem;
mod quality;
mod receipts;
mod requests;
mod risk;
mod runs;
mod series;
mod tasks;
mod why;
mod why_tasks;

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

pub use answer::{AnswerHead, AnswerQuality, SectionAnswer};
pub use answer::{
    CompletenessAnswer, ConcentrationAnswer, CorrelationAnswer, DataQualityAnswer, ExposuresAnswer,
    FitsAnswer, OptionsAnswer, OverviewAnswer, PositionsAnswer, ReplaysAnswer, ReverseStressAnswer,
    RiskAnswer, SectorsAnswer, StressAnswer, ValueAtRiskAnswer, VolatilityAnswer,
};
pub use book::{
    BookLot, Flow, Flows, Lots, Mark, Marks, Portfolio, Portfolios, Snapshot, Snapshots, Terms,
};
pub use control::{CancelReceipt, HoldReceipt, Live, Pause, Pauses, Ready, ReadyChecks};
pub use diff::{DiffError, DiffPhase, DiffPortfolio, DiffRun, RunDiff};
pub use explain::{Explained, Explanation, Named, Number};
pub use fits::{
    DisplayModel, FitSlope, FitTable, MarketModel, PositionSlope, ProviderBeta, SpreadModel,
};
pub use holdings::{
    ActiveWeight, Concentration, Exposures, Position, PositionExposures, SectorBucket,
};
pub use imports::{
    CorrectedMark, DeleteReceipt, FlowsReceipt, ImportReceipt, ImportedLot, MarksReceipt,
};
pub use losses::{
    Backtest, LikelihoodTest, OptionContract, Replay, ReverseStress, Stress, TailEstimate,
    ValueAtRisk,
};
pub use overview::{Completeness, CompletenessEntry, Overview};
pub use performance::{
    Conventions, Drawdown, Drawdowns, DrawdownsAnswer, Figure, Performance, PerformanceAnswer,
    PerformanceBenchmark, PerformanceContribution, RangeHead, RangeQuality,
};
pub use problem::{FileIssue, Problem, ProblemDetail};
pub use quality::{CheckedSeries, DataQuality, Finding};
pub use receipts::{LeftOut, ProviderCalls, RepairPreview, RepairReceipt, RunPreview, RunReceipt};
pub use requests::{
    BookChange, BookChangeForm, BookOptions, BookTerms, CancelRun, FlowRow, HoldKind, HoldOrder,
    LaneWord, ListForm, ListOptions, LotRow, MarkRow, NewBook, NewBookForm, NewFlows, NewMarks,
    RetryOrder, StartRun,
};
pub use risk::{BiasStatistic, FactorExposure, Risk, RiskContribution};
pub use runs::{
    CurrentRuns, PastRun, RunDetail, RunHead, RunHistory, RunMissing, RunPhase, RunProgress,
    RunState, RunSummary, RunsOfStatus,
};
pub use series::{Correlation, UnknownPair, Volatility};
pub use tasks::{ErrorGroup, Task, TaskAttempt, TaskDetail, TaskLinks, Tasks};
pub use why::{WhyAnswer, WhyBusy, WhyLink};
pub use why_tasks::{
    DeadTaskLink, DoneTaskLink, NewerTaskLink, ParkedTaskLink, ReadyTaskLink, RetriedTaskLink,
    RunningTaskLink, SuspectTaskLink, UnheardTaskLink, WhyTask,
};

/// An amount of money or a quantity: an exact decimal number as text, without zeros at its end, as `-1234.5`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = "decimal", pattern = r"^-?[0-9]+(\.[0-9]+)?$", example = "1012345.67")]
pub struct Money(pub String);

/// Nothing is left out of these answers: what is missing is null. The document says so by requiring every key of them.
pub(super) fn require_all_keys(document: &mut OpenApi) {
    let mut named = Vec::new();
    macro_rules! collect {
        ($($shape:ty),+ $(,)?) => { $(collect::<$shape>(&mut named);)+ };
    }
    collect!(SectionAnswer, PerformanceAnswer, DrawdownsAnswer, Explained);
    collect!(Portfolios, Terms, Snapshots, Lots, Flows, Marks);
    collect!(
        CurrentRuns,
        RunHistory,
        RunSummary,
        RunDetail,
        Tasks,
        TaskDetail,
        RunDiff
    );
    collect!(RunReceipt, RunPreview, RepairReceipt, RepairPreview);
    collect!(CancelReceipt, Pauses, HoldReceipt, WhyAnswer);
    collect!(ImportReceipt, FlowsReceipt, MarksReceipt, DeleteReceipt);
    collect!(Live, Ready);
    let Some(components) = &mut document.components else {
        return;
    };
    for name in named {
        if let Some(RefOr::T(schema)) = components.schemas.get_mut(&name) {
            require(schema);
        }
    }
}

fn require(schema: &mut Schema) {
    match schema {
        Schema::Object(object) => {
            object.required = object.properties.keys().cloned().collect();
        }
        Schema::AllOf(parts) => {
            for part in &mut parts.items {
                if let RefOr::T(part) = part {
                    require(part);
                }
            }
        }
        Schema::OneOf(choices) => {
            for choice in &mut choices.items {
                if let RefOr::T(choice) = choice {
                    require(choice);
                }
            }
        }
        _ => {}
    }
}

fn collect<T: ToSchema + PartialSchema>(names: &mut Vec<String>) {
    let mut schemas = Vec::new();
    T::schemas(&mut schemas);
    names.push(T::name().into_owned());
    names.extend(schemas.into_iter().map(|(name, _)| name));
}

/// A shape and those that it is made of.
type Shapes = Vec<(String, RefOr<Schema>)>;

/// The names of the fields of a shape, ascending, those of flattened parts among them.
pub(super) fn keys<T: ToSchema + PartialSchema>() -> Vec<String> {
    fields::<T>().1.into_keys().collect()
}

/// Those of them that have one value each, no list and no object.
pub(super) fn plain_keys<T: ToSchema + PartialSchema>() -> Vec<String> {
    let (known, fields) = fields::<T>();
    let plain = fields
        .into_iter()
        .filter(|(_, shape)| is_plain(shape, &known));
    plain.map(|(name, _)| name).collect()
}

fn fields<T: ToSchema + PartialSchema>() -> (Shapes, BTreeMap<String, RefOr<Schema>>) {
    let mut known = Vec::new();
    T::schemas(&mut known);
    let mut fields = BTreeMap::new();
    add_fields(&T::schema(), &known, &mut fields);
    (known, fields)
}

fn add_fields(shape: &RefOr<Schema>, known: &Shapes, fields: &mut BTreeMap<String, RefOr<Schema>>) {
    match resolved(shape, known) {
        Some(Schema::Object(object)) => fields.extend(object.properties.clone()),
        Some(Schema::AllOf(parts)) => {
            for part in &parts.items {
                add_fields(part, known, fields);
            }
        }
        _ => {}
    }
}

fn resolved<'a>(shape: &'a RefOr<Schema>, known: &'a Shapes) -> Option<&'a Schema> {
    match shape {
        RefOr::T(shape) => Some(shape),
        RefOr::Ref(place) => {
            let name = place.ref_location.rsplit('/').next()?;
            let (_, shape) = known.iter().find(|(known, _)| known == name)?;
            resolved(shape, known)
        }
    }
}

fn is_plain(shape: &RefOr<Schema>, known: &Shapes) -> bool {
    match resolved(shape, known) {
        Some(Schema::Object(object)) => {
            object.properties.is_empty() && object.additional_properties.is_none()
        }
        Some(Schema::OneOf(choices)) => choices.items.iter().all(|one| is_plain(one, known)),
        Some(Schema::AllOf(parts)) => parts.items.iter().all(|one| is_plain(one, known)),
        _ => false,
    }
}
