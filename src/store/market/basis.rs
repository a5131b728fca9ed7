//! What the cached closes mean.

use crate::store::{Attempt, Result, WriteTx};

/// What the cached closes mean; `None` before the first.
pub async fn basis(pool: &crate::store::Pool) -> Result<Option<String>> {
    sqlx::query_scalar!("select provider_basis from install")
        .fetch_one(pool)
        .await
        .attempt("reading the basis of the prices")
}

/// Says what the closes mean that are about to be stored, if nobody has yet; returns what holds.
pub async fn pin_basis(tx: &mut WriteTx, basis: &str) -> Result<String> {
    let known = sqlx::query_scalar!("select provider_basis from install")
        .fetch_one(tx.connection())
        .await
        .attempt("reading the basis of the prices")?;
    if let Some(known) = known {
        return Ok(known);
    }
    sqlx::query_scalar!(
        r#"update install set provider_basis = coalesce(provider_basis, $1)
           returning provider_basis as "it!""#,
        basis
    )
    .fetch_one(tx.connection())
    .await
    .attempt("fixing the basis of the prices")
}
