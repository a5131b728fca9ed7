//! Before a provider is asked: its rate, which all workers share.

use std::time::Duration;

use super::Life;
use crate::domain::PermitClass;
use crate::phases::{AnyPhase, Cx, Error};

/// Waiting for longer than this is left to the task's next attempt: it is parked.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for the turn of a task that asks a provider. Without Redis there is no shared rate: then one
/// worker at a time asks, one task at a time.
pub(super) async fn wait_for_turn(life: &Life, phase: &dyn AnyPhase, cx: &Cx) -> Result<(), Error> {
    let Some(per_second) = cx.provider.questions_per_second() else {
        return Ok(());
    };
    if phase.class() != PermitClass::Provider {
        return Ok(());
    }
    let provider = cx.provider.name();
    loop {
        match life.engine.queue.take_question(provider, per_second).await {
            Ok(None) => return Ok(()),
            Ok(Some(wait)) if wait <= PATIENCE => tokio::time::sleep(wait).await,
            Ok(Some(after)) => return Err(Error::RateLimited { provider, after }),
            Err(error) => {
                tracing::debug!(%error, "asking a provider without its shared rate");
                return Ok(());
            }
        }
    }
}
