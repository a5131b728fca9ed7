//! A portfolio's book becomes rows in one transaction: a new one, or the difference to the one that there is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Error, LotLine, PortfolioReceipt, Status, Who, file_name, gone};
use crate::clock::Clock;
use crate::domain::{Calendar, Lot, Portfolio, PortfolioId, PositionId, TradingDate, money};
use crate::import::MAX_TOTAL;
use crate::import::changes::{self, BookChange};
use crate::import::portfolio_csv::{self, Context};
use crate::store::inputs::{self, Changed};
use crate::store::{self, Pools, ReadTx, WriteTx, events, portfolios, universe};

/// Longest name of a portfolio or of an owner: lists show it whole.
const NAME_CHARS: usize = 200;

/// What is to be imported.
#[derive(Debug, Clone)]
pub struct BookOrder {
    /// As its sender calls the file.
    pub file: PathBuf,
    /// Whose book.
    pub target: Target,
    /// The book has no lots, it is cash alone: the file is its header. Without it such a file is an error, so that one
    /// that was cut off empties no book.
    pub empty: bool,
    /// Only say what would change.
    pub dry_run: bool,
    /// For the audit table, where one is kept.
    pub who: Option<Who>,
}

/// Whose book.
#[derive(Debug, Clone)]
pub enum Target {
    /// Of a portfolio with these terms; if there is one already, it must have the same terms and the same book.
    New(Portfolio),
    /// Of one that there is.
    Update(PortfolioId),
}

/// Imports a portfolio, or updates its book; says what happened.
///
/// The file is parsed before the transaction begins: Postgres ends one that is idle.
pub async fn portfolio(
    pools: &Pools,
    clock: &Clock,
    order: &BookOrder,
    bytes: &[u8],
) -> Result<PortfolioReceipt, Error> {
    let today = Calendar::nyse().new_york_date(clock.now());
    let mut db = ReadTx::lazy(&pools.control);
    let described = match &order.target {
        Target::Update(id) => {
            let known = portfolios::get(&mut db, *id).await?;
            known.ok_or_else(|| gone(*id))?
        }
        Target::New(wanted) => {
            if let Some(known) = portfolios::get(&mut db, wanted.id).await? {
                same_terms(wanted, &known)?;
            }
            wanted.clone()
        }
    };
    db.close().await?;
    let Portfolio { id, inception, .. } = described;
    let context = Context {
        portfolio: id,
        inception,
        today,
    };
    let lots = if order.empty {
        portfolio_csv::parse_empty(bytes)?
    } else {
        portfolio_csv::parse(bytes, &context)?
    };

    let mut tx = WriteTx::begin(&pools.control).await?;
    portfolios::lock(&mut tx, id).await?;
    let mut receipt = match portfolios::get(&mut tx.reader(), id).await? {
        Some(known) => {
            same_terms(&described, &known)?;
            change(&mut tx, order, known, &lots, bytes).await?
        }
        None if matches!(order.target, Target::Update(_)) => return Err(gone(id)),
        None => create(&mut tx, order, described, &lots, bytes).await?,
    };
    receipt.inactive = universe::inactive(&mut tx.reader(), &symbols(&lots)).await?;
    match receipt.status {
        Status::Created | Status::Updated => {
            audit(&mut tx, order, &receipt).await?;
            tx.commit().await?;
        }
        Status::Unchanged | Status::DryRun => tx.rollback().await?,
    }
    Ok(receipt)
}

/// Of what the open lots need prices.
fn symbols(lots: &[Lot]) -> Vec<String> {
    let open = lots.iter().filter(|lot| lot.exit.is_none());
    let needed = open.flat_map(|lot| {
        let underlying = lot.option.as_ref().map(|terms| &terms.underlying);
        std::iter::once(&lot.symbol).chain(underlying)
    });
    let unique: BTreeSet<String> = needed.map(ToString::to_string).collect();
    unique.into_iter().collect()
}

async fn audit(
    tx: &mut WriteTx,
    order: &BookOrder,
    receipt: &PortfolioReceipt,
) -> store::Result<()> {
    let Some(Who { who, reason }) = &order.who else {
        return Ok(());
    };
    let detail = json!({ "status": receipt.status.as_str(), "changes": receipt.counts() });
    let target = receipt.portfolio.id.to_string();
    events::audit(tx, who, "import", &target, reason, &detail).await
}

/// The terms of a new portfolio, as people write them.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whose it is.
    pub owner: &'a str,
    /// In which everything is counted.
    pub currency: &'a str,
    /// Equity before the first booking.
    pub equity: Decimal,
    /// First day of the book.
    pub inception: NaiveDate,
    /// Its id; without it, a uuid made of owner and name.
    pub id: Option<PortfolioId>,
}

impl Terms<'_> {
    /// The portfolio that they describe.
    pub fn portfolio(&self, clock: &Clock) -> Result<Portfolio, Error> {
        let today = Calendar::nyse().new_york_date(clock.now());
        let (name, owner) = (self.name.trim().to_owned(), self.owner.trim().to_owned());
        if name.is_empty() || name.contains('\0') || name.parse::<PortfolioId>().is_ok() {
            let message = format!("{name:?} is no name for a portfolio");
            return Err(Error::misuse(
                "name",
                message,
                "give a name that is no uuid",
            ));
        }
        for (field, text) in [("name", &name), ("owner", &owner)] {
            let length = text.chars().count();
            if length > NAME_CHARS {
                let message =
                    format!("the {field} has {length} characters, more than {NAME_CHARS}");
                return Err(Error::misuse(field, message, "give a shorter one"));
            }
            if let Some(odd) = text.chars().find(|c| steers(*c)) {
                let code = u32::from(odd);
                let message = format!(
                    "the {field} {text:?} has the character U+{code:04X}, which is not shown but steers what is"
                );
                return Err(Error::misuse(field, message, "leave it out"));
            }
        }
        let inception = self.inception;
        if inception > today {
            let message = format!("inception {inception} is after today, {today}");
            let remedy = "give the first day of the book";
            return Err(Error::misuse("inception", message, remedy));
        }
        // Beyond the calendar there is no session to begin with.
        Calendar::nyse().on_or_after(inception)?;
        let id = self.id.unwrap_or_else(|| PortfolioId::of(&owner, &name));
        Ok(Portfolio {
            id,
            name,
            owner,
            currency: self.currency.to_owned(),
            opening_equity: self.equity,
            inception,
        })
    }
}

async fn create(
    tx: &mut WriteTx,
    order: &BookOrder,
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
    let reason = format!("import of {}", file_name(&order.file));
    let change = (Changed::Book(portfolio.id), portfolio.inception);
    inputs::changed(tx, &[change], &reason).await?;
    let status = if order.dry_run {
        Status::DryRun
    } else {
        Status::Created
    };
    Ok(PortfolioReceipt {
        status,
        added: lots.iter().map(LotLine::of).collect(),
        from_date: Some(portfolio.inception),
        file: order.file.clone(),
        portfolio,
        closed: Vec::new(),
        reopened: Vec::new(),
        removed: Vec::new(),
        unchanged: 0,
        inactive: BTreeSet::new(),
    })
}

/// The portfolio exists: the same book again changes nothing, another one needs an update.
async fn change(
    tx: &mut WriteTx,
    order: &BookOrder,
    known: Portfolio,
    lots: &[Lot],
    bytes: &[u8],
) -> Result<PortfolioReceipt, Error> {
    let id = known.id;
    let book = portfolios::all_lots(&mut tx.reader(), id).await?;
    let change = changes::compare(&book, lots);
    let receipt = receipt(order, known, &book, &change);
    let update = matches!(order.target, Target::Update(_));
    if receipt.status != Status::Unchanged && !update {
        return Err(Error::OtherBook {
            changes: receipt.counts(),
            name: receipt.portfolio.name,
        });
    }
    if let (Status::Updated, Some(from)) = (receipt.status, change.from_date) {
        apply(tx, id, &change).await?;
        portfolios::forget_imports(tx, id, "portfolio").await?;
        remember(tx, id, bytes).await?;
        let reason = format!("update from {}", file_name(&order.file));
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
    order: &BookOrder,
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
    let status = match (change.is_empty(), order.dry_run) {
        (true, _) => Status::Unchanged,
        (false, true) => Status::DryRun,
        (false, false) => Status::Updated,
    };
    PortfolioReceipt {
        status,
        file: order.file.clone(),
        portfolio,
        added: change.added.iter().map(LotLine::of).collect(),
        closed: closed.collect(),
        reopened: lines(&change.reopened),
        removed: lines(&change.removed),
        unchanged: change.unchanged.len(),
        inactive: BTreeSet::new(),
        from_date: change.from_date,
    }
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
    let digest = format!("{:x}", Sha256::digest(bytes));
    portfolios::remember_import(tx, id, "portfolio", &digest).await
}

fn taken(portfolio: &Portfolio) -> Error {
    let Portfolio {
        name, owner, id, ..
    } = portfolio;
    let message = format!(
        "the name {name:?} of owner {owner:?} is taken by a portfolio with another id, or id {id} by a deleted one"
    );
    Error::conflict(message, "choose another name or id")
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
    let remedy = "give the terms it has, or another name (and id) for a new portfolio";
    Err(Error::conflict(message, remedy))
}

/// Whether a character steers a terminal, a line or the direction of text instead of being shown: a name goes to terminals and pages
/// as it is.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Equity before the first booking, as people write it.
pub fn equity(text: &str) -> Result<Decimal, String> {
    let value = money::parse(text).map_err(|error| error.to_string())?;
    if value < Decimal::ZERO || money::decimals(value) > 6 {
        return Err("not zero or more with at most six decimals".to_owned());
    }
    if value >= MAX_TOTAL {
        return Err(format!("{MAX_TOTAL} or more: check the unit"));
    }
    Ok(value)
}

/// A currency, as people write it.
pub fn currency(text: &str) -> Result<String, String> {
    let three = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    three
        .then(|| text.to_ascii_uppercase())
        .ok_or_else(|| "not three letters such as USD".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_that_is_shown() {
        let clock = Clock::system();
        let refused = |name: &str, owner: &str| {
            let terms = Terms {
                name,
                owner,
                currency: "USD",
                equity: Decimal::ONE,
                inception: NaiveDate::from_ymd_opt(2016, 12, 30).unwrap(),
                id: None,
            };
            match terms.portfolio(&clock) {
                Ok(_) => None,
                Err(Error::Misuse { field, message, .. }) => Some((field, message)),
                Err(error) => panic!("{error}"),
            }
        };
        for odd in [
            '\u{1b}', '\u{7}', '\n', '\t', '\u{7f}', '\u{85}', '\u{9b}', '\u{202a}', '\u{202e}',
            '\u{2066}', '\u{2069}',
        ] {
            let text = format!("a{odd}b");
            for (name, owner, wrong) in
                [(text.as_str(), "o", "name"), ("n", text.as_str(), "owner")]
            {
                let (field, message) = refused(name, owner).unwrap();
                assert_eq!(field, wrong, "{message}");
                assert!(!message.contains(odd), "{message:?}");
                let code = format!("U+{:04X}", u32::from(odd));
                assert!(message.contains(&code), "{message}");
            }
        }
        // At the ends, blanks and lines are a slip of the hand; every script is text.
        for name in [" Depot\n", "Größe 1", "תיק", "投資", "a\u{200d}b", "💼"] {
            assert_eq!(refused(name, "o"), None, "{name}");
        }
    }

    #[test]
    fn equity_may_be_nothing_but_no_debt() {
        assert_eq!(equity("0"), Ok(Decimal::ZERO));
        assert_eq!(equity("0.000001"), Ok(Decimal::new(1, 6)));
        for text in ["-1", "0.0000001", "10000000000000", "", "1e3"] {
            assert!(equity(text).is_err(), "{text}");
        }
    }
}
