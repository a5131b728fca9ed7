//! Market data behind one interface: closes, corporate actions, yields, profiles, fundamentals.
//!
//! A provider is one of a closed set. It promises one answer per question, in the order asked
//! and under the spelling asked; that it does not know a symbol is an answer, never an error. It
//! refuses to guess: a folder with a single malformed line gives no data at all, and the error
//! names every such line. Nothing here knows the exchange's calendar, a database or a clock.

mod answer;
mod error;
mod files;
mod script;

pub use answer::{
    Bar, Basis, CorporateAction, Estimate, Fundamentals, PriceAnswer, PriceRequest, Profile,
    Statement, StatementKind,
};
pub use error::{Error, MalformedLine};
pub use files::Files;
pub use script::Script;

use crate::domain::Symbol;

/// Where prices come from: a closed set, chosen by the operator with a text like `files:DIR`.
#[derive(Debug)]
pub enum Provider {
    /// A folder of CSV files.
    Files(Files),
    /// The same behind a script of what goes wrong; for tests of the system, `script:DIR`.
    #[doc(hidden)]
    Script(Script),
}

impl Provider {
    /// Opens the provider that `spec` names: `files:DIR`.
    ///
    /// The folder and its `provider.toml` are checked at once, its data at the first question.
    pub fn open(spec: &str) -> Result<Self, Error> {
        match spec.trim().split_once(':') {
            Some(("files", folder)) if !folder.is_empty() => {
                Files::open(folder.as_ref()).map(Self::Files)
            }
            Some(("script", folder)) if !folder.is_empty() => {
                Script::open(folder).map(Self::Script)
            }
            _ => Err(Error::Spec {
                spec: spec.to_owned(),
            }),
        }
    }

    /// What is stored as the source of each value: `files`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Files(_) | Self::Script(_) => "files",
        }
    }

    /// What this provider's closes mean; constant for the life of the process.
    pub fn basis(&self) -> Basis {
        match self {
            Self::Files(files) | Self::Script(Script { files, .. }) => files.basis(),
        }
    }

    /// How many questions a second it may be asked, by all workers together; `None`: as many as they like.
    pub fn questions_per_second(&self) -> Option<f64> {
        match self {
            Self::Files(files) | Self::Script(Script { files, .. }) => files.questions_per_second(),
        }
    }

    /// Looks at everything that can be looked at before the first question.
    pub async fn check(&self) -> Result<(), Error> {
        match self {
            Self::Files(files) | Self::Script(Script { files, .. }) => files.check().await,
        }
    }

    /// Series within the asked ranges, one answer per request in the same order.
    pub async fn prices(&self, requests: &[PriceRequest]) -> Result<Vec<PriceAnswer>, Error> {
        match self {
            Self::Files(files) => files.prices(requests).await,
            Self::Script(script) => {
                let about = requests.iter().map(|one| (&one.symbol, &one.ranges[..]));
                script.question("prices", about).await?;
                script.files.prices(requests).await
            }
        }
    }

    /// Company profiles, in the order asked; nothing for a symbol without one.
    pub async fn profiles(&self, symbols: &[Symbol]) -> Result<Vec<Option<Profile>>, Error> {
        match self {
            Self::Files(files) => files.profiles(symbols).await,
            Self::Script(script) => {
                let about = symbols.iter().map(|symbol| (symbol, &[][..]));
                script.question("profiles", about).await?;
                script.files.profiles(symbols).await
            }
        }
    }

    /// Statements and estimates, in the order asked; nothing for a symbol without any.
    pub async fn fundamentals(
        &self,
        symbols: &[Symbol],
    ) -> Result<Vec<Option<Fundamentals>>, Error> {
        match self {
            Self::Files(files) => files.fundamentals(symbols).await,
            Self::Script(script) => {
                let about = symbols.iter().map(|symbol| (symbol, &[][..]));
                script.question("fundamentals", about).await?;
                script.files.fundamentals(symbols).await
            }
        }
    }

    /// Whether there is a price series under this very symbol, such as an option contract's own.
    pub async fn has_series(&self, symbol: &Symbol) -> Result<bool, Error> {
        match self {
            Self::Files(files) | Self::Script(Script { files, .. }) => {
                files.has_series(symbol).await
            }
        }
    }
}
