//! The registry's view of a phase: the same methods with the types taken out.

use std::any::Any;
use std::time::Duration;

use chrono::NaiveDate;
use futures::future::BoxFuture;
use serde_json::Value;

use super::{Cx, Done, Error, PermitClass, Phase, Result, Scope, Subjects, TaskRef, Unit, Wish};
use crate::domain::{PhaseName, TaskEpoch, TradingDate};
use crate::store::{ReadTx, WriteTx};

/// What flows between the steps of a task.
pub type AnyValue = Box<dyn Any + Send + Sync>;
/// What flows before the last step.
pub type AnySend = Box<dyn Any + Send>;

/// A finished computation without its type.
#[derive(Clone, Copy)]
pub struct DoneAny<'a> {
    /// Its task.
    pub task: &'a TaskRef,
    /// The version of the inputs that its results may claim.
    pub data_version: i64,
    /// Its results.
    pub output: &'a AnyValue,
    /// Owner and date of those of its sets that are its own to write.
    pub sets: &'a [(String, String, NaiveDate)],
}

/// [`Phase`] without its types.
pub trait AnyPhase: Send + Sync {
    /// [`Phase::NAME`]
    fn name(&self) -> PhaseName;
    /// [`Phase::AFTER`]
    fn after(&self) -> &'static [PhaseName];
    /// [`Phase::VERSION`]
    fn version(&self) -> i16;
    /// [`Phase::TIMEOUT`]
    fn timeout(&self) -> Duration;
    /// [`Phase::CLASS`]
    fn class(&self) -> PermitClass;
    /// [`Phase::plan`]
    fn plan<'a>(
        &'a self,
        db: &'a mut ReadTx<'_>,
        run: &'a Scope,
    ) -> BoxFuture<'a, Result<Vec<Unit<Value>>>>;
    /// [`Phase::load`]
    fn load<'a>(
        &'a self,
        db: &'a mut ReadTx<'_>,
        task: &'a TaskRef,
        input: &'a Value,
    ) -> BoxFuture<'a, Result<AnySend>>;
    /// [`Phase::fetch`]
    fn fetch<'a>(&'a self, cx: &'a Cx, loaded: AnySend) -> BoxFuture<'a, Result<AnySend>>;
    /// [`Phase::compute`]
    fn compute(&self, cx: &Cx, fetched: AnySend) -> Result<AnyValue>;
    /// [`Phase::sets`]
    fn sets(&self, output: &AnyValue) -> Result<Vec<Wish>>;
    /// [`Phase::WRITES`]
    fn writes(&self) -> bool;
    /// [`Phase::commit`]
    fn commit<'a>(
        &'a self,
        tx: &'a mut WriteTx,
        done: &'a [DoneAny<'a>],
    ) -> BoxFuture<'a, Result<Vec<TaskEpoch>>>;
    /// [`Phase::split`]
    fn split(&self, input: &Value, as_of: TradingDate) -> Result<Vec<Unit<Value>>>;
    /// [`Phase::subjects`]
    fn subjects(&self, input: &Value, as_of: TradingDate) -> Result<Subjects>;
    /// [`Phase::outcome`]
    fn outcome(&self, output: &AnyValue) -> Result<String>;
}

fn mixed_up(phase: PhaseName) -> Error {
    Error::Bug(format!("a value of another phase reached {phase}"))
}

fn parse<P: Phase>(input: &Value) -> Result<P::Input> {
    P::Input::deserialize(input)
        .map_err(|error| Error::Permanent(format!("input of {} cannot be read: {error}", P::NAME)))
}

fn write<I: serde::Serialize>(phase: PhaseName, units: Vec<Unit<I>>) -> Result<Vec<Unit<Value>>> {
    let mut written = Vec::with_capacity(units.len());
    for unit in units {
        let input = serde_json::to_value(&unit.input)
            .map_err(|error| Error::Bug(format!("input of {phase} cannot be written: {error}")))?;
        written.push(Unit {
            unit: unit.unit,
            as_of: unit.as_of,
            input,
        });
    }
    Ok(written)
}

use serde::Deserialize;

impl<P: Phase> AnyPhase for P {
    fn name(&self) -> PhaseName {
        P::NAME
    }

    fn after(&self) -> &'static [PhaseName] {
        P::AFTER
    }

    fn version(&self) -> i16 {
        P::VERSION
    }

    fn timeout(&self) -> Duration {
        P::TIMEOUT
    }

    fn class(&self) -> PermitClass {
        P::CLASS
    }

    fn plan<'a>(
        &'a self,
        db: &'a mut ReadTx<'_>,
        run: &'a Scope,
    ) -> BoxFuture<'a, Result<Vec<Unit<Value>>>> {
        Box::pin(async move { write(P::NAME, Phase::plan(self, db, run).await?) })
    }

    fn load<'a>(
        &'a self,
        db: &'a mut ReadTx<'_>,
        task: &'a TaskRef,
        input: &'a Value,
    ) -> BoxFuture<'a, Result<AnySend>> {
        Box::pin(async move {
            let input = parse::<P>(input)?;
            Ok(Box::new(Phase::load(self, db, task, &input).await?) as AnySend)
        })
    }

    fn fetch<'a>(&'a self, cx: &'a Cx, loaded: AnySend) -> BoxFuture<'a, Result<AnySend>> {
        Box::pin(async move {
            let loaded = loaded
                .downcast::<P::Loaded>()
                .map_err(|_| mixed_up(P::NAME))?;
            Ok(Box::new(Phase::fetch(self, cx, *loaded).await?) as AnySend)
        })
    }

    fn compute(&self, cx: &Cx, fetched: AnySend) -> Result<AnyValue> {
        let fetched = fetched
            .downcast::<P::Fetched>()
            .map_err(|_| mixed_up(P::NAME))?;
        Ok(Box::new(Phase::compute(self, cx, *fetched)?))
    }

    fn sets(&self, output: &AnyValue) -> Result<Vec<Wish>> {
        output
            .downcast_ref::<P::Output>()
            .map(P::sets)
            .ok_or_else(|| mixed_up(P::NAME))
    }

    fn writes(&self) -> bool {
        P::WRITES
    }

    fn commit<'a>(
        &'a self,
        tx: &'a mut WriteTx,
        done: &'a [DoneAny<'a>],
    ) -> BoxFuture<'a, Result<Vec<TaskEpoch>>> {
        Box::pin(async move {
            let mut typed = Vec::with_capacity(done.len());
            for one in done {
                let output = one
                    .output
                    .downcast_ref::<P::Output>()
                    .ok_or_else(|| mixed_up(P::NAME))?;
                typed.push(Done {
                    task: one.task,
                    data_version: one.data_version,
                    output,
                    sets: one.sets,
                });
            }
            Phase::commit(self, tx, &typed).await
        })
    }

    fn split(&self, input: &Value, as_of: TradingDate) -> Result<Vec<Unit<Value>>> {
        write(P::NAME, P::split(&parse::<P>(input)?, as_of))
    }

    fn subjects(&self, input: &Value, as_of: TradingDate) -> Result<Subjects> {
        Ok(P::subjects(&parse::<P>(input)?, as_of))
    }

    fn outcome(&self, output: &AnyValue) -> Result<String> {
        output
            .downcast_ref::<P::Output>()
            .map(P::outcome)
            .ok_or_else(|| mixed_up(P::NAME))
    }
}
