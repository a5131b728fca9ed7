//! What changes something leaves one row that says who did what, and what changes nothing leaves none.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sigmabatch::dashboard::ROUTES;
use sigmabatch::domain::{Access, Token};
use sigmabatch::engine::{self, Order};

use super::Served;
use super::client::{Answer, Client};
use super::roles::routes;
use crate::market::close;
use crate::world::World;

const PORTFOLIOS: &str = "/api/v1/portfolios";
const START: &str = "/api/v1/admin/batch/run";
const CANCEL: &str = "/api/v1/runs/{run_id}/cancel";
const RETRY: &str = "/api/v1/admin/retry";
const POSITIONS: &str = "/api/v1/portfolios/{portfolio_id}/positions";
const FLOWS: &str = "/api/v1/portfolios/{portfolio_id}/flows";
const MARKS: &str = "/api/v1/portfolios/{portfolio_id}/marks";

/// A row: its id, who, what, and of what.
type Row = (i64, String, String, String);

/// Somebody who changes things, and what the table says of it.
struct Walk {
    world: World,
    client: Client,
    /// As the table names the token.
    who: String,
    /// The newest row that was looked at.
    seen: i64,
    walked: BTreeSet<(String, String)>,
}

impl Walk {
    async fn new(served: &Served, world: World) -> Self {
        let token = Token::fresh().unwrap();
        let order = Order {
            who: "it",
            reason: "test",
        };
        engine::create_token(
            &world.engine.pools,
            &token,
            "auditor",
            &Access::Operator,
            order,
        )
        .await
        .unwrap();
        let mut walk = Self {
            client: served.nobody.with(&token.reveal()),
            who: format!("token auditor ({})", token.id),
            world,
            seen: 0,
            walked: BTreeSet::new(),
        };
        walk.rows().await;
        walk
    }

    /// The rows since the last look.
    async fn rows(&mut self) -> Vec<Row> {
        let rows = "select id, who, action, target from audit where id > $1 order by id";
        let rows: Vec<Row> = sqlx::query_as(rows)
            .bind(self.seen)
            .fetch_all(&self.world.db)
            .await
            .unwrap();
        self.seen = rows.last().map_or(self.seen, |row| row.0);
        rows
    }

    /// There is one row more, of this action; its target.
    async fn one(&mut self, what: &str, action: &str) -> String {
        let rows = self.rows().await;
        let [(_, who, did, target)] = rows.as_slice() else {
            panic!("{what}: {rows:?}");
        };
        assert_eq!((who, did.as_str()), (&self.who, action), "{what}: {rows:?}");
        target.clone()
    }

    /// Actions and targets of the rows since the last look.
    async fn did(&mut self) -> Vec<(String, String)> {
        let rows = self.rows().await;
        assert!(rows.iter().all(|row| row.1 == self.who), "{rows:?}");
        let did = rows.into_iter();
        did.map(|(_, _, action, target)| (action, target)).collect()
    }

    async fn none(&mut self, what: &str) {
        let rows = self.rows().await;
        assert!(rows.is_empty(), "{what}: {rows:?}");
    }

    async fn send(&self, (method, route): (&str, &str), id: &str, body: &Value) -> Answer {
        let path = route.replace("{portfolio_id}", id).replace("{run_id}", id);
        let kind = [("content-type", "application/json")];
        let body = body.to_string();
        self.client.ask(method, &path, &kind, body.as_bytes()).await
    }

    /// Changes something: the answer, and the target of its row.
    async fn change(
        &mut self,
        (method, route): (&str, &str),
        id: &str,
        body: &Value,
        status: u16,
        action: &str,
    ) -> (Value, String) {
        let answer = self.send((method, route), id, body).await;
        let answer = answer.expect(status);
        let target = self.one(&format!("{method} {route}"), action).await;
        self.walked.insert((method.to_owned(), route.to_owned()));
        (answer, target)
    }

    /// Changes nothing, and is answered so.
    async fn refused(&mut self, what: (&str, &str), id: &str, body: &Value, status: u16) {
        self.send(what, id, body).await.expect(status);
        self.none(&format!("{what:?} {status}")).await;
    }

    /// A form of a page; the target of its row, where it has one.
    async fn form(&mut self, route: &str, id: &str, form: &str, action: Option<&str>) -> String {
        let path = route.replace("{run_id}", id);
        let heads = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        let answer = self
            .client
            .ask("POST", &path, &heads, form.as_bytes())
            .await;
        assert!(
            answer.status < 400,
            "{route}: {} {}",
            answer.status,
            answer.text()
        );
        self.walked.insert(("post".to_owned(), route.to_owned()));
        if let Some(action) = action {
            return self.one(route, action).await;
        }
        self.none(route).await;
        String::new()
    }
}

fn word(answer: &Value, name: &str) -> String {
    answer[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name}: {answer}"))
        .to_owned()
}

fn lot(quantity: &str) -> Value {
    json!({ "symbol": "AAA", "quantity": quantity, "entry_price_per_share": close("AAA", "2016-12-19"),
            "entry_date": "2016-12-19", "investment_class": "PUBLIC" })
}

/// A private asset, for which there may be marks.
fn fund() -> Value {
    json!({ "symbol": "FUND", "quantity": "10", "entry_price_per_share": "100", "entry_date": "2016-12-19",
            "investment_class": "PRIVATE" })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_over_http_is_one_row_and_nothing_else_is_one() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mut walk = Walk::new(&served, world).await;
    let book = json!({ "name": "book", "opening_equity": "100000", "inception": "2016-12-19",
                       "positions": [lot("10"), fund()] });
    let mut dry = book.clone();
    dry["dry_run"] = json!(true);
    walk.refused(("POST", PORTFOLIOS), "", &dry, 200).await;
    let mut wrong = book.clone();
    wrong["positions"][0]["quantity"] = json!("many");
    walk.refused(("POST", PORTFOLIOS), "", &wrong, 422).await;
    let (made, target) = walk
        .change(("POST", PORTFOLIOS), "", &book, 201, "import")
        .await;
    let own = word(&made, "portfolio_id");
    assert_eq!(target, own);
    walk.refused(("POST", PORTFOLIOS), "", &book, 200).await;

    let flows =
        json!({ "flows": [{ "date": "2016-12-20", "type": "contribution", "amount": "100" }] });
    let marks = json!({ "marks": [{ "symbol": "FUND", "date": "2016-12-20", "price": "101" }] });
    for (method, route, body, action) in [
        (
            "PUT",
            POSITIONS,
            json!({ "positions": [lot("11"), fund()] }),
            "import",
        ),
        ("POST", FLOWS, flows, "import-flows"),
        ("POST", MARKS, marks, "import-marks"),
    ] {
        let mut dry = body.clone();
        dry["dry_run"] = json!(true);
        walk.refused((method, route), &own, &dry, 200).await;
        let (_, target) = walk.change((method, route), &own, &body, 200, action).await;
        assert_eq!(target, own, "{route}");
        // It is there already.
        walk.refused((method, route), &own, &body, 200).await;
    }

    let date = json!({ "calculation_date": "2016-12-30", "portfolio_id": own, "force": true });
    let mut dry = date.clone();
    dry["dry_run"] = json!(true);
    walk.refused(("POST", START), "", &dry, 200).await;
    let (planned, target) = walk.change(("POST", START), "", &date, 202, "run").await;
    let run = word(&planned, "batch_run_id");
    assert_eq!(target, run);
    walk.refused(("POST", START), "", &date, 202).await;
    let viewer = served.viewer.post(START, &json!({})).await;
    viewer.expect(403);
    walk.none("not with this role").await;
    let (_, target) = walk
        .change(("POST", CANCEL), &run, &json!({}), 200, "cancel")
        .await;
    assert_eq!(target, run);
    walk.world.worker().await;
    assert_eq!(walk.world.verdict(run.parse().unwrap()).await, "cancelled");
    walk.refused(("POST", CANCEL), &run, &json!({}), 409).await;
    for (route, action) in [
        ("/api/v1/admin/pause", "pause"),
        ("/api/v1/admin/resume", "resume"),
    ] {
        let lane = json!({ "kind": "lane", "name": "nightly", "reason": "a walk" });
        let (_, target) = walk.change(("POST", route), "", &lane, 200, action).await;
        assert_eq!(target, "lane nightly");
        walk.refused(("POST", route), "", &lane, 200).await;
    }
    let why = "select reason from audit where action in ('pause', 'resume')";
    assert_eq!(walk.world.texts(why).await, ["a walk", "a walk"]);
    let which = json!({ "run_id": run, "cancelled": true });
    let mut dry = which.clone();
    dry["dry_run"] = json!(true);
    walk.refused(("POST", RETRY), "", &dry, 200).await;
    let (repair, target) = walk.change(("POST", RETRY), "", &which, 202, "retry").await;
    assert_eq!(target, word(&repair, "batch_run_id"));
    walk.refused(("POST", RETRY), "", &which, 404).await;
    let one = "/api/v1/portfolios/{portfolio_id}";
    let (_, target) = walk
        .change(("DELETE", one), &own, &json!({}), 200, "delete-portfolio")
        .await;
    assert_eq!(target, own);
    walk.refused(("DELETE", one), &own, &json!({}), 404).await;
    let mut changes = routes();
    changes.retain(|(method, _)| method != "GET");
    for change in changes {
        assert!(walk.walked.contains(&change), "{change:?}: walk it");
    }
}

/// A book and the run that it begins are two changes; where the book is there already, the run is the only one.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_an_import_begins_is_a_row_of_its_own() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mut walk = Walk::new(&served, world).await;
    walk.world.worker().await;
    let book = json!({ "name": "book", "opening_equity": "100000", "inception": "2016-12-19", "run": true,
                       "positions": [lot("10")] });
    let same = json!({ "run": true, "positions": [lot("10")] });
    let mut portfolio = String::new();
    for (what, body, status, word_of_it) in [
        (("POST", PORTFOLIOS), &book, 201, "created"),
        (("POST", PORTFOLIOS), &book, 200, "unchanged"),
        (("PUT", POSITIONS), &same, 200, "unchanged"),
    ] {
        let made = walk.send(what, &portfolio, body).await.expect(status);
        assert_eq!(made["status"], word_of_it, "{made}");
        portfolio = word(&made, "portfolio_id");
        let run = word(&made["run"], "batch_run_id");
        let mut expected = vec![("run".to_owned(), run.clone())];
        if status == 201 {
            expected.insert(0, ("import".to_owned(), portfolio.clone()));
        }
        assert_eq!(walk.did().await, expected, "{what:?} {status}");
        // While it goes on, an equal request would be the same run.
        walk.world.verdict(run.parse().unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_page_is_the_row_of_what_it_does() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let mut walk = Walk::new(&served, world).await;
    let field = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let price = close("AAA", "2016-12-19");
    let file = format!(
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"book.csv\"\r\n\r\n\
         Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,Investment Subtype,Underlying Symbol,\
         Strike Price,Expiration Date,Option Type,Exit Date,Exit Price Per Share\r\n\
         AAA,10,{price},2016-12-19,PUBLIC,,,,,,,\r\n--x--\r\n"
    );
    let terms = field("name", "book") + &field("opening_equity", "100000");
    let form = terms + &field("inception", "2016-12-19") + &file;
    let heads = [
        ("content-type", "multipart/form-data; boundary=x"),
        ("sec-fetch-site", "same-origin"),
    ];
    let import = "/start/import";
    let taken = walk
        .client
        .ask("POST", import, &heads, form.as_bytes())
        .await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let own = walk.one(import, "import").await;
    walk.walked.insert(("post".to_owned(), import.to_owned()));

    let date = format!("portfolio_id={own}&calculation_date=2016-12-30");
    walk.form("/start/run", "", &format!("{date}&dry_run=true"), None)
        .await;
    let run = walk.form("/start/run", "", &date, Some("run")).await;
    let cancelled = walk
        .form("/runs/{run_id}/cancel", &run, "reason=why", Some("cancel"))
        .await;
    assert_eq!(cancelled, run);
    walk.world.worker().await;
    assert_eq!(walk.world.verdict(run.parse().unwrap()).await, "cancelled");
    let which = format!("run_id={run}&cancelled=true");
    let repair = walk.form("/actions/retry", "", &which, Some("retry")).await;
    assert_ne!(repair, run);
    for action in ["pause", "resume"] {
        let route = format!("/actions/{action}");
        let held = walk
            .form(&route, "", "kind=lane&name=backfill", Some(action))
            .await;
        assert_eq!(held, "lane backfill");
    }
    // Who comes and goes changes nothing.
    let token = super::token(&walk.world, &Access::Viewer).await;
    assert_eq!(walk.rows().await.len(), 1, "the token itself");
    walk.form("/login", "", &format!("token={token}"), None)
        .await;
    walk.form("/logout", "", "", None).await;
    for (method, route) in ROUTES.iter().filter(|(method, _)| *method != "get") {
        let change = ((*method).to_owned(), (*route).to_owned());
        assert!(walk.walked.contains(&change), "{change:?}: walk it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_made_or_revoked_is_one_row_of_who_did_it() {
    let world = World::new().await;
    let rows = async |action: &str| {
        let rows = sqlx::query_as("select id, who, action, target from audit where action = $1");
        let rows: Vec<Row> = rows
            .bind(action.to_owned())
            .fetch_all(&world.db)
            .await
            .unwrap();
        rows
    };
    let create = ["token", "create", "--role", "viewer", "--name", "ann"];
    let (code, made) = world.command(&create).await;
    assert_eq!(code, 0, "{made}");
    let token = word(&made, "token_id");
    let revoke = ["token", "revoke", token.as_str(), "--reason", "left"];
    let (code, gone) = world.command(&revoke).await;
    assert_eq!(code, 0, "{gone}");
    // Once more is nothing more, whatever it is answered.
    world.page(&revoke).await;
    for action in ["token-create", "token-revoke"] {
        let rows = rows(action).await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!((rows[0].1.as_str(), &rows[0].3), ("it", &token), "{rows:?}");
    }
}
