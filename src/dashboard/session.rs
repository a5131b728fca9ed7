//! Who looks at a page: the bearer of the token in the cookie, with the roles of the API. The API itself takes no cookie,
//! so no other site can make a browser ask it for anything.

use std::ops::Deref;

use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::params::Params;
use crate::api::problem::{Kind, Problem};
use crate::domain::{Role, Token};

/// Name of the cookie.
const COOKIE: &str = "sigmabatch";
/// Seconds that a browser keeps it: a month.
const KEPT: u32 = 30 * 24 * 3600;

/// Who looks.
#[derive(Debug, Clone)]
pub(super) struct Visitor(pub(super) Caller);

impl Deref for Visitor {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl Visitor {
    /// May change what concerns everybody.
    pub(super) fn operates(&self) -> bool {
        self.access.role() == Role::Operator
    }

    /// For what shows the books of everybody: to an owner it does not exist.
    pub(super) fn sees_all(&self) -> Result<(), Problem> {
        match self.access.only() {
            None => Ok(()),
            Some(_) => Err(Problem::not_found("page")),
        }
    }

    /// May change what concerns own portfolios.
    pub(super) fn may_change(&self) -> bool {
        self.access.role() != Role::Viewer
    }
}

impl FromRequestParts<Api> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return Caller::from_request_parts(parts, api).await.map(Self);
        }
        let token = token(&parts.headers);
        let token =
            token.ok_or_else(|| Problem::new(Kind::Unauthorized, "sign in with a token"))?;
        Caller::of(api, &token).await.map(Self)
    }
}

/// The token in the cookie.
fn token(headers: &HeaderMap) -> Option<Token> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let mut pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    let value = pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
    value?.parse().ok()
}

/// The header that gives a browser its cookie; scripts do not see it, other sites cannot send it.
pub(super) fn cookie(token: &Token, secure: &str) -> String {
    let value = token.reveal();
    format!("{COOKIE}={value}; Path=/; Max-Age={KEPT}; HttpOnly; SameSite=Strict{secure}")
}

/// The header that takes it away.
pub(super) fn no_cookie(secure: &str) -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}")
}

/// What a cookie says where the browser's connection is encrypted: by this process, or by a proxy that ends TLS and says so.
pub(super) fn secure(headers: &HeaderMap, encrypted: bool) -> &'static str {
    // Of several proxies each adds what it saw; the browser's connection is the first.
    let told = headers.get("x-forwarded-proto");
    let told = told.and_then(|schemes| schemes.to_str().ok()?.split(',').next());
    if encrypted || told.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https")) {
        "; Secure"
    } else {
        ""
    }
}

/// The fields of a form that one of our own pages sent; empty ones were not filled in.
#[derive(Debug)]
pub(super) struct Sent(pub(super) Params);

impl FromRequest<Api> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Api) -> Result<Self, Problem> {
        own(request.headers())?;
        let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let Form(pairs) = form.map_err(|rejection| {
            let problem = axum::response::IntoResponse::into_response(rejection);
            Problem::of_status(problem.status())
        })?;
        let mut params = Params::default();
        params.add(pairs);
        Ok(Self(params.filled()))
    }
}

/// Refuses a form that another site's page sent. Browsers say where it comes from; who says nothing is refused.
pub(super) fn own(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = || {
        let (_, host) = text("origin")?.split_once("://")?;
        Some(Some(host) == text("host"))
    };
    let ours = match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => origin() == Some(true),
    };
    if ours {
        Ok(())
    } else {
        Err(Problem::new(
            Kind::Forbidden,
            "this form was not sent by a page of this server",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_our_own_forms_are_taken() {
        let host = ("host", "batch.example:8080");
        for (pairs, ours) in [
            (vec![host], false),
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (
                vec![
                    host,
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://batch.example:8080"),
                ],
                false,
            ),
            (vec![host, ("origin", "http://batch.example:8080")], true),
            (vec![host, ("origin", "http://batch.example")], false),
            (vec![host, ("origin", "null")], false),
        ] {
            assert_eq!(own(&headers(&pairs)).is_ok(), ours, "{pairs:?}");
        }
    }

    #[test]
    fn the_cookie_is_read_among_others_and_secure_behind_tls() {
        let fresh = Token::fresh().unwrap();
        let cookies = format!("a=b; sigmabatch={}; sigmabatchx=1", fresh.reveal());
        assert_eq!(
            token(&headers(&[("cookie", &cookies)])),
            Some(fresh.clone())
        );
        assert_eq!(
            token(&headers(&[("cookie", "sigmabatch=; sigmabatchx=1")])),
            None
        );
        let plain = cookie(&fresh, secure(&headers(&[]), false));
        assert!(
            plain.contains("HttpOnly; SameSite=Strict") && !plain.contains("Secure"),
            "{plain}"
        );
        let proxied = headers(&[("x-forwarded-proto", "https")]);
        let twice = headers(&[("x-forwarded-proto", "HTTPS, http")]);
        for secure in [
            secure(&proxied, false),
            secure(&twice, false),
            secure(&headers(&[]), true),
        ] {
            assert!(cookie(&fresh, secure).ends_with("; Secure"));
        }
    }
}
