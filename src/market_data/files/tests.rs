//! The provider as its users see it, on real files in a folder of its own for each test.

mod answers;
mod malformed;
mod reload;
mod shipped;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::NaiveDate;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::domain::Symbol;
use crate::market_data::{Error, PriceAnswer, PriceRequest, Provider};

/// A market data folder that is removed at the end of its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(basis: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sigmabatch-files-{}-{number}", std::process::id());
        let scratch = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(scratch.0.join("prices")).unwrap();
        scratch.write("provider.toml", &format!("basis = \"{basis}\"\n"))
    }

    /// Writes a file, packed if its name ends in `.gz`.
    fn write(self, file: &str, text: &str) -> Self {
        self.replace(file, text);
        self
    }

    fn replace(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        if path.extension().is_some_and(|extension| extension == "gz") {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            fs::write(path, packed.finish().unwrap()).unwrap();
        } else {
            fs::write(path, text).unwrap();
        }
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn open(&self) -> Result<Provider, Error> {
        Provider::open(&format!("files:{}", self.0.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).unwrap()
}

fn request(name: &str, yields: bool, ranges: &[(&str, &str)]) -> PriceRequest {
    let ranges = ranges
        .iter()
        .map(|(from, to)| (day(from), day(to)))
        .collect();
    PriceRequest {
        symbol: symbol(name),
        yields,
        ranges,
    }
}

/// Everything the provider has for one symbol.
async fn all(provider: &Provider, name: &str) -> Result<PriceAnswer, Error> {
    let request = request(name, false, &[("1990-01-01", "2050-12-31")]);
    Ok(provider.prices(&[request]).await?.remove(0))
}

/// Dates without year and closes: `01-04 24.041, 01-05 23.5`.
fn closes(answer: &PriceAnswer) -> String {
    let texts = answer
        .bars
        .iter()
        .map(|bar| format!("{} {}", bar.date.format("%m-%d"), bar.close));
    texts.collect::<Vec<_>>().join(", ")
}
