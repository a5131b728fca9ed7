//! Books with everything that the ledger needs, for the phases that value and account.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::option_market::{self, OptionMarket};
use super::{Cx, Error, Result};
use crate::domain::{
    AssetClass, Book, Calendar, Contributions, LedgerDay, LedgerError, PortfolioId, PriceHistory,
    Symbol, TradingDate, contributions, ledger, totals,
};
use crate::store::{ReadTx, market, portfolios};

/// Books of some portfolios, for some dates.
pub struct Books {
    of: BTreeMap<PortfolioId, Book>,
    histories: BTreeMap<Symbol, PriceHistory>,
    dates: Vec<TradingDate>,
    options: OptionMarket,
}

/// Reads books, prices, corporate actions and what prices options. Nothing of another date's results is read.
pub(super) async fn load(
    db: &mut ReadTx<'_>,
    calendar: Calendar,
    portfolios: &[PortfolioId],
    dates: &[TradingDate],
) -> Result<Books> {
    let (Some(&first), Some(&last)) = (dates.first(), dates.last()) else {
        return Err(Error::Permanent("a unit without dates".into()));
    };
    let books = portfolios::books(db, portfolios, last.date()).await?;
    // The day before the first is accounted again, for its value; and an option that expired is
    // settled at the close of its last session.
    let before = calendar
        .previous(first)
        .map_err(|error| Error::Permanent(error.to_string()))?;
    let mut from = before.date();
    let mut symbols = BTreeSet::new();
    for lot in books.values().flat_map(|book| &book.lots) {
        if lot.class == AssetClass::Private {
            continue;
        }
        symbols.insert(lot.symbol.to_string());
        if let Some(terms) = &lot.option {
            symbols.insert(terms.underlying.to_string());
            let expiry = calendar
                .on_or_before(terms.expiry)
                .map_err(|error| Error::Permanent(error.to_string()))?;
            from = from.min(expiry.date());
        }
    }
    let symbols: Vec<String> = symbols.into_iter().collect();
    let histories = market::histories(db, &symbols, from, last.date()).await?;
    let options = option_market::load(db, calendar, books.values(), (before, last)).await?;
    Ok(Books {
        of: books,
        histories,
        dates: dates.to_vec(),
        options,
    })
}

impl Books {
    /// Accounts the dates of the unit, each from inputs alone, with the value of each position.
    pub(super) fn account(&self, cx: &Cx) -> Result<Vec<(PortfolioId, LedgerDay)>> {
        self.days(cx, ledger)
    }

    /// The days with their positions, for one who has no task.
    pub(super) fn everything(&self, calendar: Calendar) -> Result<Vec<LedgerDay>> {
        let days = self.days_in(calendar, || Ok(()), ledger)?;
        Ok(days.into_iter().map(|(_, day)| day).collect())
    }

    /// The same without the positions.
    pub(super) fn totals(&self, cx: &Cx) -> Result<Vec<(PortfolioId, LedgerDay)>> {
        self.days(cx, totals)
    }

    /// What each lot of a portfolio added to the profit of a range; `None` for a portfolio that is not loaded.
    pub(super) fn contributions(
        &self,
        portfolio: PortfolioId,
        calendar: Calendar,
        from: TradingDate,
        to: TradingDate,
    ) -> Result<Option<Contributions>> {
        let Some(book) = self.of.get(&portfolio) else {
            return Ok(None);
        };
        let told = |error: LedgerError| refused(portfolio, &error);
        let book = self.with_models(book, calendar).map_err(told)?;
        contributions(&book, &self.histories, calendar, from, to)
            .map(Some)
            .map_err(told)
    }

    /// The book with the model prices of its options.
    fn with_models<'a>(
        &self,
        book: &'a Book,
        calendar: Calendar,
    ) -> std::result::Result<Cow<'a, Book>, LedgerError> {
        let models = self.options.models(book, calendar)?;
        if models.is_empty() {
            return Ok(Cow::Borrowed(book));
        }
        let mut book = book.clone();
        book.models = models;
        Ok(Cow::Owned(book))
    }

    fn days(&self, cx: &Cx, keep: Accounting) -> Result<Vec<(PortfolioId, LedgerDay)>> {
        self.days_in(cx.calendar, || cx.check(), keep)
    }

    fn days_in(
        &self,
        calendar: Calendar,
        check: impl Fn() -> Result<()>,
        keep: Accounting,
    ) -> Result<Vec<(PortfolioId, LedgerDay)>> {
        let (Some(&first), Some(&last)) = (self.dates.first(), self.dates.last()) else {
            return Ok(Vec::new());
        };
        let wanted: BTreeSet<TradingDate> = self.dates.iter().copied().collect();
        let mut accounted = Vec::new();
        for (&portfolio, book) in &self.of {
            check()?;
            let told = |error: LedgerError| refused(portfolio, &error);
            let book = self.with_models(book, calendar).map_err(told)?;
            let days = keep(&book, &self.histories, calendar, first, last).map_err(told)?;
            let days = days.into_iter().filter(|day| wanted.contains(&day.date));
            accounted.extend(days.map(|day| (portfolio, day)));
        }
        Ok(accounted)
    }
}

fn refused(portfolio: PortfolioId, error: &LedgerError) -> Error {
    Error::Permanent(format!("ledger of {portfolio}: {error}"))
}

type Accounting = fn(
    &Book,
    &BTreeMap<Symbol, PriceHistory>,
    Calendar,
    TradingDate,
    TradingDate,
) -> std::result::Result<Vec<LedgerDay>, LedgerError>;
