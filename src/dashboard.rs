//! Pages for people: what the API knows, rendered on the server. They compute nothing and keep nothing; every question
//! goes to the functions of the API and the command line, every change through the handlers of the API.
//!
//! Pages work without a script; the one that there is brings the parts that change up to date. Nothing is loaded from
//! elsewhere, and no page has inline script or style.

pub mod chart;

mod action;
mod assets;
mod frame;
mod login;
mod overview;
mod session;
mod text;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use crate::api::{Api, Pages};

/// The pages, for [`crate::api::Server::with`].
pub fn pages() -> Pages {
    let router: Router<Api> = Router::new()
        .route("/", get(overview::page))
        .route("/login", get(login::page).post(login::login))
        .route("/logout", post(login::logout))
        .layer(middleware::from_fn(frame::problems));
    Pages(router.merge(assets::router()))
}
