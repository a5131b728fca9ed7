//! Forms do what the API does: the same roles, the same rows, the same audit.

use std::fmt::Write as _;

use super::send;
use crate::api::client::{Answer, Client};
use crate::api::{Served, book};
use crate::world::{World, shipped};

async fn import(by: &Client, csv: &str, dry_run: &str) -> Answer {
    import_with(by, csv, ("dry_run", dry_run)).await
}

/// The form of a new book, with one of its buttons or boxes.
async fn import_with(by: &Client, csv: &str, flag: (&str, &str)) -> Answer {
    let terms = [
        ("name", "scotty"),
        ("opening_equity", "250000"),
        ("inception", "2016-01-04"),
        ("owner", ""),
    ];
    let mut form = String::new();
    for (name, value) in terms.into_iter().chain([flag]) {
        let _ = write!(
            form,
            "--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    let _ = write!(
        form,
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"book.csv\"\r\n\r\n{csv}\r\n--x--\r\n"
    );
    let headers = [
        ("content-type", "multipart/form-data; boundary=x"),
        ("sec-fetch-site", "same-origin"),
    ];
    by.ask("POST", "/start/import", &headers, form.as_bytes())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_checked_imported_previewed_and_started() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let book = std::fs::read_to_string(shipped("portfolios/testscotty.csv")).unwrap();
    let broken = book.replacen("BIL,325", "BIL,many", 1);
    let refused = import(&served.operator, &broken, "").await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let text = refused.text();
    assert!(
        text.contains("<th class=\"n\" scope=\"row\">4</th>") && text.contains("ERR_POS_"),
        "{text}"
    );
    assert!(
        text.contains("value=\"scotty\""),
        "what was typed stays: {text}"
    );
    assert_eq!(import(&served.viewer, &book, "").await.status, 403);
    let checked = import(&served.operator, &book, "true").await;
    assert!(
        checked.status == 200 && checked.text().contains("no errors"),
        "{}",
        checked.text()
    );
    assert!(
        checked.text().contains("<h1>Checked</h1>"),
        "{}",
        checked.text()
    );
    assert_eq!(world.count("select count(*) from portfolios").await, 0);

    let taken = import(&served.operator, &book, "").await;
    let text = taken.text();
    assert_eq!(taken.status, 200, "{text}");
    assert!(
        text.contains("<h1>Imported</h1>")
            && text.contains("The plan")
            && text.contains(" calls of providers"),
        "{text}"
    );
    assert!(
        text.contains("name=\"start_date\" value=\"2016-01-04\""),
        "{text}"
    );
    assert_eq!(world.count("select count(*) from portfolios").await, 1);
    assert_eq!(world.count("select count(*) from run").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_without_lots_is_taken_where_the_box_says_that_it_has_none() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let page = served.operator.get("/start").await.text();
    assert!(page.contains("name=\"empty\""), "{page}");
    let book = std::fs::read_to_string(shipped("portfolios/testscotty.csv")).unwrap();
    let header = book.lines().find(|line| line.starts_with("Symbol,"));
    let header = header.unwrap();
    let refused = import(&served.operator, header, "").await;
    let text = refused.text();
    assert!(
        refused.status == 422 && text.contains("ERR_CSV_011"),
        "{text}"
    );
    // The box stays as it was, as all that was typed does.
    let refused = import_with(&served.operator, &book, ("empty", "true")).await;
    let text = refused.text();
    assert!(
        refused.status == 422 && text.contains("ERR_POS_034"),
        "{text}"
    );
    assert!(
        text.contains("name=\"empty\" value=\"true\" checked"),
        "{text}"
    );
    assert_eq!(world.count("select count(*) from portfolios").await, 0);
    let taken = import_with(&served.operator, header, ("empty", "true")).await;
    let text = taken.text();
    assert!(
        taken.status == 200 && text.contains("The plan") && text.contains("0 lots added"),
        "{text}"
    );
    assert_eq!(world.count("select count(*) from portfolios").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_shown_before_it_is_started() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let form =
        format!("portfolio_id={id}&calculation_date=&start_date=2016-12-29&end_date=2016-12-30");
    let preview = send(
        &served.operator,
        "/start/run",
        &format!("{form}&dry_run=true"),
    )
    .await;
    let text = preview.text();
    assert!(
        preview.status == 200 && text.contains("2 dates, "),
        "{text}"
    );
    assert!(
        text.contains(&format!(
            "sigmabatch run --portfolio {id} --from 2016-12-29 --to 2016-12-30"
        )),
        "{text}"
    );
    assert_eq!(world.count("select count(*) from run").await, 0);
    assert_eq!(send(&served.viewer, "/start/run", &form).await.status, 403);
    let started = send(&served.operator, "/start/run", &form).await;
    assert_eq!(started.status, 303, "{}", started.text());
    let path = started.headers["location"].clone();
    assert_eq!(served.viewer.get(&path).await.status, 200);
    // Whoever presses twice gets the same run, as everywhere.
    let twice = send(&served.operator, "/start/run", &form).await;
    assert_eq!(twice.headers["location"], path);
    assert_eq!(world.count("select count(*) from run").await, 1);

    let cancel = format!("{path}/cancel");
    assert_eq!(send(&served.viewer, &cancel, "").await.status, 403);
    assert_eq!(
        send(&served.operator, &cancel, "reason=wrong+date")
            .await
            .status,
        200
    );
    assert_eq!(send(&served.operator, &cancel, "").await.status, 409);
    let audited = world
        .texts("select reason from audit where action = 'cancel' and who like 'token %'")
        .await;
    assert_eq!(audited, ["wrong date"]);

    // What was taken back is no progress, and can be done again: once.
    let page = served.operator.get(&path).await.text();
    for part in [
        "Progress: <strong>0.0 %</strong>",
        "<dt>Cancelled</dt>",
        "1 market-data</a></th><td><span class=\"badge cancelled\">",
        "Retry cancelled tasks of this filter",
        "name=\"cancelled\" value=\"true\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Retry dead tasks"), "{page}");
    let (run, retry) = (path.trim_start_matches("/runs/"), "/actions/retry");
    let none = served.operator.get(&format!("{path}?state=done")).await;
    assert!(!none.text().contains(retry), "{}", none.text());
    let odd = served.operator.get(&format!("{path}?error=--all")).await;
    let listing = format!("sigmabatch tasks --run {run} --error=--all<");
    assert!(odd.text().contains(&listing), "{}", odd.text());
    let again = format!("run_id={run}&cancelled=true");
    let receipt = send(&served.operator, retry, &again).await;
    assert_eq!(receipt.status, 200, "{}", receipt.text());
    let none = served.operator.get(&path).await.text();
    assert!(!none.contains(retry), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_are_held_back_and_dead_tasks_repaired() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let hold = "kind=lane&name=nightly&reason=test";
    assert_eq!(
        send(&served.viewer, "/actions/pause", hold).await.status,
        403
    );
    assert_eq!(
        send(&served.operator, "/actions/pause", hold).await.status,
        200
    );
    assert_eq!(world.count("select count(*) from pause").await, 1);
    assert_eq!(
        send(&served.operator, "/actions/resume", hold).await.status,
        200
    );
    assert_eq!(world.count("select count(*) from pause").await, 0);

    let none = send(&served.operator, "/actions/retry", "all=true").await;
    assert_eq!(none.status, 404, "no task is dead");
    let form = format!("portfolio_id={id}&calculation_date=2016-12-30");
    send(&served.operator, "/start/run", &form).await;
    sqlx::query(
        "update task set state = 'dead', finished_at = now(), error_class = 'provider', error = 'broke <b>off</b>',
                fingerprint = 'abc123' where phase in ('market-data', 'symbol-factors')",
    )
    .execute(&world.db)
    .await
    .unwrap();
    let dead = served.operator.get("/dead").await.text();
    // One mistake of two phases stands in two rows, and each does its own tasks again.
    for phase in ["market-data", "symbol-factors"] {
        let command = format!("sigmabatch retry --error abc123 --phase {phase} --reason '…'");
        let field = format!("name=\"phase\" value=\"{phase}\"");
        assert!(dead.contains(&command) && dead.contains(&field), "{dead}");
    }
    assert!(dead.contains("broke &lt;b&gt;off&lt;/b&gt;"), "{dead}");
    let owner = served.owner(&world, &[id]).await;
    assert_eq!(
        send(&owner, "/actions/retry", "error=abc123").await.status,
        400,
        "an owner names the run"
    );
    assert_eq!(
        send(&served.viewer, "/actions/retry", "all=true")
            .await
            .status,
        403
    );
    let receipt = send(
        &served.operator,
        "/actions/retry",
        "error=abc123&phase=market-data&reason=fixed",
    )
    .await;
    assert!(
        receipt.status == 200 && receipt.text().contains("href=\"/runs/"),
        "{}",
        receipt.text()
    );
    assert_eq!(
        world
            .count("select count(*) from run where trigger = 'repair'")
            .await,
        1
    );
    let repaired = "select distinct phase from task where repair_run is not null";
    assert_eq!(world.texts(repaired).await, ["market-data"]);
}
