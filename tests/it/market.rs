//! A small market for tests: four stocks, the proxies of the shipped factors and a yield, from a
//! seed. It is made of a few hundred sessions, so that a whole run takes about a second.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sigmabatch::domain::Calendar;

use crate::world::{day, random};

/// The first of these is the market; each with its slope on it.
const SYMBOLS: [(&str, f64); 10] = [
    ("SP500", 1.0),
    ("VLUE", 1.05),
    ("MTUM", 0.95),
    ("QUAL", 0.98),
    ("SIZE", 1.02),
    ("USMV", 0.75),
    ("AAA", 1.3),
    ("BBB", 0.8),
    ("CCC", 1.0),
    ("DDD", 0.4),
];
/// 506 sessions before the last weeks of 2016, and some.
const FIRST: &str = "2014-11-03";
const LAST: &str = "2016-12-30";

/// The folder of the unchanging market, made once for each process.
pub(crate) fn small() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (fresh, place) = (parent.join(random()), parent.join("small-market"));
        write(&fresh, &closes());
        let same = |file: &str| {
            fs::read(fresh.join(file)).unwrap() == fs::read(place.join(file)).unwrap_or_default()
        };
        if [
            "prices/prices.csv",
            "yields.csv",
            "profiles.csv",
            "provider.toml",
        ]
        .into_iter()
        .all(same)
        {
            fs::remove_dir_all(&fresh).unwrap();
        } else {
            let _ = fs::remove_dir_all(&place);
            fs::rename(&fresh, &place).unwrap();
        }
        place
    })
}

/// A folder that a test may change; gone with the value.
pub(crate) struct Folder {
    path: PathBuf,
    closes: Vec<(String, Vec<f64>)>,
}

impl Folder {
    /// The same prices as [`small`].
    pub(crate) fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(random());
        let closes = closes();
        write(&path, &closes);
        Self { path, closes }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Corrects a close, in a file that takes the old one's place.
    pub(crate) fn correct(&mut self, symbol: &str, date: &str, close: f64) {
        let column = SYMBOLS
            .iter()
            .position(|(name, _)| *name == symbol)
            .unwrap();
        let row = self
            .closes
            .iter_mut()
            .find(|(known, _)| known == date)
            .unwrap();
        row.1[column] = close;
        self.replace();
    }

    /// Gives one symbol the closes of another.
    pub(crate) fn copy(&mut self, from: &str, to: &str) {
        let column = |symbol| SYMBOLS.iter().position(|(name, _)| *name == symbol);
        let (from, to) = (column(from).unwrap(), column(to).unwrap());
        for (_, row) in &mut self.closes {
            row[to] = row[from];
        }
        self.replace();
    }

    /// More stocks in a file of their own, `M0`, `M1`, …, each with a slope on the market and noise of its own, on every session.
    pub(crate) fn more(&self, count: u32) {
        let mut noise = Noise(count.into());
        let mut prices: Vec<f64> = (0..count).map(|n| 20.0 + f64::from(n % 80)).collect();
        let mut text = "date".to_owned();
        for n in 0..count {
            write!(text, ",M{n}").unwrap();
        }
        text.push('\n');
        let mut before = self.closes[0].1[0];
        for (date, row) in &self.closes {
            let market = row[0] / before - 1.0;
            before = row[0];
            text.push_str(date);
            for (n, price) in (0_u32..).zip(&mut prices) {
                *price *= 1.0 + (0.5 + f64::from(n % 11) / 10.0) * market + 0.006 * noise.next();
                write!(text, ",{price:.4}").unwrap();
            }
            text.push('\n');
        }
        self.put("prices/more.csv", &text);
    }

    /// Takes closes away.
    pub(crate) fn remove(&mut self, symbol: &str, on: impl Fn(&str) -> bool) {
        let column = SYMBOLS
            .iter()
            .position(|(name, _)| *name == symbol)
            .unwrap();
        for (date, row) in &mut self.closes {
            if on(date) {
                row[column] = f64::NAN;
            }
        }
        self.replace();
    }

    /// Takes the other yields away.
    pub(crate) fn keep_yields(&self, on: impl Fn(&str) -> bool) {
        let all = fs::read_to_string(self.path.join("yields.csv")).unwrap();
        let mut kept = String::new();
        for line in all.lines() {
            let (date, _) = line.split_once(',').unwrap();
            if date == "date" || on(date) {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        self.put("yields.csv", &kept);
    }

    /// Makes the file of prices one that nobody can read.
    pub(crate) fn break_prices(&self) {
        self.put("prices/prices.csv", "date,AAA\n2016-12-22,much\n");
    }

    /// What companies pay: a dividend yield a year, a fraction, of one symbol.
    pub(crate) fn dividend_yield(&self, symbol: &str, value: &str) {
        let text = format!(
            "symbol,name,sector,quote_type,dividend_yield\n{symbol},{symbol},Energy,EQUITY,{value}\n"
        );
        self.put("profiles.csv", &text);
    }

    /// Profiles, a row each: symbol, sector, kind, beta, dividend yield.
    pub(crate) fn profiles(&self, rows: &str) {
        let text = format!("symbol,sector,quote_type,beta,dividend_yield\n{rows}");
        self.put("profiles.csv", &text);
    }

    /// Closes as traded, and splits and dividends, a row each: symbol, ex-date, ratio, dividend.
    pub(crate) fn raw(&self, actions: &str) {
        self.put("provider.toml", "basis = \"raw\"\n");
        let text = format!("symbol,ex_date,split_ratio,cash_dividend\n{actions}");
        self.put("corporate_actions.csv", &text);
    }

    /// What a world with this folder is told to do with questions; see `market_data/script.rs`.
    pub(crate) fn script(&self, rules: &str) {
        self.put("script.toml", rules);
    }

    /// Every question so far, in order.
    pub(crate) fn asked(&self) -> Vec<Question> {
        let log = fs::read_to_string(self.path.join("asked.log")).unwrap_or_default();
        log.lines().map(Question::parse).collect()
    }

    /// The dates of each symbol that prices were asked for, as ranges, in the order asked.
    pub(crate) fn asked_for(&self) -> Vec<(String, String)> {
        let prices = self.asked().into_iter().filter(|one| one.kind == "prices");
        prices.flat_map(|one| one.about).collect()
    }

    fn replace(&self) {
        self.put("prices/prices.csv", &csv(&self.closes));
    }

    /// A file that takes the old one's place at once.
    fn put(&self, name: &str, text: &str) {
        let finished = self.path.join("finished");
        fs::write(&finished, text).unwrap();
        fs::rename(finished, self.path.join(name)).unwrap();
    }
}

/// A question to the scripted provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// `prices`, `profiles` or `fundamentals`.
    pub(crate) kind: String,
    /// Symbols, of prices with the dates: `2016-12-21..2016-12-23,2016-12-28..2016-12-28`.
    pub(crate) about: Vec<(String, String)>,
}

impl Question {
    fn parse(line: &str) -> Self {
        let (kind, about) = line.split_once(' ').unwrap_or((line, ""));
        let pair = |word: &str| {
            let (symbol, ranges) = word.split_once(':').unwrap();
            (symbol.to_owned(), ranges.to_owned())
        };
        Self {
            kind: kind.to_owned(),
            about: about.split_whitespace().map(pair).collect(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The close of a symbol, as the file has it.
pub(crate) fn close(symbol: &str, date: &str) -> String {
    static CLOSES: OnceLock<Vec<(String, Vec<f64>)>> = OnceLock::new();
    let column = SYMBOLS
        .iter()
        .position(|(name, _)| *name == symbol)
        .unwrap();
    let closes = CLOSES.get_or_init(closes);
    let (_, row) = closes.iter().find(|(known, _)| known == date).unwrap();
    format!("{:.4}", row[column])
}

/// Numbers that look random and are the same on every machine: no function of a library is used.
struct Noise(u64);

impl Noise {
    /// About normal, with variance one: the sum of twelve uniform numbers, less their mean.
    fn next(&mut self) -> f64 {
        let mut sum = -6.0;
        for _ in 0..12 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            sum += (self.0 >> 40) as f64 / (1_u64 << 24) as f64;
        }
        sum
    }
}

fn closes() -> Vec<(String, Vec<f64>)> {
    let mut noise = Noise(20_161_230);
    let mut prices: Vec<f64> = (0_u32..)
        .zip(SYMBOLS)
        .map(|(n, _)| 50.0 + 10.0 * f64::from(n))
        .collect();
    let sessions = Calendar::nyse().sessions(day(FIRST), day(LAST)).unwrap();
    let mut rows = Vec::with_capacity(sessions.len());
    for session in sessions {
        rows.push((session.to_string(), prices.clone()));
        let market = 0.0004 + 0.008 * noise.next();
        for (price, (name, slope)) in prices.iter_mut().zip(SYMBOLS) {
            let own = if name == "SP500" {
                0.0
            } else {
                0.006 * noise.next()
            };
            *price *= 1.0 + slope * market + own;
        }
    }
    rows
}

fn csv(closes: &[(String, Vec<f64>)]) -> String {
    let names: Vec<&str> = SYMBOLS.iter().map(|(name, _)| *name).collect();
    let mut text = format!("date,{}\n", names.join(","));
    for (date, row) in closes {
        text.push_str(date);
        for close in row {
            if close.is_nan() {
                text.push(',');
            } else {
                write!(text, ",{close:.4}").unwrap();
            }
        }
        text.push('\n');
    }
    text
}

fn write(folder: &Path, closes: &[(String, Vec<f64>)]) {
    fs::create_dir_all(folder.join("prices")).unwrap();
    fs::write(folder.join("provider.toml"), "basis = \"total_return\"\n").unwrap();
    fs::write(folder.join("prices/prices.csv"), csv(closes)).unwrap();
    let mut noise = Noise(10);
    let mut level = 0.02;
    let mut yields = "date,UST10Y\n".to_owned();
    for (date, _) in closes {
        writeln!(yields, "{date},{level:.4}").unwrap();
        level += 0.0004 * noise.next();
    }
    fs::write(folder.join("yields.csv"), yields).unwrap();
    let profiles = "symbol,name,sector,quote_type\nAAA,Triple A,Energy,EQUITY\nBBB,Triple B,Utilities,EQUITY\n\
                    CCC,Triple C,Energy,EQUITY\n";
    fs::write(folder.join("profiles.csv"), profiles).unwrap();
}
