//! Who is let in. A body has a limit before a byte of it is read, and who is not known yet sends a few KiB at most. The places
//! of those that are worked on are for whoever has shown a token or sent all there is to send: a request that waits for its
//! sender holds none that somebody else needs.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, MatchedPath, Request, State};
use axum::http::{Method, Response, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Limits;
use super::problem::{Kind, Problem};
use crate::import;

/// Of a form or an object of parameters.
const FIELDS_BYTES: usize = 1 << 20;
/// Of the form that asks who somebody is.
const LOGIN_BYTES: usize = 4 << 10;
/// A file, with what a form puts around it.
const FILE_BYTES: usize = import::MAX_BYTES + (64 << 10);

/// Where files are sent to.
const FILES: [(Method, &str); 5] = [
    (Method::POST, "/api/v1/portfolios"),
    (Method::PUT, "/api/v1/portfolios/{portfolio_id}/positions"),
    (Method::POST, "/api/v1/portfolios/{portfolio_id}/flows"),
    (Method::POST, "/api/v1/portfolios/{portfolio_id}/marks"),
    (Method::POST, "/start/import"),
];
/// The one route that reads a body of whoever sends one.
const LOGIN: (Method, &str) = (Method::POST, "/login");
/// Answered however much else is asked: whoever looks after the process has to see it then.
const ALWAYS: [&str; 3] = ["/health/live", "/health/ready", "/metrics"];

/// The places, and how long somebody waits for one.
#[derive(Clone)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    wait: Duration,
    login: Duration,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.requests)),
            wait: limits.wait,
            login: limits.head,
        }
    }

    async fn pass(
        &self,
        mut request: Request,
    ) -> Result<(Request, Option<OwnedSemaphorePermit>), Problem> {
        let path = request.extensions().get::<MatchedPath>();
        let path = path.map_or_else(String::new, |path| path.as_str().to_owned());
        let route = (request.method().clone(), path.as_str());
        let most = most(&route);
        let promised = request.headers().get(header::CONTENT_LENGTH);
        let promised = promised.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if promised.is_some_and(|length| length > most) {
            return Err(Problem::new(
                Kind::TooLarge,
                format!("this route takes {most} bytes"),
            ));
        }
        DefaultBodyLimit::max(most).apply(&mut request);
        if ALWAYS.contains(&path.as_str()) {
            return Ok((request, None));
        }
        // Everywhere else a handler sees the token before it reads.
        if route == LOGIN {
            request = timeout(self.login, whole(request, most))
                .await
                .map_err(|_elapsed| Problem::new(Kind::Timeout, "the form did not come"))??;
        }
        let place = timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await;
        match place {
            Ok(Ok(place)) => Ok((request, Some(place))),
            Ok(Err(_)) | Err(_) => Err(Problem::new(
                Kind::Busy,
                "too much is asked at once: try again in a moment",
            )),
        }
    }
}

/// The layer.
pub(super) async fn admit(
    State(admission): State<Admission>,
    request: Request,
    next: Next,
) -> Response<Body> {
    match admission.pass(request).await {
        Ok((request, _place)) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Bytes that a route takes.
fn most(route: &(Method, &str)) -> usize {
    if FILES.contains(route) {
        FILE_BYTES
    } else if *route == LOGIN {
        LOGIN_BYTES
    } else {
        FIELDS_BYTES
    }
}

/// The request with all of its body read.
async fn whole(request: Request, most: usize) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let mut read = Request::new(body);
    DefaultBodyLimit::max(most).apply(&mut read);
    let bytes = Bytes::from_request(read, &()).await;
    let bytes = bytes.map_err(|rejection| Problem::of_status(rejection.status()))?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routes_that_take_files_are_routes() {
        let document = serde_json::to_value(super::super::openapi()).unwrap();
        let api = FILES.iter().filter(|(_, path)| path.starts_with("/api/"));
        for (method, path) in api {
            let method = method.as_str().to_lowercase();
            assert!(
                document["paths"][path][&method].is_object(),
                "{method} {path}"
            );
        }
        for path in ALWAYS {
            assert!(document["paths"][path]["get"].is_object(), "{path}");
        }
    }
}
