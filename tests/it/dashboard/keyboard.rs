//! Pages without a mouse, and pages in the dark.

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde_json::{Value, json};
use sigmabatch::domain::Access;

use super::browser::sign_in;
use crate::api::{Served, token};
use crate::browser::{self, Browser};
use crate::look::books;
use crate::world::{World, eventually, on, request};

/// A night of two books, and a browser in which an operator has signed in.
struct Visit {
    browser: Browser,
    home: String,
    book: String,
    run: String,
    /// Its servers end with it.
    _served: Served,
    _world: World,
}

impl Visit {
    async fn with(browser: Browser) -> Self {
        let world = World::new().await;
        let served = Served::new(&world).await;
        let [book, _] = books(&world).await;
        world.worker().await;
        let run = world.run(&request(on("2016-12-30"))).await.run;
        let operator = token(&world, &Access::Operator).await;
        let home = format!("http://{}", served.address);
        sign_in(&browser, &home, &operator).await;
        Self {
            browser,
            home,
            book: format!("/portfolios/{book}"),
            run: format!("/runs/{run}"),
            _served: served,
            _world: world,
        }
    }

    async fn goto(&self, path: &str) {
        let url = format!("{}{path}", self.home);
        self.browser.client.goto(&url).await.unwrap();
    }

    /// The keyboard begins before everything else on the page, wherever it was left on another.
    async fn open(&self, path: &str) {
        self.goto(path).await;
        let top = "const top = document.createElement('span');
                   top.tabIndex = -1;
                   document.body.prepend(top);
                   top.focus();
                   return document.activeElement === top;";
        assert_eq!(self.script(top).await, json!(true), "{path}");
    }

    async fn script(&self, script: &str) -> Value {
        let said = self.browser.client.execute(script, Vec::new()).await;
        said.unwrap()
    }

    async fn press(&self, key: Key, times: usize) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned());
        let keys = (0..times).fold(keys, |keys, _| {
            keys.then(KeyAction::Down { value })
                .then(KeyAction::Up { value })
        });
        self.browser.client.perform_actions(keys).await.unwrap();
    }
}

/// From here on the page remembers what had the focus, and whether that was seen; nothing of it is exchanged meanwhile. Says
/// how many places there are for the keyboard.
const LISTEN: &str = r#"
    window.fetch = () => new Promise(() => {});
    const places = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
    window.wanted = [...document.querySelectorAll(places)].filter((one) => one.checkVisibility());
    window.reached = new Map();
    document.addEventListener('focusin', ({ target }) => {
        const style = getComputedStyle(target);
        window.reached.set(target, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
    });
    return window.wanted.length;"#;

/// Places that were not reached, and those whose focus was not seen.
const MISSED: &str = "
    const unreached = window.wanted.filter((one) => !window.reached.has(one));
    const unseen = [...window.reached].filter(([, seen]) => !seen).map(([one]) => one);
    return [unreached, unseen].map((list) => list.map((one) => one.outerHTML.slice(0, 120)));";

#[tokio::test(flavor = "multi_thread")]
async fn every_link_and_button_is_reached_and_seen_by_the_keyboard() {
    let Some(browser) = browser::open().await else {
        return;
    };
    let visit = Visit::with(browser).await;
    for path in ["/", "/portfolios", visit.book.as_str()] {
        visit.open(path).await;
        // The first stop leads past the navigation.
        visit.press(Key::Tab, 1).await;
        let skip = "const at = document.activeElement;
                    return [at.matches('.skip'), at.getBoundingClientRect().left >= 0, at.outerHTML.slice(0, 120)];";
        let moved = "return document.activeElement.tabIndex >= 0";
        let moved = async || (visit.script(moved).await == json!(true)).then_some(());
        eventually(moved).await.expect("the focus moves");
        let stop = visit.script(skip).await;
        assert_eq!(
            (&stop[0], &stop[1]),
            (&json!(true), &json!(true)),
            "{path}: {stop}"
        );
        visit.press(Key::Enter, 1).await;
        let place = visit.script("return document.activeElement.id").await;
        assert_eq!(place, json!("content"), "{path}");

        visit.open(path).await;
        let places = visit.script(LISTEN).await.as_u64().unwrap();
        assert!(places > 8, "{path}: {places}");
        // Some places have stops of their own inside, and browsers stop at what scrolls.
        let presses = usize::try_from(places).unwrap() * 2 + 20;
        visit.press(Key::Tab, presses).await;
        let missed = visit.script(MISSED).await;
        assert_eq!(missed, json!([[], []]), "{path}");
    }
    visit.browser.close().await;
}

/// Whether the page is dark, how many texts were looked at, and those that are hard to read: with less contrast than 4.5.
const CONTRAST: &str = r"
    for (const details of document.querySelectorAll('details')) details.open = true;
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.backgroundColor = 'Canvas';
    const canvas = getComputedStyle(probe).backgroundColor;
    probe.remove();
    const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
    const light = (colour) => {
        const [r, g, b] = numbers(colour).map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (one) => {
        for (let at = one; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (numbers(colour)[3] !== 0) return colour;
        }
        return canvas;
    };
    const contrast = (one) => {
        const parts = [getComputedStyle(one).color, ground(one)].map(light).sort((a, b) => b - a);
        return (parts[0] + 0.05) / (parts[1] + 0.05);
    };
    const texts = [...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() && !one.closest('svg')
        && [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
    const poor = texts.map((one) => [contrast(one), one.outerHTML.slice(0, 120)]).filter(([value]) => !(value >= 4.5));
    return [matchMedia('(prefers-color-scheme: dark)').matches, texts.length, poor];";

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_readable_in_light_and_dark() {
    for dark in [false, true] {
        let browser = if dark {
            browser::dark().await
        } else {
            browser::open().await
        };
        let Some(browser) = browser else {
            return;
        };
        let visit = Visit::with(browser).await;
        for path in [
            "/",
            "/portfolios",
            visit.book.as_str(),
            visit.run.as_str(),
            "/data",
            "/workers",
            "/dead",
            "/start",
            "/docs",
        ] {
            visit.goto(path).await;
            let found = visit.script(CONTRAST).await;
            assert_eq!(found[0], json!(dark), "{path}");
            assert!(found[1].as_u64().unwrap() > 8, "{path}: {found}");
            assert_eq!(found[2], json!([]), "{path}, dark: {dark}");
        }
        visit.goto(&visit.book).await;
        if dark {
            visit.browser.picture("dark").await;
        }
        visit.browser.close().await;
    }
}
