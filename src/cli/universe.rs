//! `universe`: which symbols providers are asked for.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Error, OrderArgs, Output};
use crate::domain::Symbol;
use crate::intake::{self, Activity, Who};
use crate::store::Pools;

/// `universe`.
#[derive(Debug, Subcommand)]
pub enum UniverseCommand {
    /// Providers are asked for a symbol again, beginning with what was missed.
    Activate(SymbolArgs),
    /// No provider is asked for a symbol any more: it was delisted, or is of no use. Lots keep their last close.
    Deactivate(SymbolArgs),
}

/// A symbol, and the order about it.
#[derive(Debug, Args)]
pub struct SymbolArgs {
    /// The symbol, as books spell it.
    pub symbol: Symbol,
    /// Who and why.
    #[command(flatten)]
    pub order: OrderArgs,
}

/// Activates or deactivates a symbol.
pub async fn run(pools: &Pools, command: &UniverseCommand, json: bool) -> Result<Output, Error> {
    let (args, active) = match command {
        UniverseCommand::Activate(args) => (args, true),
        UniverseCommand::Deactivate(args) => (args, false),
    };
    let symbol = &args.symbol;
    let who = Who {
        who: args.order.who.clone(),
        reason: args.order.reason.clone(),
    };
    let from = match intake::activity(pools, symbol, active, &who).await? {
        Activity::Changed(from) => Some(from),
        Activity::Unchanged => None,
        Activity::Unknown => {
            return Err(Error::misuse(
                format!("no run ever needed the symbol {symbol}"),
                "name it as the books do that hold it; the first run over one of them registers it",
            ));
        }
        Activity::Proxy(factor) => {
            return Err(Error::misuse(
                format!("{symbol} is the proxy of the factor {factor}: every book looks at it"),
                "`sigmabatch import factors` takes definitions with another proxy",
            ));
        }
    };
    let document = || {
        json!({
            "symbol": symbol,
            "active": active,
            "changed": from.is_some(),
            "from_date": from,
        })
    };
    let page = || {
        let state = if active { "active" } else { "inactive" };
        from.map_or_else(
            || format!("{symbol} is {state} already: nothing was changed\n"),
            |from| {
                format!("{symbol} is {state}: results from {from} on that are there already are out of date, run them again\n")
            },
        )
    };
    Ok(Output::either(json, document, page))
}
