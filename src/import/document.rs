//! TOML definitions, read key by key so that every finding of a file is reported with its line.

use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::MAX_BYTES;
use super::issues::{Issue, Issues, quoted};

const SYNTAX: &str = "ERR_DEF_001";
const MISSING: &str = "ERR_DEF_002";
const WRONG_TYPE: &str = "ERR_DEF_003";
const UNKNOWN_KEY: &str = "ERR_DEF_004";
const UNKNOWN_WORD: &str = "ERR_DEF_005";
const TOO_LARGE: &str = "ERR_DEF_006";
const NOT_FINITE: &str = "ERR_DEF_007";
/// Longest name, id or label of a definition.
const MAX_NAME: usize = 100;

/// The parsed text, or nothing with the findings noted. Only a text without any is read further.
pub(super) fn parse<'t>(text: &'t str, issues: &mut Issues) -> Option<DeTable<'t>> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, more than {MAX_BYTES}", text.len());
        issues.file(
            0,
            TOO_LARGE,
            message,
            "definitions are a few kilobytes: is it the right file?",
        );
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(0, |span| line_at(text, span.start));
        issues.file(line, SYNTAX, error.message().to_owned(), "correct the TOML");
    }
    errors.is_empty().then(|| table.into_inner())
}

/// A table of the file, being read.
pub(super) struct Section<'a, 't> {
    text: &'t str,
    table: &'a DeTable<'t>,
    /// Where it begins.
    line: u64,
    /// How findings call it: `factor "Market"`; empty for the file.
    name: String,
}

impl<'a, 't> Section<'a, 't> {
    /// The file itself.
    pub(super) fn top(text: &'t str, table: &'a DeTable<'t>) -> Self {
        Self {
            text,
            table,
            line: 1,
            name: String::new(),
        }
    }

    /// How findings call it.
    pub(super) fn called(&self) -> &str {
        &self.name
    }

    /// Notes a finding at a key, or at the section if it does not have it.
    pub(super) fn error(
        &self,
        issues: &mut Issues,
        key: &str,
        code: &'static str,
        message: &str,
        remedy: &str,
    ) {
        let at = self
            .table
            .get(key)
            .map(|value| line_at(self.text, value.span().start));
        let name = if self.name.is_empty() {
            String::new()
        } else {
            format!("{}: ", self.name)
        };
        issues.push(Issue {
            line: at.unwrap_or(self.line),
            column: key.to_owned(),
            code,
            symbol: None,
            message: format!("{name}{message}"),
            remedy: remedy.to_owned(),
        });
    }

    /// The tables of `[[key]]`, each called by `what` and its `label` (the value of that key, if
    /// it has one, else its number).
    pub(super) fn tables(&self, key: &str, label: &str, issues: &mut Issues) -> Vec<Self> {
        let Some(value) = self.table.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(array) = value.get_ref() else {
            let remedy = format!("write each as [[{key}]]");
            self.error(
                issues,
                key,
                WRONG_TYPE,
                &format!("{key} is not a list of tables"),
                &remedy,
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let DeValue::Table(table) = item.get_ref() else {
                let remedy = format!("write each as [[{key}]]");
                self.error(
                    issues,
                    key,
                    WRONG_TYPE,
                    &format!("{key} is not a table"),
                    &remedy,
                );
                continue;
            };
            let label = match table.get(label).map(Spanned::get_ref) {
                Some(DeValue::String(label)) => quoted(label),
                _ => (index + 1).to_string(),
            };
            let prefix = if self.name.is_empty() {
                String::new()
            } else {
                format!("{}, ", self.name)
            };
            let line = line_at(self.text, item.span().start);
            sections.push(Self {
                text: self.text,
                table,
                line,
                name: format!("{prefix}{key} {label}"),
            });
        }
        sections
    }

    /// Notes every key that is none of `known`.
    pub(super) fn only(&self, known: &[&str], issues: &mut Issues) {
        for key in self
            .table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
        {
            let message = format!("unknown key {}", quoted(key.get_ref()));
            let remedy = format!("remove or rename it; the keys are: {}", known.join(", "));
            self.error(issues, key.get_ref(), UNKNOWN_KEY, &message, &remedy);
        }
    }

    /// A text that must be there: not blank, at most a hundred characters.
    pub(super) fn text(&self, key: &str, issues: &mut Issues) -> Option<String> {
        match self.value(key, issues)? {
            DeValue::String(text) => {
                let trimmed = text.trim();
                if trimmed.is_empty() || trimmed.chars().count() > MAX_NAME {
                    let message = format!("{key} {} is blank or too long", quoted(text));
                    let remedy = format!("use 1 to {MAX_NAME} characters");
                    self.error(issues, key, WRONG_TYPE, &message, &remedy);
                    return None;
                }
                Some(trimmed.to_owned())
            }
            _ => self.wrong(key, "a text in quotes", issues),
        }
    }

    /// A text that is one of a closed set of words.
    pub(super) fn word<T: FromStr>(
        &self,
        key: &str,
        words: &str,
        issues: &mut Issues,
    ) -> Option<T> {
        let text = self.text(key, issues)?;
        let word = text.parse().ok();
        if word.is_none() {
            let message = format!("{} is no {key}", quoted(&text));
            self.error(
                issues,
                key,
                UNKNOWN_WORD,
                &message,
                &format!("write one of {words}"),
            );
        }
        word
    }

    /// A finite number that must be there.
    pub(super) fn number(&self, key: &str, issues: &mut Issues) -> Option<f64> {
        let value = match self.value(key, issues)? {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let Some(value): Option<f64> = value else {
            return self.wrong(key, "a number", issues);
        };
        if !value.is_finite() {
            self.error(
                issues,
                key,
                NOT_FINITE,
                &format!("{key} is not finite"),
                "give a number",
            );
            return None;
        }
        // −0 is 0: one value, one hash.
        Some(if value == 0.0 { 0.0 } else { value })
    }

    /// [`Self::number`], if the key is there.
    pub(super) fn optional_number(&self, key: &str, issues: &mut Issues) -> Option<f64> {
        self.has(key).then(|| self.number(key, issues)).flatten()
    }

    /// A truth value, true if the key is not there.
    pub(super) fn flag(&self, key: &str, issues: &mut Issues) -> Option<bool> {
        if !self.has(key) {
            return Some(true);
        }
        match self.value(key, issues)? {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.wrong(key, "true or false", issues),
        }
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn value(&self, key: &str, issues: &mut Issues) -> Option<&'a DeValue<'t>> {
        let value = self.table.get(key).map(Spanned::get_ref);
        if value.is_none() {
            self.error(
                issues,
                key,
                MISSING,
                &format!("no {key}"),
                &format!("add {key} = …"),
            );
        }
        value
    }

    fn wrong<T>(&self, key: &str, needed: &str, issues: &mut Issues) -> Option<T> {
        let message = format!("{key} is not {needed}");
        self.error(
            issues,
            key,
            WRONG_TYPE,
            &message,
            &format!("write {needed}"),
        );
        None
    }
}

fn line_at(text: &str, offset: usize) -> u64 {
    let before = text.get(..offset).unwrap_or(text);
    1 + before.matches('\n').count() as u64
}
