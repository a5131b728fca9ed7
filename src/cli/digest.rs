//! `digest`: one hash of all results.

use serde_json::json;

use super::text::{fixed, left, right, table};
use super::{DigestArgs, Error, Output, find};
use crate::store::digest::{self, Digest};
use crate::store::{Pools, ReadTx};

/// Hashes the results that the arguments choose.
pub async fn run(pools: &Pools, args: &DigestArgs, json: bool) -> Result<Output, Error> {
    let mut db = ReadTx::lazy(&pools.control);
    let portfolio = match &args.portfolio {
        Some(text) => Some(find::portfolio(&mut db, text).await?),
        None => None,
    };
    let digest = digest::digest(&mut db, portfolio, args.date).await?;
    db.close().await?;
    let document = || {
        let tables = digest.tables.iter().map(
            |table| json!({ "table": table.table, "sha256": table.sha256, "rows": table.rows }),
        );
        json!({
            "digest": digest.total,
            "portfolio_id": portfolio,
            "date": args.date,
            "tables": tables.collect::<Vec<_>>(),
        })
    };
    Ok(Output::either(json, document, || page(&digest)))
}

/// The total first, so that it can be compared at a glance.
fn page(digest: &Digest) -> String {
    let rows = digest.tables.iter().map(|table| {
        vec![
            table.table.to_owned(),
            fixed(table.rows.into(), 0),
            table.sha256[..16].to_owned(),
        ]
    });
    let tables = table(&[left("table"), right("rows"), left("sha256")], rows);
    format!("{}\n\n{tables}", digest.total)
}
