//! What is answered from sound files.

use super::*;
use crate::market_data::{Basis, Statement, StatementKind};

#[tokio::test]
async fn wide_tidy_and_packed_files_are_one_market() {
    let scratch = Scratch::new("raw")
        .write(
            "prices/a.csv",
            "Date,aapl,MSFT\n2016-01-05,2,\n2016-01-04,1,10\n",
        )
        .write(
            "prices/b.CSV",
            "DATE,Close,Symbol,Volume\n2016-01-06,3,AAPL,100.0\n2016-01-07,,AAPL,7\n",
        )
        .write("prices/c.csv.gz", "# packed\ndate,XOM\n2016-01-04,5.50\n")
        .write("prices/notes.txt", "not prices")
        .write("prices/.d.csv", "half-writ");
    let provider = scratch.open().unwrap();
    let apple = all(&provider, "AAPL").await.unwrap();
    assert_eq!(closes(&apple), "01-04 1, 01-05 2, 01-06 3");
    assert_eq!(apple.bars[2].volume, Some(100.into()));
    assert_eq!(
        (apple.first, apple.last),
        (Some(day("2016-01-04")), Some(day("2016-01-06")))
    );
    assert_eq!(closes(&all(&provider, "MSFT").await.unwrap()), "01-04 10");
    assert_eq!(closes(&all(&provider, "XOM").await.unwrap()), "01-04 5.5");
}

#[tokio::test]
async fn a_close_that_is_no_price_is_told_apart() {
    let scratch = Scratch::new("raw")
        .write(
            "prices/a.csv",
            "date,A,B\n2016-01-04,1,5\n2016-01-05,0,6\n2016-01-06,-1.5,7\n",
        )
        .write(
            "prices/b.csv",
            "symbol,date,open,close\nC,2016-01-04,0,0\nC,2016-01-05,2,3\n",
        );
    let provider = scratch.open().unwrap();
    let bad = all(&provider, "A").await.unwrap();
    assert_eq!(closes(&bad), "01-04 1");
    let refused = [("2016-01-05", "0"), ("2016-01-06", "-1.5")];
    assert_eq!(
        bad.refused,
        refused.map(|(on, close)| (day(on), close.parse().unwrap()))
    );
    let good = all(&provider, "B").await.unwrap();
    assert_eq!(
        (closes(&good).as_str(), good.refused),
        ("01-04 5, 01-05 6, 01-06 7", Vec::new())
    );
    let tidy = all(&provider, "C").await.unwrap();
    assert_eq!((closes(&tidy).as_str(), tidy.refused.len()), ("01-05 3", 1));
}

#[tokio::test]
async fn there_is_one_answer_per_request_in_the_same_order() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A,B\n2016-01-04,1,\n");
    let provider = scratch.open().unwrap();
    let year = [("2016-01-01", "2016-12-31")];
    let asked = ["B", "GGIPX", "A", "B"].map(|name| request(name, false, &year));
    let answers = provider.prices(&asked).await.unwrap();
    let told: Vec<_> = answers
        .iter()
        .map(|a| (a.symbol.as_str(), a.known, a.bars.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("B", true, 0),
            ("GGIPX", false, 0),
            ("A", true, 1),
            ("B", true, 0)
        ]
    );
    assert_eq!(answers[1].first, None);
}

#[tokio::test]
async fn only_the_asked_ranges_are_answered_each_date_once() {
    let rows = "2016-01-04,4\n2016-01-05,5\n2016-01-06,6\n2016-01-07,7\n2016-01-08,8\n";
    let scratch = Scratch::new("raw").write("prices/a.csv", &format!("date,A\n{rows}"));
    let provider = scratch.open().unwrap();
    let ranges = [
        ("2016-01-08", "2016-01-08"),
        ("2016-01-04", "2016-01-05"),
        ("2016-01-05", "2016-01-06"),
        ("2016-01-07", "2016-01-01"),
    ];
    let answers = provider
        .prices(&[request("A", false, &ranges)])
        .await
        .unwrap();
    assert_eq!(closes(&answers[0]), "01-04 4, 01-05 5, 01-06 6, 01-08 8");
    let nothing = provider.prices(&[request("A", false, &[])]).await.unwrap();
    assert!(nothing[0].known && nothing[0].bars.is_empty());
    assert_eq!(nothing[0].last, Some(day("2016-01-08")));
}

#[tokio::test]
async fn either_spelling_of_a_share_class_finds_the_other() {
    let scratch = Scratch::new("raw")
        .write(
            "prices/a.csv",
            "date,BRK-B,BF.B,BRK_A\n2016-01-04,130,98,197000\n",
        )
        .write("prices/b.csv", "date,BRK.B\n2016-01-05,131\n")
        .write("profiles.csv", "symbol,name\nBRK-B,Berkshire Hathaway\n")
        .write(
            "corporate_actions.csv",
            "symbol,ex_date,split_ratio,cash_dividend\nBF-B,2016-01-04,,0.34\n",
        );
    let provider = scratch.open().unwrap();
    for name in ["BRK.B", "BRK-B"] {
        let answer = all(&provider, name).await.unwrap();
        assert_eq!(answer.symbol.as_str(), name);
        assert_eq!(closes(&answer), "01-04 130, 01-05 131");
        assert!(provider.has_series(&symbol(name)).await.unwrap());
        let profiles = provider.profiles(&[symbol(name)]).await.unwrap();
        assert_eq!(profiles[0].as_ref().unwrap().symbol.as_str(), name);
    }
    assert_eq!(all(&provider, "BF-B").await.unwrap().actions.len(), 1);
    assert_eq!(
        closes(&all(&provider, "BRK_A").await.unwrap()),
        "01-04 197000"
    );
    assert!(!provider.has_series(&symbol("BRK.A")).await.unwrap());
}

#[tokio::test]
async fn equal_closes_of_two_files_are_one() {
    let scratch = Scratch::new("raw")
        .write("prices/a.csv", "date,A\n2016-01-04,1.50\n")
        .write(
            "prices/b.csv",
            "symbol,date,close,high\nA,2016-01-04,1.5,2\nA,2016-01-04,1.500,2\n",
        );
    let answer = all(&scratch.open().unwrap(), "A").await.unwrap();
    assert_eq!(closes(&answer), "01-04 1.5");
    assert_eq!(answer.bars[0].high, Some(2.into()));
}

const VENDOR: &str = "Ticker,Date,Open,High,Low,Close,Volume,Ex-Dividend,Adj Close\n\
    AAPL,2014-06-06,649.9,651.26,644.47,645.57,12497800,0,86.804445414535\n\
    AAPL,2014-06-09,92.7,93.88,91.75,93.7,75414997,0,88.193434867471\n\
    AAPL,2014-06-10,94.73,95.05,93.57,94.25,62777000,0,\n";
const ACTIONS: &str = "symbol,ex_date,split_ratio,cash_dividend\n\
    AAPL,2014-06-09,7,\nAAPL,2014-08-07,1,0.47\nAAPL,2014-08-08,1.0,0\n";

#[tokio::test]
async fn on_the_raw_basis_the_adjusted_close_is_not_used() {
    let scratch = Scratch::new("raw")
        .write("prices/a.csv", VENDOR)
        .write("corporate_actions.csv", ACTIONS);
    let provider = scratch.open().unwrap();
    assert_eq!(provider.basis(), Basis::Raw);
    let answer = all(&provider, "AAPL").await.unwrap();
    assert_eq!(closes(&answer), "06-06 645.57, 06-09 93.7, 06-10 94.25");
    assert_eq!(answer.bars[0].open.unwrap().to_string(), "649.9");
    // A ratio of 1 and a dividend of 0 are nothing.
    let told: Vec<_> = answer
        .actions
        .iter()
        .map(|a| (a.split_ratio, a.cash_dividend))
        .collect();
    assert_eq!(
        told,
        [
            (Some(7.into()), None),
            (None, Some("0.47".parse().unwrap()))
        ]
    );
}

#[tokio::test]
async fn on_the_total_return_basis_it_is_the_close_and_nothing_is_booked() {
    let scratch = Scratch::new("total_return")
        .write("prices/a.csv", VENDOR)
        .write("corporate_actions.csv", ACTIONS);
    let provider = scratch.open().unwrap();
    assert_eq!(provider.basis(), Basis::TotalReturn);
    let answer = all(&provider, "AAPL").await.unwrap();
    // No close on 06-10: a raw one between adjusted ones would be a false return.
    assert_eq!(
        closes(&answer),
        "06-06 86.804445414535, 06-09 88.193434867471"
    );
    assert_eq!(answer.bars[0].open, None, "as traded, so on another scale");
    assert_eq!(answer.bars[0].volume, Some(12_497_800.into()));
    assert!(answer.actions.is_empty());
}

#[tokio::test]
async fn a_split_and_a_dividend_of_one_date_are_one_action() {
    let scratch = Scratch::new("raw").write("prices/a.csv", "date,A\n").write(
        "corporate_actions.csv",
        "symbol,ex_date,split_ratio,cash_dividend\nA,2016-01-04,2,\nA,2016-01-04,,0.5\n",
    );
    let actions = all(&scratch.open().unwrap(), "A").await.unwrap().actions;
    assert_eq!(actions.len(), 1);
    assert_eq!(actions[0].split_ratio, Some(2.into()));
    assert_eq!(actions[0].cash_dividend, Some("0.5".parse().unwrap()));
}

#[tokio::test]
async fn yields_may_be_negative_and_have_holes() {
    let scratch = Scratch::new("total_return")
        .write("prices/a.csv", "date,A\n2016-07-01,1\n")
        .write(
            "yields.csv",
            "date,DE10,UST10Y\n2016-07-01,-0.0013,\n2016-07-05,,0.0137\n",
        );
    let provider = scratch.open().unwrap();
    let year = [("2016-01-01", "2016-12-31")];
    let asked = ["DE10", "UST10Y", "A"].map(|name| request(name, true, &year));
    let answers = provider.prices(&asked).await.unwrap();
    assert_eq!(
        answers[0].yields,
        [(day("2016-07-01"), "-0.0013".parse().unwrap())]
    );
    assert_eq!(answers[1].first, Some(day("2016-07-05")));
    assert!(!answers[2].known, "a price series is no yield series");
    assert!(!all(&provider, "DE10").await.unwrap().known);
    assert!(!provider.has_series(&symbol("DE10")).await.unwrap());
}

#[tokio::test]
async fn profiles_have_what_the_file_has() {
    let scratch = Scratch::new("raw").write(
        "profiles.csv",
        "Symbol,Name,Sector,Beta,Dividend Yield,Market Cap\n\
         AMD,\"Advanced Micro Devices, Inc.\",Information Technology,2.1,0.0,\nBIL,,,,,1e10\n",
    );
    let provider = scratch.open().unwrap();
    let asked = ["BIL", "GGIPX", "AMD"].map(symbol);
    let [bil, none, amd] = provider.profiles(&asked).await.unwrap().try_into().unwrap();
    assert!(none.is_none());
    assert_eq!(bil.unwrap().market_cap, Some(10_000_000_000_i64.into()));
    let amd = amd.unwrap();
    assert_eq!(amd.name.as_deref(), Some("Advanced Micro Devices, Inc."));
    assert_eq!(
        (amd.beta, amd.dividend_yield, amd.country),
        (Some(2.1), Some(0.0), None)
    );
}

#[tokio::test]
async fn fundamentals_are_statements_estimates_and_the_last_report() {
    let scratch = Scratch::new("raw").write(
        "fundamentals.csv",
        "symbol,kind,period_end,item,value\n\
         A,earnings,2016-04-26,,\nA,earnings,2016-01-26,,\n\
         A,estimate,2016-12-31,eps,-1.25\nA,income_annual,2015-12-31,revenue,233715000000\n",
    );
    let provider = scratch.open().unwrap();
    let found = provider
        .fundamentals(&["B", "A"].map(symbol))
        .await
        .unwrap();
    assert!(found[0].is_none());
    let a = found[1].as_ref().unwrap();
    assert_eq!(a.last_earnings, Some(day("2016-04-26")));
    assert_eq!(a.estimates[0].value.to_string(), "-1.25");
    let statement = Statement {
        period_end: day("2015-12-31"),
        kind: StatementKind::IncomeAnnual,
        item: "revenue".to_owned(),
        value: 233_715_000_000_i64.into(),
    };
    assert_eq!(a.statements, [statement]);
}
