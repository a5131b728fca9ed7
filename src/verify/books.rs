//! G21, G23, G25: the ledger to the cent, the calendar, and the import of an option row.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use super::{Error, Section, golden, yes};
use crate::domain::{
    AssetClass, Book, Calendar, CashFlow, Exit, FlowKind, LedgerDay, Lot, PortfolioId, PositionId,
    PriceHistory, Symbol, TradingDate, ledger, money,
};
use crate::import::portfolio_csv;

const NYSE: Calendar = Calendar::nyse();

fn day(text: &str) -> Result<NaiveDate, Error> {
    text.parse().map_err(Error::other)
}

fn session(text: &str) -> Result<TradingDate, Error> {
    let session = NYSE.session(day(text)?).map_err(Error::other)?;
    session.ok_or_else(|| Error::missing("a session"))
}

fn decimal(text: &str) -> Result<Decimal, Error> {
    text.parse().map_err(Error::other)
}

/// A lot of a share.
pub(super) fn lot(symbol: &str, quantity: &str, price: &str, date: &str) -> Result<Lot, Error> {
    let portfolio = PortfolioId::of("verify", "golden");
    Ok(Lot {
        id: PositionId::of(portfolio, &format!("{symbol} {quantity} {date}"), 0),
        symbol: symbol.parse().map_err(Error::other)?,
        class: AssetClass::Public,
        subtype: None,
        quantity: decimal(quantity)?,
        entry_price: decimal(price)?,
        entry_date: day(date)?,
        exit: None,
        option: None,
    })
}

pub(super) fn book(
    equity: &str,
    inception: &str,
    lots: Vec<Lot>,
    flows: Vec<CashFlow>,
) -> Result<Book, Error> {
    Ok(Book {
        opening_equity: decimal(equity)?,
        inception: day(inception)?,
        lots,
        flows,
        marks: BTreeMap::new(),
        models: BTreeMap::new(),
    })
}

pub(super) fn ledger_days(
    book: &Book,
    histories: &BTreeMap<Symbol, PriceHistory>,
    from: &str,
    to: &str,
) -> Result<Vec<LedgerDay>, Error> {
    let days = ledger(book, histories, NYSE, session(from)?, session(to)?);
    days.map_err(Error::other)
}

fn closes(rows: &[(&str, &str)]) -> Result<PriceHistory, Error> {
    let mut history = PriceHistory::default();
    for (date, close) in rows {
        history.closes.push((session(date)?, decimal(close)?));
    }
    Ok(history)
}

/// The three days of G21, on the first sessions of 2026.
fn golden_days() -> Result<Vec<LedgerDay>, Error> {
    let [t0, t1, t2] = ["2026-01-05", "2026-01-06", "2026-01-07"];
    // 200 of the 500 A are sold at t2: two lots of one purchase.
    let sold = Lot {
        exit: Some(Exit {
            date: day(t2)?,
            price: decimal("106")?,
        }),
        ..lot("A", "200", "100", t0)?
    };
    let lots = vec![
        sold,
        lot("A", "300", "100", t0)?,
        lot("B", "-200", "80", t1)?,
    ];
    let withdrawal = CashFlow {
        kind: FlowKind::Withdrawal,
        date: day(t2)?,
        amount: decimal("2000")?,
        symbol: None,
    };
    let book = book("100000", t0, lots, vec![withdrawal])?;
    let mut a = closes(&[(t0, "101"), (t1, "104"), (t2, "105")])?;
    a.dividends.push((session(t2)?, decimal("0.50")?));
    let b = closes(&[(t1, "79"), (t2, "82")])?;
    let symbol = |text: &str| text.parse::<Symbol>().map_err(Error::other);
    let histories = BTreeMap::from([(symbol("A")?, a), (symbol("B")?, b)]);
    ledger_days(&book, &histories, t0, t2)
}

fn of(at: usize, what: fn(&LedgerDay) -> Decimal) -> Result<f64, Error> {
    Ok(money::to_f64(what(&golden_days()?[at])))
}

pub(super) const G21: Section = Section {
    name: "G21",
    about: "the ledger, to the cent",
    goldens: &[
        golden("t0 cash", 50_000.0, 0.0, |_| of(0, |day| day.cash)),
        golden("t0 NAV", 100_500.0, 0.0, |_| of(0, |day| day.nav)),
        golden("t0 P&L", 500.0, 0.0, |_| of(0, |day| day.pnl_day)),
        golden("t1 cash", 66_000.0, 0.0, |_| of(1, |day| day.cash)),
        golden("t1 NAV", 102_200.0, 0.0, |_| of(1, |day| day.nav)),
        golden("t1 P&L", 1_700.0, 0.0, |_| of(1, |day| day.pnl_day)),
        golden("t2 cash", 85_450.0, 0.0, |_| of(2, |day| day.cash)),
        golden("t2 NAV", 100_550.0, 0.0, |_| of(2, |day| day.nav)),
        golden("t2 P&L", 350.0, 0.0, |_| of(2, |day| day.pnl_day)),
        golden("t2 realised", 1_200.0, 0.0, |_| of(2, |day| day.realised)),
        golden("t2 change of unrealised", -1_100.0, 0.0, |_| {
            of(2, |day| day.unrealised_change)
        }),
        golden("t2 income", 250.0, 0.0, |_| of(2, |day| day.income)),
        golden("P&L since inception", 2_550.0, 0.0, |_| {
            of(2, |day| day.pnl_total)
        }),
        golden("time-weighted return", 0.0255, 1e-12, |_| {
            let mut growth = 1.0;
            for day in golden_days()? {
                let own = day.return_day.ok_or_else(|| Error::missing("a return"))?;
                growth *= 1.0 + own;
            }
            Ok(growth - 1.0)
        }),
    ],
};

fn open(date: &str) -> Result<f64, Error> {
    let session = NYSE.session(day(date)?).map_err(Error::other)?;
    Ok(yes(session.is_some()))
}

fn sessions(year: i32) -> Result<f64, Error> {
    let first = day(&format!("{year}-01-01"))?;
    let last = day(&format!("{year}-12-31"))?;
    Ok(NYSE.sessions(first, last).map_err(Error::other)?.len() as f64)
}

/// A date as one number, 20260702.
fn number(date: NaiveDate) -> f64 {
    f64::from(date.year() * 10_000) + f64::from(date.month() * 100 + date.day())
}

pub(super) const G23: Section = Section {
    name: "G23",
    about: "the calendar: 1 is open, 0 is closed",
    goldens: &[
        golden("2025-01-09", 0.0, 0.0, |_| open("2025-01-09")),
        golden("2025-04-18", 0.0, 0.0, |_| open("2025-04-18")),
        golden("2026-07-03", 0.0, 0.0, |_| open("2026-07-03")),
        golden("2027-03-26", 0.0, 0.0, |_| open("2027-03-26")),
        golden("2027-06-18", 0.0, 0.0, |_| open("2027-06-18")),
        golden("2027-07-05", 0.0, 0.0, |_| open("2027-07-05")),
        golden("2027-12-24", 0.0, 0.0, |_| open("2027-12-24")),
        golden("2026-07-02", 1.0, 0.0, |_| open("2026-07-02")),
        golden("2027-12-23", 1.0, 0.0, |_| open("2027-12-23")),
        golden("sessions of 2024", 252.0, 0.0, |_| sessions(2024)),
        golden("sessions of 2025", 250.0, 0.0, |_| sessions(2025)),
        golden("sessions of 2026", 251.0, 0.0, |_| sessions(2026)),
        golden("sessions of 2027", 251.0, 0.0, |_| sessions(2027)),
        golden("before 2026-07-06", 20_260_702.0, 0.0, |_| {
            let before = NYSE.previous(session("2026-07-06")?);
            Ok(number(before.map_err(Error::other)?.date()))
        }),
        golden(
            "in New York at 2026-01-14T02:05Z",
            20_260_113.0,
            0.0,
            |_| {
                let instant = "2026-01-14T02:05:00Z".parse().map_err(Error::other)?;
                Ok(number(NYSE.new_york_date(instant)))
            },
        ),
    ],
};

const HEADER: &str = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,\
    Investment Subtype,Underlying Symbol,Strike Price,Expiration Date,Option Type,Exit Date,\
    Exit Price Per Share";
const CALL: &str = ",150,12.50,2025-06-30,OPTIONS,,IWM,220,2025-09-19,CALL,,";

fn import(text: &str) -> Result<Result<Vec<Lot>, crate::import::Rejected>, Error> {
    let context = portfolio_csv::Context {
        portfolio: PortfolioId::of("verify", "golden"),
        inception: day("2025-01-02")?,
        today: day("2026-06-30")?,
    };
    Ok(portfolio_csv::parse(text.as_bytes(), &context))
}

fn lots(rows: &str) -> Result<Vec<Lot>, Error> {
    import(&format!("{HEADER}\n{rows}\n"))?
        .map_err(|rejected| Error::Other(format!("{rejected:?}")))
}

fn first(rows: &str) -> Result<Lot, Error> {
    let lots = lots(rows)?;
    lots.into_iter()
        .next()
        .ok_or_else(|| Error::missing("a lot"))
}

pub(super) const G25: Section = Section {
    name: "G25",
    about: "an option row of a portfolio file: 1 is as it should be",
    goldens: &[
        golden("contracts", 150.0, 0.0, |_| {
            Ok(money::to_f64(first(CALL)?.quantity))
        }),
        golden("cost", 187_500.0, 0.0, |_| {
            Ok(money::to_f64(first(CALL)?.cost()))
        }),
        golden("symbol IWM250919C00220000", 1.0, 0.0, |_| {
            Ok(yes(first(CALL)?.symbol.as_str() == "IWM250919C00220000"))
        }),
        golden("two strikes of a day are two lots", 2.0, 0.0, |_| {
            Ok(lots(&format!("{CALL}\n{}", CALL.replace("220", "230")))?.len() as f64)
        }),
        golden("a missing strike is named with its line", 1.0, 0.0, |_| {
            let text = format!("{HEADER}\n{CALL}\n{}\n", CALL.replace("220", ""));
            let rejected = import(&text)?
                .err()
                .ok_or_else(|| Error::missing("a refusal"))?;
            let named =
                |issue: &crate::import::Issue| issue.line == 3 && issue.column == "Strike Price";
            Ok(yes(rejected.errors.iter().any(named)))
        }),
        golden("a missing header is named", 1.0, 0.0, |_| {
            let text = format!(
                "{}\nAAPL,1,2025-06-30,PUBLIC\n",
                HEADER.replace("Quantity,", "")
            );
            let rejected = import(&text)?
                .err()
                .ok_or_else(|| Error::missing("a refusal"))?;
            let named = |issue: &crate::import::Issue| issue.column == "Quantity";
            Ok(yes(rejected.errors.iter().any(named)))
        }),
    ],
};
