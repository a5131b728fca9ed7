//! Golden G25, and every code of a portfolio file once.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::columns::BAD_STRIKE;
use super::*;
use crate::domain::{OptionRight, PositionType};
use crate::import::MAX_ISSUES;

const HEADER: &str = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,\
    Investment Subtype,Underlying Symbol,Strike Price,Expiration Date,Option Type,Exit Date,\
    Exit Price Per Share";

fn read(text: &str) -> Result<Vec<Lot>, Rejected> {
    let context = Context {
        portfolio: PortfolioId::of("demo", "book"),
        inception: "2025-01-02".parse().unwrap(),
        today: "2026-06-30".parse().unwrap(),
    };
    parse(text.as_bytes(), &context)
}

fn rows(rows: &str) -> Result<Vec<Lot>, Rejected> {
    read(&format!("{HEADER}\n{rows}"))
}

/// Line, column and code of every finding.
fn findings(text: &str) -> Vec<(u64, String, &'static str)> {
    let errors = rows(text).unwrap_err().errors;
    errors
        .into_iter()
        .map(|error| (error.line, error.column, error.code))
        .collect()
}

/// Column and code of the findings of one row.
fn of_row(row: &str) -> Vec<String> {
    findings(row)
        .into_iter()
        .map(|(_, column, code)| format!("{column} {}", &code[8..]))
        .collect()
}

const CALL: &str = ",150,12.50,2025-06-30,OPTIONS,,IWM,220,2025-09-19,CALL,,";

#[test]
fn the_golden_option_row_is_its_own_instrument() {
    let lots = rows(CALL).unwrap();
    let lot = &lots[0];
    assert_eq!(lot.symbol.as_str(), "IWM250919C00220000");
    assert_eq!(lot.quantity, Decimal::from(150));
    assert_eq!(lot.cost(), Decimal::from(187_500));
    assert_eq!(lot.position_type(), PositionType::LongCall);
    let terms = lot.option.as_ref().unwrap();
    assert_eq!(terms.underlying.as_str(), "IWM");
    assert_eq!(
        (terms.strike, terms.right),
        (Decimal::from(220), OptionRight::Call)
    );
    assert_eq!(terms.expiry, "2025-09-19".parse::<NaiveDate>().unwrap());
}

#[test]
fn two_strikes_of_one_day_are_two_lots() {
    let lots = rows(&format!("{CALL}\n{}", CALL.replace("220", "230"))).unwrap();
    assert_ne!(lots[0].symbol, lots[1].symbol);
    assert_ne!(lots[0].id, lots[1].id);
}

#[test]
fn an_option_without_strike_reports_the_strike_with_its_row() {
    let text = format!("{CALL}\n{}", CALL.replace("220", ""));
    assert_eq!(
        findings(&text),
        [(3, "Strike Price".to_owned(), BAD_STRIKE)]
    );
    let errors = rows(&text).unwrap_err().errors;
    assert_eq!(errors[0].symbol.as_deref(), Some("IWM"));
}

#[test]
fn a_missing_header_is_named_and_said_once() {
    let header = HEADER.replace("Quantity,", "");
    let text = format!("{header}\nAAPL,1,2025-06-30,PUBLIC\nMSFT,1,2025-06-30,PUBLIC\n");
    let errors = read(&text).unwrap_err().errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (errors[0].code, errors[0].column.as_str()),
        ("ERR_CSV_004", "Quantity")
    );
    assert!(errors[0].message.contains("\"Quantity\""));
}

/// Those of options and exits too: where a book has neither, the columns are empty.
#[test]
fn every_header_is_needed_and_every_missing_one_is_named() {
    for name in HEADER.split(',') {
        let header = HEADER.split(',').filter(|other| *other != name);
        let header = header.collect::<Vec<_>>().join(",");
        let rejected = read(&format!("{header}\nAAPL,1,10,2025-06-30,PUBLIC\n")).unwrap_err();
        let absent = rejected
            .errors
            .iter()
            .filter(|error| error.code == "ERR_CSV_004");
        let absent: Vec<_> = absent.map(|error| error.column.as_str()).collect();
        assert_eq!(absent, [name]);
    }
    let five = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class";
    let errors = read(&format!("{five}\nAAPL,1,10,2025-06-30,PUBLIC\n"))
        .unwrap_err()
        .errors;
    let named: Vec<_> = errors.iter().map(|error| error.column.as_str()).collect();
    assert_eq!(named, HEADER.split(',').skip(5).collect::<Vec<_>>());
}

#[test]
fn a_book_is_read_as_it_is_written() {
    let text = format!(
        "\u{feff}# my book\r\n{HEADER}\r\n\r\naapl,10.5,\"187.25\",2025-01-02,public,stock\r\n\
         AAPL,10.5,187.25,2025-01-02,PUBLIC,STOCK,,,,,,\r\nTSLA,-3,250,2025-03-01,PUBLIC,,,,,,2025-04-01,0\r\n\
         REIT,1,20,2025-03-03,PUBLIC,ETF,,,,,,\r\nTWO_SIGMA_FUND,1,500000,2025-03-03,PRIVATE,HEDGE_FUND,,,,,,\r\n\
         spy_put,-2,3.1,2025-03-03,OPTIONS,PUT,SPY,500,2027-03-19,put,,\r\n"
    );
    let lots = read(&text).unwrap();
    let kinds: Vec<_> = lots
        .iter()
        .map(|lot| format!("{} {}", lot.symbol, lot.position_type()))
        .collect();
    assert_eq!(
        kinds,
        [
            "AAPL LONG",
            "AAPL LONG",
            "TSLA SHORT",
            "REIT LONG",
            "TWO_SIGMA_FUND LONG",
            "SPY_PUT SP"
        ]
    );
    assert_eq!(lots[0].content(), lots[1].content());
    let ids: BTreeSet<_> = lots.iter().map(|lot| lot.id).collect();
    assert_eq!(
        ids.len(),
        lots.len(),
        "two equal lots of one day are two lots"
    );
    assert_eq!(lots[2].exit.unwrap().price, Decimal::ZERO);
    assert_eq!(lots[3].class, AssetClass::Public, "a ticker is no class");
    let again: Vec<_> = read(&text).unwrap().into_iter().map(|lot| lot.id).collect();
    assert_eq!(again, lots.iter().map(|lot| lot.id).collect::<Vec<_>>());
}

#[test]
fn every_field_has_its_codes() {
    for (row, expected) in [
        (",1,1,2025-06-30,PUBLIC", vec!["Symbol 001"]),
        (
            "A234567890123456789012345678901234,1,1,2025-06-30,PUBLIC",
            vec!["Symbol 002"],
        ),
        ("A B,1,1,2025-06-30,PUBLIC", vec!["Symbol 003"]),
        ("A,,1,2025-06-30,PUBLIC", vec!["Quantity 004"]),
        ("A,\"1,000\",1,2025-06-30,PUBLIC", vec!["Quantity 005"]),
        ("A,0.0,1,2025-06-30,PUBLIC", vec!["Quantity 006"]),
        ("A,1.1234567,1,2025-06-30,PUBLIC", vec!["Quantity 007"]),
        ("A,1,,2025-06-30,PUBLIC", vec!["Entry Price Per Share 008"]),
        (
            "A,1,1e3,2025-06-30,PUBLIC",
            vec!["Entry Price Per Share 009"],
        ),
        ("A,1,0,2025-06-30,PUBLIC", vec!["Entry Price Per Share 010"]),
        (
            "A,1,-1,2025-06-30,PUBLIC",
            vec!["Entry Price Per Share 010"],
        ),
        (
            "A,1,0.0000001,2025-06-30,PUBLIC",
            vec!["Entry Price Per Share 011"],
        ),
        ("A,1,1,,PUBLIC", vec!["Entry Date 012"]),
        ("A,1,1,30/06/2025,PUBLIC", vec!["Entry Date 013"]),
        ("A,1,1,2026-07-01,PUBLIC", vec!["Entry Date 014"]),
        ("A,1,1,1925-06-30,PUBLIC", vec!["Entry Date 015"]),
        ("A,1,1,2025-06-30,", vec!["Investment Class 016"]),
        ("A,1,1,2025-06-30,STOCK", vec!["Investment Class 016"]),
        (
            "A,1,1,2025-06-30,PUBLIC,HEDGE_FUND",
            vec!["Investment Subtype 017"],
        ),
        (
            "A,1,1,2025-06-30,PUBLIC,,,,,,2025-06-29,1",
            vec!["Exit Date 018"],
        ),
        ("A,1,1,2025-01-01,PUBLIC", vec!["Entry Date 024"]),
        ("A,1,1,2025-06-30,PUBLIC,,,,,,,1", vec!["Exit Date 025"]),
        (
            "A,1,1,2025-06-30,PUBLIC,,,,,,2025-07-01,",
            vec!["Exit Price Per Share 026"],
        ),
        (
            "A,1,1,2025-06-30,PUBLIC,,,,,,2025-07-01,x",
            vec!["Exit Price Per Share 027"],
        ),
        (
            "A,1,1,2025-06-30,PUBLIC,,,,,,2025-07-01,-1",
            vec!["Exit Price Per Share 027"],
        ),
        (
            "A,1,1,2025-06-30,PUBLIC,,,,,,2026-07-01,1",
            vec!["Exit Date 014"],
        ),
        ("A,1,1,2025-06-30,PUBLIC,,,,,,July,1", vec!["Exit Date 013"]),
        ("A,1000000000000,1,2025-06-30,PUBLIC", vec!["Quantity 028"]),
        (
            "A,1,1000000000,2025-06-30,PUBLIC",
            vec!["Entry Price Per Share 028"],
        ),
        (
            "A,-100000000000,100,2025-06-30,PUBLIC",
            vec!["Quantity 028"],
        ),
    ] {
        assert_eq!(of_row(row), expected, "{row}");
    }
}

#[test]
fn option_fields_have_their_codes() {
    for (row, expected) in [
        (
            ",1,1,2025-06-30,OPTIONS,,,220,2025-09-19,CALL",
            vec!["Underlying Symbol 019"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,,IWM,0,2025-09-19,CALL",
            vec!["Strike Price 020"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,,IWM,abc,2025-09-19,CALL",
            vec!["Strike Price 020"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,,IWM,220,,CALL",
            vec!["Expiration Date 021"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,,IWM,220,2099-09-19,CALL",
            vec!["Expiration Date 021"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,,IWM,220,2025-09-19,",
            vec!["Option Type 022"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,,IWM,220,2025-09-19,BUY",
            vec!["Option Type 022"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,PUT,IWM,220,2025-09-19,CALL",
            vec!["Investment Subtype 030"],
        ),
        (
            ",1,1,2025-09-20,OPTIONS,,IWM,220,2025-09-19,CALL",
            vec!["Entry Date 031"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,,IWM,220,2025-09-19,CALL,2025-09-20,1",
            vec!["Exit Date 031"],
        ),
        (
            "IWM,1,1,2025-06-30,OPTIONS,,IWM,220,2025-09-19,CALL",
            vec!["Symbol 032"],
        ),
        (
            "IWM250919P00220000,1,1,2025-06-30,OPTIONS,,IWM,220,2025-09-19,CALL",
            vec!["Symbol 032"],
        ),
        (
            ",1,1,2025-06-30,OPTIONS,,IWM,0.0001,2025-09-19,CALL",
            vec!["Symbol 032"],
        ),
        (
            "A,1,1,2025-06-30,PUBLIC,,IWM,220,2025-09-19,CALL",
            vec![
                "Underlying Symbol 029",
                "Strike Price 029",
                "Expiration Date 029",
                "Option Type 029",
            ],
        ),
    ] {
        assert_eq!(of_row(row), expected, "{row}");
    }
    assert!(rows("IWM250919C00220000,1,1,2025-06-30,OPTIONS,,IWM,220,2025-09-19,CALL").is_ok());
}

#[test]
fn all_errors_of_a_file_come_at_once_in_its_order() {
    let text = "A,x,0,2026-07-01,STOCK\nB,1,1,2025-06-30,PUBLIC\n,1,\"1,2025-06-30,PUBLIC\n";
    let mut found = findings(text);
    assert_eq!(found.pop(), Some((4, String::new(), "ERR_CSV_006")));
    let codes: BTreeSet<_> = found.iter().map(|(line, _, code)| (*line, *code)).collect();
    let expected = ["ERR_POS_005", "ERR_POS_010", "ERR_POS_014", "ERR_POS_016"];
    assert_eq!(codes, expected.map(|code| (2, code)).into());
    let many = rows(&"A,x,0,2025-06-30,PUBLIC\n".repeat(700)).unwrap_err();
    assert_eq!((many.errors.len(), many.more), (MAX_ISSUES, 400));
    let json = serde_json::to_value(&many.errors[0]).unwrap();
    assert_eq!(json["code"], "ERR_POS_005");
    assert_eq!(
        (json["line"].as_u64(), json["column"].as_str()),
        (Some(2), Some("Quantity"))
    );
}

#[test]
fn a_file_without_lots_is_a_book_only_where_somebody_says_so() {
    let codes = |result: Result<Vec<Lot>, Rejected>| -> Vec<(u64, &'static str)> {
        let errors = result.err().map(|rejected| rejected.errors);
        let errors = errors.into_iter().flatten();
        errors.map(|error| (error.line, error.code)).collect()
    };
    let headed = [
        HEADER.to_owned(),
        format!("# cash alone\n{HEADER}\n\n,,,,\n"),
    ];
    for header in &headed {
        assert_eq!(codes(read(header)), [(0, "ERR_CSV_011")], "{header}");
        assert_eq!(parse_empty(header.as_bytes()), Ok(Vec::new()), "{header}");
    }
    let remedy = &read(HEADER).unwrap_err().errors[0].remedy;
    assert!(remedy.contains("--empty"), "{remedy}");
    // Nothing at all is no file of a book, whatever is said of it.
    for nothing in ["", "\n", "# cash alone\n"] {
        assert_eq!(codes(read(nothing)), [(0, "ERR_CSV_003")]);
        assert_eq!(codes(parse_empty(nothing.as_bytes())), [(0, "ERR_CSV_003")]);
    }
    let lots = format!("{HEADER}\n\n{CALL}\n{CALL}\n");
    assert_eq!(codes(parse_empty(lots.as_bytes())), [(3, "ERR_POS_034")]);
    let misspelt = HEADER.replace("Quantity", "Qty");
    let found: BTreeSet<&str> = codes(parse_empty(misspelt.as_bytes()))
        .into_iter()
        .map(|(_, code)| code)
        .collect();
    assert_eq!(found, ["ERR_CSV_004", "ERR_CSV_005"].into());
}
