//! Bodies of JSON, as they were written: a key that stands twice is refused where the last would win in silence, and a number keeps its digits
//! where a float would round them. Objects are read one level at a time, so that depth costs nothing.

use std::fmt;

use rust_decimal::Decimal;
use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::Problem;

/// Most digits that a decimal holds exactly.
const DIGITS: usize = 28;
/// Longest name of a field, and most values of one: the name is kept with each of them, and together they are far larger than the body.
const NAME: usize = 64;
const VALUES: usize = 30_000;

/// An object: its keys with their values, in the order of the text, no two alike.
#[derive(Debug)]
pub(super) struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads the body.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(body).map_err(|_| Problem::field("body", "not UTF-8"))?;
        Self::read(text, str::to_owned).map_err(|fault| match fault {
            Fault::Twice(key) => Problem::field(&key, "given more than once"),
            Fault::Broken(line) => {
                Problem::field("body", format!("not a JSON object: line {line}"))
            }
        })
    }

    /// Reads a value within the body; `place` is how messages call it.
    pub(super) fn of(value: &'a RawValue, place: &str) -> Result<Self, Problem> {
        Self::read(value.get(), |key| format!("{place}.{key}")).map_err(|fault| match fault {
            Fault::Twice(key) => Problem::field(&key, "given more than once"),
            Fault::Broken(_) => Problem::field(place, "an object"),
        })
    }

    fn read(text: &'a str, place: impl Fn(&str) -> String) -> Result<Self, Fault> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = reader.deserialize_map(Keys).and_then(|keys| {
            reader.end()?;
            Ok(keys)
        });
        let keys = read.map_err(|error| Fault::Broken(error.line()))?;
        let mut known = std::collections::HashSet::with_capacity(keys.len());
        match keys.iter().find(|(key, _)| !known.insert(key.as_str())) {
            Some((key, _)) => Err(Fault::Twice(place(key))),
            None => Ok(Self(keys)),
        }
    }

    /// The keys, in the order of the text.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        let value = self.0.iter().find(|(known, _)| known == key);
        value.map(|(_, value)| *value)
    }

    /// The value of a key, which goes.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(at).1)
    }

    /// All keys with what stands behind them: a list is a key that is repeated, and a key without a value is still one, which
    /// may be one that nobody knows.
    pub(super) fn pairs(self) -> Result<Vec<(String, Given)>, Problem> {
        let mut pairs = Vec::new();
        for (key, value) in self.0 {
            if key.len() > NAME {
                let start: String = key.chars().take(NAME).collect();
                return Err(Problem::field(
                    &start,
                    "unknown: no field has so long a name",
                ));
            }
            let listed = list(value);
            if listed.as_ref().is_some_and(|values| values.len() > VALUES) {
                return Err(Problem::field(&key, format!("more than {VALUES} values")));
            }
            let nothing = match listed {
                Some(_) => Given::EmptyList,
                None => Given::Null,
            };
            let before = pairs.len();
            for value in listed.unwrap_or_else(|| vec![value]) {
                let odd = |_| Problem::field(&key, "a text, number, flag, or list of them");
                let text = scalar(value).map_err(odd)?;
                pairs.extend(text.map(|text| (key.clone(), Given::Text(text))));
            }
            if pairs.len() == before {
                pairs.push((key, nothing));
            }
        }
        Ok(pairs)
    }
}

/// What stands behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// A value, or one of a list.
    Text(String),
    /// Null: as if the key were not there.
    Null,
    /// A list without a value: whoever sends it chose nothing, which is not everything.
    EmptyList,
}

impl Given {
    /// The value, where there is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::EmptyList => None,
        }
    }
}

/// The values of a list; nothing for what is none.
pub(super) fn list(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// A list, an object or a flag, where a text or a number is wanted.
#[derive(Debug)]
pub(super) struct Composite;

/// The text of a value: a text itself, a number in the digits that it was written with, a flag; no text for null.
pub(super) fn scalar(value: &RawValue) -> Result<Option<String>, Composite> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b't' | b'f') => Ok(Some(text.to_owned())),
        Some(b'-' | b'0'..=b'9') => Ok(Some(plain(text))),
        Some(b'"') => serde_json::from_str(text).map(Some).map_err(|_| Composite),
        _ => Err(Composite),
    }
}

/// A number without an exponent. One that no decimal holds stays as it is: whoever reads it names it.
fn plain(number: &str) -> String {
    let Some(at) = number.find(['e', 'E']) else {
        return number.to_owned();
    };
    let digits = number[..at].bytes().filter(u8::is_ascii_digit).count();
    let plain = (digits <= DIGITS).then(|| Decimal::from_scientific(number));
    match plain {
        Some(Ok(value)) => value.to_string(),
        _ => number.to_owned(),
    }
}

enum Fault {
    /// A key stands twice.
    Twice(String),
    /// No object of JSON, as this line shows.
    Broken(usize),
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = Vec::new();
        while let Some(entry) = map.next_entry()? {
            keys.push(entry);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(body: &str) -> Vec<(String, Given)> {
        Object::of_body(body.as_bytes()).unwrap().pairs().unwrap()
    }

    fn fault(body: &[u8]) -> (String, String) {
        let problem = Object::of_body(body).and_then(Object::pairs).unwrap_err();
        (problem.field.unwrap(), problem.detail)
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = r#"{"a":12345678901234567890.123456789,"b":1E3,"c":-2.5e-3,"d":"x\n","e":[1,null,true],"f":null,"g":0.10}"#;
        let pairs = pairs(text);
        let told: Vec<_> = pairs.iter().map(|(a, b)| (a.as_str(), b.text())).collect();
        assert_eq!(
            told,
            [
                ("a", Some("12345678901234567890.123456789")),
                ("b", Some("1000")),
                ("c", Some("-0.0025")),
                ("d", Some("x\n")),
                ("e", Some("1")),
                ("e", Some("true")),
                ("f", None),
                ("g", Some("0.10")),
            ]
        );
        for odd in ["1e400", "1.23456789012345678901234567890e1"] {
            assert_eq!(plain(odd), odd);
        }
    }

    #[test]
    fn a_key_without_a_value_is_a_key_all_the_same() {
        let told = pairs(r#"{"a":null,"b":[],"c":[null],"d":""}"#);
        let given = [
            ("a", Given::Null),
            ("b", Given::EmptyList),
            ("c", Given::EmptyList),
            ("d", Given::Text(String::new())),
        ];
        assert_eq!(told, given.map(|(key, given)| (key.to_owned(), given)));
    }

    #[test]
    fn a_key_that_stands_twice_is_named_however_it_is_written() {
        let (field, detail) = fault(br#"{"name":"a","na\u006de":"b"}"#);
        assert_eq!(
            (field.as_str(), detail.as_str()),
            ("name", "given more than once")
        );
        let body = Object::of_body(br#"{"rows":[{"x":1,"x":2}]}"#).unwrap();
        let rows = list(body.get("rows").unwrap()).unwrap();
        let problem = Object::of(rows[0], "rows[0]").unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("rows[0].x"));
    }

    #[test]
    fn what_would_be_far_larger_than_its_body_is_refused() {
        let ones = |n: usize| vec!["1"; n].join(",");
        let long = "a".repeat(NAME);
        let (field, detail) = fault(format!("{{\"{long}a\":[{}]}}", ones(9)).as_bytes());
        assert_eq!(field, long);
        assert!(detail.contains("so long a name"), "{detail}");
        let (field, detail) = fault(format!("{{\"a\":[{}]}}", ones(VALUES + 1)).as_bytes());
        assert_eq!(
            (field.as_str(), detail.as_str()),
            ("a", "more than 30000 values")
        );
        let most = format!("{{\"{long}\":[{}]}}", ones(VALUES));
        assert_eq!(pairs(&most).len(), VALUES);
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_line() {
        for (body, line) in [
            ("[]", 1),
            ("{\n\"a\":}", 2),
            ("{}\n\n{}", 3),
            ("", 1),
            ("null", 1),
        ] {
            let (field, detail) = fault(body.as_bytes());
            assert_eq!(field, "body");
            assert!(detail.contains(&format!("line {line}")), "{body}: {detail}");
        }
        assert_eq!(fault(b"\xff{}").1, "not UTF-8");
        assert_eq!(fault(br#"{"a":{"b":1}}"#).0, "a");
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(fault(deep.as_bytes()).0, "a");
    }
}
