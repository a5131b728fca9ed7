//! `doctor`: whether everything that the engine rests on is as it should be.

use serde_json::{Value, json};

use super::text::{left, table};
use super::{Error, GlobalSettings, Output, exit};
use crate::domain::InstallId;
use crate::engine::doctor::{self, Check, Health};
use crate::store::{self, Pools};

/// Makes every check that can be made. What cannot be reached is a check that failed.
pub async fn run(settings: &GlobalSettings, json: bool) -> Result<Output, Error> {
    let mut checks = vec![Check::ok(
        "program",
        format!("sigmabatch {}", env!("CARGO_PKG_VERSION")),
    )];
    let mut install = None;
    match super::connect(&settings.postgres, "sigmabatch-cli").await {
        Ok(pools) => {
            checks.extend(doctor::examine_postgres(&pools).await);
            install = known(&pools).await;
        }
        Err(error) => checks.push(unreachable("postgres", &error)),
    }
    let ours = install.is_some();
    // Without an installation there is nothing of ours to look for, but the server can be looked at.
    let install = install.unwrap_or_else(|| InstallId(String::new()));
    match settings.redis.queue(install) {
        Ok(queue) => checks.extend(doctor::examine_redis(&queue, ours).await),
        Err(error) => checks.push(unreachable("redis", &Error::from(error))),
    }
    checks.push(doctor::examine_calendar(&settings.clock.clock()));
    let worst = checks.iter().map(|check| check.health).max();
    let mut output = Output::either(json, || document(&checks), || page(&checks));
    if worst == Some(Health::Fail) {
        output.code = exit::FAILED;
    }
    Ok(output)
}

async fn known(pools: &Pools) -> Option<InstallId> {
    store::install_id(pools).await.ok()
}

fn unreachable(check: &'static str, error: &Error) -> Check {
    Check::fail(check, error.message(), error.remedy().unwrap_or_default())
}

fn document(checks: &[Check]) -> Value {
    let worst = checks.iter().map(|check| check.health).max();
    json!({ "health": worst, "checks": checks })
}

fn page(checks: &[Check]) -> String {
    let rows = checks.iter().map(|check| {
        let word = match check.health {
            Health::Ok => "ok",
            Health::Warn => "warn",
            Health::Fail => "FAIL",
        };
        vec![
            word.to_owned(),
            check.check.to_owned(),
            check.says.clone(),
            check.remedy.clone().unwrap_or_default(),
        ]
    });
    let columns = [left(""), left("check"), left("says"), left("what to do")];
    table(&columns, rows)
}
