//! The dashboard on a real server, as browsers see it.

mod browser;
mod data;
mod docs;
mod forms;
mod keyboard;
mod numbers;
mod pages;
mod roles;
mod session;
mod task;

use crate::api::client::{Answer, Client};

/// A form that a page of the server sent.
pub(super) async fn send(client: &Client, path: &str, form: &str) -> Answer {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
    ];
    client.ask("POST", path, &headers, form.as_bytes()).await
}
