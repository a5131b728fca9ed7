//! Imports: all or nothing, told by their effect, never twice.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Parser as _;
use sigmabatch::cli::import::{
    self, FactorsArgs, LinesArgs, LinesReceipt, PortfolioArgs, PortfolioReceipt, Status,
};
use sigmabatch::cli::{Cli, Command, Error, ImportCommand};
use sigmabatch::clock::Clock;
use sigmabatch::domain::Symbol;
use sigmabatch::store::Pools;

use super::harness::{database, number, sql, text};

const HEADER: &str = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,Exit Date,Exit Price Per Share,\
    Investment Subtype,Underlying Symbol,Strike Price,Expiration Date,Option Type";
const A: &str = "AAPL,10,24.041,2016-01-04,PUBLIC,,";
const A_SOLD: &str = "AAPL,10,24.041,2016-01-04,PUBLIC,2016-08-15,27";
const B: &str = "AMD,-30.50,2.77,2016-03-01,PUBLIC,,";
const P: &str = "FUND,5,100,2016-02-01,PRIVATE,,";

fn clock() -> Clock {
    Clock::starting_at("2016-12-30T22:00:00Z".parse().unwrap())
}

/// A file of this test alone, gone with the value.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn file(content: &str) -> File {
    let path = std::env::temp_dir().join(format!("sigmabatch-it-{}.csv", uuid::Uuid::new_v4()));
    std::fs::write(&path, content).unwrap();
    File(path)
}

fn book(lots: &[&str]) -> File {
    file(&format!("{HEADER}\n{}\n", lots.join("\n")))
}

fn arguments(file: &std::path::Path, line: &str) -> PortfolioArgs {
    let start = ["sigmabatch", "import", "portfolio", file.to_str().unwrap()];
    let cli = Cli::try_parse_from(start.into_iter().chain(line.split(' '))).unwrap();
    match cli.command {
        Command::Import(ImportCommand::Portfolio(args)) => args,
        _ => unreachable!(),
    }
}

async fn portfolio(pools: &Pools, lots: &[&str], line: &str) -> Result<PortfolioReceipt, Error> {
    let file = book(lots);
    import::portfolio(pools, &clock(), &arguments(&file.0, line)).await
}

/// Imports lines of flows into the portfolio.
async fn flows(pools: &Pools, lines: &str, name: &str) -> Result<LinesReceipt, Error> {
    let file = file(&format!("Date,Type,Amount,Symbol\n{lines}"));
    import::flows(pools, &clock(), &lines_of(&file, name)).await
}

/// Imports lines of marks into the portfolio.
async fn marks(pools: &Pools, lines: &str) -> Result<LinesReceipt, Error> {
    let file = file(&format!("Symbol,Date,Price\n{lines}"));
    import::marks(pools, &clock(), &lines_of(&file, "book")).await
}

/// `name` may be followed by flags.
fn lines_of(file: &File, name: &str) -> LinesArgs {
    let start = [
        "sigmabatch",
        "import",
        "flows",
        file.0.to_str().unwrap(),
        "--id",
    ];
    let cli = Cli::try_parse_from(start.into_iter().chain(name.split(' '))).unwrap();
    match cli.command {
        Command::Import(ImportCommand::Flows(args)) => args,
        _ => unreachable!(),
    }
}

const NEW: &str = "--name book --equity 250000 --inception 2016-01-04";
const UPDATE: &str = "--name book --update";

async fn version(pools: &Pools) -> i64 {
    number(pools, "select version from data_version").await
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_same_file_twice_says_so_and_changes_nothing() {
    let (pools, _) = database().await;
    let first = portfolio(&pools, &[A, B], NEW).await.unwrap();
    assert_eq!((first.status, first.added.len()), (Status::Created, 2));
    let before = version(&pools).await;
    // Another order and other zeros are the same book.
    let again = portfolio(&pools, &[&B.replace("30.50", "30.5"), A], NEW)
        .await
        .unwrap();
    assert_eq!(again.status, Status::Unchanged);
    assert_eq!(again.portfolio.id, first.portfolio.id);
    assert!(
        again.page().contains("nothing was changed"),
        "{}",
        again.page()
    );
    assert_eq!(version(&pools).await, before);
    assert_eq!(number(&pools, "select count(*) from positions").await, 2);
}

#[tokio::test]
async fn a_change_of_the_book_is_recorded_from_its_first_day_on() {
    let (pools, _) = database().await;
    let receipt = portfolio(&pools, &[B], NEW).await.unwrap();
    let id = receipt.portfolio.id;
    let query = format!(
        "select scope || ' ' || input || ' ' || from_date from input_change where owner = '{id}' order by version desc limit 1"
    );
    assert_eq!(text(&pools, &query).await, "portfolio book 2016-01-04");
    portfolio(&pools, &[B, A_SOLD], UPDATE).await.unwrap();
    assert_eq!(text(&pools, &query).await, "portfolio book 2016-01-04");
    portfolio(&pools, &[B, A_SOLD, P], UPDATE).await.unwrap();
    assert_eq!(text(&pools, &query).await, "portfolio book 2016-02-01");
}

#[tokio::test]
async fn an_existing_portfolio_is_never_changed_without_update() {
    let (pools, _) = database().await;
    portfolio(&pools, &[A], NEW).await.unwrap();
    let error = portfolio(&pools, &[A, B], NEW).await.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error.message().contains("another book: 1 lot added"),
        "{}",
        error.message()
    );
    assert!(error.remedy().unwrap().contains("--update"));
    let error = portfolio(&pools, &[A], &NEW.replace("250000", "9"))
        .await
        .unwrap_err();
    assert!(
        error.message().contains("equity 250000, not 9"),
        "{}",
        error.message()
    );
    let error = portfolio(&pools, &[A], UPDATE.replace("book", "bok").as_str())
        .await
        .unwrap_err();
    assert!(error.remedy().unwrap().contains("book"), "{error:?}");
}

#[tokio::test]
async fn every_error_of_a_file_is_named_and_nothing_is_stored() {
    let (pools, _) = database().await;
    let before = version(&pools).await;
    let lots = [
        A,
        "AMD,0,2.77,2016-03-01,PUBLIC,,",
        "KO,1,5,2017-01-03,PUBLIC,,",
    ];
    let error = portfolio(&pools, &lots, NEW).await.unwrap_err();
    let Error::Rejected { rejected, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        rejected
            .errors
            .iter()
            .map(|issue| issue.line)
            .collect::<Vec<_>>(),
        [3, 4]
    );
    assert_eq!(error.exit_code(), 1);
    let document: serde_json::Value = serde_json::from_str(&error.render(true)).unwrap();
    assert_eq!(document["error"]["issues"][0]["line"], 3);
    assert_eq!(number(&pools, "select count(*) from portfolios").await, 0);
    assert_eq!(version(&pools).await, before);
}

#[tokio::test]
async fn an_update_changes_the_book_by_its_difference() {
    let (pools, _) = database().await;
    let first = portfolio(&pools, &[A, A, B], NEW).await.unwrap();
    let before = version(&pools).await;

    let dry = portfolio(&pools, &[A, A_SOLD, P], "--name book --update --dry-run")
        .await
        .unwrap();
    assert_eq!(dry.status, Status::DryRun);
    assert_eq!(dry.counts(), "1 lot added, 1 lot closed, 1 lot removed");
    assert_eq!(version(&pools).await, before, "a dry run changes nothing");

    let done = portfolio(&pools, &[A, A_SOLD, P], UPDATE).await.unwrap();
    assert_eq!(done.status, Status::Updated);
    assert_eq!(
        (
            done.added.clone(),
            done.closed.clone(),
            done.removed.clone()
        ),
        (dry.added, dry.closed, dry.removed)
    );
    assert_eq!(done.from_date, Some(day("2016-02-01")));
    assert_eq!(version(&pools).await, before + 1);
    let live = "select count(*) from live_positions('2016-12-30')";
    assert_eq!(number(&pools, live).await, 2);

    // The way back: the exit goes, the removed lot comes again under its old id.
    let back = portfolio(&pools, &[A, A, B], UPDATE).await.unwrap();
    assert_eq!(
        (back.reopened.len(), back.removed.len(), back.added.len()),
        (1, 1, 1)
    );
    let amd = |receipt: &PortfolioReceipt| {
        receipt
            .added
            .iter()
            .find(|lot| lot.symbol.as_str() == "AMD")
            .unwrap()
            .id
    };
    assert_eq!(amd(&back), amd(&first));
    assert_eq!(number(&pools, live).await, 3);
    let again = portfolio(&pools, &[A, B, A], UPDATE).await.unwrap();
    assert_eq!(again.status, Status::Unchanged);
}

/// Codes of what a file was rejected for.
fn codes(error: &Error) -> Vec<&'static str> {
    let Error::Rejected { rejected, .. } = error else {
        panic!("{error:?}")
    };
    rejected.errors.iter().map(|issue| issue.code).collect()
}

#[tokio::test]
async fn a_new_book_without_lots_is_taken_where_it_is_said_to_have_none() {
    let (pools, _) = database().await;
    let error = portfolio(&pools, &[], NEW).await.unwrap_err();
    assert_eq!(codes(&error), ["ERR_CSV_011"]);
    let page = error.render(false);
    assert!(page.contains("--empty"), "{page}");
    let empty = format!("{NEW} --empty");
    // What is said and what is sent must be the same, and no header is no file of a book.
    let error = portfolio(&pools, &[A, B], &empty).await.unwrap_err();
    assert_eq!(codes(&error), ["ERR_POS_034"]);
    let nothing = file("");
    let arguments = arguments(&nothing.0, &empty);
    let error = import::portfolio(&pools, &clock(), &arguments).await;
    assert_eq!(codes(&error.unwrap_err()), ["ERR_CSV_003"]);
    assert_eq!(number(&pools, "select count(*) from portfolios").await, 0);

    let made = portfolio(&pools, &[], &empty).await.unwrap();
    assert_eq!((made.status, made.added.len()), (Status::Created, 0));
    assert_eq!(made.counts(), "no lots: cash alone");
    let page = made.page();
    assert!(
        page.contains("none: the book is cash alone") && page.contains("250,000"),
        "{page}"
    );
    let before = version(&pools).await;
    let again = portfolio(&pools, &[], &empty).await.unwrap();
    assert_eq!(again.status, Status::Unchanged);
    assert_eq!(version(&pools).await, before);

    // It is a book like others: it gets flows, and lots.
    flows(&pools, "2016-05-02,contribution,1000,\n", "book")
        .await
        .unwrap();
    let grown = portfolio(&pools, &[A], UPDATE).await.unwrap();
    assert_eq!((grown.status, grown.added.len()), (Status::Updated, 1));
}

#[tokio::test]
async fn no_file_empties_a_book_by_accident() {
    let (pools, _) = database().await;
    portfolio(&pools, &[A, B], NEW).await.unwrap();
    let before = version(&pools).await;
    let live = "select count(*) from live_positions('2016-12-30')";

    let error = portfolio(&pools, &[], UPDATE).await.unwrap_err();
    assert_eq!(codes(&error), ["ERR_CSV_011"]);
    // Who makes a new book does not change the one that there is.
    let error = portfolio(&pools, &[], &format!("{NEW} --empty")).await;
    let error = error.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error.message().contains("another book: 2 lots removed"),
        "{}",
        error.message()
    );
    let empty = format!("{UPDATE} --empty");
    let dry = portfolio(&pools, &[], &format!("{empty} --dry-run")).await;
    let dry = dry.unwrap();
    assert_eq!(
        (dry.status, dry.counts().as_str()),
        (Status::DryRun, "2 lots removed")
    );
    assert_eq!(
        (number(&pools, live).await, version(&pools).await),
        (2, before)
    );

    let done = portfolio(&pools, &[], &empty).await.unwrap();
    assert_eq!(
        (done.status, done.removed, done.from_date),
        (Status::Updated, dry.removed, Some(day("2016-01-04")))
    );
    assert_eq!(number(&pools, live).await, 0);
    assert_eq!(version(&pools).await, before + 1);
}

#[tokio::test]
async fn an_inactive_symbol_of_a_book_is_told_and_stays_inactive() {
    let (pools, _) = database().await;
    sql(
        &pools,
        "insert into symbol_universe (symbol, class, first_seen, last_seen, active)
         values ('AAPL', 'PUBLIC', '2016-01-04', '2016-01-04', false), ('AMD', 'PUBLIC', '2016-01-04', '2016-01-04', true),
                ('KO', 'PUBLIC', '2016-01-04', '2016-01-04', false)",
    )
    .await;
    let call = ",2,3.5,2016-02-01,OPTIONS,,,,KO,45,2017-01-20,CALL";
    // Who sold it needs no price of it.
    let sold = portfolio(&pools, &[A_SOLD, B], NEW).await.unwrap();
    assert!(sold.inactive.is_empty(), "{:?}", sold.inactive);
    let held = portfolio(&pools, &[A, B, call], UPDATE).await.unwrap();
    let named: Vec<&str> = held.inactive.iter().map(Symbol::as_str).collect();
    assert_eq!(named, ["AAPL", "KO"]);
    let page = held.page();
    assert!(
        page.contains("AAPL is inactive") && page.contains("universe activate KO"),
        "{page}"
    );
    let inactive = "select count(*) from symbol_universe where not active";
    assert_eq!(number(&pools, inactive).await, 2);
}

#[tokio::test]
async fn a_portfolio_is_named_by_its_id_or_by_its_only_name() {
    let (pools, _) = database().await;
    let id = "98518C7D-EA23-593B-AAED-9C0BE7F3A66F";
    let one = portfolio(&pools, &[A], &format!("{NEW} --id {id} --owner one"))
        .await
        .unwrap();
    assert_eq!(one.portfolio.id.to_string(), id.to_lowercase());
    let fee = "2016-05-02,fee,5,\n";
    assert!(flows(&pools, fee, "book").await.is_ok());
    portfolio(&pools, &[A], &format!("{NEW} --owner two"))
        .await
        .unwrap();
    let error = flows(&pools, fee, "book").await.unwrap_err();
    assert!(
        error.remedy().unwrap().contains(&id.to_lowercase()),
        "{error:?}"
    );
    assert!(flows(&pools, fee, id).await.is_ok());
    // The name of an owner is taken, whatever the id.
    let error = portfolio(&pools, &[A], &format!("{NEW} --owner one"))
        .await
        .unwrap_err();
    assert!(error.message().contains("is taken"), "{error:?}");
}

#[tokio::test]
async fn flows_are_added_once_and_equal_rows_are_as_many_flows() {
    let (pools, _) = database().await;
    portfolio(&pools, &[A], NEW).await.unwrap();
    let lines = "2016-05-02,fee,5.00,\n2016-05-02,fee,5,\n2016-04-01,contribution,100,\n";
    let first = flows(&pools, lines, "book").await.unwrap();
    assert_eq!(
        (first.status, first.changed(), first.changes.from_date),
        (Status::Updated, 3, Some(day("2016-04-01")))
    );
    let before = version(&pools).await;
    let again = flows(&pools, lines, "book").await.unwrap();
    assert_eq!((again.status, again.changed()), (Status::Unchanged, 0));
    assert!(
        again.page().contains("all 3 flows are in portfolio"),
        "{}",
        again.page()
    );
    let one = flows(&pools, "2016-05-02,fee,5,\n", "book").await.unwrap();
    assert!(
        one.page().contains("its flow is in portfolio"),
        "{}",
        one.page()
    );
    assert_eq!(version(&pools).await, before);
    assert_eq!(number(&pools, "select count(*) from cash_flows").await, 3);
}

#[tokio::test]
async fn a_list_of_flows_replaces_the_one_that_there_is() {
    let (pools, _) = database().await;
    let id = portfolio(&pools, &[A], NEW).await.unwrap().portfolio.id;
    let fee = "2016-05-02,fee,5,\n";
    let wrong = "2016-02-05,dividend,100,AAPL\n";
    flows(&pools, &[fee, fee, fee, wrong].concat(), "book")
        .await
        .unwrap();
    let before = version(&pools).await;

    let wanted = [fee, "2016-06-01,interest,-3,\n"].concat();
    let dry = flows(&pools, &wanted, "book --update --dry-run")
        .await
        .unwrap();
    assert_eq!(dry.status, Status::DryRun);
    assert_eq!(dry.counts(), "1 flow added, 3 flows removed");
    assert!(
        dry.page().contains("from 2016-02-05 on would be"),
        "{}",
        dry.page()
    );
    assert_eq!(dry.document()["removed"][0]["type"], "dividend");
    assert_eq!(version(&pools).await, before, "a dry run changes nothing");
    assert_eq!(number(&pools, "select count(*) from cash_flows").await, 4);

    let done = flows(&pools, &wanted, "book --update").await.unwrap();
    assert_eq!(
        (done.status, &done.changes),
        (Status::Updated, &dry.changes)
    );
    assert_eq!(version(&pools).await, before + 1);
    let changed = format!(
        "select input || ' ' || from_date from input_change where owner = '{id}' order by version desc limit 1"
    );
    assert_eq!(text(&pools, &changed).await, "book 2016-02-05");
    let left = "select string_agg(kind || ' ' || occurrence, ', ' order by kind) from cash_flows";
    assert_eq!(text(&pools, left).await, "fee 0, interest 0");
    let again = flows(&pools, &wanted, "book --update").await.unwrap();
    assert_eq!(again.status, Status::Unchanged);
    assert!(
        again.page().contains("already: nothing was changed"),
        "{}",
        again.page()
    );

    // Flows that went can come again, and a list may be empty.
    flows(&pools, &[fee, fee].concat(), "book").await.unwrap();
    assert_eq!(number(&pools, "select count(*) from cash_flows").await, 3);
    assert!(
        flows(&pools, "", "book").await.is_err(),
        "an addition of nothing"
    );
    let none = flows(&pools, "", "book --update").await.unwrap();
    assert_eq!(none.counts(), "3 flows removed");
    assert_eq!(number(&pools, "select count(*) from cash_flows").await, 0);
}

#[tokio::test]
async fn a_dividend_that_comes_from_a_corporate_action_is_rejected() {
    let (pools, _) = database().await;
    portfolio(&pools, &[A], NEW).await.unwrap();
    sql(
        &pools,
        "insert into symbol_universe (symbol, class, first_seen, last_seen)
         values ('AAPL', 'PUBLIC', '2016-01-04', '2016-01-04'), ('NFLX', 'PUBLIC', '2016-01-04', '2016-01-04');
         insert into corporate_actions (symbol, ex_date, split_ratio, cash_dividend, source)
         values ('AAPL', '2016-05-05', null, 0.57, 'files'), ('NFLX', '2015-07-15', 7, null, 'files')",
    )
    .await;
    let flow = |symbol: &str| format!("2016-05-12,dividend,5.70,{symbol}\n");
    let error = flows(&pools, &flow("AAPL"), "book").await.unwrap_err();
    assert!(
        error.render(false).contains("would count twice"),
        "{}",
        error.render(false)
    );
    assert!(
        flows(&pools, &flow("NFLX"), "book").await.is_ok(),
        "a split is no dividend"
    );
}

#[tokio::test]
async fn marks_are_of_private_assets_and_can_be_corrected() {
    let (pools, _) = database().await;
    portfolio(&pools, &[A, P], NEW).await.unwrap();
    let error = marks(&pools, "AAPL,2016-06-30,5\n").await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
    let first = "FUND,2016-06-30,104\nFUND,2016-09-30,0\n";
    assert_eq!(marks(&pools, first).await.unwrap().changed(), 2);
    let again = marks(&pools, first).await.unwrap();
    assert_eq!(again.status, Status::Unchanged);
    let corrected = "FUND,2016-06-30,104.00\nFUND,2016-09-30,98.5\n";
    let receipt = marks(&pools, corrected).await.unwrap();
    assert_eq!(
        (receipt.counts().as_str(), receipt.changes.from_date),
        ("1 mark corrected", Some(day("2016-09-30")))
    );
    assert!(
        receipt.page().contains("0.00 → 98.50"),
        "{}",
        receipt.page()
    );
    // What was corrected can be corrected back.
    assert_eq!(marks(&pools, first).await.unwrap().changed(), 1);
    // And what should never have been there goes.
    let file = file("Symbol,Date,Price\nFUND,2016-09-30,0\n");
    let whole = lines_of(&file, "book --update");
    let receipt = import::marks(&pools, &clock(), &whole).await.unwrap();
    assert_eq!(receipt.counts(), "1 mark removed");
    assert_eq!(receipt.changes.from_date, Some(day("2016-06-30")));
    let left = "select string_agg(date || ' ' || price, ', ') from manual_marks";
    assert_eq!(text(&pools, left).await, "2016-09-30 0");
}

#[tokio::test]
async fn amounts_that_no_ledger_can_add_up_are_refused() {
    let (pools, _) = database().await;
    let line = [
        "sigmabatch",
        "import",
        "portfolio",
        "f.csv",
        "--name",
        "book",
        "--inception",
        "2016-01-04",
        "--equity",
    ];
    let with = |equity| Cli::try_parse_from(line.into_iter().chain([equity]));
    assert!(with("9999999999999").is_ok());
    let refused = with("10000000000000").unwrap_err().to_string();
    assert!(
        refused.contains("10000000000000 or more: check the unit"),
        "{refused}"
    );

    let large = "AAPL,100000000,60000,2016-01-04,PUBLIC,,";
    let error = portfolio(&pools, &[large, large], NEW).await.unwrap_err();
    assert!(
        error
            .render(false)
            .contains("the lots cost 12000000000000 in sum"),
        "{}",
        error.render(false)
    );
    let sold = "AAPL,100000000,1,2016-01-04,PUBLIC,2016-08-15,60000";
    let error = portfolio(&pools, &[sold, sold], NEW).await.unwrap_err();
    assert!(
        error.render(false).contains("ERR_POS_033"),
        "{}",
        error.render(false)
    );
    portfolio(&pools, &[large], NEW).await.unwrap();

    let flow = "2016-05-02,contribution,6000000000000,\n";
    flows(&pools, flow, "book").await.unwrap();
    let error = flows(&pools, &[flow, flow].concat(), "book")
        .await
        .unwrap_err();
    assert!(
        error.render(false).contains("ERR_FLOW_015"),
        "{}",
        error.render(false)
    );
    assert_eq!(number(&pools, "select count(*) from cash_flows").await, 1);
}

const FACTORS: &str = "version = \"mine\"\n[[factor]]\nname = \"World\"\nproxy = \"VT\"\nkind = \"price\"\nrole = \"market\"\n";
const SCENARIOS: &str = "version = \"mine\"\n[[scenario]]\nid = \"down\"\nname = \"Down\"\ncategory = \"market\"\nseverity = \"mild\"\n\
    [[scenario.shock]]\nfactor = \"World\"\nvalue = -0.1\nkind = \"total_return\"\n";

#[tokio::test]
async fn factors_and_scenarios_always_fit_each_other() {
    let (pools, _) = database().await;
    assert!(
        !import::seed_defaults(&pools).await.unwrap(),
        "the harness has seeded them"
    );
    assert_eq!(
        number(&pools, "select count(*) from factor_definitions").await,
        8
    );
    let before = version(&pools).await;
    let (factors, scenarios) = (file(FACTORS), file(SCENARIOS));
    let alone = FactorsArgs {
        file: factors.0.clone(),
        scenarios: None,
    };
    let error = import::factors(&pools, &alone).await.unwrap_err();
    assert!(error.remedy().unwrap().contains("--scenarios"), "{error:?}");
    assert_eq!(
        number(&pools, "select count(*) from factor_definitions").await,
        8
    );

    let both = FactorsArgs {
        file: factors.0.clone(),
        scenarios: Some(scenarios.0.clone()),
    };
    let receipts = import::factors(&pools, &both).await.unwrap();
    assert!(
        receipts
            .iter()
            .all(|receipt| receipt.status == Status::Updated && receipt.count == 1)
    );
    assert_eq!(version(&pools).await, before + 1, "one change for both");
    let change = "select scope || ' ' || input || ' ' || from_date from input_change order by version desc limit 1";
    assert_eq!(text(&pools, change).await, "all definitions 1990-01-01");

    let again = import::factors(&pools, &both).await.unwrap();
    assert!(
        again
            .iter()
            .all(|receipt| receipt.status == Status::Unchanged)
    );
    assert_eq!(version(&pools).await, before + 1);
    assert_eq!(
        import::factors(&pools, &alone).await.unwrap().len(),
        1,
        "now they fit"
    );
}

#[tokio::test]
async fn two_imports_of_one_portfolio_at_once_make_one() {
    let (pools, _) = database().await;
    let (one, two) = tokio::join!(
        portfolio(&pools, &[A, B], NEW),
        portfolio(&pools, &[A, B], NEW)
    );
    let mut statuses = [one.unwrap().status, two.unwrap().status].map(Status::as_str);
    statuses.sort_unstable();
    assert_eq!(statuses, ["created", "unchanged"]);
}
