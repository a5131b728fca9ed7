//! `token`: who may ask over HTTP.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::text::{instant, left, table};
use super::{Error, OrderArgs, Output, find};
use crate::domain::{Access, Role, Token};
use crate::engine;
use crate::store::tokens::{self, TokenRow};
use crate::store::{Pools, ReadTx};

/// `token`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes a token and shows it, once.
    Create(CreateArgs),
    /// Tokens without their secrets.
    List,
    /// Makes a token worthless, at once.
    Revoke(RevokeArgs),
}

/// `token create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// viewer sees everything, operator also does everything, owner is confined to given portfolios.
    #[arg(long, value_parser = ["viewer", "operator", "owner"])]
    pub role: String,
    /// A portfolio of an owner, by id or name; may be repeated.
    #[arg(
        long = "portfolio",
        value_name = "PORTFOLIO",
        required_if_eq("role", "owner")
    )]
    pub portfolios: Vec<String>,
    /// Who gets it; stands in the audit table for what is done with it.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Print the token and nothing else.
    #[arg(long)]
    pub quiet: bool,
    /// Who makes it.
    #[arg(long, env = "USER", default_value = "operator", value_name = "NAME")]
    pub who: String,
}

/// `token revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// Its id, as `token list` shows it.
    pub id: Uuid,
    /// Who and why.
    #[command(flatten)]
    pub order: OrderArgs,
}

/// Makes, lists or revokes.
pub async fn run(pools: &Pools, command: &TokenCommand, json: bool) -> Result<Output, Error> {
    match command {
        TokenCommand::Create(args) => create(pools, args, json).await,
        TokenCommand::List => {
            let mut db = ReadTx::lazy(&pools.control);
            let rows = tokens::list(&mut db).await?;
            db.close().await?;
            let document = || json!({ "tokens": rows.iter().map(document).collect::<Vec<_>>() });
            Ok(Output::either(json, document, || page(&rows)))
        }
        TokenCommand::Revoke(args) => {
            let name = engine::revoke_token(pools, args.id, args.order.order()).await?;
            let name = name.ok_or_else(|| {
                Error::misuse(
                    format!("no valid token {}", args.id),
                    "`sigmabatch token list` lists them",
                )
            })?;
            Ok(Output::either(
                json,
                || json!({ "token_id": args.id, "name": name, "revoked": true }),
                || format!("the token of {name} is worth nothing any more\n"),
            ))
        }
    }
}

async fn create(pools: &Pools, args: &CreateArgs, json: bool) -> Result<Output, Error> {
    let role: Role = args
        .role
        .parse()
        .map_err(|_| Error::misuse("no such role", "viewer, operator or owner"))?;
    let mut db = ReadTx::lazy(&pools.control);
    let mut portfolios = std::collections::BTreeSet::new();
    for text in &args.portfolios {
        portfolios.insert(find::portfolio(&mut db, text).await?);
    }
    db.close().await?;
    let access = Access::new(role, portfolios).ok_or_else(|| {
        Error::misuse(
            "only an owner has portfolios",
            "leave --portfolio away, or make it --role owner",
        )
    })?;
    let token = Token::fresh().map_err(|error| {
        Error::not_there(format!("no randomness: {error}"), "is /dev/urandom there?")
    })?;
    let name = args.name.clone().unwrap_or_else(|| args.role.clone());
    let order = engine::Order {
        who: &args.who,
        reason: "token create",
    };
    engine::create_token(pools, &token, &name, &access, order).await?;
    let shown = token.reveal();
    if args.quiet {
        return Ok(Output::page(format!("{shown}\n")));
    }
    Ok(Output::either(
        json,
        || json!({ "token_id": token.id, "name": name, "role": role, "token": shown }),
        || {
            format!(
                "{shown}\n\nThe {role} token of {name}; it is shown this once. Send it as\n  \
                 Authorization: Bearer sb_…\nand take it back with `sigmabatch token revoke {}`.\n",
                token.id
            )
        },
    ))
}

fn document(row: &TokenRow) -> Value {
    json!({
        "token_id": row.id,
        "name": row.name,
        "role": row.access.role(),
        "portfolios": row.access.only(),
        "created_at": row.created_at,
        "revoked_at": row.revoked_at,
    })
}

fn page(rows: &[TokenRow]) -> String {
    if rows.is_empty() {
        return String::from("no token: `sigmabatch token create --role operator` makes one\n");
    }
    let lines = rows.iter().map(|row| {
        vec![
            row.id.to_string(),
            row.name.clone(),
            row.access.role().to_string(),
            instant(row.created_at),
            row.revoked_at.map(instant).unwrap_or_default(),
        ]
    });
    let columns = [
        left("token"),
        left("name"),
        left("role"),
        left("made (UTC)"),
        left("revoked (UTC)"),
    ];
    table(&columns, lines)
}
