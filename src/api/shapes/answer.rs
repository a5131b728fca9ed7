//! The envelope of a section of results.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Completeness, Concentration, Correlation, DataQuality, Exposures, FitTable, OptionContract,
    Overview, Position, Replay, ReverseStress, Risk, SectorBucket, Stress, ValueAtRisk, Volatility,
};

/// The answer of a section: `section` says which, and so of which shape `data` is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "section", rename_all = "kebab-case")]
pub enum SectionAnswer {
    /// Values of the ledger.
    Overview(OverviewAnswer),
    /// Lots.
    Positions(PositionsAnswer),
    /// Exposures to factors.
    Exposures(ExposuresAnswer),
    /// Symbol → its fit to the factors.
    Fits(FitsAnswer),
    /// The risk model.
    Risk(RiskAnswer),
    /// Volatility.
    Volatility(VolatilityAnswer),
    /// Correlations of the instruments.
    Correlation(CorrelationAnswer),
    /// How much hangs on few names.
    Concentration(ConcentrationAnswer),
    /// Sector buckets.
    Sectors(SectorsAnswer),
    /// Stress tests.
    Stress(StressAnswer),
    /// Option contracts as they are modelled.
    Options(OptionsAnswer),
    /// Value at risk, by confidence.
    ValueAtRisk(ValueAtRiskAnswer),
    /// Crises of the past.
    Replays(ReplaysAnswer),
    /// The most plausible moves that cost so much.
    ReverseStress(ReverseStressAnswer),
    /// What was found in the series behind the numbers.
    DataQuality(DataQualityAnswer),
    /// What is there, and why the rest is not.
    Completeness(CompletenessAnswer),
}

/// The answer of a section: its head and its data.
macro_rules! answers {
    ($($(#[$about:meta])+ $name:ident { $($data:tt)+ })+) => {$(
        $(#[$about])+
        #[derive(Debug, Deserialize, ToSchema)]
        pub struct $name {
            /// What every section says around its data.
            #[serde(flatten)]
            pub head: AnswerHead,
            /// Null where no date is shown.
            pub data: Option<$($data)+>,
        }
    )+};
}

answers! {
    /// Values of the ledger.
    OverviewAnswer { Overview }
    /// Lots.
    PositionsAnswer { Vec<Position> }
    /// Exposures to factors.
    ExposuresAnswer { Exposures }
    /// Symbol → its fit to the factors.
    FitsAnswer { BTreeMap<String, FitTable> }
    /// The risk model.
    RiskAnswer { Risk }
    /// Volatility.
    VolatilityAnswer { Volatility }
    /// Correlations of the instruments.
    CorrelationAnswer { Correlation }
    /// How much hangs on few names.
    ConcentrationAnswer { Concentration }
    /// Sector buckets.
    SectorsAnswer { Vec<SectorBucket> }
    /// Stress tests.
    StressAnswer { Vec<Stress> }
    /// Option contracts as they are modelled.
    OptionsAnswer { Vec<OptionContract> }
    /// Value at risk, by confidence.
    ValueAtRiskAnswer { Vec<ValueAtRisk> }
    /// Crises of the past.
    ReplaysAnswer { Vec<Replay> }
    /// The most plausible moves that cost so much.
    ReverseStressAnswer { Vec<ReverseStress> }
    /// What was found in the series behind the numbers.
    DataQualityAnswer { DataQuality }
    /// What is there, and why the rest is not.
    CompletenessAnswer { Completeness }
}

/// What every section says around its data.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AnswerHead {
    /// Whose.
    pub portfolio_id: uuid::Uuid,
    /// Whether there is a result.
    pub available: bool,
    /// Why not, as a code: `nothing_published`, `not_strict`, `no_session`, `before_inception`, `not_eligible`, `stale`,
    /// `not_computed`, or the outcome of the section's part of the completeness vector.
    pub reason: Option<String>,
    /// The same in words, where there is more to say.
    pub reason_text: Option<String>,
    /// The session that the numbers are of; never another one than was asked for.
    pub as_of: Option<NaiveDate>,
    /// The session that was asked for; without one, that of the numbers.
    pub calculation_date: Option<NaiveDate>,
    /// The run whose results are shown.
    pub run_id: Option<uuid::Uuid>,
    /// When they were committed.
    pub computed_at: Option<DateTime<Utc>>,
    /// How good the date is.
    pub quality: Option<AnswerQuality>,
    /// Modelled gross over gross, a fraction.
    pub coverage: Option<f64>,
    /// Why there is no coverage.
    pub coverage_reason: Option<String>,
}

/// How good a date is.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AnswerQuality {
    /// Nothing of the date failed.
    pub strict: bool,
    /// How many lots are valued with prices of which quality: close, stale, manual or carried.
    pub prices: BTreeMap<String, i64>,
}
