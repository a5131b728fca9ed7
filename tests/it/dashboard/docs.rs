//! The page that documents the API, as somebody tries the API on it.

use fantoccini::Locator;
use sigmabatch::domain::Access;

use super::browser::{fill, press};
use crate::api::{Served, token};
use crate::browser::{self, Browser};
use crate::world::{World, eventually, on, request, shipped};

/// The form of an operation.
struct Form<'a> {
    browser: &'a Browser,
    css: String,
}

impl<'a> Form<'a> {
    async fn open(browser: &'a Browser, method: &str, path: &str) -> Self {
        let css = format!("form[data-method={method}][data-path='{path}']");
        let script = "document.querySelector(arguments[0]).closest('details').open = true";
        let opened = browser.client.execute(script, vec![css.clone().into()]);
        opened.await.unwrap();
        Self { browser, css }
    }

    async fn fill(&self, field: &str, text: &str) {
        fill(self.browser, &format!("{} {field}", self.css), text).await;
    }

    async fn choose(&self, field: &str, kind: &str) {
        let css = format!("{} {field}", self.css);
        let choice = self.browser.client.find(Locator::Css(&css)).await.unwrap();
        choice.select_by_label(kind).await.unwrap();
    }

    async fn press(&self, button: &str) {
        press(self.browser, &format!("{} {button}", self.css)).await;
    }

    /// What is shown, once these words are in it.
    async fn shows(&self, words: &[&str]) -> String {
        let css = format!("{} output", self.css);
        let mut last = String::new();
        let shown = eventually(async || {
            let output = self.browser.client.find(Locator::Css(&css)).await.unwrap();
            last = output.text().await.unwrap();
            let all = words.iter().all(|word| last.contains(word));
            all.then(|| last.clone())
        });
        let shown = shown.await;
        shown.unwrap_or_else(|| panic!("{words:?}: {last}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_tables_and_streams_can_be_tried_on_the_page() {
    let Some(browser) = browser::open().await else {
        return;
    };
    let world = World::shipped().await;
    let served = Served::new(&world).await;
    let book = world.shipped_book("testscotty").await;
    let operator = token(&world, &Access::Operator).await;
    let page = format!("http://{}/docs", served.address);
    browser.client.goto(&page).await.unwrap();
    fill(&browser, "#token", &operator).await;

    // A file in a form, then the same as text.
    let import = Form::open(&browser, "post", "/api/v1/portfolios").await;
    for (name, value) in [
        ("name", "Again"),
        ("opening_equity", "250000"),
        ("inception", "2016-01-04"),
        ("dry_run", "true"),
    ] {
        import.fill(&format!("input[name={name}]"), value).await;
    }
    let file = shipped("portfolios/testscotty.csv");
    import
        .choose("select[data-in=type]", "multipart/form-data")
        .await;
    import
        .fill("input[type=file]", file.to_str().unwrap())
        .await;
    import.press("button").await;
    import.shows(&["200", "\"added\"", "NEAIX"]).await;
    import.choose("select[data-in=type]", "text/csv").await;
    let lots = std::fs::read_to_string(&file).unwrap();
    // The names of the columns, and one lot.
    let lots = lots.lines().filter(|line| !line.starts_with('#')).take(2);
    let lots: Vec<&str> = lots.collect();
    import.fill("textarea", &lots.join("\n")).await;
    import.press("button").await;
    let shown = import.shows(&["200", "\"added\""]).await;
    assert!(!shown.contains("NEAIX"), "{shown}");

    // A table.
    let positions = "/api/v1/portfolios/{portfolio_id}/positions";
    let positions = Form::open(&browser, "get", positions).await;
    positions
        .fill("input[name=portfolio_id]", &book.to_string())
        .await;
    positions
        .choose("select[name=Accept]", "application/json")
        .await;
    positions.press("button").await;
    positions.shows(&["200", "{"]).await;
    positions.choose("select[name=Accept]", "text/csv").await;
    positions.press("button").await;
    let shown = positions.shows(&["200", "symbol"]).await;
    assert!(!shown.contains('{'), "{shown}");

    // A stream, as it goes on, until it is stopped.
    let run = world.begin(&request(on("2016-12-30"))).await.run;
    let stream = Form::open(&browser, "get", "/api/v1/runs/{run_id}/events").await;
    stream.fill("input[name=run_id]", &run.to_string()).await;
    stream.press("button").await;
    stream.shows(&["200"]).await;
    let tell = async |kind: &str| {
        let insert = "insert into event (run_id, kind) values ($1, $2)";
        let told = sqlx::query(insert).bind(run.0).bind(kind);
        told.execute(&world.db).await.unwrap();
    };
    for kind in ["one-more", "another"] {
        tell(kind).await;
        stream.shows(&[&format!("event: {kind}")]).await;
    }
    stream.press("[data-stop]").await;
    stream.shows(&["event: another", "Stopped."]).await;
    browser.close().await;
}
