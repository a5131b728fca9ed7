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
mod risk;
mod runs;
mod series;
mod tasks;
mod why;
mod why_tasks;

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
pub use fits::{FitSlope, FitTable, PositionSlope};
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
pub use problem::Problem;
pub use quality::{CheckedSeries, DataQuality, Finding};
pub use receipts::{LeftOut, ProviderCalls, RepairPreview, RepairReceipt, RunPreview, RunReceipt};
pub use risk::{BiasStatistic, FactorExposure, Risk, RiskContribution};
pub use runs::{
    CurrentRuns, PastRun, RunDetail, RunHead, RunHistory, RunMissing, RunPhase, RunProgress,
    RunState, RunSummary, RunsOfStatus,
};
pub use series::{Correlation, UnknownPair, Volatility};
pub use tasks::{ErrorGroup, Task, Tasks};
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
