//! `import portfolio`: a new book, or the difference to one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;
use rust_decimal::Decimal;

use super::receipt::{LotLine, PortfolioReceipt, Status};
use super::{digest, file_name, read, rejected};
use crate::cli::{Error, find};
use crate::clock::Clock;
use crate::domain::{Calendar, Lot, Portfolio, PortfolioId, PositionId, TradingDate, money};
use crate::import::MAX_TOTAL;
use crate::import::changes::{self, BookChange};
use crate::import::portfolio_csv::{self, Context};
use crate::store::inputs::{self, Changed};
use crate::store::{self, Pools, ReadTx, WriteTx, portfolios};

/// The owner where none is named.
pub const DEFAULT_OWNER: &str = "default";

/// `import portfolio`.
#[derive(Debug, Args)]
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
    /// Only show what an update would change.
    #[arg(long, requires = "update", conflicts_with_all = ["equity", "inception", "run"])]
    pub dry_run: bool,
    /// Plan a run of the portfolio afterwards.
    #[arg(long)]
    pub run: bool,
}

/// Imports a portfolio, or updates its book; says what happened.
///
/// The file is read and parsed before the transaction begins: Postgres ends one that is idle.
pub async fn portfolio(
    pools: &Pools,
    clock: &Clock,
    args: &PortfolioArgs,
) -> Result<PortfolioReceipt, Error> {
    let today = Calendar::nyse().new_york_date(clock.now());
    let bytes = read(&args.file)?;
    let mut db = ReadTx::lazy(&pools.control);
    let described = if args.update {
        existing(&mut db, args).await?
    } else {
        let wanted = wanted(args, today)?;
        if let Some(known) = portfolios::get(&mut db, wanted.id).await? {
            same_terms(&wanted, &known)?;
        }
        wanted
    };
    db.close().await?;
    let Portfolio { id, inception, .. } = described;
    let context = Context {
        portfolio: id,
        inception,
        today,
    };
    let lots = portfolio_csv::parse(&bytes, &context).map_err(rejected(&args.file))?;

    let mut tx = WriteTx::begin(&pools.control).await?;
    portfolios::lock(&mut tx, id).await?;
    let receipt = match portfolios::get(&mut tx.reader(), id).await? {
        Some(known) => {
            same_terms(&described, &known)?;
            change(&mut tx, args, known, &lots, &bytes).await?
        }
        None if args.update => return Err(gone(id)),
        None => create(&mut tx, args, described, &lots, &bytes).await?,
    };
    match receipt.status {
        Status::Created | Status::Updated => tx.commit().await?,
        Status::Unchanged | Status::DryRun => tx.rollback().await?,
    }
    Ok(receipt)
}

/// The portfolio that the arguments describe.
fn wanted(args: &PortfolioArgs, today: NaiveDate) -> Result<Portfolio, Error> {
    let (Some(name), Some(opening_equity), Some(inception)) =
        (&args.name, args.equity, args.inception)
    else {
        return Err(Error::misuse(
            "a new portfolio needs its opening",
            "give --name, --equity and --inception, or --update to change an existing one",
        ));
    };
    let (name, owner) = (name.trim().to_owned(), args.owner.trim().to_owned());
    if name.is_empty() || name.parse::<PortfolioId>().is_ok() {
        let message = format!("{name:?} is no name for a portfolio");
        return Err(Error::misuse(message, "give a name that is no uuid"));
    }
    if inception > today {
        let message = format!("inception {inception} is after today, {today}");
        return Err(Error::misuse(message, "give the first day of the book"));
    }
    // Beyond the calendar there is no session to begin with.
    Calendar::nyse().on_or_after(inception)?;
    let id = args.id.unwrap_or_else(|| PortfolioId::of(&owner, &name));
    let currency = args.currency.clone();
    Ok(Portfolio {
        id,
        name,
        owner,
        currency,
        opening_equity,
        inception,
    })
}

async fn create(
    tx: &mut WriteTx,
    args: &PortfolioArgs,
    portfolio: Portfolio,
    lots: &[Lot],
    bytes: &[u8],
) -> Result<PortfolioReceipt, Error> {
    match portfolios::insert(tx, &portfolio).await {
        Err(error) if error.is_unique_violation() => return Err(taken(&portfolio)),
        done => done?,
    }
    portfolios::insert_lots(tx, portfolio.id, &with_expiries(lots)?).await?;
    remember(tx, portfolio.id, bytes).await?;
    let reason = format!("import of {}", file_name(&args.file));
    let change = (Changed::Book(portfolio.id), portfolio.inception);
    inputs::changed(tx, &[change], &reason).await?;
    Ok(PortfolioReceipt {
        status: Status::Created,
        added: lots.iter().map(LotLine::of).collect(),
        from_date: Some(portfolio.inception),
        file: args.file.clone(),
        portfolio,
        closed: Vec::new(),
        reopened: Vec::new(),
        removed: Vec::new(),
        unchanged: 0,
    })
}

/// The portfolio exists: the same book again changes nothing, another one needs `--update`.
async fn change(
    tx: &mut WriteTx,
    args: &PortfolioArgs,
    known: Portfolio,
    lots: &[Lot],
    bytes: &[u8],
) -> Result<PortfolioReceipt, Error> {
    let id = known.id;
    let book = portfolios::all_lots(&mut tx.reader(), id).await?;
    let change = changes::compare(&book, lots);
    let receipt = receipt(args, known, &book, &change);
    if receipt.status != Status::Unchanged && !args.update {
        let message = format!(
            "portfolio {:?} exists already with another book: {}",
            receipt.portfolio.name,
            receipt.counts()
        );
        let remedy = "--update changes the book to what the file says; --update --dry-run shows the difference";
        return Err(Error::misuse(message, remedy));
    }
    if let (Status::Updated, Some(from)) = (receipt.status, change.from_date) {
        apply(tx, id, &change).await?;
        portfolios::forget_imports(tx, id, "portfolio").await?;
        remember(tx, id, bytes).await?;
        let reason = format!("update from {}", file_name(&args.file));
        inputs::changed(tx, &[(Changed::Book(id), from)], &reason).await?;
    }
    Ok(receipt)
}

async fn apply(tx: &mut WriteTx, id: PortfolioId, change: &BookChange) -> Result<(), Error> {
    portfolios::remove_lots(tx, &change.removed).await?;
    for (lot, exit) in &change.closed {
        portfolios::close_lot(tx, *lot, exit).await?;
    }
    for lot in &change.reopened {
        portfolios::reopen_lot(tx, *lot).await?;
    }
    portfolios::insert_lots(tx, id, &with_expiries(&change.added)?).await?;
    Ok(())
}

/// What an update changes, or would change.
fn receipt(
    args: &PortfolioArgs,
    portfolio: Portfolio,
    book: &[Lot],
    change: &BookChange,
) -> PortfolioReceipt {
    let by_id: BTreeMap<PositionId, &Lot> = book.iter().map(|lot| (lot.id, lot)).collect();
    let line = |id: &PositionId| by_id.get(id).map(|lot| LotLine::of(lot));
    let lines = |ids: &[PositionId]| ids.iter().filter_map(line).collect();
    let closed = change.closed.iter().filter_map(|(id, exit)| {
        line(id).map(|line| LotLine {
            exit: Some(*exit),
            ..line
        })
    });
    let status = match (change.is_empty(), args.dry_run) {
        (true, _) => Status::Unchanged,
        (false, true) => Status::DryRun,
        (false, false) => Status::Updated,
    };
    PortfolioReceipt {
        status,
        file: args.file.clone(),
        portfolio,
        added: change.added.iter().map(LotLine::of).collect(),
        closed: closed.collect(),
        reopened: lines(&change.reopened),
        removed: lines(&change.removed),
        unchanged: change.unchanged.len(),
        from_date: change.from_date,
    }
}

/// The portfolio that an update means: by id, by owner and name, or by its only name.
async fn existing(db: &mut ReadTx<'_>, args: &PortfolioArgs) -> Result<Portfolio, Error> {
    let id = match (args.id, &args.name) {
        (Some(id), _) => id,
        (None, Some(name)) => {
            let made = PortfolioId::of(args.owner.trim(), name.trim());
            match portfolios::get(db, made).await? {
                Some(portfolio) => return Ok(portfolio),
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
    let id = find::portfolio(db, &id.to_string()).await?;
    portfolios::get(db, id).await?.ok_or_else(|| gone(id))
}

fn gone(id: PortfolioId) -> Error {
    Error::misuse(format!("no portfolio {id}"), "it was deleted just now")
}

/// Each lot with the session on which its option becomes cash.
fn with_expiries(lots: &[Lot]) -> Result<Vec<(Lot, Option<TradingDate>)>, Error> {
    let calendar = Calendar::nyse();
    lots.iter()
        .map(|lot| {
            let expiry = lot
                .option
                .as_ref()
                .map(|terms| calendar.on_or_before(terms.expiry));
            Ok((lot.clone(), expiry.transpose()?))
        })
        .collect()
}

async fn remember(tx: &mut WriteTx, id: PortfolioId, bytes: &[u8]) -> store::Result<bool> {
    portfolios::remember_import(tx, id, "portfolio", &digest(bytes)).await
}

fn taken(portfolio: &Portfolio) -> Error {
    let Portfolio {
        name, owner, id, ..
    } = portfolio;
    let message = format!(
        "the name {name:?} of owner {owner:?} is taken by a portfolio with another id, or id {id} by a deleted one"
    );
    Error::misuse(message, "choose another --name or --id")
}

/// Refuses a description of another portfolio than the one that there is.
fn same_terms(wanted: &Portfolio, known: &Portfolio) -> Result<(), Error> {
    let terms = |portfolio: &Portfolio| {
        [
            ("name", portfolio.name.clone()),
            ("owner", portfolio.owner.clone()),
            ("currency", portfolio.currency.clone()),
            ("equity", portfolio.opening_equity.normalize().to_string()),
            ("inception", portfolio.inception.to_string()),
        ]
    };
    let pairs = terms(known).into_iter().zip(terms(wanted));
    let different: Vec<String> = pairs
        .filter(|(known, wanted)| known != wanted)
        .map(|((term, known), (_, wanted))| format!("{term} {known}, not {wanted}"))
        .collect();
    if different.is_empty() {
        return Ok(());
    }
    let name = &known.name;
    let message = format!(
        "portfolio {name:?} exists already with other terms: {}",
        different.join("; ")
    );
    let remedy = "give the terms it has, or another --name (and --id) for a new portfolio";
    Err(Error::misuse(message, remedy))
}

fn equity(text: &str) -> Result<Decimal, String> {
    let value = money::parse(text).map_err(|error| error.to_string())?;
    if value <= Decimal::ZERO || money::decimals(value) > 6 {
        return Err("not above zero with at most six decimals".to_owned());
    }
    if value >= MAX_TOTAL {
        return Err(format!("{MAX_TOTAL} or more: check the unit"));
    }
    Ok(value)
}

fn currency(text: &str) -> Result<String, String> {
    let three = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    three
        .then(|| text.to_ascii_uppercase())
        .ok_or_else(|| "not three letters such as USD".to_owned())
}
