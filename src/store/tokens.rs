//! Tokens of the API: their roles, and hashes of their secrets.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Attempt, Error, Pool, ReadTx, Result, WriteTx, word};
use crate::domain::{Access, PortfolioId, SecretHash};

/// A token without its secret.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Its id.
    pub id: Uuid,
    /// Who has it, for people and for the audit table.
    pub name: String,
    /// What it is good for.
    pub access: Access,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it is worth nothing.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Remembers a token.
pub async fn insert(
    tx: &mut WriteTx,
    id: Uuid,
    name: &str,
    access: &Access,
    hash: &SecretHash,
) -> Result<()> {
    let portfolios: Vec<Uuid> = access.only().into_iter().flatten().map(|id| id.0).collect();
    sqlx::query!(
        "insert into api_token (id, name, role, portfolios, secret_hash) values ($1, $2, $3, $4, $5)",
        id,
        name,
        access.role().as_str(),
        &portfolios,
        hash.bytes()
    )
    .execute(tx.connection())
    .await
    .attempt("storing a token")?;
    Ok(())
}

/// Whether there is any token, valid or not; holds off others that would make the first one.
pub async fn any(tx: &mut WriteTx) -> Result<bool> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('first token', 0))")
        .execute(tx.connection())
        .await
        .attempt("locking tokens")?;
    sqlx::query_scalar!(r#"select exists (select from api_token) as "it!""#)
        .fetch_one(tx.connection())
        .await
        .attempt("looking for a token")
}

/// A valid token with the hash of its secret.
pub async fn valid(pool: &Pool, id: Uuid) -> Result<Option<(TokenRow, SecretHash)>> {
    let row = sqlx::query!(
        "select id, name, role, portfolios, secret_hash, created_at from api_token
         where id = $1 and revoked_at is null",
        id
    )
    .fetch_optional(pool)
    .await
    .attempt("looking for a token")?;
    let Some(row) = row else { return Ok(None) };
    let hash = hash(id, &row.secret_hash)?;
    let token = TokenRow {
        id: row.id,
        name: row.name,
        access: access(&row.role, row.portfolios)?,
        created_at: row.created_at,
        revoked_at: None,
    };
    Ok(Some((token, hash)))
}

/// The hash that is stored of a token's secret.
pub(super) fn hash(id: Uuid, stored: &[u8]) -> Result<SecretHash> {
    SecretHash::stored(stored).ok_or_else(|| Error::Row {
        table: "api_token",
        problem: format!("token {id} has a hash of another length"),
    })
}

/// Every token, oldest first.
pub async fn list(db: &mut ReadTx<'_>) -> Result<Vec<TokenRow>> {
    sqlx::query!(
        "select id, name, role, portfolios, created_at, revoked_at from api_token order by created_at, id"
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("listing tokens")?
    .into_iter()
    .map(|row| {
        Ok(TokenRow {
            id: row.id,
            name: row.name,
            access: access(&row.role, row.portfolios)?,
            created_at: row.created_at,
            revoked_at: row.revoked_at,
        })
    })
    .collect()
}

/// Makes a token worthless; says its name, if it was worth something.
pub async fn revoke(tx: &mut WriteTx, id: Uuid) -> Result<Option<String>> {
    sqlx::query_scalar!(
        "update api_token set revoked_at = now() where id = $1 and revoked_at is null returning name",
        id
    )
    .fetch_optional(tx.connection())
    .await
    .attempt("revoking a token")
}

pub(super) fn access(role: &str, portfolios: Vec<Uuid>) -> Result<Access> {
    let portfolios: BTreeSet<PortfolioId> = portfolios.into_iter().map(PortfolioId).collect();
    Access::new(word("api_token", role)?, portfolios).ok_or_else(|| Error::Row {
        table: "api_token",
        problem: format!("portfolios do not fit the role {role}"),
    })
}
