//! The golden ledgers, worked by hand, and what must hold at the edges of a book.

use super::*;
use crate::domain::{AssetClass, Exit, FlowKind, OptionRight, OptionTerms};

const NYSE: Calendar = Calendar::nyse();

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(super) fn session(text: &str) -> TradingDate {
    NYSE.session(day(text)).unwrap().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn dated(values: &[(&str, &str)]) -> Vec<(TradingDate, Decimal)> {
    values
        .iter()
        .map(|(date, value)| (session(date), decimal(value)))
        .collect()
}

fn closes(values: &[(&str, &str)]) -> PriceHistory {
    PriceHistory {
        closes: dated(values),
        ..PriceHistory::default()
    }
}

fn histories(all: &[(&str, PriceHistory)]) -> BTreeMap<Symbol, PriceHistory> {
    all.iter()
        .map(|(symbol, history)| (symbol.parse().unwrap(), history.clone()))
        .collect()
}

fn lot(number: u128, symbol: &str, quantity: &str, price: &str, entry: &str) -> Lot {
    Lot {
        id: PositionId(uuid::Uuid::from_u128(number)),
        symbol: symbol.parse().unwrap(),
        class: AssetClass::Public,
        subtype: None,
        quantity: decimal(quantity),
        entry_price: decimal(price),
        entry_date: day(entry),
        exit: None,
        option: None,
    }
}

fn sold(lot: Lot, date: &str, price: &str) -> Lot {
    Lot {
        exit: Some(Exit {
            date: day(date),
            price: decimal(price),
        }),
        ..lot
    }
}

fn flow(kind: FlowKind, date: &str, amount: &str) -> CashFlow {
    CashFlow {
        kind,
        date: day(date),
        amount: decimal(amount),
        symbol: None,
    }
}

fn book(equity: &str, inception: &str, lots: Vec<Lot>, flows: Vec<CashFlow>) -> Book {
    let (opening_equity, inception) = (decimal(equity), day(inception));
    Book {
        opening_equity,
        inception,
        lots,
        flows,
        marks: BTreeMap::new(),
        models: BTreeMap::new(),
    }
}

fn run(
    book: &Book,
    histories: &BTreeMap<Symbol, PriceHistory>,
    from: &str,
    to: &str,
) -> Vec<LedgerDay> {
    ledger(book, histories, NYSE, session(from), session(to)).unwrap()
}

/// cash, NAV, P&L, realised, unrealised change, income, external flows
fn numbers(day: &LedgerDay) -> [String; 7] {
    [
        day.cash,
        day.nav,
        day.pnl_day,
        day.realised,
        day.unrealised_change,
        day.income,
        day.external_flows,
    ]
    .map(|amount| amount.normalize().to_string())
}

/// G21: t0, t1, t2 are the first sessions of 2026.
fn golden() -> (Book, BTreeMap<Symbol, PriceHistory>) {
    let [t0, t1, t2] = ["2026-01-05", "2026-01-06", "2026-01-07"];
    let lots = vec![
        // 200 of the 500 A are sold at t2: two lots of one purchase.
        sold(lot(1, "A", "200", "100", t0), t2, "106"),
        lot(2, "A", "300", "100", t0),
        lot(3, "B", "-200", "80", t1),
    ];
    let flows = vec![flow(FlowKind::Withdrawal, t2, "2000")];
    let a = closes(&[(t0, "101"), (t1, "104"), (t2, "105")]);
    let a = PriceHistory {
        dividends: dated(&[(t2, "0.50")]),
        ..a
    };
    let b = closes(&[(t1, "79"), (t2, "82")]);
    (
        book("100000", t0, lots, flows),
        histories(&[("A", a), ("B", b)]),
    )
}

#[test]
fn the_golden_ledger_holds_to_the_cent() {
    let (book, prices) = golden();
    let days = run(&book, &prices, "2026-01-05", "2026-01-07");
    assert_eq!(
        numbers(&days[0]),
        ["50000", "100500", "500", "0", "500", "0", "0"]
    );
    assert_eq!(
        numbers(&days[1]),
        ["66000", "102200", "1700", "0", "1700", "0", "0"]
    );
    let last = &days[2];
    // A: +400 for the 200 sold and +300 for those kept, dividend 250, B −600.
    assert_eq!(
        numbers(last),
        ["85450", "100550", "350", "1200", "-1100", "250", "-2000"]
    );
    assert_eq!(last.pnl_total, decimal("2550"));
    assert_eq!(
        (last.long_value, last.short_value),
        (decimal("31500"), decimal("-16400"))
    );
    let unrealised: Vec<_> = last
        .positions
        .iter()
        .map(|(_, value)| value.unrealised.to_string())
        .collect();
    assert_eq!(unrealised, ["1500", "-400"]);
    let growth: f64 = days
        .iter()
        .map(|day| 1.0 + day.return_day.unwrap())
        .product();
    assert!((growth - 1.0255).abs() < 1e-12, "{growth}");
    assert!(days.iter().all(|day| !day.large_flow));
}

#[test]
fn any_range_gives_the_same_days() {
    let (book, prices) = golden();
    let all = run(&book, &prices, "2026-01-05", "2026-01-07");
    for (index, date) in ["2026-01-05", "2026-01-06", "2026-01-07"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(
            run(&book, &prices, date, date),
            all[index..=index],
            "{date}"
        );
        assert_eq!(
            run(&book, &prices, date, "2026-01-07"),
            all[index..],
            "{date}"
        );
    }
    assert_eq!(
        run(&book, &prices, "2025-12-30", "2026-01-06"),
        all[..2],
        "none before inception"
    );
    assert_eq!(run(&book, &prices, "2025-12-30", "2026-01-02"), []);
    let bare = totals(&book, &prices, NYSE, all[0].date, all[2].date).unwrap();
    for (bare, full) in bare.into_iter().zip(&all) {
        assert!(bare.positions.is_empty() && !full.positions.is_empty());
        let positions = full.positions.clone();
        assert_eq!(LedgerDay { positions, ..bare }, *full);
    }
    assert_eq!(run(&book, &prices, "2026-01-07", "2026-01-06"), []);
}

#[test]
fn cash_is_negative_when_the_book_is_levered() {
    let [t0, t1] = ["2026-01-05", "2026-01-06"];
    let lots = vec![lot(1, "A", "18", "10", t0), lot(2, "B", "-3", "10", t0)];
    let days = run(&book("100", t0, lots, Vec::new()), &BTreeMap::new(), t0, t1);
    assert_eq!(numbers(&days[1])[..3], ["-50", "100", "0"]);
}

#[test]
fn a_split_is_no_profit_and_a_dividend_is() {
    let [t0, t1] = ["2026-01-05", "2026-01-06"];
    // 100 → 10.2 with ten for one: +2 %, and 14.00 on 7 shares.
    let splits = dated(&[(t1, "10")]);
    let split = PriceHistory {
        splits,
        ..closes(&[(t0, "100"), (t1, "10.2")])
    };
    let seven = book("700", t0, vec![lot(1, "A", "7", "100", t0)], Vec::new());
    let days = run(&seven, &histories(&[("A", split)]), t0, t1);
    assert_eq!(numbers(&days[1]), ["0", "714", "14", "0", "14", "0", "0"]);
    assert_eq!(days[1].return_day, Some(0.02));
    assert_eq!(days[1].positions[0].1.quantity, decimal("70"));
    // 50 → 49.6 with 0.50 paid: +0.2 %; its owner's loss if short.
    let dividends = dated(&[(t1, "0.50")]);
    let paying = PriceHistory {
        dividends,
        ..closes(&[(t0, "50"), (t1, "49.6")])
    };
    let prices = histories(&[("A", paying)]);
    let one = book("50", t0, vec![lot(1, "A", "1", "50", t0)], Vec::new());
    let days = run(&one, &prices, t0, t1);
    assert_eq!(
        numbers(&days[1]),
        ["0.5", "50.1", "0.1", "0", "-0.4", "0.5", "0"]
    );
    assert_eq!(days[1].return_day, Some(0.002));
    let short = book("50", t0, vec![lot(1, "A", "-1", "50", t0)], Vec::new());
    assert_eq!(
        numbers(&run(&short, &prices, t1, t1)[0])[2..6],
        ["-0.1", "0", "0.4", "-0.5"]
    );
}

#[test]
fn a_dividend_belongs_to_who_held_the_share_the_evening_before() {
    let [t0, t1, t2] = ["2026-01-05", "2026-01-06", "2026-01-07"];
    let dividends = dated(&[(t1, "1")]);
    let splits = dated(&[(t1, "2")]);
    let prices = PriceHistory {
        splits,
        dividends,
        ..closes(&[(t0, "10"), (t1, "4"), (t2, "4")])
    };
    let prices = histories(&[("A", prices)]);
    let income = |lot: Lot| {
        let book = book("1000", t0, vec![lot], Vec::new());
        let days = run(&book, &prices, t0, t2);
        days.iter()
            .map(|day| day.income)
            .sum::<Decimal>()
            .to_string()
    };
    // One dollar on each of the two shares that one share became.
    assert_eq!(income(lot(1, "A", "1", "10", t0)), "2");
    assert_eq!(income(sold(lot(1, "A", "1", "10", t0), t1, "5")), "2");
    assert_eq!(income(sold(lot(1, "A", "1", "10", t0), t0, "10")), "0");
    assert_eq!(income(lot(1, "A", "1", "5", t1)), "0");
}

#[test]
fn a_dividend_is_booked_from_its_corporate_action_and_not_from_a_flow_as_well() {
    let [t0, t1, t2] = ["2026-01-05", "2026-01-06", "2026-01-07"];
    let paying = |dates: &[&str]| PriceHistory {
        dividends: dated(&dates.iter().map(|&date| (date, "1")).collect::<Vec<_>>()),
        ..PriceHistory::default()
    };
    let prices = histories(&[("A", paying(&[t1, t2])), ("B", paying(&[t0]))]);
    let dividend = |symbol: &str, date, amount| CashFlow {
        symbol: Some(symbol.parse().unwrap()),
        ..flow(FlowKind::Dividend, date, amount)
    };
    let flows = vec![
        dividend("A", t0, "5"), // before A paid anything
        dividend("A", t2, "7"),
        dividend("A", t1, "6"),
        dividend("B", t2, "8"), // paid on the day of the entry, so not to this book
    ];
    let lots = vec![
        lot(1, "A", "10", "2", t0),
        sold(lot(2, "A", "1", "2", t0), t1, "2"),
        lot(3, "B", "1", "2", t0),
    ];
    let book = book("100", t0, lots, flows);
    let days = run(&book, &prices, t0, t2);
    let income: Vec<_> = days.iter().map(|day| day.income.to_string()).collect();
    assert_eq!(income, ["5", "11", "18"]);
    let unbooked = |day: &LedgerDay| -> Vec<_> {
        let flows = day.unbooked.iter();
        flows
            .map(|flow| {
                format!(
                    "{} {} {} {}",
                    flow.date, flow.symbol, flow.amount, flow.ex_date
                )
            })
            .collect()
    };
    let [six, seven] = ["2026-01-06 A 6 2026-01-06", "2026-01-07 A 7 2026-01-06"];
    assert_eq!(
        days.iter().map(unbooked).collect::<Vec<_>>(),
        [vec![], vec![six], vec![six, seven]]
    );
    // A day alone says the same as the day in a range.
    for (date, day) in [t0, t1, t2].into_iter().zip(&days) {
        assert_eq!(&run(&book, &prices, date, date)[0], day);
    }
}

#[test]
fn an_option_ends_as_cash_at_its_expiry() {
    let terms = OptionTerms {
        underlying: "IWM".parse().unwrap(),
        strike: decimal("220"),
        expiry: day("2025-09-20"), // a Saturday: the session is the Friday
        right: OptionRight::Call,
    };
    let contract = lot(1, "IWM250920C00220000", "2", "12.50", "2025-09-17");
    let call = Lot {
        class: AssetClass::Options,
        option: Some(terms),
        ..contract
    };
    let book = book("10000", "2025-09-17", vec![call], Vec::new());
    let prices = histories(&[(
        "IWM",
        closes(&[("2025-09-17", "240"), ("2025-09-19", "225.5")]),
    )]);
    let days = run(&book, &prices, "2025-09-17", "2025-09-22");
    // Without a price of its own the contract is carried at its cost, whatever IWM does.
    assert_eq!(
        numbers(&days[1]),
        ["7500", "10000", "0", "0", "0", "0", "0"]
    );
    assert_eq!(
        numbers(&days[2]),
        ["8600", "8600", "-1400", "-1400", "0", "0", "0"]
    );
    assert!(days[2].positions.is_empty());
    assert_eq!(numbers(&days[3]), ["8600", "8600", "0", "0", "0", "0", "0"]);
}

fn contract(number: u128, underlying: &str, quantity: &str, right: OptionRight) -> Lot {
    let terms = OptionTerms {
        underlying: underlying.parse().unwrap(),
        strike: decimal("220"),
        expiry: day("2025-09-19"),
        right,
    };
    Lot {
        class: AssetClass::Options,
        symbol: terms.occ_symbol().unwrap(),
        option: Some(terms),
        ..lot(number, underlying, quantity, "12.50", "2025-09-17")
    }
}

#[test]
fn an_option_that_keeps_its_last_model_price_has_no_profit_meanwhile() {
    let put = contract(1, "CAR", "2", OptionRight::Put);
    let [entry, on] = ["2025-09-17", "2025-09-18"];
    let last = ModelPrice {
        session: session(entry),
        price: decimal("15"),
        spot_date: session("2025-09-10"),
        kept: false,
    };
    let kept = ModelPrice {
        session: session(on),
        kept: true,
        ..last
    };
    let mut book = book("10000", entry, vec![put], Vec::new());
    book.models = BTreeMap::from([(book.lots[0].id, vec![last, kept])]);
    let prices = histories(&[]);
    let days = run(&book, &prices, entry, on);
    let profits = [days[0].pnl_day, days[1].pnl_day];
    assert_eq!(profits, [decimal("500"), Decimal::ZERO]);
    let (_, value) = days[1].positions[0];
    assert_eq!(value.quality, crate::domain::Quality::Carried);
    assert_eq!(value.price_date, Some(day("2025-09-10")));
    // The session alone, and totals alone.
    assert_eq!(run(&book, &prices, on, on), days[1..]);
    let totals = totals(&book, &prices, NYSE, session(entry), session(on)).unwrap();
    let navs: Vec<Decimal> = totals.iter().map(|day| day.nav).collect();
    assert_eq!(navs, [decimal("10500"), decimal("10500")]);
}

#[test]
fn an_expiry_without_a_close_of_its_session_is_named_on_that_day_and_later() {
    let [before, expiry, after] = ["2025-09-18", "2025-09-19", "2025-09-22"];
    let (call, put) = (OptionRight::Call, OptionRight::Put);
    let stock = lot(6, "IWM", "10", "240", "2025-09-17");
    let lots = vec![
        contract(1, "IWM", "2", call),
        contract(2, "DEAD", "2", call),
        // The same contract, written.
        contract(3, "DEAD", "-1", call),
        contract(4, "NOSER", "1", call),
        contract(5, "NOSER", "-3", put),
        sold(stock, expiry, "225"),
    ];
    let book = book("100000", "2025-09-17", lots, Vec::new());
    let iwm = closes(&[("2025-09-17", "240"), (expiry, "225.5")]);
    // What comes after the expiry settles nothing.
    let dead = closes(&[("2025-05-15", "230"), (after, "500")]);
    let prices = histories(&[("IWM", iwm), ("DEAD", dead)]);
    let days = run(&book, &prices, before, after);

    let unpriced = |contract: &str, underlying: &str, close: Option<&str>| UnpricedExpiry {
        session: session(expiry),
        contract: contract.parse().unwrap(),
        underlying: underlying.parse().unwrap(),
        close: close.map(session),
    };
    // That of IWM had its close.
    let named = vec![
        unpriced("DEAD250919C00220000", "DEAD", Some("2025-05-15")),
        unpriced("NOSER250919C00220000", "NOSER", None),
        unpriced("NOSER250919P00220000", "NOSER", None),
    ];
    let days_named = days.iter().map(|day| day.unpriced.clone());
    assert_eq!(
        days_named.collect::<Vec<_>>(),
        [Vec::new(), named.clone(), named]
    );
    let ended = |day: &LedgerDay| -> Vec<_> {
        let told = |lot: &EndedLot| {
            let close = lot.settlement.and_then(|paid| paid.close);
            let proceeds = lot.proceeds.normalize().to_string();
            (proceeds, lot.settlement.is_some(), close)
        };
        day.ended.iter().map(told).collect()
    };
    let iwm = Some((session(expiry), decimal("225.5")));
    let dead = Some((session("2025-05-15"), decimal("230")));
    assert_eq!(
        ended(&days[1]),
        [
            ("1100", true, iwm),
            ("2000", true, dead),
            ("-1000", true, dead),
            ("1250", true, None),
            ("-3750", true, None),
            ("2250", false, None),
        ]
        .map(|(proceeds, expired, close)| (proceeds.to_owned(), expired, close))
    );
    assert!(days[0].ended.is_empty() && days[2].ended.is_empty());
    // 1,100 − 2,500, 1,000 − 1,250, the costs of NOSER as they were, 2,250 − 2,400.
    assert_eq!(days[1].realised, decimal("-1800"));
    // A day alone says the same as the day in a range.
    for (date, day) in [before, expiry, after].into_iter().zip(&days) {
        assert_eq!(&run(&book, &prices, date, date)[0], day);
    }
}

#[test]
fn what_is_dated_on_a_weekend_is_booked_on_the_monday() {
    let lots = vec![sold(
        lot(1, "A", "1", "10", "2026-01-10"),
        "2026-01-17",
        "13",
    )];
    let flows = vec![flow(FlowKind::Contribution, "2026-01-11", "50")];
    let book = book("100", "2026-01-10", lots, flows);
    let prices = histories(&[("A", closes(&[("2026-01-12", "11")]))]);
    let days = run(&book, &prices, "2026-01-09", "2026-01-20");
    assert_eq!(days[0].date, session("2026-01-12"));
    assert_eq!(numbers(&days[0]), ["140", "151", "1", "0", "1", "0", "50"]);
    assert_eq!(days[0].return_day, Some(0.01));
    assert!(days[0].large_flow);
    // Monday the 19th is a holiday: the exit of Saturday is booked on Tuesday.
    let last = days.last().unwrap();
    assert_eq!(numbers(last), ["153", "153", "2", "3", "-1", "0", "0"]);
    assert_eq!(last.date, session("2026-01-20"));
}

#[test]
fn a_return_on_nothing_is_undefined() {
    let [t0, t1, t2] = ["2026-01-05", "2026-01-06", "2026-01-07"];
    let flows = vec![
        flow(FlowKind::Interest, t1, "-5"),
        flow(FlowKind::Contribution, t2, "100"),
        flow(FlowKind::Fee, t2, "1"),
    ];
    let days = run(&book("0", t0, Vec::new(), flows), &BTreeMap::new(), t0, t2);
    assert!(days.iter().all(|day| day.return_day.is_none()));
    assert_eq!(numbers(&days[1]), ["-5", "-5", "-5", "0", "0", "-5", "0"]);
    assert_eq!(numbers(&days[2]), ["94", "94", "-1", "0", "0", "-1", "100"]);
    assert!(days[2].large_flow);
}

#[test]
fn wrong_books_are_refused() {
    let t0 = "2026-01-05";
    let refuse = |book: &Book| {
        ledger(book, &BTreeMap::new(), NYSE, session(t0), session(t0))
            .unwrap_err()
            .to_string()
    };
    let early = book(
        "1",
        t0,
        vec![lot(1, "A", "1", "1", "2026-01-02")],
        Vec::new(),
    );
    assert_eq!(
        refuse(&early),
        "A of 2026-01-02 is before the inception 2026-01-05"
    );
    let early = book(
        "1",
        t0,
        Vec::new(),
        vec![flow(FlowKind::Fee, "2026-01-02", "1")],
    );
    assert_eq!(
        refuse(&early),
        "fee of 2026-01-02 is before the inception 2026-01-05"
    );
    let vast = lot(1, "B", "1000000000000000000", "1000000000000", t0);
    assert!(refuse(&book("1", t0, vec![vast], Vec::new())).contains("10^14"));
    let late = book("1", "2051-01-02", Vec::new(), Vec::new());
    assert!(refuse(&late).contains("the calendar covers"));
}
