//! Who asks: the bearer of a token, found by the token's id and compared by the hash of its secret.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use uuid::Uuid;

use super::Api;
use super::problem::{Kind, Problem};
use crate::domain::{Access, PortfolioId, Role, RunId, SecretHash, Token};
use crate::engine::Order;
use crate::store::reports::Sight;
use crate::store::tokens::TokenRow;
use crate::store::{ReadTx, portfolios, reports, tokens};

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The token's id.
    pub(crate) token: Uuid,
    /// In audit rows, and whose idempotency keys are meant.
    pub(crate) who: String,
    pub(crate) access: Access,
}

/// A token that was shown: what it is worth is not known yet.
#[derive(Debug)]
pub(crate) struct Bearer(Token);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let refused = |detail: &str| Problem::new(Kind::Unauthorized, detail);
        let header = parts.headers.get(header::AUTHORIZATION);
        let header = header.ok_or_else(|| refused("send Authorization: Bearer sb_…"))?;
        let text = header.to_str().unwrap_or_default();
        let (scheme, token) = text.split_once(' ').unwrap_or_default();
        let token: Option<Token> = token.trim().parse().ok();
        let token = token
            .filter(|_| scheme.eq_ignore_ascii_case("bearer"))
            .ok_or_else(|| refused("that is no bearer token of this system"))?;
        Ok(Self(token))
    }
}

impl Bearer {
    /// Under which id to look for it.
    pub(crate) fn id(&self) -> Uuid {
        self.0.id
    }

    /// Who shows it, asked by itself.
    pub(crate) async fn caller(&self, api: &Api) -> Result<Caller, Problem> {
        Caller::of(api, &self.0).await
    }

    /// Who shows it, as found on the way.
    pub(crate) fn found(&self, row: TokenRow, hash: SecretHash) -> Result<Caller, Problem> {
        Caller::found(&self.0, Some((row, hash)))
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let bearer = Bearer::from_request_parts(parts, api).await?;
        bearer.caller(api).await
    }
}

impl Caller {
    /// The bearer of a token, if it is worth something.
    pub(crate) async fn of(api: &Api, token: &Token) -> Result<Self, Problem> {
        Self::found(token, tokens::valid(&api.pools().load, token.id).await?)
    }

    fn found(token: &Token, found: Option<(TokenRow, SecretHash)>) -> Result<Self, Problem> {
        // The same words whether the id or the secret is wrong.
        let refused = "that token is not valid (any more)";
        let (row, _) = found
            .filter(|(_, hash)| hash.matches(&token.hash()))
            .ok_or_else(|| Problem::new(Kind::Unauthorized, refused))?;
        Ok(Self {
            token: token.id,
            who: format!("token {} ({})", row.name, row.id),
            access: row.access,
        })
    }

    /// For what changes something that concerns everybody.
    pub(crate) fn operator(&self) -> Result<(), Problem> {
        match self.access.role() {
            Role::Operator => Ok(()),
            role => Err(forbidden(role)),
        }
    }

    /// For what changes something of given portfolios.
    pub(crate) fn changes(&self) -> Result<(), Problem> {
        match self.access.role() {
            Role::Operator | Role::Owner => Ok(()),
            Role::Viewer => Err(forbidden(Role::Viewer)),
        }
    }

    /// The order of this caller.
    pub(crate) fn order<'a>(&'a self, reason: &'a str) -> Order<'a> {
        Order {
            who: &self.who,
            reason,
        }
    }

    /// The portfolios that there are for this caller, for statements; `None` is every one.
    pub(crate) fn only(&self) -> Option<Vec<Uuid>> {
        let only = self.access.only()?;
        Some(only.iter().map(|id| id.0).collect())
    }

    /// A portfolio that there is for this caller.
    pub(crate) async fn portfolio(
        &self,
        db: &mut ReadTx<'_>,
        id: PortfolioId,
    ) -> Result<crate::domain::Portfolio, Problem> {
        let none = || Problem::not_found("portfolio");
        if !self.access.sees(id) {
            return Err(none());
        }
        portfolios::get(db, id).await?.ok_or_else(none)
    }

    /// How much of a run there is for this caller: an owner sees of a run what is about own portfolios.
    pub(crate) async fn sight(&self, db: &mut ReadTx<'_>, id: RunId) -> Result<Sight, Problem> {
        let only = self.only();
        let sight = reports::sight(db, id, only.as_deref()).await?;
        sight.ok_or_else(|| Problem::not_found("run"))
    }
}

fn forbidden(role: Role) -> Problem {
    Problem::new(Kind::Forbidden, format!("the role of this token is {role}"))
}
