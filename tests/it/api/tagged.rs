//! Tags and tables of what is not a section: performance, drawdowns, symbols and the calendar.

use super::{Served, book};
use crate::world::{World, on, range, request};

#[tokio::test(flavor = "multi_thread")]
async fn performance_symbols_and_calendar_are_tagged_and_tabled() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let viewer = &served.viewer;
    let id = book(&world, "book").await;
    world.worker().await;
    world.run(&request(range("2016-12-19", "2016-12-29"))).await;
    let own = format!("/api/v1/portfolios/{id}");
    let (performance, drawdowns) = (format!("{own}/performance"), format!("{own}/drawdowns"));
    let of = |what: &str| format!("/api/v1/symbols/AAA/{what}");
    let (prices, factors, metrics) = (of("prices"), of("factors"), of("metrics"));
    let known = async |path: &str, tag: &str, form: &str| {
        let heads = [("if-none-match", tag), ("accept", form)];
        viewer.ask("GET", path, &heads, b"").await
    };
    for (path, column) in [
        (performance.as_str(), "figure"),
        (&drawdowns, "trough"),
        (&prices, "close"),
        (&factors, "beta"),
        (&metrics, "return_1d"),
        ("/api/v1/symbols", "symbol"),
        ("/api/v1/calendar", "closes_at"),
    ] {
        let first = viewer.get(path).await;
        first.expect(200);
        let tag = first.headers["etag"].clone();
        let again = known(path, &tag, "application/json").await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.headers["etag"], tag, "{path}");
        let table = known(path, &tag, "text/csv").await;
        assert_eq!(table.status, 200, "{path}: another form is another answer");
        let text = table.text();
        assert!(
            text.lines()
                .next()
                .unwrap()
                .split(',')
                .any(|one| one == column)
                && text.lines().count() > 1,
            "{path}: {text}"
        );
        assert!(table.headers["content-type"].starts_with("text/csv"));
        let again = known(path, &table.headers["etag"], "text/csv").await;
        assert_eq!(again.status, 304, "{path}");
    }

    // One more session is another answer, and the calendar does not care.
    let tag = async |path: &str| viewer.get(path).await.headers["etag"].clone();
    let before = (tag(&performance).await, tag("/api/v1/calendar").await);
    world.run(&request(on("2016-12-30"))).await;
    let renewed = known(&performance, &before.0, "application/json").await;
    assert_eq!(renewed.expect(200)["as_of"], "2016-12-30");
    assert_eq!(tag("/api/v1/calendar").await, before.1);
}
