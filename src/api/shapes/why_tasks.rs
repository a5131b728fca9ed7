//! Links of a causal chain that are about one task.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which task.
#[derive(Debug, Deserialize, ToSchema)]
pub struct WhyTask {
    /// Its id.
    pub task_id: i64,
    /// Its phase.
    pub phase: String,
    /// The number of its phase.
    pub number: String,
    /// What it computes.
    pub unit: String,
    /// The session of its results, or the last of them.
    pub as_of: NaiveDate,
}

macro_rules! links {
    ($($(#[$about:meta])+ $name:ident { $($(#[$doc:meta])+ $field:ident: $kind:ty,)+ })+) => {$(
        $(#[$about])+
        #[derive(Debug, Deserialize, ToSchema)]
        pub struct $name {
            /// Which.
            #[serde(flatten)]
            pub task: WhyTask,
            $($(#[$doc])+ pub $field: $kind,)+
        }
    )+};
}

links! {
    /// A task in a worker's hands.
    RunningTaskLink {
        /// The worker, as in Redis.
        worker: Option<String>,
        /// Since when.
        since: Option<DateTime<Utc>>,
        /// It must end until then.
        deadline_at: Option<DateTime<Utc>>,
    }
    /// A task that failed and is tried again.
    RetriedTaskLink {
        /// When.
        due_at: DateTime<Utc>,
        /// Failures so far, of those that it may have.
        attempts: i16,
        /// How many it may have.
        budget: i16,
        /// Class of the last error.
        class: String,
        /// Its message.
        error: String,
        /// Its fingerprint.
        fingerprint: String,
    }
    /// A task that waits because a provider limits our rate.
    ParkedTaskLink {
        /// Until when.
        until: DateTime<Utc>,
        /// Since when.
        since: DateTime<Utc>,
        /// What the provider said.
        error: String,
    }
    /// A task that waits for a worker.
    ReadyTaskLink {
        /// Since when.
        since: DateTime<Utc>,
    }
    /// A task that cost workers their lives: it waits for one that has nothing else in hand.
    SuspectTaskLink {
        /// How many workers.
        crashes: i16,
    }
    /// A task whose budget is used up.
    DeadTaskLink {
        /// Class of the last error.
        class: String,
        /// Its message.
        error: String,
        /// Its fingerprint.
        fingerprint: String,
        /// The run that was planned to do it again.
        repair_run: Option<Uuid>,
    }
    /// A task that is done, and readers see nothing of it.
    DoneTaskLink {
        /// `superseded`: newer results were there already.
        outcome: Option<String>,
    }
    /// The input of a task is newer than this program.
    NewerTaskLink {
        /// The version of its input.
        version: i16,
        /// The newest that this program knows.
        known: i16,
    }
    /// No worker will hear of a task: its stream has no entry that can be delivered.
    UnheardTaskLink {
        /// The stream.
        stream: String,
    }
}
