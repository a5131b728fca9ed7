//! `why`: what the result of a portfolio and date waits for, as a causal chain.

mod page;

use chrono::NaiveDate;
use clap::Args;

use super::{Error, GlobalSettings, Output, find};
use crate::documents::why::document;
use crate::engine;
use crate::store::{self, ReadTx};

/// `why`.
#[derive(Debug, Clone, Args)]
pub struct WhyArgs {
    /// The portfolio, by id or by its name if only one has it.
    pub portfolio: String,
    /// The session; without it, the newest whose closes are final.
    pub date: Option<NaiveDate>,
}

/// Reads and renders. With `REDIS_URL`, Redis is asked whether a waiting task has its hint.
pub async fn run(settings: &GlobalSettings, args: &WhyArgs, json: bool) -> Result<Output, Error> {
    let pools = super::connect_migrated(&settings.postgres, "sigmabatch-cli").await?;
    let queue = match &settings.redis.redis_url {
        Some(_) => Some(settings.redis.queue(store::install_id(&pools).await?)?),
        None => None,
    };
    let mut db = ReadTx::lazy(&pools.control);
    let id = find::portfolio(&mut db, &args.portfolio).await?;
    db.close().await?;
    let clock = settings.clock.clock();
    let why = engine::why(&pools, queue.as_ref(), &clock, id, args.date).await?;
    let why =
        why.ok_or_else(|| Error::misuse(format!("no portfolio {id}"), "it was deleted just now"))?;
    Ok(Output::either(json, || document(&why), || page::page(&why)))
}
