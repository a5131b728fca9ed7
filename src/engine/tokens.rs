//! Tokens of the API are made and revoked with a row in the audit table.

use serde_json::json;
use uuid::Uuid;

use super::Order;
use crate::domain::{Access, Token};
use crate::store::{self, Pools, WriteTx, events, tokens};

/// Stores a token and says so in the audit table.
pub async fn create_token(
    pools: &Pools,
    token: &Token,
    name: &str,
    access: &Access,
    order: Order<'_>,
) -> store::Result<()> {
    let mut tx = WriteTx::begin(&pools.control).await?;
    insert(&mut tx, token, name, access, order).await?;
    tx.commit().await
}

/// Stores an operator's token unless there is any token; says whether it was stored.
pub async fn first_token(pools: &Pools, token: &Token, order: Order<'_>) -> store::Result<bool> {
    let mut tx = WriteTx::begin(&pools.control).await?;
    if tokens::any(&mut tx).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    insert(&mut tx, token, "first operator", &Access::Operator, order).await?;
    tx.commit().await?;
    Ok(true)
}

async fn insert(
    tx: &mut WriteTx,
    token: &Token,
    name: &str,
    access: &Access,
    order: Order<'_>,
) -> store::Result<()> {
    tokens::insert(tx, token.id, name, access, &token.hash()).await?;
    let detail = json!({ "name": name, "role": access.role(), "portfolios": access.only() });
    let target = token.id.to_string();
    events::audit(
        tx,
        order.who,
        "token-create",
        &target,
        order.reason,
        &detail,
    )
    .await
}

/// Makes a token worthless; says its name, if it was worth something.
pub async fn revoke_token(
    pools: &Pools,
    id: Uuid,
    order: Order<'_>,
) -> store::Result<Option<String>> {
    let mut tx = WriteTx::begin(&pools.control).await?;
    let name = tokens::revoke(&mut tx, id).await?;
    if let Some(name) = &name {
        let detail = json!({ "name": name });
        let target = id.to_string();
        events::audit(
            &mut tx,
            order.who,
            "token-revoke",
            &target,
            order.reason,
            &detail,
        )
        .await?;
    }
    tx.commit().await?;
    Ok(name)
}
