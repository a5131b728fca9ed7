//! What went wrong, as RFC 9457 has it: a documented type, the offending field, and a trace id that is also in
//! the log. What only we can repair is told to the log, not to the caller.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::engine::PlanError;
use crate::store;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal;)*) => {
        /// The documented types of problems.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// All of them: for the page that documents them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its stable name.
            pub(crate) fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            pub(crate) fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

kinds! {
    /// No token, or none that is valid.
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid bearer token is needed";
    /// Not with the token's role, not of what it does not see, or not from another site: the detail says which.
    Forbidden = "forbidden", FORBIDDEN, "That is not allowed";
    /// There is none, or not for this caller.
    NotFound = "not-found", NOT_FOUND, "There is no such thing";
    /// The path is known, the method is not.
    Method = "method-not-allowed", METHOD_NOT_ALLOWED, "This path does not know the method";
    /// A parameter or a field of the body is wrong.
    Invalid = "invalid-input", BAD_REQUEST, "An input is wrong";
    /// A file has errors: all of them are listed.
    Rejected = "file-rejected", UNPROCESSABLE_ENTITY, "The file has errors";
    /// The input can be read, and says what cannot be done (yet).
    Unprocessable = "not-computable", UNPROCESSABLE_ENTITY, "That cannot be computed (yet)";
    /// An idempotency key came with another request before.
    KeyReused = "key-reused", UNPROCESSABLE_ENTITY, "The key belongs to another request";
    /// The answer has no such form.
    NotAcceptable = "not-acceptable", NOT_ACCEPTABLE, "The answer has no such form";
    /// It contradicts what there is.
    Conflict = "conflict", CONFLICT, "It contradicts what there is";
    /// The body is larger than it may be.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is of a type that is not understood.
    MediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The type of the body is not understood";
    /// It took too long.
    Timeout = "timeout", GATEWAY_TIMEOUT, "It took too long";
    /// Postgres does not answer, or too much is asked at once: the same again may succeed.
    Busy = "busy", SERVICE_UNAVAILABLE, "That cannot be answered at the moment";
    /// Our mistake.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here";
}

/// A problem. Rendered with its trace id by [`super::trace`].
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    /// The offending parameter or field.
    pub(crate) field: Option<String>,
    /// All findings, where there are several.
    pub(crate) errors: Vec<Value>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            errors: Vec::new(),
        }
    }

    /// A parameter or field is wrong.
    pub(crate) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(Kind::Invalid, detail)
        }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("there is no such {what}"))
    }

    /// For a status that a layer answered with.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let kind = Kind::ALL.iter().find(|kind| kind.status() == status);
        let kind = kind.copied().unwrap_or(if status.is_server_error() {
            Kind::Internal
        } else {
            Kind::Invalid
        });
        Self::new(kind, kind.title())
    }

    /// The document, `type` being a place on the page that explains it.
    pub(crate) fn document(&self, trace_id: &str, path: &str) -> Value {
        let mut value = json!({
            "type": format!("/docs#problem-{}", self.kind.code()),
            "title": self.kind.title(),
            "status": self.kind.status().as_u16(),
            "detail": self.detail,
            "instance": path,
            "trace_id": trace_id,
        });
        if let Some(field) = &self.field {
            value["field"] = json!(field);
        }
        if !self.errors.is_empty() {
            value["errors"] = json!(self.errors);
        }
        value
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.kind.status();
        if self.kind == Kind::Unauthorized {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        if error.may_pass() {
            tracing::warn!(%error, cause, "postgres did not do it");
            return Self::new(Kind::Busy, "try again in a moment");
        }
        tracing::error!(%error, cause, "a statement failed");
        Self::new(Kind::Internal, "the log has more under this trace id")
    }
}

impl From<crate::engine::Error> for Problem {
    fn from(error: crate::engine::Error) -> Self {
        match error {
            crate::engine::Error::Store(error) => error.into(),
            error => {
                tracing::error!(%error, "the engine failed");
                Self::new(Kind::Internal, "the log has more under this trace id")
            }
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let field = match &error {
            PlanError::NotEligible { .. }
            | PlanError::BeforeInception { .. }
            | PlanError::NoSession(_)
            | PlanError::Calendar(_) => "calculation_date",
            PlanError::EmptyRange(..) | PlanError::Reversed(..) => "start_date",
            PlanError::UnknownPortfolio(_) => {
                return Self {
                    field: Some("portfolio_id".to_owned()),
                    ..Self::new(Kind::NotFound, error.to_string())
                };
            }
            PlanError::Unreadable(_) => return Self::new(Kind::Unprocessable, error.to_string()),
            PlanError::NoPortfolio => return Self::new(Kind::Conflict, error.to_string()),
            PlanError::KeyReused(_) => {
                return Self {
                    field: Some("Idempotency-Key".to_owned()),
                    ..Self::new(Kind::KeyReused, error.to_string())
                };
            }
            PlanError::Engine(_) => "",
        };
        if let PlanError::Engine(error) = error {
            return error.into();
        }
        let kind = match error {
            // Nobody mistyped anything: the market has not closed yet.
            PlanError::NotEligible { .. } => Kind::Unprocessable,
            _ => Kind::Invalid,
        };
        Self {
            kind,
            ..Self::field(field, error.to_string())
        }
    }
}
