//! `import portfolio`: a new book, or the difference to one.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;
use rust_decimal::Decimal;

use super::{read, told};
use crate::cli::{Error, find};
use crate::clock::Clock;
use crate::domain::PortfolioId;
use crate::intake::{self, BookOrder, PortfolioReceipt, Target, Terms, currency, equity};
use crate::store::{Pools, ReadTx, portfolios};

pub use crate::intake::DEFAULT_OWNER;

/// `import portfolio`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct PortfolioArgs {
    /// The CSV file: one row per lot.
    pub file: PathBuf,
    /// Its name; with the owner it is the identity, unless --id is given.
    #[arg(long, required_unless_present = "update")]
    pub name: Option<String>,
    /// Equity before the first booking.
    #[arg(long, required_unless_present = "update", conflicts_with = "update", value_parser = equity)]
    pub equity: Option<Decimal>,
    /// First day of the book.
    #[arg(
        long,
        required_unless_present = "update",
        conflicts_with = "update",
        value_name = "DATE"
    )]
    pub inception: Option<NaiveDate>,
    /// Its id; without it, a uuid made of owner and name.
    #[arg(long, value_name = "UUID")]
    pub id: Option<PortfolioId>,
    /// Whose it is.
    #[arg(long, default_value = DEFAULT_OWNER)]
    pub owner: String,
    /// In which everything is counted.
    #[arg(long, default_value = "USD", conflicts_with = "update", value_parser = currency)]
    pub currency: String,
    /// Change the book of an existing portfolio to what the file says.
    #[arg(long)]
    pub update: bool,
    /// The book has no lots, it is cash alone: the file is its header. With --update, all its lots go.
    #[arg(long)]
    pub empty: bool,
    /// Only show what an update would change.
    #[arg(long, requires = "update", conflicts_with_all = ["equity", "inception", "run"])]
    pub dry_run: bool,
    /// Plan a run of the portfolio afterwards.
    #[arg(long)]
    pub run: bool,
}

/// Imports a portfolio, or updates its book; says what happened.
pub async fn portfolio(
    pools: &Pools,
    clock: &Clock,
    args: &PortfolioArgs,
) -> Result<PortfolioReceipt, Error> {
    let bytes = read(&args.file)?;
    let target = if args.update {
        let mut db = ReadTx::lazy(&pools.control);
        let id = existing(&mut db, args).await?;
        db.close().await?;
        Target::Update(id)
    } else {
        let (Some(name), Some(equity), Some(inception)) = (&args.name, args.equity, args.inception)
        else {
            return Err(Error::misuse(
                "a new portfolio needs its opening",
                "give --name, --equity and --inception, or --update to change an existing one",
            ));
        };
        let terms = Terms {
            name,
            owner: &args.owner,
            currency: &args.currency,
            equity,
            inception,
            id: args.id,
        };
        Target::New(
            terms
                .portfolio(clock)
                .map_err(|error| told(error, &args.file))?,
        )
    };
    let order = BookOrder {
        file: args.file.clone(),
        target,
        empty: args.empty,
        dry_run: args.dry_run,
        who: None,
    };
    let receipt = intake::portfolio(pools, clock, &order, &bytes).await;
    receipt.map_err(|error| told(error, &args.file))
}

/// The portfolio that an update means: by id, by owner and name, or by its only name.
async fn existing(db: &mut ReadTx<'_>, args: &PortfolioArgs) -> Result<PortfolioId, Error> {
    let id = match (args.id, &args.name) {
        (Some(id), _) => id,
        (None, Some(name)) => {
            let made = PortfolioId::of(args.owner.trim(), name.trim());
            match portfolios::get(db, made).await? {
                Some(portfolio) => return Ok(portfolio.id),
                None => find::portfolio(db, name).await?,
            }
        }
        (None, None) => {
            return Err(Error::misuse(
                "an update of which portfolio?",
                "name it with --id or --name",
            ));
        }
    };
    find::portfolio(db, &id.to_string()).await
}
