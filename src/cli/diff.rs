//! `diff`: what two runs have different: durations, tasks, errors, and how complete their final dates are.

mod page;

use clap::Args;

use super::{Error, Output, find};
use crate::documents::diff::{Side, document, side};
use crate::store::{Pools, ReadTx};

/// `diff`.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// A run, by id or label.
    pub first: String,
    /// Another one.
    pub second: String,
}

/// Reads and renders.
pub async fn run(pools: &Pools, args: &DiffArgs, json: bool) -> Result<Output, Error> {
    let sides = [
        named(pools, &args.first).await?,
        named(pools, &args.second).await?,
    ];
    Ok(Output::either(
        json,
        || document(&sides),
        || page::page(&sides),
    ))
}

async fn named(pools: &Pools, text: &str) -> Result<Side, Error> {
    let mut db = ReadTx::lazy(&pools.load);
    let id = find::run(&mut db, text).await?;
    db.close().await?;
    let side = side(pools, id, None).await?;
    side.ok_or_else(|| find::unknown_run(text))
}
