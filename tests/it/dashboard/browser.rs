//! What a person does with the dashboard, in a real browser: imports the book of the incident, starts its run, watches it, and reads
//! the same numbers as the API's callers.

use std::time::Duration;

use fantoccini::Locator;
use serde_json::{Value, json};
use sigmabatch::domain::{Access, Held, PhaseName};
use sigmabatch::engine::{self, Order};

use crate::api::{Served, token};
use crate::browser::{self, Browser};
use crate::world::{World, on, request, shipped, within};

/// A run of a year takes some seconds; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_mins(5);

/// Phases that wait until the page has been seen to stand before them.
const STOPS: [PhaseName; 3] = [
    PhaseName::MarketData,
    PhaseName::PositionValues,
    PhaseName::PortfolioAnalytics,
];

const ORDER: Order<'static> = Order {
    who: "it",
    reason: "test",
};

/// Of the thirteen symbols those that nobody has prices of.
const UNPRICED: [&str; 3] = ["GGIPX", "GINDX", "NEAIX"];

pub(super) async fn fill(browser: &Browser, css: &str, text: &str) {
    let field = browser.client.find(Locator::Css(css)).await.unwrap();
    field.send_keys(text).await.unwrap();
}

pub(super) async fn press(browser: &Browser, css: &str) {
    let button = browser
        .client
        .wait()
        .for_element(Locator::Css(css))
        .await
        .unwrap();
    button.click().await.unwrap();
}

/// Money as the page writes it: to the cent, thousands apart.
fn written(money: &str) -> String {
    let number: f64 = money.parse().unwrap();
    let cents = format!("{:.2}", number.abs());
    let (whole, fraction) = cents.split_once('.').unwrap();
    let digits: Vec<char> = whole.chars().rev().collect();
    let groups: Vec<String> = digits
        .chunks(3)
        .map(|group| group.iter().collect())
        .collect();
    let grouped: String = groups.join(",").chars().rev().collect();
    let sign = if number < 0.0 { "−" } else { "" };
    format!("{sign}{grouped}.{fraction}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_book_of_the_incident_from_its_file_to_its_numbers() {
    let Some(browser) = browser::open().await else {
        return;
    };
    let world = World::shipped().await;
    let served = Served::new(&world).await;
    let operator = token(&world, &Access::Operator).await;
    world.worker().await;
    priced(&world).await;
    let home = format!("http://{}", served.address);
    sign_in(&browser, &home, &operator).await;
    for phase in STOPS {
        let held = engine::pause(&world.engine, Held::Phase(phase), ORDER).await;
        assert!(held.unwrap(), "{phase}");
    }
    import(&browser, &home).await;
    watch(&browser, &world).await;
    let list = served.viewer.get("/api/v1/portfolios").await.expect(200);
    let listed = list["portfolios"].as_array().unwrap().iter();
    let mut named = listed.filter(|one| one["name"] == "Testscotty");
    let id = named.next().unwrap()["portfolio_id"].as_str().unwrap();
    numbers(&browser, &home, &served, id).await;
    kept(&browser, &home).await;
    browser.close().await;
    let runs = served.viewer.get("/api/v1/admin/batch/history").await;
    let runs = runs.expect(200);
    let run = runs["runs"][0]["run_id"].as_str().unwrap();
    phone(&home, &operator, id, run).await;
}

/// A night of another book has brought the closes of the funds that have some.
async fn priced(world: &World) {
    let book = std::fs::read_to_string(shipped("portfolios/testscotty.csv")).unwrap();
    let lots: Vec<&str> = book
        .lines()
        .filter(|line| !UNPRICED.iter().any(|symbol| line.starts_with(symbol)))
        .collect();
    world
        .import("Ten", "250000", "2016-01-04", lots.join("\n").as_bytes())
        .await;
    world.run(&request(on("2016-12-30"))).await;
}

pub(super) async fn sign_in(browser: &Browser, home: &str, operator: &str) {
    let client = &browser.client;
    // Whoever comes without a token signs in, and gets where they wanted to go.
    client.goto(&format!("{home}/start")).await.unwrap();
    fill(browser, "input[name=token]", operator).await;
    press(browser, "main button[type=submit]").await;
    client
        .wait()
        .for_element(Locator::Css("input[name=file]"))
        .await
        .unwrap();
    assert!(
        client
            .current_url()
            .await
            .unwrap()
            .as_str()
            .ends_with("/start")
    );
}

async fn describe(browser: &Browser, file: &std::path::Path) {
    fill(browser, "input[name=file]", file.to_str().unwrap()).await;
    fill(browser, "input[name=name]", "Testscotty").await;
    fill(browser, "input[name=opening_equity]", "250000").await;
    let inception = "document.querySelector('input[name=inception]').value = '2016-01-04'";
    browser.client.execute(inception, Vec::new()).await.unwrap();
    press(
        browser,
        "form[action=\"/start/import\"] button[type=submit]",
    )
    .await;
}

async fn import(browser: &Browser, home: &str) {
    let client = &browser.client;
    // A file with an error is refused in place, with its line.
    let broken = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("broken-book.csv");
    let book = std::fs::read_to_string(shipped("portfolios/testscotty.csv")).unwrap();
    std::fs::write(&broken, book.replacen("BIL,", "B IL,", 1)).unwrap();
    describe(browser, &broken).await;
    let refused = browser.text("[role=alert]").await;
    assert!(browser.text("main").await.contains("B IL"), "{refused}");

    client.goto(&format!("{home}/start")).await.unwrap();
    describe(browser, &shipped("portfolios/testscotty.csv")).await;
    // The plan is seen before it is started.
    let plan = browser.text("#plan ~ *").await;
    assert!(!plan.is_empty());
    // The three symbols without prices are named, and no other.
    let told = browser.text("#unpriced").await;
    let named: Vec<&str> = told
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()))
        .collect();
    assert_eq!(named, UNPRICED, "{told}");
    browser.picture("plan").await;
    press(browser, "form[action=\"/start/run\"] button[type=submit]").await;
}

/// What the page shows of its run, each time that it changes, as the page itself sees it.
const OBSERVE: &str = "
    window.untouched = true;
    window.seen = [];
    const look = () => {
        const bar = document.querySelector('progress');
        const word = document.querySelector('main .badge');
        if (!bar || !word) return;
        const now = [bar.value, bar.textContent.trim(), word.textContent];
        if (JSON.stringify(window.seen.at(-1)) !== JSON.stringify(now)) window.seen.push(now);
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });
    look();";

async fn watch(browser: &Browser, world: &World) {
    let client = &browser.client;
    // Progress moves to the end without anybody loading the page again.
    client
        .wait()
        .for_element(Locator::Css("progress"))
        .await
        .unwrap();
    client.execute(OBSERVE, Vec::new()).await.unwrap();
    let seen = async || {
        let seen = client.execute("return window.seen", Vec::new()).await;
        seen.unwrap()
            .as_array()
            .expect("the page is the same")
            .clone()
    };
    let value = |seen: &[Value]| seen.last().unwrap()[0].as_f64().unwrap();
    let mut stood = value(&seen().await);
    let [first, second, last] = STOPS;
    // Whatever was done before a phase, more is done with it.
    for phase in [first, second] {
        let released = engine::resume(&world.engine, Held::Phase(phase), ORDER).await;
        assert!(released.unwrap(), "{phase}");
        let moved = within(PATIENCE, async || {
            let now = value(&seen().await);
            (now > stood).then_some(now)
        });
        let Some(now) = moved.await else {
            panic!("nothing moved after {phase}: {:?}", seen().await);
        };
        assert!(now < 1.0, "{:?}", seen().await);
        stood = now;
    }
    let released = engine::resume(&world.engine, Held::Phase(last), ORDER).await;
    assert!(released.unwrap(), "{last}");
    let ended = within(PATIENCE, async || {
        let seen = seen().await;
        (seen.last()?[2] != "running").then_some(seen)
    });
    let Some(seen) = ended.await else {
        panic!("no end: {:?}", seen().await);
    };
    let end = seen.last().unwrap();
    assert!(
        ["succeeded", "partial"].contains(&end[2].as_str().unwrap()),
        "{seen:?}"
    );
    assert_eq!(
        (&end[0], &end[1]),
        (&json!(1), &json!("100.0 %")),
        "{seen:?}"
    );
    let values: Vec<f64> = seen.iter().map(|now| now[0].as_f64().unwrap()).collect();
    assert!(values.is_sorted(), "{seen:?}");
    let between = values.iter().filter(|now| **now > 0.0 && **now < 1.0);
    assert!(between.count() >= 2, "{seen:?}");
    let untouched = client
        .execute("return window.untouched === true", Vec::new())
        .await
        .unwrap();
    assert_eq!(untouched, json!(true), "the page was loaded again");
    browser.picture("run").await;
}

/// The numbers of the page are those of the API.
async fn numbers(browser: &Browser, home: &str, served: &Served, id: &str) {
    let client = &browser.client;
    let section = async |name: &str| {
        let path = format!("/api/v1/portfolios/{id}/results/{name}");
        served.viewer.get(&path).await.expect(200)
    };
    client
        .goto(&format!("{home}/portfolios/{id}"))
        .await
        .unwrap();
    let overview = section("overview").await;
    let nav = browser.text("#nav").await;
    assert!(
        nav.starts_with(&written(overview["data"]["nav"].as_str().unwrap())),
        "{nav}"
    );
    let exposures = section("exposures").await;
    let factors = exposures["data"]["factors"].as_array().unwrap();
    let market = factors.iter().find(|one| one["role"] == "market").unwrap();
    let beta = format!("{:.2}", market["beta"].as_f64().unwrap());
    assert_eq!(browser.text("#beta").await, beta);
    let stress = section("stress").await;
    let rows = stress["data"].as_array().unwrap().iter();
    let plausible =
        rows.filter(|row| row["implausible"] != true && row["propagated_pnl"].is_string());
    let worst = plausible
        .map(|row| row["propagated_pnl"].as_str().unwrap().to_owned())
        .min_by(|a, b| {
            a.parse::<f64>()
                .unwrap()
                .total_cmp(&b.parse::<f64>().unwrap())
        });
    let shown = browser.text("#worst").await;
    assert!(shown.starts_with(&written(&worst.unwrap())), "{shown}");
    // The three symbols are named still: the provider had no prices.
    let page = browser.text("main").await;
    for symbol in UNPRICED {
        assert!(page.contains(symbol), "{symbol}");
    }
    browser.picture("portfolio").await;

    // A number leads to how it was made.
    press(browser, "#nav a").await;
    let formula = browser.text("#formula").await;
    assert!(!formula.is_empty());
    let value = browser.text("#value").await;
    assert_eq!(value, overview["data"]["nav"].as_str().unwrap());
}

/// On a phone no page scrolls sideways, and what runs over time is seen from its newest end, the names of its rows too.
async fn phone(home: &str, operator: &str, id: &str, run: &str) {
    let browser = browser::phone().await.expect("the other one was opened");
    sign_in(&browser, home, operator).await;
    let client = &browser.client;
    for path in [
        "/",
        "/start",
        "/portfolios",
        &format!("/portfolios/{id}"),
        &format!("/portfolios/{id}/explain/nav"),
        &format!("/runs/{run}"),
        "/data",
        "/workers",
        "/dead",
        "/docs",
    ] {
        client.goto(&format!("{home}{path}")).await.unwrap();
        let over = "return document.documentElement.scrollWidth - arguments[0]";
        let over = client.execute(over, vec![json!(browser::PHONE)]).await;
        let over = over.unwrap();
        assert!(over.as_i64().unwrap() <= 0, "{path}: {over}");
    }
    client
        .goto(&format!("{home}/portfolios/{id}"))
        .await
        .unwrap();
    let ends = "return [...document.querySelectorAll('.scroll.dated')].map((place) =>
        [place.firstElementChild, place].map((part) => Math.round(part.getBoundingClientRect().right))
            .concat(place.scrollWidth - place.clientWidth))";
    let ends = client.execute(ends, Vec::new()).await.unwrap();
    let ends = ends.as_array().unwrap();
    assert!(ends.len() >= 4, "{ends:?}");
    for end in ends {
        assert!(end[0] == end[1] && end[2].as_i64().unwrap() > 0, "{ends:?}");
    }
    browser.picture("phone").await;
    client.goto(home).await.unwrap();
    let seen = "const place = document.querySelector('[aria-labelledby=sessions] .scroll.dated');
        const edge = place.getBoundingClientRect();
        const inside = (part) => {
            const box = part.getBoundingClientRect();
            return box.left >= edge.left && box.right <= edge.right;
        };
        const newest = [...place.querySelectorAll('.cell')].pop();
        return [[...place.querySelectorAll('.names text')].map(inside), inside(newest)]";
    let seen = client.execute(seen, Vec::new()).await.unwrap();
    assert_eq!(seen, json!([vec![true; PhaseName::ALL.len()], true]));
    browser.close().await;
}

/// A page that is brought up to date keeps the one form that is open, and what was typed into it.
async fn kept(browser: &Browser, home: &str) {
    browser.client.goto(home).await.unwrap();
    let script = r#"
        const action = (key) => `<details data-key="${key}"><summary>Retry</summary><input name="reason"></details>`;
        const place = document.querySelector("[data-live]").appendChild(document.createElement("div"));
        place.innerHTML = action("a") + action("b");
        place.querySelector("[data-key=b]").open = true;
        place.querySelector("[data-key=b] input").value = "mended";
        place.querySelector("[data-key=b] summary").focus();
        swap(place, action("a") + action("b"));
        return [...place.querySelectorAll("details")].map((one) =>
            [one.open, one.querySelector("input").value, one.contains(document.activeElement)]);"#;
    let found = browser.client.execute(script, Vec::new()).await.unwrap();
    assert_eq!(found, json!([[false, "", false], [true, "mended", true]]));
}
