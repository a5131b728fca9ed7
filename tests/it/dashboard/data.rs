//! The page of data: gaps within series, with what the provider said of them.

use serde_json::Value;

use crate::api::{Served, book};
use crate::market::{Folder, close};
use crate::world::{World, on, request};

const NOW: &str = "2017-01-01T12:00:00-05:00";

/// The cells of the rows of a table.
fn rows(page: &str, table: &str) -> Vec<Vec<String>> {
    let Some(table) = page.split(&format!("<table id=\"{table}\">")).nth(1) else {
        return Vec::new();
    };
    let body = table.split("</table>").next().unwrap();
    let rows = body.split("<tr>").skip(2);
    let cells = |row: &str| {
        let cells = row.split("</t").filter_map(|cell| {
            let (_, text) = cell.rsplit_once('>')?;
            (!text.is_empty()).then(|| text.to_owned())
        });
        cells.collect()
    };
    rows.map(cells).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_of_series_are_told_with_their_sessions_and_reasons() {
    let mut folder = Folder::new();
    // A weekend and the Monday after Christmas lie in it, and are no sessions: four closes are missing.
    folder.remove("AAA", |date| ("2016-12-22"..="2016-12-28").contains(&date));
    // Apart from the first, and until the end.
    folder.remove("BBB", |date| date == "2016-12-20" || date >= "2016-12-29");
    let world = World::at(NOW, folder.path()).await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let row = format!("BBB,10,{},2016-12-19,PUBLIC", close("BBB", "2016-12-19"));
    world.book("other", "100000", "2016-12-19", &[&row]).await;
    let page = async || served.viewer.get("/data").await.text();
    assert!(rows(&page().await, "gaps").is_empty());
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    let page = page().await;
    let told = rows(&page, "gaps");
    let told: Vec<Vec<&str>> = told
        .iter()
        .map(|row| row.iter().map(String::as_str).collect())
        .collect();
    let found: Vec<&[&str]> = told.iter().map(|row| &row[..4]).collect();
    assert_eq!(
        found,
        [
            &["BBB", "2016-12-29", "2016-12-30", "2"][..],
            // A factor's symbol that has no series here: missing since it was first wanted.
            &["IWF", "2016-12-30", "2016-12-30", "1"],
            &["AAA", "2016-12-22", "2016-12-28", "4"],
            &["BBB", "2016-12-20", "2016-12-20", "1"],
        ],
        "{page}"
    );
    let known = told.iter().filter(|row| row[4] != "nobody was asked");
    assert!(known.count() >= 3, "{told:?}");
    // The reason is the one that the API gives for the sessions.
    for row in &told {
        let path = format!(
            "/api/v1/symbols/{}/prices?from={}&to={}",
            row[0], row[1], row[2]
        );
        let prices = served.viewer.get(&path).await.expect(200);
        let sessions = prices["data"].as_array().unwrap();
        assert_eq!(prices["gaps"].to_string(), row[3], "{prices}");
        let said = |session: &&Value| session["outcome"] != "not_asked";
        let reasons: Vec<&str> = sessions
            .iter()
            .filter(said)
            .map(|session| session["reason"].as_str().unwrap())
            .collect();
        if reasons.is_empty() {
            assert_eq!(row[4], "nobody was asked", "{prices}");
        }
        for reason in reasons {
            assert!(row[4].contains(reason), "{row:?}: {reason}");
        }
    }
    assert!(page.contains("Sessions of the last year that are not published"));

    let inactive = "no: nobody asks for its prices";
    assert!(!page.contains(inactive), "{page}");
    let words = ["universe", "deactivate", "BBB", "--reason", "delisted"];
    assert_eq!(world.command(&words).await.0, 0);
    let page = served.viewer.get("/data").await.text();
    assert_eq!(page.matches(inactive).count(), 1, "{page}");
}
