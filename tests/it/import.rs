//! Imports: all or nothing, told by their effect, never twice.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Parser as _;
use sigmabatch::cli::import::{
    self, FactorsArgs, LinesArgs, PortfolioArgs, PortfolioReceipt, Status,
};
use sigmabatch::cli::{Cli, Command, Error, ImportCommand};
use sigmabatch::clock::Clock;
use sigmabatch::store::Pools;

use super::harness::{database, number, sql, text};

const HEADER: &str = "Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,Exit Date,Exit Price Per Share";
const A: &str = "AAPL,10,24.041,2016-01-04,PUBLIC,,";
const A_SOLD: &str = "AAPL,10,24.041,2016-01-04,PUBLIC,2016-08-15,27";
const B: &str = "AMD,-30.50,2.77,2016-03-01,PUBLIC,,";
const P: &str = "FUND,5,100,2016-02-01,PRIVATE,,";

fn clock() -> Clock {
    Clock::starting_at("2016-12-30T22:00:00Z".parse().unwrap())
}

/// A file with this content, whose name is of this test alone.
fn file(content: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("sigmabatch-it-{}.csv", uuid::Uuid::new_v4()));
    std::fs::write(&path, content).unwrap();
    path
}

fn book(lots: &[&str]) -> PathBuf {
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
    import::portfolio(pools, &clock(), &arguments(&book(lots), line)).await
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

#[tokio::test]
async fn a_portfolio_is_named_by_its_id_or_by_its_only_name() {
    let (pools, _) = database().await;
    let id = "98518C7D-EA23-593B-AAED-9C0BE7F3A66F";
    let one = portfolio(&pools, &[A], &format!("{NEW} --id {id} --owner one"))
        .await
        .unwrap();
    assert_eq!(one.portfolio.id.to_string(), id.to_lowercase());
    let flows = |name: &str| LinesArgs {
        file: file("Date,Type,Amount\n2016-05-02,fee,5\n"),
        portfolio: name.into(),
    };
    assert!(
        import::flows(&pools, &clock(), &flows("book"))
            .await
            .is_ok()
    );
    portfolio(&pools, &[A], &format!("{NEW} --owner two"))
        .await
        .unwrap();
    let error = import::flows(&pools, &clock(), &flows("book"))
        .await
        .unwrap_err();
    assert!(
        error.remedy().unwrap().contains(&id.to_lowercase()),
        "{error:?}"
    );
    assert!(import::flows(&pools, &clock(), &flows(id)).await.is_ok());
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
    let lines = "Date,Type,Amount,Symbol\n2016-05-02,fee,5.00,\n2016-05-02,fee,5,\n2016-04-01,contribution,100,\n";
    let args = LinesArgs {
        file: file(lines),
        portfolio: "book".into(),
    };
    let first = import::flows(&pools, &clock(), &args).await.unwrap();
    assert_eq!(
        (first.status, first.changed, first.from_date),
        (Status::Updated, 3, Some(day("2016-04-01")))
    );
    let before = version(&pools).await;
    let again = import::flows(&pools, &clock(), &args).await.unwrap();
    assert_eq!((again.status, again.changed), (Status::Unchanged, 0));
    assert!(again.page().contains("nothing was changed"));
    assert_eq!(version(&pools).await, before);
    assert_eq!(number(&pools, "select count(*) from cash_flows").await, 3);
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
    let flow = |symbol: &str| {
        let lines = format!("Date,Type,Amount,Symbol\n2016-05-12,dividend,5.70,{symbol}\n");
        LinesArgs {
            file: file(&lines),
            portfolio: "book".into(),
        }
    };
    let error = import::flows(&pools, &clock(), &flow("AAPL"))
        .await
        .unwrap_err();
    assert!(
        error.render(false).contains("would count twice"),
        "{}",
        error.render(false)
    );
    assert!(
        import::flows(&pools, &clock(), &flow("NFLX")).await.is_ok(),
        "a split is no dividend"
    );
}

#[tokio::test]
async fn marks_are_of_private_assets_and_can_be_corrected() {
    let (pools, _) = database().await;
    portfolio(&pools, &[A, P], NEW).await.unwrap();
    let marks = |lines: &str| LinesArgs {
        file: file(&format!("Symbol,Date,Price\n{lines}\n")),
        portfolio: "book".into(),
    };
    let error = import::marks(&pools, &clock(), &marks("AAPL,2016-06-30,5"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
    let first = marks("FUND,2016-06-30,104\nFUND,2016-09-30,0");
    assert_eq!(
        import::marks(&pools, &clock(), &first)
            .await
            .unwrap()
            .changed,
        2
    );
    assert_eq!(
        import::marks(&pools, &clock(), &first)
            .await
            .unwrap()
            .status,
        Status::Unchanged
    );
    let corrected = marks("FUND,2016-06-30,104.00\nFUND,2016-09-30,98.5");
    let receipt = import::marks(&pools, &clock(), &corrected).await.unwrap();
    assert_eq!(
        (receipt.changed, receipt.from_date),
        (1, Some(day("2016-09-30")))
    );
    // What was corrected can be corrected back.
    assert_eq!(
        import::marks(&pools, &clock(), &first)
            .await
            .unwrap()
            .changed,
        1
    );
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
    let alone = FactorsArgs {
        file: file(FACTORS),
        scenarios: None,
    };
    let error = import::factors(&pools, &alone).await.unwrap_err();
    assert!(error.remedy().unwrap().contains("--scenarios"), "{error:?}");
    assert_eq!(
        number(&pools, "select count(*) from factor_definitions").await,
        8
    );

    let both = FactorsArgs {
        file: file(FACTORS),
        scenarios: Some(file(SCENARIOS)),
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
