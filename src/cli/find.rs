//! What people name on the command line becomes an id.

use super::Error;
use crate::domain::{PortfolioId, RunId};
use crate::store::{self, ReadTx};

/// Most names that a message lists.
const LISTED: usize = 10;

/// The portfolio with this id, or the only one of this name.
pub async fn portfolio(db: &mut ReadTx<'_>, text: &str) -> Result<PortfolioId, Error> {
    if let Ok(id) = text.parse::<PortfolioId>() {
        return match store::portfolios::get(db, id).await? {
            Some(portfolio) => Ok(portfolio.id),
            None => Err(unknown(db, text).await?),
        };
    }
    let ids = store::portfolios::named(db, text.trim()).await?;
    match ids.as_slice() {
        [id] => Ok(*id),
        [] => Err(unknown(db, text).await?),
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("{} portfolios have the name {text:?}", several.len());
            Err(Error::misuse(
                message,
                format!("name one by its id: {}", ids.join(", ")),
            ))
        }
    }
}

async fn unknown(db: &mut ReadTx<'_>, text: &str) -> Result<Error, Error> {
    let known = store::portfolios::list(db).await?;
    let names: Vec<&str> = known
        .iter()
        .take(LISTED)
        .map(|known| known.name.as_str())
        .collect();
    let more = if known.len() > LISTED { ", …" } else { "" };
    let remedy = if names.is_empty() {
        "there is none yet: `sigmabatch import portfolio --help` says how to import one".to_owned()
    } else {
        format!(
            "give an id or one of these names: {}{more}",
            names.join(", ")
        )
    };
    Ok(Error::misuse(format!("no portfolio {text:?}"), remedy))
}

/// The run with this id, or the newest one of this label.
pub(super) async fn run(db: &mut ReadTx<'_>, text: &str) -> Result<RunId, Error> {
    let id = text.parse::<RunId>().ok();
    store::reports::find_run(db, id, text.trim())
        .await?
        .ok_or_else(|| unknown_run(text))
}

/// The error for a run that there is not.
pub(super) fn unknown_run(text: &str) -> Error {
    let remedy = "`sigmabatch status` lists the newest runs; name one by its id or label";
    Error::misuse(format!("no run {text:?}"), remedy)
}
