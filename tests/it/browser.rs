//! A real browser: Chromium behind its driver, on a port of its own.

use std::path::PathBuf;
use std::process::Stdio;

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Whoever sets this to `required` has no test skipped: `.ci/run` does.
const REQUIRED: &str = "SIGMABATCH_BROWSER";

/// A window without a history.
pub(crate) struct Browser {
    pub(crate) client: Client,
    /// Killed with the value, and the browser with it.
    _driver: Child,
}

/// Opens a window; `None` where no browser is installed, which `make test` has said before.
pub(crate) async fn open() -> Option<Browser> {
    open_with(&[], json!({})).await
}

/// Opens one of somebody who has asked for dark pages.
pub(crate) async fn dark() -> Option<Browser> {
    open_with(&["--blink-settings=preferredColorScheme=0"], json!({})).await
}

/// Width of a phone, in pixels of the style sheet.
pub(crate) const PHONE: u32 = 375;

/// Opens the browser of a phone: no window of a desktop gets so narrow.
pub(crate) async fn phone() -> Option<Browser> {
    let screen = json!({ "width": PHONE, "height": 812, "pixelRatio": 1 });
    open_with(&[], json!({ "deviceMetrics": screen })).await
}

async fn open_with(options: &[&str], emulation: Value) -> Option<Browser> {
    let started = Command::new("chromedriver")
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut driver = match started {
        Ok(driver) => driver,
        Err(error) => {
            let required = std::env::var(REQUIRED).is_ok_and(|word| word == "required");
            assert!(!required, "chromedriver: {error}; run «make setup»");
            eprintln!("skipped: no browser (chromedriver: {error})");
            return None;
        }
    };
    let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = loop {
        let line = said.next_line().await.unwrap().expect("a port");
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim_end_matches('.').to_owned();
        }
    };
    let mut args = vec![
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1280,1600",
        // As root, in a container, there is no other way; it opens pages of ours only.
        "--no-sandbox",
    ];
    args.extend(options);
    let mut capabilities = json!({
        "goog:chromeOptions": { "args": args },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    if emulation != json!({}) {
        capabilities["goog:chromeOptions"]["mobileEmulation"] = emulation;
    }
    let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities.as_object().unwrap().clone())
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap();
    Some(Browser {
        client,
        _driver: driver,
    })
}

impl Browser {
    /// The text of an element, once it is there.
    pub(crate) async fn text(&self, css: &str) -> String {
        let element = self.client.wait().for_element(Locator::Css(css)).await;
        let element = element.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.text().await.unwrap()
    }

    /// Ends the session, and with it the browser.
    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }

    /// A picture of the window, kept as output of the build; where.
    pub(crate) async fn picture(&self, name: &str) -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, self.client.screenshot().await.unwrap()).unwrap();
        file
    }
}
