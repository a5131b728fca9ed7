//! The words of the engine: lanes, phases, states, verdicts. Their texts are in the database
//! for ever and are never renamed.

use super::UnknownWord;
use super::words::words;

words! {
    /// Who waits for a run: a person, the night, or nobody in particular.
    Lane: "lane" {
        /// A person waits: one date, or a portfolio that was just imported.
        Interactive = "interactive",
        /// The scheduler's run of a business date.
        Nightly = "nightly",
        /// Many dates of the past.
        Backfill = "backfill",
    }

    /// What started a run. It explains, and decides nothing.
    Trigger: "trigger of a run" {
        /// The scheduler.
        Nightly = "nightly",
        /// The scheduler, for older dates that were due.
        CatchUp = "catch-up",
        /// The operator's command line.
        Cli = "cli",
        /// An import with `--run`.
        Onboarding = "onboarding",
        /// `POST /api/v1/admin/batch/run`.
        Api = "api",
        /// `retry` of dead tasks.
        Repair = "repair",
    }

    /// How a run ended. Final for ever.
    Verdict: "verdict" {
        /// The whole scope is strictly complete and no task is dead.
        Succeeded = "succeeded",
        /// Something was published, but not everything is complete.
        Partial = "partial",
        /// Nothing was published.
        Failed = "failed",
        /// An operator cancelled it.
        Cancelled = "cancelled",
    }

    /// The state of a task.
    TaskState: "state of a task" {
        /// Waits for its phase, its time or a worker.
        Ready = "ready",
        /// A worker holds it.
        Running = "running",
        /// Results are committed.
        Done = "done",
        /// Its budget of attempts or crashes is used up.
        Dead = "dead",
        /// Its run was cancelled.
        Cancelled = "cancelled",
        /// Replaced by one task for each of its elements.
        Split = "split",
    }

    /// What somebody should look at.
    AlertKind: "kind of alert" {
        /// A run ended without a result.
        RunFailed = "run-failed",
        /// A run ended, and not everything of it is complete.
        RunPartial = "run-partial",
        /// No run has ended for a session in time.
        RunOverdue = "run-overdue",
        /// Tasks are dead that nobody does again.
        TasksDead = "tasks-dead",
        /// Less of a portfolio is in market numbers than should be.
        CoverageLow = "coverage-low",
        /// Connections are used up, those of the server or those of a worker.
        PoolSaturated = "pool-saturated",
    }

    /// What a task needs while it runs: permits are given per class.
    PermitClass: "class of permits" {
        /// A core.
        Cpu = "cpu",
        /// A data provider's answer.
        Provider = "provider",
    }

    /// The phases of the pipeline.
    PhaseName: "phase" {
        /// Phase 0.
        CompanyProfiles = "company-profiles",
        /// Phase 1.
        MarketData = "market-data",
        /// Phase 1.5.
        SymbolFactors = "symbol-factors",
        /// Phase 1.75.
        SymbolMetrics = "symbol-metrics",
        /// Phase 2.
        Fundamentals = "fundamentals",
        /// Phase 2.5.
        PositionValues = "position-values",
        /// Phase 3.
        PnlSnapshots = "pnl-snapshots",
        /// Phase 4.
        PositionUpdates = "position-updates",
        /// Phase 5.
        SectorTags = "sector-tags",
        /// Phase 6.
        PortfolioAnalytics = "portfolio-analytics",
    }
}

impl PhaseName {
    /// What people call it: `1.5`.
    pub const fn number(self) -> &'static str {
        match self {
            Self::CompanyProfiles => "0",
            Self::MarketData => "1",
            Self::SymbolFactors => "1.5",
            Self::SymbolMetrics => "1.75",
            Self::Fundamentals => "2",
            Self::PositionValues => "2.5",
            Self::PnlSnapshots => "3",
            Self::PositionUpdates => "4",
            Self::SectorTags => "5",
            Self::PortfolioAnalytics => "6",
        }
    }

    /// The phase of that name or number, as people write it.
    pub fn named(text: &str) -> Result<Self, UnknownWord> {
        let numbered = Self::ALL.iter().find(|phase| phase.number() == text);
        numbered.map_or_else(|| text.parse(), |phase| Ok(*phase))
    }

    /// Position in the pipeline: 0 to 9.
    pub fn order(self) -> usize {
        self as usize
    }
}

impl TaskState {
    /// A final state is final for ever.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Ready | Self::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_way_through_the_database() {
        for phase in PhaseName::ALL {
            assert_eq!(phase.as_str().parse::<PhaseName>().unwrap(), *phase);
        }
        let numbers: Vec<_> = PhaseName::ALL.iter().map(|phase| phase.number()).collect();
        assert_eq!(numbers.join(" "), "0 1 1.5 1.75 2 2.5 3 4 5 6");
        let error = "x".parse::<TaskState>().unwrap_err().to_string();
        assert!(
            error.starts_with("\"x\" is no state of a task; there are ready, "),
            "{error}"
        );
        assert_eq!(
            "nigthly".parse::<Lane>().unwrap_err().to_string(),
            "\"nigthly\" is no lane; there are interactive, nightly, backfill"
        );
    }
}
