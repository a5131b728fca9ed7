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

/// The routes of the pages, and a list of them for whoever has to look at each.
macro_rules! routes {
    ($($method:ident $path:literal $handler:path;)+) => {
        /// Method and path of every page and action, in lower case and as the router has it.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path),)+];

        fn router() -> Router<Api> {
            Router::new()$(.route($path, $method($handler)))+
        }
    };
}

routes! {
    get "/" overview::page;
    get "/runs/{run_id}" run::page;
    get "/runs/{run_id}/events" run::stream;
    get "/runs/{run_id}/tasks/{task_id}" task::page;
    get "/runs/{run_id}/diff" compare::page;
    post "/runs/{run_id}/cancel" actions::cancel;
    get "/portfolios" portfolios::page;
    get "/portfolios/{portfolio_id}" portfolio::page;
    get "/portfolios/{portfolio_id}/explain/{metric}" explain::page;
    get "/data" data::page;
    get "/workers" workers::page;
    get "/dead" dead::page;
    post "/actions/retry" actions::retry;
    post "/actions/pause" actions::pause;
    post "/actions/resume" actions::resume;
    get "/start" start::page;
    post "/start/import" start::import;
    post "/start/run" start::run;
    get "/login" login::page;
    post "/login" login::login;
    post "/logout" login::logout;
}

/// The pages, for [`crate::api::Server::with`].
pub fn pages() -> Pages {
    let router = router().layer(middleware::from_fn(frame::problems));
    Pages {
        router: router.merge(assets::router()),
        problem: frame::told,
    }
}
