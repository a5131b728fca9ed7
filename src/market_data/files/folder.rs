//! The folder on disk: which files it has, whether they changed, and all of them parsed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::NaiveDate;
use flate2::read::MultiGzDecoder;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::prices::Prices;
use super::report::Report;
use super::table::line_after;
use super::{actions, fundamentals, profiles, yields};
use crate::domain::Symbol;
use crate::market_data::{Bar, Basis, CorporateAction, Error, Fundamentals, Profile};

/// Largest file, unpacked: twenty years of ten thousand symbols have half of it.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// How often a folder that changes while it is read is read again.
const MAX_READS: usize = 3;

const SETTINGS: &str = "provider.toml";
const PRICES: &str = "prices";
const ACTIONS: &str = "corporate_actions.csv";
const YIELDS: &str = "yields.csv";
const PROFILES: &str = "profiles.csv";
const FUNDAMENTALS: &str = "fundamentals.csv";

/// Everything of one state of the folder, by instrument.
#[derive(Debug)]
pub(super) struct Folder {
    stamps: Vec<Stamp>,
    pub(super) prices: BTreeMap<Symbol, Vec<Bar>>,
    pub(super) actions: BTreeMap<Symbol, Vec<CorporateAction>>,
    pub(super) yields: BTreeMap<Symbol, Vec<(NaiveDate, Decimal)>>,
    pub(super) profiles: BTreeMap<Symbol, Profile>,
    pub(super) fundamentals: BTreeMap<Symbol, Fundamentals>,
}

/// By what a changed file is told; `file` is its path inside the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    file: String,
    size: u64,
    modified: SystemTime,
}

/// `provider.toml`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// What the closes mean.
    pub(super) basis: Basis,
    /// For a folder on something that is slow or counts.
    pub(super) questions_per_second: Option<f64>,
}

/// Checks that `folder` is one of market data, and reads its settings.
pub(super) fn check(folder: &Path) -> Result<Settings, Error> {
    let wrong = |problem: String| Error::Folder {
        folder: folder.to_owned(),
        problem,
    };
    if !folder.is_dir() {
        return Err(wrong(
            "is no folder; create it or correct the path".to_owned(),
        ));
    }
    let example = "basis = \"raw\" or basis = \"total_return\"";
    let path = folder.join(SETTINGS);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong(format!(
                "has no {SETTINGS}; create one with {example}"
            )));
        }
        text => text.map_err(|source| Error::Io { path, source })?,
    };
    let settings: Settings = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = line_after(&text.as_bytes()[..start]);
        wrong(format!(
            "{SETTINGS} line {line}: {}; write {example}",
            error.message()
        ))
    })?;
    if !folder.join(PRICES).is_dir() {
        return Err(wrong(format!(
            "has no folder {PRICES}; create it for the price files"
        )));
    }
    if let Some(rate) = settings.questions_per_second
        && !(rate.is_finite() && rate > 0.0)
    {
        return Err(wrong(format!(
            "{SETTINGS}: questions_per_second is {rate}; write a number above 0, or leave it out"
        )));
    }
    Ok(settings)
}

/// `known` if the folder is still the same, else the folder parsed again.
pub(super) fn refresh(
    folder: &Path,
    basis: Basis,
    known: Option<Arc<Folder>>,
) -> Result<Arc<Folder>, Error> {
    let mut before = stamps(folder)?;
    if let Some(known) = known.filter(|known| known.stamps == before) {
        return Ok(known);
    }
    for _ in 0..MAX_READS {
        let parsed = parse(folder, basis, &before);
        let after = stamps(folder)?;
        if before == after {
            return parsed.map(|parsed| {
                Arc::new(Folder {
                    stamps: after,
                    ..parsed
                })
            });
        }
        // What was read may be half of the old and half of the new: not even its errors count.
        before = after;
    }
    let source = io::Error::new(
        io::ErrorKind::ResourceBusy,
        "the folder changes while it is read",
    );
    Err(Error::Io {
        path: folder.to_owned(),
        source,
    })
}

/// The files of the folder, sorted by name within `prices/`, the others in a fixed order.
fn stamps(folder: &Path) -> Result<Vec<Stamp>, Error> {
    let prices = folder.join(PRICES);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(&prices).map_err(failed(&prices))? {
        let name = entry
            .map_err(failed(&prices))?
            .file_name()
            .to_string_lossy()
            .into_owned();
        if is_price_file(&name) {
            names.push(format!("{PRICES}/{name}"));
        }
    }
    names.sort_unstable();
    let fixed = [SETTINGS, ACTIONS, YIELDS, PROFILES, FUNDAMENTALS].map(str::to_owned);
    let mut stamps = Vec::new();
    for file in names.into_iter().chain(fixed) {
        let path = folder.join(&file);
        match fs::metadata(&path).and_then(|data| Ok((data.len(), data.modified()?))) {
            Ok((size, modified)) => stamps.push(Stamp {
                file,
                size,
                modified,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !file.contains('/') => {}
            Err(error) => return Err(failed(&path)(error)),
        }
    }
    Ok(stamps)
}

/// Names like `a.csv` and `a.CSV.gz`; hidden ones are the half-written files of other programs.
fn is_price_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    !name.starts_with('.') && stem.strip_suffix(".csv").is_some()
}

fn parse(folder: &Path, basis: Basis, stamps: &[Stamp]) -> Result<Folder, Error> {
    let now = check(folder)?.basis;
    if now != basis {
        let problem = format!(
            "the basis was {basis} when this process started and is {now} now; restart the process"
        );
        return Err(Error::Folder {
            folder: folder.to_owned(),
            problem,
        });
    }
    let mut report = Report::default();
    let mut prices = Prices::new(basis);
    let mut parsed = Folder {
        stamps: Vec::new(),
        prices: BTreeMap::new(),
        actions: BTreeMap::new(),
        yields: BTreeMap::new(),
        profiles: BTreeMap::new(),
        fundamentals: BTreeMap::new(),
    };
    for file in stamps
        .iter()
        .map(|stamp| stamp.file.as_str())
        .filter(|file| *file != SETTINGS)
    {
        let Some(text) = read(&folder.join(file), file, &mut report)? else {
            continue;
        };
        match file {
            ACTIONS => parsed.actions = actions::read(file, &text, &mut report),
            YIELDS => parsed.yields = yields::read(file, &text, &mut report),
            PROFILES => parsed.profiles = profiles::read(file, &text, &mut report),
            FUNDAMENTALS => parsed.fundamentals = fundamentals::read(file, &text, &mut report),
            _ => prices.add(file, &text, &mut report),
        }
    }
    report.into_result(folder)?;
    parsed.prices = prices.finish();
    Ok(parsed)
}

/// The text of a file, unpacked. What is no text is reported, with the line where it ends to be.
fn read(path: &PathBuf, file: &str, report: &mut Report) -> Result<Option<String>, Error> {
    let failed = |source| Error::Io {
        path: path.clone(),
        source,
    };
    let opened = fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    if file.to_ascii_lowercase().ends_with(".gz") {
        let unpacked = MultiGzDecoder::new(io::BufReader::new(opened));
        if let Err(error) = unpacked.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes) {
            report.add(
                file,
                line_after(&bytes),
                format!("cannot be unpacked: {error}"),
            );
            return Ok(None);
        }
    } else {
        opened
            .take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    if bytes.len() as u64 > MAX_FILE_BYTES {
        report.add(
            file,
            line_after(&bytes),
            format!("larger than {MAX_FILE_BYTES} bytes; split it"),
        );
        return Ok(None);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let sound = error.utf8_error().valid_up_to();
            let line = line_after(&error.as_bytes()[..sound]);
            report.add(
                file,
                line,
                "is no UTF-8 text; save the file as CSV in UTF-8",
            );
            Ok(None)
        }
    }
}
