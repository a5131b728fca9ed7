//! Parameters of a query: each is read by its name, so that a wrong one is named, and so is one that nobody knows.

use std::any::Any;
use std::fmt::{Display, Write as _};
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use chrono::NaiveDate;
use utoipa::ToSchema;

use super::json::{Given, Object};
use super::problem::{Kind, Problem};
use super::shapes::keys;
use crate::domain::Calendar;

/// Most rows of a page.
const MOST: u16 = 500;

/// The first and the last date of a range.
pub(crate) type Ends = (Option<NaiveDate>, Option<NaiveDate>);

/// The pairs of a query, and the fields of a body, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, Given)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = query.map_err(|_| Problem::field("query", "not a query string"))?;
        let mut params = Self::default();
        params.add(pairs);
        Ok(params)
    }
}

impl Params {
    /// More pairs: fields of a form.
    pub(crate) fn add(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        let pairs = pairs.into_iter();
        self.0
            .extend(pairs.map(|(name, text)| (name, Given::Text(text))));
    }

    /// More pairs: fields of an object of JSON.
    pub(super) fn add_fields(&mut self, object: Object<'_>) -> Result<(), Problem> {
        self.0.extend(object.pairs()?);
        Ok(())
    }

    /// Refuses a name that this route does not know: a typing error is no default. Nor is a list of nothing.
    pub(crate) fn only(&self, known: &[&str]) -> Result<&Self, Problem> {
        let mut given = self.0.iter();
        if let Some((name, _)) = given.find(|(name, _)| !known.contains(&name.as_str())) {
            let known = known.join(", ");
            let detail = format!("unknown parameter; this route knows: {known}");
            return Err(Problem::field(name, detail));
        }
        let mut given = self.0.iter();
        match given.find(|(_, given)| *given == Given::EmptyList) {
            None => Ok(self),
            Some((name, _)) => {
                let detail = "an empty list: name at least one, or leave it out";
                Err(Problem::field(name, detail))
            }
        }
    }

    /// As [`Params::only`], with the names of a shape that the document has.
    pub(crate) fn of<T: ToSchema>(&self) -> Result<&Self, Problem> {
        let names = keys::<T>();
        self.only(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Without those that have no value: fields that nobody filled in.
    #[must_use]
    pub(crate) fn filled(mut self) -> Self {
        let filled = |text: &str| !text.trim().is_empty();
        self.0.retain(|(_, given)| given.text().is_none_or(filled));
        self
    }

    /// All values of a name.
    pub(crate) fn all<T>(&self, name: &str) -> Result<Vec<T>, Problem>
    where
        T: FromStr<Err: Display> + 'static,
    {
        let values = self.0.iter().filter(|(known, _)| known == name);
        let texts = values.filter_map(|(_, given)| given.text());
        texts.map(|text| parsed(name, text)).collect()
    }

    /// The value of a name that may stand once.
    pub(crate) fn one<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr<Err: Display> + 'static,
    {
        let mut values = self.all(name)?;
        let value = values.pop();
        if values.is_empty() {
            Ok(value)
        } else {
            Err(Problem::field(name, "given more than once"))
        }
    }

    /// The value of a name that is one of some words.
    pub(crate) fn one_of(&self, name: &str, words: &[&str]) -> Result<Option<String>, Problem> {
        match self.one::<String>(name)? {
            Some(text) if !words.contains(&text.as_str()) => {
                let detail = format!("\"{text}\" is none of {}", words.join(", "));
                Err(Problem::field(name, detail))
            }
            value => Ok(value),
        }
    }

    /// The ends of a range of dates, each of which may be left out.
    pub(crate) fn range(&self, from: &str, to: &str) -> Result<Ends, Problem> {
        let ends: Ends = (self.one(from)?, self.one(to)?);
        if let (Some(first), Some(last)) = ends
            && first > last
        {
            return Err(Problem::field(
                from,
                format!("{first} is after {to}, {last}"),
            ));
        }
        Ok(ends)
    }

    /// Whether a flag is set; without a value it is.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.one::<String>(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true" | "") => Ok(true),
            Some(_) => Err(Problem::field(name, "true or false")),
        }
    }

    /// Rows of a page.
    pub(crate) fn limit(&self, usual: u16) -> Result<u16, Problem> {
        match self.one::<u16>("limit")? {
            None => Ok(usual),
            Some(limit) if (1..=MOST).contains(&limit) => Ok(limit),
            Some(_) => Err(Problem::field("limit", format!("1 to {MOST}"))),
        }
    }
}

/// The query, and the fields of a JSON object in the body, as one: whoever asks may put a parameter in either.
#[derive(Debug, Clone)]
pub(crate) struct Fields(Params);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = media_type(request.headers());
        let (mut parts, body) = request.into_parts();
        let mut params = Params::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| Problem::of_status(rejection.status()))?;
        // A form of nothing is what some programs send where they send no body.
        if !body.iter().all(u8::is_ascii_whitespace) {
            if FORMS.contains(&kind.as_str()) {
                let detail = "send the fields as application/json, or in the query";
                return Err(Problem::new(Kind::MediaType, detail));
            }
            params.add_fields(Object::of_body(&body)?)?;
        }
        Ok(Self(params))
    }
}

/// What forms are sent as. Pages have an extractor of their own, which takes theirs.
const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];

/// The type of a body, in lower case and without its parameters; empty where none is said.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next();
    kind.unwrap_or_default().trim().to_ascii_lowercase()
}

impl From<Params> for Fields {
    fn from(params: Params) -> Self {
        Self(params)
    }
}

impl Fields {
    /// As [`Params::of`].
    pub(crate) fn of<T: ToSchema>(&self) -> Result<&Params, Problem> {
        self.0.of::<T>()
    }
}

/// Reads a value. A date is one that the calendar knows, wherever a date is read: Postgres knows fewer years than a date can
/// be written with.
pub(crate) fn parsed<T>(name: &str, text: &str) -> Result<T, Problem>
where
    T: FromStr<Err: Display> + 'static,
{
    // Postgres knows no text with a zero byte.
    if text.contains('\0') {
        return Err(Problem::field(name, "has a character that is no text"));
    }
    let value: T = text
        .parse()
        .map_err(|error: T::Err| Problem::field(name, error.to_string()))?;
    if let Some(date) = (&value as &dyn Any).downcast_ref::<NaiveDate>() {
        let (first, last) = Calendar::nyse().horizon();
        if !(first..=last).contains(date) {
            let detail = format!("{date} is outside the calendar, {first} to {last}");
            return Err(Problem::field(name, detail));
        }
    }
    Ok(value)
}

/// A text as a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut address = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

/// An id in a path: what is none names nothing.
pub(crate) fn id<T: FromStr>(what: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        let pairs = pairs.iter();
        let mut params = Params::default();
        params.add(pairs.map(|(a, b)| ((*a).to_owned(), (*b).to_owned())));
        params
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let field = |problem: Problem| problem.field.unwrap();
        let twice = params(&[("limit", "1"), ("limit", "2")]);
        assert_eq!(field(twice.limit(50).unwrap_err()), "limit");
        assert_eq!(
            field(params(&[("limit", "0")]).limit(50).unwrap_err()),
            "limit"
        );
        let typo = params(&[("dat", "2016-12-30")]);
        assert_eq!(field(typo.only(&["date"]).unwrap_err()), "dat");
        assert!(params(&[("force", "")]).flag("force").unwrap());
        assert_eq!(
            field(params(&[("force", "1")]).flag("force").unwrap_err()),
            "force"
        );
        assert!(parsed::<String>("error", "a\0b").is_err());
    }

    #[test]
    fn a_name_without_a_value_is_looked_at_too() {
        let sent = |body: &str| {
            let mut params = Params::default();
            let object = Object::of_body(body.as_bytes()).unwrap();
            params.add_fields(object).unwrap();
            params.filled()
        };
        for (body, field, word) in [
            (r#"{"typo":null}"#, "typo", "unknown"),
            (r#"{"portfolio_id":[],"typo":[]}"#, "typo", "unknown"),
            (r#"{"portfolio_id":[]}"#, "portfolio_id", "at least one"),
            (r#"{"portfolio_id":[null]}"#, "portfolio_id", "at least one"),
        ] {
            let params = sent(body);
            let problem = params.only(&["force", "portfolio_id"]).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{body}");
            assert!(problem.detail.contains(word), "{body}: {}", problem.detail);
        }
        // Null of a name that is known is not there.
        let params = sent(r#"{"force":null,"portfolio_id":["a",null]}"#);
        let params = params.only(&["force", "portfolio_id"]).unwrap();
        assert!(!params.flag("force").unwrap());
        assert_eq!(params.all::<String>("portfolio_id").unwrap(), ["a"]);
    }

    #[test]
    fn a_date_is_one_of_the_calendar() {
        for text in [
            "-262143-01-01",
            "-10000-01-01",
            "0001-01-01",
            "1989-12-31",
            "2051-01-01",
            "9999-12-31",
            "+262142-12-31",
        ] {
            let problem = parsed::<NaiveDate>("from", text).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("from"), "{text}");
            assert!(
                params(&[("to", text)]).one::<NaiveDate>("to").is_err(),
                "{text}"
            );
        }
        for text in ["1990-01-01", "2016-12-30", "2050-12-31"] {
            assert_eq!(parsed::<NaiveDate>("from", text).unwrap().to_string(), text);
        }
        assert!(
            parsed::<String>("name", "9999-12-31").is_ok(),
            "no date is meant"
        );
    }
}
