//! Signing in and out, and forms of other sites.

use sigmabatch::domain::Access;

use super::send;
use crate::api::{Served, book, token};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_with_a_token_and_out_again() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let nobody = &served.nobody;
    let refused = nobody.get("/dead?x=1").await;
    assert_eq!(refused.status, 303, "{}", refused.text());
    assert_eq!(refused.headers["location"], "/login?next=/dead%3Fx%3D1");
    let login = nobody.get("/login?next=/dead").await.text();
    assert!(login.contains(r#"name="next" value="/dead""#), "{login}");

    let viewer = token(&world, &Access::Viewer).await;
    let wrong = send(nobody, "/login", "token=sb_1_2").await;
    assert!(
        wrong.status == 401 && !wrong.headers.contains_key("set-cookie"),
        "{}",
        wrong.text()
    );
    let signed = send(nobody, "/login", &format!("token={viewer}&next=/dead")).await;
    assert_eq!(
        (signed.status, signed.headers["location"].as_str()),
        (303, "/dead")
    );
    let cookie = &signed.headers["set-cookie"];
    assert!(
        cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let elsewhere = send(nobody, "/login", &format!("token={viewer}&next=//evil")).await;
    assert_eq!(elsewhere.headers["location"], "/");

    let pair = cookie.split(';').next().unwrap();
    let with =
        |path: &'static str| async move { nobody.ask("GET", path, &[("cookie", pair)], b"").await };
    assert_eq!(with("/dead").await.status, 200);
    // The API takes no cookie.
    assert_eq!(with("/api/v1/admin/batch/history").await.status, 401);
    let out = send(nobody, "/logout", "").await;
    assert!(
        out.headers["set-cookie"].contains("Max-Age=0"),
        "{:?}",
        out.headers
    );
    // A token that was revoked is worth nothing in a cookie either.
    sqlx::query("update api_token set revoked_at = now()")
        .execute(&world.db)
        .await
        .unwrap();
    assert_eq!(with("/dead").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_changes_nothing() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for origin in [
        None,
        Some(("sec-fetch-site", "cross-site")),
        Some(("sec-fetch-site", "same-site")),
        Some(("origin", "http://evil.example")),
        Some(("origin", "null")),
    ] {
        let headers: Vec<_> = form.into_iter().chain(origin).collect();
        for (path, body) in [
            ("/start/run", "calculation_date=2016-12-30"),
            ("/actions/pause", "kind=lane&name=nightly"),
            ("/actions/retry", "all=true"),
            ("/login", "token=x"),
            ("/logout", ""),
        ] {
            let answer = served
                .operator
                .ask("POST", path, &headers, body.as_bytes())
                .await;
            let text = answer.text();
            assert_eq!(answer.status, 403, "{path} {origin:?}: {text}");
            // Who they are does not matter, and nothing of it is said.
            assert!(
                text.contains("was not sent by a page") && !text.contains("role of"),
                "{text}"
            );
        }
    }
    assert_eq!(world.count("select count(*) from run").await, 0);
    assert_eq!(world.count("select count(*) from pause").await, 0);
}
