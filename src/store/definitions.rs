//! Factor and scenario definitions: replaced as a whole, with version and hash.

use super::{Attempt, Error, ReadTx, Result, WriteTx, word};
use crate::domain::{Factor, FactorSet, Scenario, ScenarioSet, Shock};

/// The definitions in force.
#[derive(Debug, Clone)]
pub struct Definitions {
    /// Factors, in their order.
    pub factors: Vec<Factor>,
    /// Scenarios, in their order.
    pub scenarios: Vec<Scenario>,
    /// The risk-free rate, if somebody has set one.
    pub risk_free_rate: Option<f64>,
    /// Digest of them all; stored with every result.
    pub hash: String,
}

/// The risk-free rate among definitions.
const RISK_FREE_RATE: &str = "risk_free_rate";

/// Reads the definitions.
pub async fn load(db: &mut ReadTx<'_>) -> Result<Definitions> {
    let factors = sqlx::query!(
        "select name, proxy_symbol, kind, role, duration, convexity from factor_definitions order by sort_order"
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading factor definitions")?
    .into_iter()
    .map(|row| {
        Ok(Factor {
            name: row.name,
            proxy: word("factor_definitions", &row.proxy_symbol)?,
            kind: word("factor_definitions", &row.kind)?,
            role: word("factor_definitions", &row.role)?,
            duration: row.duration,
            convexity: row.convexity,
        })
    })
    .collect::<Result<Vec<_>>>()?;
    let shocks = sqlx::query!(
        "select scenario_id, factor, value, kind from stress_test_shocks order by scenario_id, sort_order"
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading shocks")?;
    let scenarios = sqlx::query!(
        "select id, name, category, severity, active, implied_vol_multiplier
         from stress_test_scenarios order by sort_order"
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading scenarios")?
    .into_iter()
    .map(|row| {
        let own = shocks.iter().filter(|shock| shock.scenario_id == row.id);
        Ok(Scenario {
            shocks: own
                .map(|shock| {
                    Ok(Shock {
                        factor: shock.factor.clone(),
                        value: shock.value,
                        kind: word("stress_test_shocks", &shock.kind)?,
                    })
                })
                .collect::<Result<Vec<_>>>()?,
            id: row.id,
            name: row.name,
            category: row.category,
            severity: row.severity,
            active: row.active,
            implied_vol_multiplier: row.implied_vol_multiplier,
        })
    })
    .collect::<Result<Vec<_>>>()?;
    let hash = sqlx::query_scalar!(
        r#"select coalesce(string_agg(rtrim(kind || ' ' || version || ' ' || left(hash, 16)), ', ' order by kind), '')
                      as "hash!"
           from definition_sets"#
    )
    .fetch_one(db.connection().await?)
    .await
    .attempt("reading the hash of the definitions")?;
    Ok(Definitions {
        factors,
        scenarios,
        risk_free_rate: risk_free_rate(db).await?,
        hash,
    })
}

/// The risk-free rate a year, continuous, if somebody has set one.
pub async fn risk_free_rate(db: &mut ReadTx<'_>) -> Result<Option<f64>> {
    let Some((rate, _)) = installed(db, RISK_FREE_RATE).await? else {
        return Ok(None);
    };
    rate.parse().map(Some).map_err(|_| Error::Row {
        table: "definition_sets",
        problem: format!("\"{rate}\" is no rate"),
    })
}

/// Sets the risk-free rate. What rests on another one is for the caller to declare changed.
pub async fn set_risk_free_rate(tx: &mut WriteTx, rate: f64) -> Result<()> {
    // Shortest digits that are this number again; they need no hash.
    install(tx, RISK_FREE_RATE, &rate.to_string(), "").await
}

/// Version and hash of a set that is installed, if any.
pub async fn installed(db: &mut ReadTx<'_>, kind: &str) -> Result<Option<(String, String)>> {
    let row = sqlx::query!(
        "select version, hash from definition_sets where kind = $1",
        kind
    )
    .fetch_optional(db.connection().await?)
    .await
    .attempt("reading the installed definitions")?;
    Ok(row.map(|row| (row.version, row.hash)))
}

/// Makes replacements of definitions wait for each other until the transaction ends; readers go on.
pub async fn lock(tx: &mut WriteTx) -> Result<()> {
    sqlx::query!("lock table definition_sets in share row exclusive mode")
        .execute(tx.connection())
        .await
        .attempt("locking the definitions")?;
    Ok(())
}

async fn install(tx: &mut WriteTx, kind: &str, version: &str, hash: &str) -> Result<()> {
    sqlx::query!(
        "insert into definition_sets (kind, version, hash) values ($1, $2, $3)
         on conflict (kind) do update
         set version = excluded.version, hash = excluded.hash, installed_at = now()",
        kind,
        version,
        hash
    )
    .execute(tx.connection())
    .await
    .attempt("installing definitions")?;
    Ok(())
}

/// Replaces all factors.
pub async fn replace_factors(tx: &mut WriteTx, set: &FactorSet) -> Result<()> {
    sqlx::query!("delete from factor_definitions")
        .execute(tx.connection())
        .await
        .attempt("removing factors")?;
    let names: Vec<String> = set.factors.iter().map(|f| f.name.clone()).collect();
    let proxies: Vec<String> = set.factors.iter().map(|f| f.proxy.to_string()).collect();
    let kinds: Vec<String> = set.factors.iter().map(|f| f.kind.to_string()).collect();
    let roles: Vec<String> = set.factors.iter().map(|f| f.role.to_string()).collect();
    let durations: Vec<Option<f64>> = set.factors.iter().map(|f| f.duration).collect();
    let convexities: Vec<Option<f64>> = set.factors.iter().map(|f| f.convexity).collect();
    sqlx::query!(
        "insert into factor_definitions (name, sort_order, proxy_symbol, kind, role, duration, convexity)
         select name, ord, proxy, kind, role, duration, convexity
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[])
              with ordinality as f(name, proxy, kind, role, duration, convexity, ord)",
        &names,
        &proxies,
        &kinds,
        &roles,
        &durations as &[Option<f64>],
        &convexities as &[Option<f64>]
    )
    .execute(tx.connection())
    .await
    .attempt("inserting factors")?;
    install(tx, "factors", &set.version, &set.hash).await
}

/// Replaces all scenarios.
pub async fn replace_scenarios(tx: &mut WriteTx, set: &ScenarioSet) -> Result<()> {
    sqlx::query!("delete from stress_test_scenarios")
        .execute(tx.connection())
        .await
        .attempt("removing scenarios")?;
    for (order, scenario) in (1_i32..).zip(&set.scenarios) {
        sqlx::query!(
            "insert into stress_test_scenarios
                 (id, sort_order, name, category, severity, active, implied_vol_multiplier)
             values ($1, $2, $3, $4, $5, $6, $7)",
            scenario.id,
            order,
            scenario.name,
            scenario.category,
            scenario.severity,
            scenario.active,
            scenario.implied_vol_multiplier
        )
        .execute(tx.connection())
        .await
        .attempt("inserting a scenario")?;
        for (order, shock) in (1_i32..).zip(&scenario.shocks) {
            sqlx::query!(
                "insert into stress_test_shocks (scenario_id, sort_order, factor, value, kind)
                 values ($1, $2, $3, $4, $5)",
                scenario.id,
                order,
                shock.factor,
                shock.value,
                shock.kind.as_str()
            )
            .execute(tx.connection())
            .await
            .attempt("inserting a shock")?;
        }
    }
    install(tx, "scenarios", &set.version, &set.hash).await
}
