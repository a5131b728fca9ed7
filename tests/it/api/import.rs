//! Importing over HTTP: whole or not at all, with every error at once.

use serde_json::{Value, json};

use super::Served;
use super::document::{Document, has_shape};
use crate::market::{close, small};
use crate::world::{World, shipped};

const TERMS: &str = "name=scotty&opening_equity=250000&inception=2016-01-04";

#[tokio::test(flavor = "multi_thread")]
async fn a_book_is_imported_and_run_by_a_form() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let book = std::fs::read_to_string(shipped("portfolios/testscotty.csv")).unwrap();
    let field = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let mut form = field("name", "scotty") + &field("opening_equity", "250000");
    form += &field("inception", "2016-01-04");
    let file = format!(
        "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"book.csv\"\r\n\r\n{book}\r\n--x--\r\n"
    );
    form += &file;
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let ask = async |query: &str| {
        let path = format!("/api/v1/portfolios?{query}");
        served
            .operator
            .ask("POST", &path, &kind, form.as_bytes())
            .await
    };
    let dry = ask("dry_run=true").await.expect(200);
    assert_eq!(dry["status"], "dry_run");
    assert_eq!(world.count("select count(*) from portfolios").await, 0);
    let made = ask("run=true").await.expect(201);
    assert_eq!(
        (&made["status"], &made["file"]),
        (&json!("created"), &json!("book.csv"))
    );
    assert!(
        made["run"]["dates"].as_array().unwrap().len() > 200,
        "all dates are planned"
    );
    let again = ask("").await.expect(200);
    assert_eq!(again["status"], "unchanged");
    // Of two files none is the one that was meant.
    let twice = form.replace(&file, &(file.replace("--x--\r\n", "") + &file));
    let path = "/api/v1/portfolios?dry_run=true";
    let twice = served.operator.ask("POST", path, &kind, twice.as_bytes());
    let twice = twice.await.expect(400);
    assert_eq!(
        (&twice["field"], &twice["detail"]),
        (&json!("file"), &json!("given more than once"))
    );
    let audited = world
        .texts("select target from audit where action = 'import'")
        .await;
    assert_eq!(audited, [made["portfolio_id"].as_str().unwrap()]);
}

/// On a Saturday a book may begin, but there is no session of it yet: it is stored, no run is planned, and the answer says both.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_cannot_be_run_yet_is_stored_all_the_same() {
    let world = World::at("2016-12-31T18:00:00Z", small()).await;
    let served = Served::new(&world).await;
    let late = json!({ "name": "late", "opening_equity": "1000", "inception": "2016-12-31",
                       "positions": [{ "symbol": "AAA", "quantity": "1", "entry_price_per_share": "100", "entry_date": "2016-12-31",
                                       "investment_class": "PUBLIC" }] });
    let made = served
        .operator
        .post("/api/v1/portfolios?run=true", &late)
        .await
        .expect(201);
    assert_eq!(
        (&made["status"], &made["run"]),
        (&json!("created"), &json!(null))
    );
    assert!(
        made["run_reason"].as_str().unwrap().contains("2016-12-31"),
        "{made}"
    );
    assert_eq!(world.count("select count(*) from portfolios").await, 1);
    assert_eq!(world.count("select count(*) from run").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_errors_of_a_file_are_told_and_nothing_is_changed() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let terms = json!({ "name": "json", "opening_equity": "100000", "inception": "2016-12-19" });
    let with = |positions: serde_json::Value| {
        let mut body = terms.clone();
        body["positions"] = positions;
        body
    };
    let wrong = with(json!([lot("AAA", "0"), lot("AAA", "5"), lot("", "x")]));
    let problem = served
        .operator
        .post("/api/v1/portfolios", &wrong)
        .await
        .expect(422);
    let errors = problem["errors"].as_array().unwrap();
    let lines: std::collections::BTreeSet<u64> = errors
        .iter()
        .map(|error| error["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [2, 4].into(), "{errors:?}");
    assert!(
        errors
            .iter()
            .all(|error| error["code"].is_string() && error["column"].is_string())
    );
    assert_eq!(world.count("select count(*) from portfolios").await, 0);
    let odd = with(json!([{ "sybmol": "AAA" }]));
    let odd = served
        .operator
        .post("/api/v1/portfolios", &odd)
        .await
        .expect(400);
    assert_eq!(odd["field"], "positions[0].sybmol");

    let made = served
        .operator
        .post("/api/v1/portfolios", &with(json!([lot("AAA", "5")])))
        .await
        .expect(201);
    let id = made["portfolio_id"].as_str().unwrap();
    let other = served
        .operator
        .post("/api/v1/portfolios", &with(json!([lot("AAA", "7")])))
        .await
        .expect(409);
    assert!(
        other["detail"].as_str().unwrap().contains("another book"),
        "{other}"
    );
    let path = format!("/api/v1/portfolios/{id}/positions");
    let kind = [("content-type", "application/json")];
    let more = json!({ "positions": [lot("AAA", "5"), lot("BBB", "7")] }).to_string();
    let own = served.owner(&world, &[id.parse().unwrap()]).await;
    let changed = own
        .ask("PUT", &path, &kind, more.as_bytes())
        .await
        .expect(200);
    assert_eq!(changed["status"], "updated");
    assert_eq!(changed["added"][0]["symbol"], "BBB");
    let strange = served
        .operator
        .ask("POST", &format!("/api/v1/portfolios?{TERMS}"), &[], b"x")
        .await;
    assert_eq!(
        strange.expect(415)["type"],
        "/docs#problem-unsupported-media-type"
    );
}

/// A list of another route, a key that stands twice, digits that no float has.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_json_is_lost_in_silence() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let kind = [("content-type", "application/json")];
    let mut of_flows =
        json!({ "name": "json", "opening_equity": "100000", "inception": "2016-12-19" });
    of_flows["flows"] = json!([{ "date": "2016-12-21", "type": "fee", "amount": "1" }]);
    let refused = served
        .operator
        .post("/api/v1/portfolios", &of_flows)
        .await
        .expect(400);
    assert_eq!(
        (&refused["field"], &refused["detail"]),
        (
            &json!("flows"),
            &json!("unknown; this route takes positions")
        )
    );
    // A flag is no symbol, though one may be called so.
    let mut flag = lot("AAA", "5");
    flag["symbol"] = json!(true);
    let mut both = listed(&json!([lot("AAA", "5")]));
    both["flows"] = json!([]);
    for (body, field) in [
        (listed(&json!([flag])), "positions[0].symbol"),
        (both, "flows"),
    ] {
        let refused = served.operator.post("/api/v1/portfolios", &body).await;
        assert_eq!(refused.expect(400)["field"], field);
    }
    let text = listed(&json!([lot("AAA", "5")])).to_string();
    for (twice, field) in [
        (
            text.replace("{\"", "{\"quantity\":\"6\",\"")
                .replacen("\"quantity\":\"6\",", "", 1),
            "positions[0].quantity",
        ),
        (text.replacen('{', "{\"name\":\"other\",", 1), "name"),
    ] {
        let refused = served
            .operator
            .ask("POST", "/api/v1/portfolios", &kind, twice.as_bytes())
            .await
            .expect(400);
        assert_eq!(
            (&refused["field"], &refused["detail"]),
            (&json!(field), &json!("given more than once"))
        );
    }
    assert_eq!(world.count("select count(*) from portfolios").await, 0);
    let exact = text.replacen("\"100000\"", "9876543210123.123457", 1);
    let exact = exact.replacen("\"json\"", "\"exact\"", 1);
    served
        .operator
        .ask("POST", "/api/v1/portfolios", &kind, exact.as_bytes())
        .await
        .expect(201);
    let held = "select count(*) from portfolios where opening_equity = 9876543210123.123457";
    assert_eq!(world.count(held).await, 1);
}

/// A new book as JSON, with these lots.
fn listed(positions: &Value) -> Value {
    json!({ "name": "json", "opening_equity": "100000", "inception": "2016-12-19", "positions": positions })
}

/// A lot of a list.
fn lot(symbol: &str, quantity: &str) -> Value {
    json!({ "symbol": symbol, "quantity": quantity, "entry_price_per_share": close("AAA", "2016-12-19"),
            "entry_date": "2016-12-19", "investment_class": "PUBLIC" })
}

/// Whoever sends a list hears of its places, whatever lines a file of it would have; the document says so.
#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_list_name_their_place_in_it() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let document = Document::generated();
    let shape = &document.0["components"]["schemas"]["Problem"]["properties"]["errors"]["items"];
    assert!(has_shape(shape), "{shape}");
    for (rows, places) in [
        (
            json!([lot("AAA", "0"), lot("AAA", "5"), lot("", "5")]),
            ["positions[0].quantity", "positions[2].symbol"],
        ),
        (
            json!([lot("A\nB", "5"), lot("AAA", "0")]),
            ["positions[0].symbol", "positions[1].quantity"],
        ),
        // In a file that is a comment.
        (
            json!([lot("#AAA", "5"), lot("AAA", "0")]),
            ["positions[0].symbol", "positions[1].quantity"],
        ),
    ] {
        let problem = served
            .operator
            .post("/api/v1/portfolios", &listed(&rows))
            .await;
        let problem = problem.expect(422);
        document.hold("post", "/api/v1/portfolios", 422, &problem);
        assert_eq!(problem["field"], "positions", "{problem}");
        let errors = problem["errors"].as_array().unwrap();
        let told: Vec<&str> = errors
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        assert_eq!(told, places, "{problem}");
    }
    assert_eq!(world.count("select count(*) from portfolios").await, 0);
}

/// A row that says nothing, and a name without a value, are told as any other: nothing is passed over in silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_or_a_row_without_a_value_is_refused() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let blank = listed(&json!([lot("AAA", "5"), { "symbol": null }]));
    let blank = served.operator.post("/api/v1/portfolios", &blank).await;
    assert_eq!(blank.expect(400)["field"], "positions[1]");
    for (name, value) in [
        ("typo", json!([])),
        ("typo", json!(null)),
        ("flows", json!([])),
    ] {
        let mut body = listed(&json!([lot("AAA", "5")]));
        body[name] = value;
        let refused = served.operator.post("/api/v1/portfolios", &body).await;
        assert_eq!(refused.expect(400)["field"], name, "{body}");
    }
    assert_eq!(world.count("select count(*) from portfolios").await, 0);
}

/// A book without lots, as a list, as a file and in a form: taken where it is said to have none, and run to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_without_lots_is_taken_and_run_where_it_is_said_to_have_none() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let header = std::fs::read_to_string(shipped("portfolios/testscotty.csv")).unwrap();
    let header = header.lines().find(|line| line.starts_with("Symbol,"));
    let header = header.unwrap();
    let mut cash = json!({ "name": "cash", "opening_equity": "5000", "inception": "2016-12-28", "positions": [] });
    let refused = served.operator.post("/api/v1/portfolios", &cash).await;
    let refused = refused.expect(422);
    assert_eq!(refused["errors"][0]["code"], "ERR_CSV_011", "{refused}");
    assert_eq!(world.count("select count(*) from portfolios").await, 0);

    cash["empty"] = json!(true);
    let dry = served
        .operator
        .post("/api/v1/portfolios?dry_run=true", &cash)
        .await
        .expect(200);
    assert_eq!(
        (&dry["status"], &dry["added"]),
        (&json!("dry_run"), &json!([]))
    );
    assert_eq!(world.count("select count(*) from portfolios").await, 0);
    world.worker().await;
    let made = served
        .operator
        .post("/api/v1/portfolios?run=true", &cash)
        .await
        .expect(201);
    assert_eq!(
        (
            &made["status"],
            &made["opening_equity"],
            &made["run_reason"]
        ),
        (&json!("created"), &json!("5000"), &json!(null))
    );
    let run = made["run"]["batch_run_id"].as_str().unwrap();
    let verdict = world.verdict(run.parse().unwrap()).await;
    assert_eq!(verdict, "succeeded", "{}", world.troubles().await);
    let id = made["portfolio_id"].as_str().unwrap();
    let nav = "select distinct nav::float8::text from portfolio_snapshots";
    assert_eq!(world.texts(nav).await, ["5000"]);

    // A file, with the flag in the query; and rows that contradict it.
    let csv = [("content-type", "text/csv")];
    let path = "/api/v1/portfolios?name=file&opening_equity=1&inception=2016-12-28";
    let send = async |path: &str, method: &str, body: &str| {
        let answer = served.operator.ask(method, path, &csv, body.as_bytes());
        answer.await
    };
    let cut_off = send(path, "POST", header).await.expect(422);
    assert_eq!(cut_off["errors"][0]["code"], "ERR_CSV_011");
    let nothing = send(&format!("{path}&empty=true"), "POST", "").await;
    assert_eq!(nothing.expect(422)["errors"][0]["code"], "ERR_CSV_003");
    let taken = send(&format!("{path}&empty=true"), "POST", header).await;
    assert_eq!(taken.expect(201)["added"], json!([]));
    let lot = format!(
        "{header}\nAAA,5,{},2016-12-28,PUBLIC,,,,,,,\n",
        close("AAA", "2016-12-28")
    );
    let positions = format!("/api/v1/portfolios/{id}/positions");
    let both = send(&format!("{positions}?empty=true"), "PUT", &lot).await;
    assert_eq!(both.expect(422)["errors"][0]["code"], "ERR_POS_034");

    // An existing book is emptied only by who says so.
    let filled = send(&positions, "PUT", &lot).await.expect(200);
    assert_eq!(filled["added"][0]["symbol"], "AAA");
    let cut_off = send(&positions, "PUT", header).await.expect(422);
    assert_eq!(cut_off["errors"][0]["code"], "ERR_CSV_011");
    let held = "select count(*) from positions where deleted_at is null";
    assert_eq!(world.count(held).await, 1);
    let emptied = send(&format!("{positions}?empty=true"), "PUT", header).await;
    assert_eq!(emptied.expect(200)["removed"][0]["symbol"], "AAA");
    assert_eq!(world.count(held).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_added_replaced_and_listed() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = super::book(&world, "book").await;
    let path = format!("/api/v1/portfolios/{id}/flows");
    let csv = [("content-type", "text/csv")];
    let send = async |query: &str, file: &str| {
        let path = format!("{path}?{query}");
        served
            .operator
            .ask("POST", &path, &csv, file.as_bytes())
            .await
    };
    let first = "Date,Type,Amount,Symbol\n2016-12-20,contribution,1000.50,\n";
    let dry = send("dry_run", first).await.expect(200);
    assert_eq!(
        (&dry["status"], dry["added"].as_array().unwrap().len()),
        (&json!("dry_run"), 1)
    );
    send("", first).await.expect(200);
    assert_eq!(send("", first).await.expect(200)["status"], "unchanged");
    let listed = served.viewer.get(&path).await.expect(200);
    assert_eq!(listed["flows"][0]["amount"], "1000.5");
    let wrong = send(
        "",
        "Date,Type,Amount,Symbol\n2016-12-20,gift,1,\nx,fee,1,\n",
    )
    .await
    .expect(422);
    assert!(wrong["errors"].as_array().unwrap().len() >= 2, "{wrong}");
    // Of a file there are lines, and no places.
    assert_eq!(wrong["field"], "file");
    assert_eq!(wrong["errors"][0].get("field"), None);
    let whole = json!({ "whole": true, "flows": [{ "date": "2016-12-21", "type": "withdrawal", "amount": "250" }] });
    let whole = served.operator.post(&path, &whole).await.expect(200);
    assert_eq!(whole["removed"][0]["date"], "2016-12-20");
    let listed = served.viewer.get(&path).await.expect(200);
    assert_eq!(listed["flows"].as_array().unwrap().len(), 1);
}
