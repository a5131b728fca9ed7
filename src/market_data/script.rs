//! For tests of the system, and hidden from users: the files provider, behind a script of what goes
//! wrong. Several processes share the script, and a test may change it while they work.
//!
//! The folder is one of market data. `script.toml` in it, read anew at each question, has rules; the
//! first one that fits a question decides. Every question is a line of `asked.log`.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveDate;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use super::{Error, Files};
use crate::domain::Symbol;

/// Between two looks at the script while a question is held.
const LOOK: Duration = Duration::from_millis(20);

/// The script of a folder.
#[derive(Debug)]
pub struct Script {
    pub(super) files: Files,
    folder: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    #[serde(default)]
    rule: Vec<Rule>,
}

/// What happens to questions about some symbols; about any where none are named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    symbols: Option<Vec<Symbol>>,
    does: Does,
    /// Of a refusal.
    #[serde(default)]
    after_ms: u64,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Does {
    /// No answer while the rule is there.
    Hold,
    /// No answer at all, this time.
    Fail,
    /// Too many questions: ask again after a while.
    Refuse,
}

impl Script {
    /// The folder, checked like any other.
    pub(super) fn open(folder: &str) -> Result<Self, Error> {
        let files = Files::open(folder.as_ref())?;
        let folder = PathBuf::from(folder);
        Ok(Self { files, folder })
    }

    /// Notes a question, and does to it what the script says.
    pub(super) async fn question<'a>(
        &self,
        kind: &str,
        about: impl Iterator<Item = (&'a Symbol, &'a [(NaiveDate, NaiveDate)])>,
    ) -> Result<(), Error> {
        let about: Vec<_> = about.collect();
        let words = about.iter().map(|(symbol, ranges)| {
            let ranges: Vec<String> = ranges.iter().map(|(a, b)| format!("{a}..{b}")).collect();
            format!(" {symbol}:{}", ranges.join(","))
        });
        let line = format!("{kind}{}\n", words.collect::<String>());
        let path = self.folder.join("asked.log");
        let noted = async {
            let mut log = tokio::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .await?;
            log.write_all(line.as_bytes()).await?;
            log.flush().await
        };
        noted.await.map_err(|source| Error::Io { path, source })?;
        loop {
            let rules = self.rules().await?;
            let fits = |rule: &&Rule| match &rule.symbols {
                Some(symbols) => about.iter().any(|(symbol, _)| symbols.contains(symbol)),
                None => true,
            };
            let Some(rule) = rules.rule.iter().find(fits) else {
                return Ok(());
            };
            match rule.does {
                Does::Hold => tokio::time::sleep(LOOK).await,
                Does::Fail => {
                    return Err(Error::Io {
                        path: self.folder.clone(),
                        source: io::Error::other("the script says so"),
                    });
                }
                Does::Refuse => {
                    return Err(Error::RateLimited {
                        provider: "script",
                        after: Duration::from_millis(rule.after_ms),
                    });
                }
            }
        }
    }

    async fn rules(&self) -> Result<Rules, Error> {
        let path = self.folder.join("script.toml");
        match tokio::fs::read_to_string(&path).await {
            Ok(text) => toml::from_str(&text).map_err(|error| Error::Folder {
                folder: self.folder.clone(),
                problem: format!("script.toml: {error}"),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Rules::default()),
            Err(source) => Err(Error::Io { path, source }),
        }
    }
}
