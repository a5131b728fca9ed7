//! Every page for every role: rendered or refused, without inline script or style.

use crate::api::client::{Answer, Client};
use crate::api::{Served, book};
use crate::look::books;
use crate::world::{World, eventually, on, range, request};
use serde_json::json;
use sigmabatch::domain::{Held, Lane, PhaseName, PortfolioId};
use sigmabatch::engine::{self, CatchUp, Order, Request, Selection};

const ORDER: Order<'_> = Order {
    who: "it",
    reason: "test",
};

/// Pages, and whether they exist for an owner.
const PAGES: [(&str, bool); 6] = [
    ("/", true),
    ("/?part=live", true),
    ("/portfolios", true),
    ("/data", false),
    ("/workers", false),
    ("/dead", false),
];

fn sound(path: &str, answer: &Answer) {
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    clean(path, answer);
}

/// Nothing that the content policy would refuse, nothing from elsewhere.
fn clean(path: &str, answer: &Answer) {
    let text = answer.text();
    assert!(
        answer.headers["content-type"].starts_with("text/html"),
        "{path}"
    );
    for inline in [
        " style=",
        "<style",
        "javascript:",
        " onclick",
        " onload",
        "http://",
        "https://",
    ] {
        assert!(!text.contains(inline), "{path} has {inline}: {text}");
    }
    let scripts = text.matches("<script").count();
    assert_eq!(
        scripts,
        text.matches("<script defer src=\"/assets/live.js").count(),
        "{path}"
    );
    let policy = &answer.headers["content-security-policy"];
    assert!(
        policy.contains("script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
}

async fn look(client: &Client, path: &str) {
    sound(path, &client.get(path).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_works_on_an_empty_database() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    for (path, _) in PAGES {
        look(&served.operator, path).await;
        look(&served.viewer, path).await;
        assert_eq!(served.nobody.get(path).await.status, 303, "{path}");
    }
    look(&served.operator, "/start").await;
    look(&served.nobody, "/login").await;
    let none = served
        .viewer
        .get("/runs/00000000-0000-0000-0000-000000000000")
        .await;
    assert_eq!(none.status, 404);
    clean("404", &none);
    for asset in ["/assets/style.css", "/assets/live.js"] {
        assert_eq!(served.nobody.get(asset).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_knows_its_roles_and_escapes_names() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let hostile = r#"<script>alert("1")</script>"#;
    let mine = book(&world, hostile).await;
    let other = book(&world, "other").await;
    let start = |id| format!("/api/v1/admin/batch/run?portfolio_id={id}");
    let planned = served
        .operator
        .post(&start(mine), &json!({}))
        .await
        .expect(202);
    let run = planned["batch_run_id"].as_str().unwrap().to_owned();
    let planned = served
        .operator
        .post(&start(other), &json!({}))
        .await
        .expect(202);
    let foreign = planned["batch_run_id"].as_str().unwrap().to_owned();
    let owner = served.owner(&world, &[mine]).await;
    for (path, owned) in PAGES {
        look(&served.viewer, path).await;
        let answer = owner.get(path).await;
        if owned {
            sound(path, &answer);
            assert!(!answer.text().contains(">other<"), "{path}");
        } else {
            assert_eq!(answer.status, 404, "{path}");
        }
    }
    for path in [
        "",
        "?part=live",
        "?part=tasks&state=ready",
        "?phase=market-data&state=ready&symbol=AAA&error=",
        "/diff?other=",
    ] {
        let own = format!(
            "/runs/{run}{path}{}",
            if path.ends_with("other=") { &run } else { "" }
        );
        look(&served.viewer, &own).await;
        look(&owner, &own).await;
        let theirs = format!(
            "/runs/{foreign}{path}{}",
            if path.ends_with("other=") { &run } else { "" }
        );
        assert_eq!(owner.get(&theirs).await.status, 404, "{theirs}");
    }
    let task = async |run: &str| {
        let tasks = format!("/api/v1/runs/{run}/tasks?limit=1");
        let page = served.viewer.get(&tasks).await.expect(200);
        format!("/runs/{run}/tasks/{}", page["tasks"][0]["task_id"])
    };
    let book = |id: PortfolioId, rest: &str| format!("/portfolios/{id}{rest}");
    for (own, theirs) in [
        (book(mine, ""), book(other, "")),
        (
            book(mine, "?date=2016-12-30"),
            book(other, "?date=2016-12-30"),
        ),
        (book(mine, "/explain/nav"), book(other, "/explain/nav")),
        (task(&run).await, task(&foreign).await),
    ] {
        look(&served.operator, &own).await;
        look(&served.viewer, &own).await;
        look(&owner, &own).await;
        look(&served.viewer, &theirs).await;
        let refused = owner.get(&theirs).await;
        assert_eq!(refused.status, 404, "{theirs}");
        clean(&theirs, &refused);
        assert_eq!(served.nobody.get(&own).await.status, 303, "{own}");
    }
    let wrong = served.viewer.get(&format!("/runs/{run}?state=none")).await;
    assert_eq!(wrong.status, 400);
    clean("400", &wrong);
    assert_eq!(served.viewer.get("/start").await.status, 403);
    let home = owner.get("/").await.text();
    for gone in ["/data", "/workers", "/dead"] {
        assert!(
            !home.contains(&format!("href=\"{gone}\"")),
            "{gone} is not for owners: {home}"
        );
    }
    look(&owner, "/start").await;
    for path in ["/portfolios", "/start", &format!("/runs/{run}")] {
        let text = served.operator.get(path).await.text();
        assert!(!text.contains("<script>"), "{path}: {text}");
    }
    let list = served.operator.get("/portfolios").await.text();
    assert!(
        list.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"),
        "{list}"
    );
    // A viewer is told how it is done, and has no button.
    let page = served.viewer.get(&format!("/runs/{run}")).await.text();
    assert!(
        page.contains("sigmabatch cancel") && !page.contains("/cancel\""),
        "{page}"
    );
    assert!(page.contains(" EST<") || page.contains(" EDT<"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_hears_of_the_events_of_its_run() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let path = format!("/api/v1/admin/batch/run?portfolio_id={id}");
    let planned = served.operator.post(&path, &json!({})).await.expect(202);
    let run = planned["batch_run_id"].as_str().unwrap().to_owned();
    let mut events = served
        .viewer
        .events(&format!("/runs/{run}/events"), None)
        .await;
    let cancelled = super::send(
        &served.operator,
        &format!("/runs/{run}/cancel"),
        "reason=test",
    )
    .await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    let mut kinds = Vec::new();
    while !kinds.contains(&"run-cancelled".to_owned()) {
        let (_, event) = events.next().await.expect("an event");
        kinds.push(event["kind"].as_str().unwrap().to_owned());
    }
    let page = served
        .viewer
        .get(&format!("/runs/{run}?part=live"))
        .await
        .text();
    assert!(page.contains("<strong>run-cancelled</strong>"), "{page}");
}

/// The section under a heading.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let from = page
        .find(&format!("<section aria-labelledby=\"{id}\""))
        .expect(id);
    page[from..].split("</section>").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tonight_is_the_night_that_goes_on_however_many_runs_are_newer() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let night = engine::plan_due(&world.engine, CatchUp::Latest)
        .await
        .unwrap()
        .remove(0);
    for number in 0..12 {
        let wanted = Request {
            portfolios: Selection::Only(vec![id]),
            idempotency_key: Some(format!("key {number}")),
            ..request(on("2016-12-29"))
        };
        engine::plan(&world.engine, &wanted).await.unwrap();
    }
    let page = served.viewer.get("/").await.text();
    assert!(
        !section(&page, "runs").contains(&night.run.to_string()),
        "{page}"
    );
    assert!(
        section(&page, "tonight").contains(&night.run.to_string()),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_work_takes_nothing_away_from_what_the_last_one_told() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    world.worker().await;
    let worked = world.run(&request(on("2016-12-30"))).await;
    let told = async || {
        let metrics = served.viewer.get("/metrics").await.text();
        let last = metrics.lines().filter(|line| {
            line.contains("_last_run_") || line.starts_with("sigmabatch_phase_seconds{")
        });
        last.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = told().await;
    assert!(before.len() > PhaseName::ALL.len(), "{before:?}");
    let empty = world.run(&request(on("2016-12-30"))).await;
    assert!(
        empty.tasks.iter().all(|(_, tasks)| *tasks == 0),
        "{empty:?}"
    );
    assert_eq!(told().await, before);
    let page = served.viewer.get("/").await.text();
    assert!(
        section(&page, "tonight").contains(&worked.run.to_string()),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_that_was_cancelled_tells_no_time_and_takes_none_away() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    world.worker().await;
    world.run(&request(on("2016-12-30"))).await;
    let told = async |start: &'static str| {
        let metrics = served.viewer.get("/metrics").await.text();
        let lines = metrics.lines().filter(|line| line.starts_with(start));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let tasks = "sigmabatch_last_run_phase6_task_seconds{";
    let analytics = "sigmabatch_phase_seconds{phase=\"portfolio-analytics\"}";
    let before = told(tasks).await;
    assert_eq!((before.len(), told(analytics).await.len()), (3, 1));

    // Everything before it is done, and it is cancelled whole.
    let phase = Held::Phase(PhaseName::PortfolioAnalytics);
    engine::pause(&world.engine, phase, ORDER).await.unwrap();
    let again = Request {
        force: true,
        ..request(on("2016-12-29"))
    };
    let run = world.begin(&again).await.run;
    let opened = "select count(*) from run_phase where phase = 'portfolio-analytics' and opened_at is not null";
    let opened = eventually(async || (world.count(opened).await == 2).then_some(())).await;
    assert!(opened.is_some(), "{}", world.troubles().await);
    engine::cancel(&world.engine, run, ORDER).await.unwrap();
    assert_eq!(world.verdict(run).await, "cancelled");
    assert_eq!(told(tasks).await, before);
    assert_eq!(told(analytics).await, [""; 0]);
    let market = "sigmabatch_phase_seconds{phase=\"market-data\"}";
    assert_eq!(told(market).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_held_back_says_by_what_and_not_when_it_may_end() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    book(&world, "book").await;
    // It shows the pace of every phase.
    world.worker().await;
    world.run(&request(on("2016-12-29"))).await;
    let lane = Held::Lane(Lane::Interactive);
    engine::pause(&world.engine, lane, ORDER).await.unwrap();
    let run = world.begin(&request(on("2016-12-30"))).await.run;

    let path = format!("/api/v1/runs/{run}");
    let document = served.viewer.get(&path).await.expect(200);
    let (_, status) = world.command(&["status"]).await;
    for document in [&document, &status] {
        assert_eq!(document["paused"][0]["name"], "interactive", "{document:#}");
        let progress = &document["progress"];
        assert!(progress["total"].as_i64() > Some(0), "{progress}");
        assert!(progress["eta_seconds"].is_null(), "{progress}");
    }
    let (_, page) = world.page(&["status"]).await;
    let pages = [
        served.viewer.get("/").await.text(),
        served.viewer.get(&format!("/runs/{run}")).await.text(),
        page,
    ];
    for page in pages {
        assert!(page.contains("held back: lane interactive"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_in_a_session_is_shown_until_it_is_done_again() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let [first, second] = books(&world).await;
    let owner = served.owner(&world, &[first]).await;
    world.worker().await;
    let night = world.run(&request(range("2016-12-28", "2016-12-30"))).await;
    // All tasks of one of the three sessions.
    let killed = sqlx::query(
        "update task set state = 'dead', error_class = 'permanent', error = 'a bug'
         where phase = 'portfolio-analytics' and as_of = '2016-12-29'",
    )
    .execute(&world.db)
    .await
    .unwrap();
    assert_eq!(killed.rows_affected(), 2);
    let grid = async |client: &Client| {
        let page = client.get("/").await.text();
        section(&page, "sessions").to_owned()
    };
    let seen = grid(&served.viewer).await;
    assert!(seen.contains("2016-12-29: failed, 2 dead"), "{seen}");
    assert_eq!(seen.matches(" dead</title>").count(), 1, "{seen}");
    let seen = grid(&owner).await;
    assert!(seen.contains("2016-12-29: failed, 1 dead"), "{seen}");

    let again = |id, force| Request {
        portfolios: Selection::Only(vec![id]),
        force,
        ..request(on("2016-12-29"))
    };
    // A smaller run does one of them again, another one nothing: the rest stays dead.
    world.run(&again(first, true)).await;
    for _ in 0..2 {
        let seen = grid(&served.viewer).await;
        let (before, _) = seen.split_once("2016-12-29: warning, 1 dead").expect(&seen);
        // It leads to the run in which it died.
        let link = before.rsplit("href=\"").next().unwrap();
        assert!(link.starts_with(&format!("/runs/{}", night.run)), "{seen}");
        let seen = grid(&owner).await;
        assert!(!seen.contains(" dead<"), "{seen}");
        world.run(&again(first, false)).await;
    }
    world.run(&again(second, true)).await;
    let seen = grid(&served.viewer).await;
    assert!(!seen.contains(" dead<"), "{seen}");
}

/// A chunk has one row for all of its dates: it is dead in each of them, and done again date by date.
#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_died_is_shown_in_each_session_that_it_works_on() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    books(&world).await;
    world.worker().await;
    world.run(&request(range("2016-12-28", "2016-12-30"))).await;
    let phases = [PhaseName::MarketData, PhaseName::SymbolMetrics];
    let mut dead = Vec::new();
    for phase in phases {
        let killed = sqlx::query(
            "update task set state = 'dead', error_class = 'permanent', error = 'a bug' where phase = $1",
        )
        .bind(phase.as_str());
        dead.push(killed.execute(&world.db).await.unwrap().rows_affected());
    }
    assert!(dead.iter().all(|tasks| *tasks > 0), "{dead:?}");
    // Nothing is known of prices that were not fetched.
    let forget = sqlx::query("delete from symbol_outcomes");
    forget.execute(&world.db).await.unwrap();
    let grid = async || {
        let page = served.viewer.get("/").await.text();
        section(&page, "sessions").to_owned()
    };
    let failed = |seen: &str, date: &str| {
        let mut cells = phases.iter().zip(&dead);
        cells.all(|(phase, tasks)| {
            let cell = format!("{phase}, 2016-12-{date}: failed, {tasks} dead");
            seen.contains(&cell)
        })
    };
    let seen = grid().await;
    for date in ["28", "29", "30"] {
        assert!(failed(&seen, date), "{date}: {seen}");
    }
    assert_eq!(seen.matches(" dead</title>").count(), 6, "{seen}");

    let again = Request {
        force: true,
        ..request(on("2016-12-29"))
    };
    world.run(&again).await;
    let seen = grid().await;
    for date in ["28", "30"] {
        assert!(failed(&seen, date), "{date}: {seen}");
    }
    assert_eq!(seen.matches(" dead</title>").count(), 4, "{seen}");
}

/// Phases know between which ids their tasks lie, and a page of a run looks nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn all_tasks_of_a_run_are_found_between_those_of_others() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    books(&world).await;
    world.worker().await;
    let first = world.run(&request(on("2016-12-28"))).await.run;
    let run = world.run(&request(on("2016-12-29"))).await.run;
    world.run(&request(on("2016-12-30"))).await;
    let late = "with late as (
                    insert into task (run_id, phase, unit, as_of, state, finished_at, input, input_version)
                    select run_id, phase, unit || ':late', as_of, 'done', now(), input, input_version from task
                    where run_id = $1 and phase = 'market-data' returning id)
                select count(*) from late";
    let late: i64 = sqlx::query_scalar(late)
        .bind(run.0)
        .fetch_one(&world.db)
        .await
        .unwrap();
    assert!(late > 0);
    let outside = "select count(*) from task t join run_phase p using (run_id, phase)
                   where (t.id between p.first_task and p.last_task) is not true";
    assert_eq!(world.count(outside).await, 0);
    let empty = "select count(*) from run_phase where total = 0 and first_task is not null";
    assert_eq!(world.count(empty).await, 0);
    for run in [first, run] {
        let mut listed = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/runs/{run}/tasks?limit=2{cursor}");
            let page = served.viewer.get(&path).await.expect(200);
            let tasks = page["tasks"].as_array().unwrap();
            listed.extend(tasks.iter().map(|task| task["task_id"].as_i64().unwrap()));
            if page["next"].is_null() {
                break;
            }
            cursor = format!("&cursor={}", page["next"]);
        }
        let stored: Vec<i64> =
            sqlx::query_scalar("select id from task where run_id = $1 order by id desc")
                .bind(run.0)
                .fetch_all(&world.db)
                .await
                .unwrap();
        assert!(
            listed.len() > 4 && listed == stored,
            "{listed:?} {stored:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_is_told_of_the_live_portfolio_that_is_furthest_behind() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    // Sessions of lag, portfolios that lag, coverage.
    let told = async || {
        let text = served.viewer.get("/metrics").await.text();
        [
            "business_date_lag_sessions",
            "portfolios_lagging",
            "coverage",
        ]
        .map(|name| {
            let name = format!("sigmabatch_{name} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&*name));
            value.unwrap_or("none").to_owned()
        })
    };
    let change = async |sql: &'static str| {
        sqlx::query(sql).execute(&world.db).await.unwrap();
    };
    assert_eq!(told().await, ["none", "none", "none"]);
    let [first, _] = books(&world).await;
    // Without results they are behind since their inception, 2016-12-19.
    assert_eq!(told().await, ["9", "2", "none"]);
    world.worker().await;
    world.run(&request(on("2016-12-28"))).await;
    let newest = Request {
        portfolios: Selection::Only(vec![first]),
        ..request(on("2016-12-30"))
    };
    world.run(&newest).await;
    change("update completeness set coverage = case as_of when '2016-12-30' then 1 else 0.5 end")
        .await;
    assert_eq!(told().await, ["2", "1", "0.75"]);
    // What readers do not see is none of it.
    change(
        "update result_set set stale = true
         where kind = 'portfolio-analytics' and as_of = '2016-12-30'",
    )
    .await;
    assert_eq!(told().await, ["2", "2", "0.5"]);
    change("update result_set set stale = false where as_of = '2016-12-30'").await;
    change("update portfolios set deleted_at = now() where name = 'second'").await;
    assert_eq!(told().await, ["0", "0", "1"]);
    // One of which nothing was ever published is late as well.
    book(&world, "new").await;
    assert_eq!(told().await, ["9", "1", "1"]);
    let page = served.viewer.get("/").await.text();
    let health = section(&page, "health");
    assert!(
        health.contains("none since its inception 2016-12-19"),
        "{health}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_a_date_without_a_result_says_why_there_is_none() {
    let world = World::new().await;
    let served = Served::new(&world).await;
    let id = book(&world, "book").await;
    let ask = async |query: &str| {
        let path = format!("/portfolios/{id}/explain/nav{query}");
        let answer = served.viewer.get(&path).await;
        sound(&path, &answer);
        answer.text()
    };
    let closed = ask("?date=2016-12-26").await;
    for part in [
        format!("<a href=\"/portfolios/{id}?date=2016-12-26\">The portfolio on 2016-12-26</a>"),
        "The exchange is closed on that date.".to_owned(),
        format!("sigmabatch explain {id} nav --date 2016-12-26"),
    ] {
        assert!(closed.contains(&part), "{part}: {closed}");
    }
    let never = ask("").await;
    for part in [
        format!("<a href=\"/portfolios/{id}\">The portfolio</a>"),
        "No date of it is published yet.".to_owned(),
    ] {
        assert!(never.contains(&part), "{part}: {never}");
    }
    assert!(!never.contains("--date"), "{never}");
}
