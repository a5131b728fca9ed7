//! `migrate`: the schema, and the definitions of a new installation.

use serde_json::json;

use super::{Error, Output, import};
use crate::store::{self, Pools};

/// Brings the schema up to date and seeds the default definitions where there are none.
pub async fn run(pools: &Pools, json: bool) -> Result<Output, Error> {
    store::migrate(pools).await?;
    let seeded = import::seed_defaults(pools).await?;
    let install = store::install_id(pools).await?;
    let document = || json!({ "install": install.0, "seeded_definitions": seeded });
    let page = || {
        let seeded = if seeded {
            "; default factors and scenarios installed"
        } else {
            ""
        };
        format!("the schema is up to date (install {install}){seeded}\n")
    };
    Ok(Output::either(json, document, page))
}
