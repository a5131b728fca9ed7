//! Identifiers as types, so that a portfolio can never be looked up by a run's id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Accepts every spelling of a uuid: upper case, without dashes, in braces.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.trim().parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

uuid_ids! {
    /// A run: uuid v7, so that ids sort by time of planning.
    RunId;
    /// A portfolio: any uuid, by default v5 of owner and name.
    PortfolioId;
    /// A lot: uuid v5 of its portfolio and content, the same on every installation.
    PositionId;
    /// A worker process: uuid v4 made at its start, never used again.
    WorkerId;
}

/// Namespace of the uuid v5 ids of this system.
const NAMESPACE: Uuid = Uuid::from_u128(0x7369_676d_6162_5463_8000_6e69_6768_7431);

impl RunId {
    /// A new id, ordered by `milliseconds` since 1970.
    pub fn at(milliseconds: u64) -> Self {
        let seconds = milliseconds / 1000;
        let nanos = u32::try_from(milliseconds % 1000).unwrap_or(0) * 1_000_000;
        let stamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
        Self(Uuid::new_v7(stamp))
    }
}

impl PortfolioId {
    /// The identity of a portfolio without `--id`: the same owner and name are the same portfolio.
    pub fn of(owner: &str, name: &str) -> Self {
        Self(Uuid::new_v5(
            &NAMESPACE,
            format!("portfolio\0{owner}\0{name}").as_bytes(),
        ))
    }
}

impl PositionId {
    /// The identity of a lot: `content` names its terms, `occurrence` tells equal lots apart.
    pub fn of(portfolio: PortfolioId, content: &str, occurrence: usize) -> Self {
        let name = format!("lot\0{portfolio}\0{content}\0{occurrence}");
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

impl WorkerId {
    /// A fresh id for a process that starts.
    pub fn fresh() -> Self {
        Self(Uuid::new_v4())
    }

    /// The consumer name in Redis: `w-` and the first eight hex digits.
    pub fn consumer(self) -> String {
        format!("w-{}", &self.0.simple().to_string()[..8])
    }
}

/// A task: a number, given by Postgres.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The installation: eight hex digits, made when the database is migrated first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallId(pub String);

impl fmt::Display for InstallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_uuid_is_the_same_portfolio() {
        let canonical: PortfolioId = "98518c7d-ea23-593b-aaed-9c0be7f3a66f".parse().unwrap();
        for spelling in [
            "98518C7D-EA23-593B-AAED-9C0BE7F3A66F",
            "98518c7dea23593baaed9c0be7f3a66f",
            " {98518c7d-ea23-593b-aaed-9c0be7f3a66f} ",
        ] {
            assert_eq!(spelling.parse::<PortfolioId>().unwrap(), canonical);
        }
        assert!("98518c7d".parse::<PortfolioId>().is_err());
    }

    #[test]
    fn equal_lots_of_one_day_are_two_lots() {
        let portfolio = PortfolioId::of("demo", "book");
        let first = PositionId::of(portfolio, "AAPL 100 2016-01-04", 0);
        assert_ne!(first, PositionId::of(portfolio, "AAPL 100 2016-01-04", 1));
        assert_eq!(first, PositionId::of(portfolio, "AAPL 100 2016-01-04", 0));
    }
}
