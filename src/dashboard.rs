//! Pages for people: what the API knows, rendered on the server. They compute nothing and keep nothing; every question
//! goes to the functions of the API and the command line, every change through the handlers of the API.
//!
//! Pages work without a script; the one that there is brings the parts that change up to date. Nothing is loaded from
//! elsewhere, and no page has inline script or style.

pub mod chart;

mod action;
mod actions;
mod assets;
mod compare;
mod data;
mod dead;
mod explain;
mod frame;
mod groups;
mod login;
mod overview;
mod portfolio;
mod portfolios;
mod progress;
mod run;
mod session;
mod start;
mod task;
mod tasks;
mod text;
mod workers;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use crate::api::{Api, Pages};

/// The pages, for [`crate::api::Server::with`].
pub fn pages() -> Pages {
    let router: Router<Api> = Router::new()
        .route("/", get(overview::page))
        .route("/runs/{run_id}", get(run::page))
        .route("/runs/{run_id}/events", get(run::stream))
        .route("/runs/{run_id}/tasks/{task_id}", get(task::page))
        .route("/runs/{run_id}/diff", get(compare::page))
        .route("/runs/{run_id}/cancel", post(actions::cancel))
        .route("/portfolios", get(portfolios::page))
        .route("/portfolios/{portfolio_id}", get(portfolio::page))
        .route(
            "/portfolios/{portfolio_id}/explain/{metric}",
            get(explain::page),
        )
        .route("/data", get(data::page))
        .route("/workers", get(workers::page))
        .route("/dead", get(dead::page))
        .route("/actions/retry", post(actions::retry))
        .route("/actions/pause", post(actions::pause))
        .route("/actions/resume", post(actions::resume))
        .route("/start", get(start::page))
        .route("/start/import", post(start::import))
        .route("/start/run", post(start::run))
        .route("/login", get(login::page).post(login::login))
        .route("/logout", post(login::logout))
        .layer(middleware::from_fn(frame::problems));
    Pages(router.merge(assets::router()))
}
