//! Signing in with a token of the API, and out.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::frame::document;
use super::session::{Sent, cookie, no_cookie, own, secure};
use crate::api::Api;
use crate::api::auth::Caller;
use crate::api::params::Params;
pub(super) use crate::api::params::encoded;
use crate::api::problem::{Kind, Problem};
use crate::domain::Token;

/// Where somebody signs in who wanted to see a page.
pub(super) fn address(target: &str) -> String {
    format!("/login?next={}", encoded(target))
}

/// A page of this server; anything else leads to the first one.
fn target(params: &Params) -> String {
    let next: Option<String> = params.one("next").ok().flatten();
    let ours = |next: &String| {
        let plain = next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        next.starts_with('/') && !next.starts_with("//") && plain
    };
    next.filter(ours).unwrap_or_else(|| "/".to_owned())
}

/// The form.
pub(super) async fn page(params: Params) -> Response {
    form(&target(&params), None).into_response()
}

fn form(next: &str, wrong: Option<&str>) -> impl IntoResponse + use<> {
    let body: Markup = html! {
        @if let Some(wrong) = wrong { div.alert role="alert" { (wrong) } }
        form method="post" action="/login" {
            input type="hidden" name="next" value=(next);
            label { span { "Token" } input type="password" name="token" required autocomplete="current-password" size="48"; }
            button type="submit" { "Sign in" }
        }
        p.soft { "The first start printed one. More are made with" }
        pre.cli { "sigmabatch token create --role viewer" }
    };
    document("Sign in", &html! {}, &body)
}

/// Checks a token as the API does, and lets the browser keep it.
pub(super) async fn login(
    State(api): State<Api>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Problem> {
    let params = sent.0.only(&["token", "next"])?;
    let text: String = params.one("token")?.unwrap_or_default();
    let next = target(params);
    let refused = || {
        let wrong = "That token is not valid (any more).";
        Ok((StatusCode::UNAUTHORIZED, form(&next, Some(wrong))).into_response())
    };
    let Ok(token) = text.trim().parse::<Token>() else {
        return refused();
    };
    match Caller::of(&api, &token).await {
        Ok(_) => {}
        Err(problem) if problem.kind == Kind::Unauthorized => return refused(),
        Err(problem) => return Err(problem),
    }
    let cookie = [(
        header::SET_COOKIE,
        cookie(&token, secure(&headers, api.encrypted())),
    )];
    Ok((cookie, Redirect::to(&next)).into_response())
}

/// Forgets it.
pub(super) async fn logout(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    own(&headers)?;
    let cookie = [(
        header::SET_COOKIE,
        no_cookie(secure(&headers, api.encrypted())),
    )];
    Ok((cookie, Redirect::to("/login")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        let next = |text: &str| {
            let mut params = Params::default();
            params.add([("next".to_owned(), text.to_owned())]);
            target(&params)
        };
        assert_eq!(next("/runs/1?state=dead"), "/runs/1?state=dead");
        for text in ["//evil", "/\\evil", "https://evil", "evil", "/a\r\nb"] {
            assert_eq!(next(text), "/", "{text}");
        }
        assert_eq!(
            address("/runs/1?state=dead"),
            "/login?next=/runs/1%3Fstate%3Ddead"
        );
    }
}
