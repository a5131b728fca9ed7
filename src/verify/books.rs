//! G21, G23, G25: the ledger to the cent, the calendar, and the import of an option row.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Timelike};
use rust_decimal::Decimal;

use super::{Error, Section, golden, yes};
use crate::domain::{
    AssetClass, Book, Calendar, CashFlow, Exit, FlowKind, LedgerDay, Lot, OptionRight, OptionTerms,
    PortfolioId, PositionId, PriceHistory, Symbol, TradingDate, contributions, ledger, money,
};
use crate::import::portfolio_csv;

const NYSE: Calendar = Calendar::nyse();

fn day(text: &str) -> Result<NaiveDate, Error> {
    text.parse().map_err(Error::other)
}

pub(super) fn session(text: &str) -> Result<TradingDate, Error> {
    let session = NYSE.session(day(text)?).map_err(Error::other)?;
    session.ok_or_else(|| Error::missing("a session"))
}

pub(super) fn decimal(text: &str) -> Result<Decimal, Error> {
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

/// A history of closes by session.
pub(super) fn closes(rows: &[(&str, &str)]) -> Result<PriceHistory, Error> {
    let mut history = PriceHistory::default();
    for (date, close) in rows {
        history.closes.push((session(date)?, decimal(close)?));
    }
    Ok(history)
}

/// The three days of G21, the first sessions of 2026.
const DAYS: [&str; 3] = ["2026-01-05", "2026-01-06", "2026-01-07"];

/// Book and prices of G21.
fn golden_book() -> Result<(Book, BTreeMap<Symbol, PriceHistory>), Error> {
    let [t0, t1, t2] = DAYS;
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
    Ok((book, histories))
}

fn golden_days() -> Result<Vec<LedgerDay>, Error> {
    let (book, histories) = golden_book()?;
    ledger_days(&book, &histories, DAYS[0], DAYS[2])
}

/// Unrealised profit at t2 of the lots of this side: −1 is short.
fn unrealised(side: f64) -> Result<f64, Error> {
    let days = golden_days()?;
    let of_side = days[2].positions.iter().map(|(_, value)| value);
    let of_side = of_side.filter(|value| money::to_f64(value.quantity) * side > 0.0);
    Ok(money::to_f64(of_side.map(|value| value.unrealised).sum()))
}

/// What a lot of the book added at t2, its dividends included: the A that were sold, those that were kept, B.
fn part(at: usize) -> Result<f64, Error> {
    let (book, histories) = golden_book()?;
    let t2 = session(DAYS[2])?;
    let parts = contributions(&book, &histories, NYSE, t2, t2).map_err(Error::other)?;
    Ok(money::to_f64(parts.lots[at].2))
}

/// NAV 100, 180 bought and 30 sold short, closes as paid.
fn leveraged() -> Result<LedgerDay, Error> {
    let date = DAYS[0];
    let lots = vec![lot("A", "180", "1", date)?, lot("B", "-30", "1", date)?];
    let book = book("100", date, lots, Vec::new())?;
    let mut histories = BTreeMap::new();
    for symbol in ["A", "B"] {
        let symbol: Symbol = symbol.parse().map_err(Error::other)?;
        histories.insert(symbol, closes(&[(date, "1")])?);
    }
    let days = ledger_days(&book, &histories, date, date)?;
    days.into_iter()
        .next()
        .ok_or_else(|| Error::missing("a day"))
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
        golden("t2 withdrawn", -2_000.0, 0.0, |_| {
            of(2, |day| day.external_flows)
        }),
        // 200 × (106 − 104) and the dividend of 200 A.
        golden("t2 P&L of the A sold", 500.0, 0.0, |_| part(0)),
        // 300 × (105 − 104) and the dividend of 300 A.
        golden("t2 P&L of the A kept", 450.0, 0.0, |_| part(1)),
        golden("t2 P&L of B", -600.0, 0.0, |_| part(2)),
        golden("unrealised of A", 1_500.0, 0.0, |_| unrealised(1.0)),
        golden("unrealised of B", -400.0, 0.0, |_| unrealised(-1.0)),
        golden("realised since inception", 1_200.0, 0.0, |_| {
            let days = golden_days()?;
            Ok(money::to_f64(days.iter().map(|day| day.realised).sum()))
        }),
        golden("days whose NAV is not cash and values", 0.0, 0.0, |_| {
            let days = golden_days()?;
            let off = |day: &&LedgerDay| {
                let values: Decimal = day.positions.iter().map(|(_, of)| of.market_value).sum();
                day.nav != day.cash + values || values != day.long_value + day.short_value
            };
            Ok(days.iter().filter(off).count() as f64)
        }),
        golden(
            "days whose NAV moved by more than P&L and flows",
            0.0,
            0.0,
            |_| {
                let days = golden_days()?;
                let off = |pair: &&[LedgerDay]| {
                    pair[1].nav - pair[0].nav != pair[1].pnl_day + pair[1].external_flows
                };
                Ok(days.windows(2).filter(off).count() as f64)
            },
        ),
        golden("t2 alone is the same day", 1.0, 0.0, |_| {
            let (book, histories) = golden_book()?;
            let alone = ledger_days(&book, &histories, DAYS[2], DAYS[2])?;
            Ok(yes(alone == golden_days()?[2..]))
        }),
        golden("leverage, cash", -50.0, 0.0, |_| {
            Ok(money::to_f64(leveraged()?.cash))
        }),
        golden("leverage, NAV", 100.0, 0.0, |_| {
            Ok(money::to_f64(leveraged()?.nav))
        }),
        golden("leverage, long", 180.0, 0.0, |_| {
            Ok(money::to_f64(leveraged()?.long_value))
        }),
        golden("leverage, short", -30.0, 0.0, |_| {
            Ok(money::to_f64(leveraged()?.short_value))
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

/// When a session ends, hours in New York.
fn closes_at(date: &str) -> Result<f64, Error> {
    Ok(f64::from(NYSE.close_time(session(date)?).hour()))
}

/// The same, hours of UTC.
fn closes_at_utc(date: &str) -> Result<f64, Error> {
    Ok(f64::from(NYSE.close_instant(session(date)?).hour()))
}

/// Whether an instant is this time in New York.
fn is_time(instant: &str, time: &str) -> Result<f64, Error> {
    let instant = instant.parse().map_err(Error::other)?;
    Ok(yes(NYSE.new_york_time(instant) == time))
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
        golden("2025-07-03 closes at", 13.0, 0.0, |_| {
            closes_at("2025-07-03")
        }),
        golden("2025-11-28 closes at", 13.0, 0.0, |_| {
            closes_at("2025-11-28")
        }),
        golden("2025-12-24 closes at", 13.0, 0.0, |_| {
            closes_at("2025-12-24")
        }),
        golden("2026-01-14 closes at", 16.0, 0.0, |_| {
            closes_at("2026-01-14")
        }),
        golden("2026-01-14 closes at, UTC", 21.0, 0.0, |_| {
            closes_at_utc("2026-01-14")
        }),
        golden("2026-07-14 closes at, UTC", 20.0, 0.0, |_| {
            closes_at_utc("2026-07-14")
        }),
        golden("02:00Z in January is 21:00", 1.0, 0.0, |_| {
            is_time("2026-01-15T02:00:00Z", "2026-01-14 21:00:00 EST")
        }),
        golden("01:00Z in July is 21:00", 1.0, 0.0, |_| {
            is_time("2026-07-15T01:00:00Z", "2026-07-14 21:00:00 EDT")
        }),
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

/// Whether a file is refused, with one issue of this line, column and code.
fn refused(text: &str, line: u64, column: &str, code: &str) -> Result<f64, Error> {
    let rejected = import(text)?
        .err()
        .ok_or_else(|| Error::missing("a refusal"))?;
    let issues = rejected.errors.iter();
    let found: Vec<_> = issues
        .map(|issue| (issue.line, issue.column.as_str(), issue.code))
        .collect();
    Ok(yes(found == [(line, column, code)]))
}

/// The terms of the option.
fn terms() -> Result<OptionTerms, Error> {
    first(CALL)?
        .option
        .ok_or_else(|| Error::missing("the terms"))
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
        golden("underlying IWM", 1.0, 0.0, |_| {
            Ok(yes(terms()?.underlying.as_str() == "IWM"))
        }),
        golden("strike", 220.0, 0.0, |_| Ok(money::to_f64(terms()?.strike))),
        golden("expiry", 20_250_919.0, 0.0, |_| Ok(number(terms()?.expiry))),
        golden("a call", 1.0, 0.0, |_| {
            Ok(yes(terms()?.right == OptionRight::Call))
        }),
        golden("two strikes of a day are two lots", 2.0, 0.0, |_| {
            Ok(lots(&format!("{CALL}\n{}", CALL.replace("220", "230")))?.len() as f64)
        }),
        golden(
            "a missing strike is named with line and code",
            1.0,
            0.0,
            |_| {
                let text = format!("{HEADER}\n{CALL}\n{}\n", CALL.replace("220", ""));
                refused(&text, 3, "Strike Price", "ERR_POS_020")
            },
        ),
        golden("a missing header is named with its code", 1.0, 0.0, |_| {
            let header = HEADER.replace("Quantity,", "");
            let text = format!("{header}\nAAPL,1,2025-06-30,PUBLIC\n");
            refused(&text, 1, "Quantity", "ERR_CSV_004")
        }),
    ],
};
