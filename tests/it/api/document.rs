//! The generated document, and whether answers are as it says: in both directions, no key without a shape and no shape
//! without a key.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use sigmabatch::api::openapi;

use super::client::Client;

/// The generated document.
pub(crate) struct Document(pub(crate) Value);

impl Document {
    pub(crate) fn generated() -> Self {
        Self(serde_json::to_value(openapi()).unwrap())
    }

    /// Asks, and holds the answer against the shape that the document has for the route.
    pub(crate) async fn ask(&self, client: &Client, route: &str, path: &str) -> Value {
        let answer = client.get(path).await.expect(200);
        self.hold("get", route, 200, &answer);
        answer
    }

    /// Sends a body, and holds the answer, which must have this status.
    pub(crate) async fn send(
        &self,
        client: &Client,
        (method, route): (&str, &str),
        path: &str,
        body: &Value,
        status: u16,
    ) -> Value {
        let kind = [("content-type", "application/json")];
        let body = body.to_string();
        let verb = method.to_uppercase();
        let answer = client.ask(&verb, path, &kind, body.as_bytes()).await;
        let answer = answer.expect(status);
        self.hold(method, route, status, &answer);
        answer
    }

    /// Holds an answer against its shape.
    pub(crate) fn hold(&self, method: &str, route: &str, status: u16, answer: &Value) {
        let response = &self.0["paths"][route][method]["responses"][status.to_string()];
        let form = if status < 400 {
            "application/json"
        } else {
            "application/problem+json"
        };
        let shape = &response["content"][form]["schema"];
        assert!(has_shape(shape), "{method} {route} has no shape");
        let mut wrong = Vec::new();
        self.check(shape, answer, "", &mut wrong);
        assert!(wrong.is_empty(), "{method} {route}: {wrong:#?}\n{answer:#}");
    }

    pub(crate) fn resolved<'a>(&'a self, shape: &'a Value) -> &'a Value {
        match shape["$ref"].as_str() {
            Some(place) => {
                let found = self.0.pointer(place.trim_start_matches('#'));
                self.resolved(found.unwrap_or_else(|| panic!("{place} is not there")))
            }
            None => shape,
        }
    }

    /// The keys that an object of this shape may have, and those that it must have.
    pub(crate) fn keys<'a>(
        &'a self,
        shape: &'a Value,
        known: &mut Map<String, Value>,
        needed: &mut BTreeSet<&'a str>,
    ) {
        let shape = self.resolved(shape);
        for part in shape["allOf"].as_array().into_iter().flatten() {
            self.keys(part, known, needed);
        }
        for (key, of) in shape["properties"].as_object().into_iter().flatten() {
            known.insert(key.clone(), of.clone());
        }
        let required = shape["required"].as_array().into_iter().flatten();
        needed.extend(required.filter_map(Value::as_str));
    }

    pub(crate) fn check(&self, shape: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let shape = self.resolved(shape);
        if let Some(choices) = shape["oneOf"].as_array() {
            let mut reasons = Vec::new();
            for choice in choices {
                let mut found = Vec::new();
                self.check(choice, value, at, &mut found);
                if found.is_empty() {
                    return;
                }
                reasons.push(found);
            }
            // What the nearest one has against it.
            let nearest = reasons.into_iter().min_by_key(Vec::len);
            return wrong.extend(nearest.unwrap_or_default());
        }
        let kinds: Vec<&str> = match &shape["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ if shape["allOf"].is_array() => vec!["object"],
            _ => return,
        };
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) if kinds.contains(&"number") => "number",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        if !kinds.contains(&kind) {
            return wrong.push(format!("{at}: {value} is no {kinds:?}"));
        }
        match value {
            Value::String(text) => check_text(shape, text, at, wrong),
            Value::Array(values) => {
                for (place, value) in values.iter().enumerate() {
                    self.check(&shape["items"], value, &format!("{at}[{place}]"), wrong);
                }
            }
            Value::Object(object) => self.check_object(shape, object, at, wrong),
            _ => {}
        }
    }

    fn check_object(
        &self,
        shape: &Value,
        object: &Map<String, Value>,
        at: &str,
        wrong: &mut Vec<String>,
    ) {
        let (mut known, mut needed) = (Map::new(), BTreeSet::new());
        self.keys(shape, &mut known, &mut needed);
        for key in needed {
            if !object.contains_key(key) {
                wrong.push(format!("{at}.{key} is missing"));
            }
        }
        for (key, value) in object {
            let place = format!("{at}.{key}");
            match known.get(key) {
                Some(of) => self.check(of, value, &place, wrong),
                None if shape["additionalProperties"].is_object() => {
                    self.check(&shape["additionalProperties"], value, &place, wrong);
                }
                None => wrong.push(format!("{place} is not in the document")),
            }
        }
    }
}

/// Whether it says more than that there is something.
pub(crate) fn has_shape(shape: &Value) -> bool {
    shape.as_object().is_some_and(|shape| !shape.is_empty())
}

fn check_text(shape: &Value, text: &str, at: &str, wrong: &mut Vec<String>) {
    let fits = match shape["format"].as_str() {
        Some("decimal") => text.parse::<Decimal>().is_ok(),
        Some("uuid") => text.parse::<uuid::Uuid>().is_ok(),
        Some("date") => text.parse::<NaiveDate>().is_ok(),
        Some("date-time") => DateTime::parse_from_rfc3339(text).is_ok(),
        _ => true,
    };
    let listed = shape["enum"].as_array();
    if !fits || listed.is_some_and(|listed| !listed.iter().any(|one| one == text)) {
        wrong.push(format!("{at}: {text:?} does not fit {shape}"));
    }
}
