//! `import factors` and `import scenarios`: a set replaces the one that there is, and both always
//! fit each other.

use std::path::{Path, PathBuf};

use clap::Args;

use super::receipt::{DefinitionsReceipt, Status};
use super::{file_name, read_text, rejected};
use crate::cli::Error;
use crate::domain::{FIRST_DATE, FactorRole, FactorSet, Scenario, ScenarioSet, Shock, ShockKind};
use crate::import::{factors_toml, scenarios_toml};
use crate::store::inputs::{self, Changed};
use crate::store::{Pools, WriteTx, definitions};
use crate::{import, store};

/// `import scenarios`.
#[derive(Debug, Args)]
pub struct DefinitionsArgs {
    /// The TOML file.
    pub file: PathBuf,
}

/// `import factors`.
#[derive(Debug, Args)]
pub struct FactorsArgs {
    /// The TOML file.
    pub file: PathBuf,
    /// Scenarios to replace with the factors, where the old ones do not fit the new factors.
    #[arg(long, value_name = "FILE")]
    pub scenarios: Option<PathBuf>,
}

/// Replaces the factors, and with `--scenarios` the scenarios in the same transaction.
pub async fn factors(pools: &Pools, args: &FactorsArgs) -> Result<Vec<DefinitionsReceipt>, Error> {
    let factors = factors_toml::parse(&read_text(&args.file)?).map_err(rejected(&args.file))?;
    let scenarios = match &args.scenarios {
        None => None,
        Some(file) => {
            let text = read_text(file)?;
            Some((
                file,
                scenarios_toml::parse(&text, &factors).map_err(rejected(file))?,
            ))
        }
    };
    let mut tx = WriteTx::begin(&pools.control).await?;
    definitions::lock(&mut tx).await?;
    if scenarios.is_none() {
        let installed = definitions::load(&mut tx.reader()).await?.scenarios;
        let misfits = misfits(&installed, &factors);
        if !misfits.is_empty() {
            let message = format!(
                "{} does not fit the scenarios that are installed:\n  {}",
                args.file.display(),
                misfits.join("\n  ")
            );
            let remedy =
                "give scenarios that fit with --scenarios FILE.toml: both are replaced at once";
            return Err(Error::not_there(message, remedy));
        }
    }
    let mut receipts = vec![install_factors(&mut tx, &args.file, &factors).await?];
    if let Some((file, set)) = &scenarios {
        receipts.push(install_scenarios(&mut tx, file, set).await?);
    }
    finish(tx, receipts).await
}

/// Replaces the scenarios.
pub async fn scenarios(
    pools: &Pools,
    args: &DefinitionsArgs,
) -> Result<Vec<DefinitionsReceipt>, Error> {
    let text = read_text(&args.file)?;
    let mut tx = WriteTx::begin(&pools.control).await?;
    definitions::lock(&mut tx).await?;
    let factors = definitions::load(&mut tx.reader()).await?.factors;
    let factors = FactorSet::new(String::new(), factors);
    let set = scenarios_toml::parse(&text, &factors).map_err(rejected(&args.file))?;
    let receipt = install_scenarios(&mut tx, &args.file, &set).await?;
    finish(tx, vec![receipt]).await
}

/// Gives a database without any definitions the built-in ones; says whether it had none.
pub async fn seed_defaults(pools: &Pools) -> store::Result<bool> {
    let mut tx = WriteTx::begin(&pools.control).await?;
    definitions::lock(&mut tx).await?;
    for kind in ["factors", "scenarios"] {
        if definitions::installed(&mut tx.reader(), kind)
            .await?
            .is_some()
        {
            tx.rollback().await?;
            return Ok(false);
        }
    }
    let (factors, scenarios) = import::defaults();
    definitions::replace_factors(&mut tx, &factors).await?;
    definitions::replace_scenarios(&mut tx, &scenarios).await?;
    inputs::changed(
        &mut tx,
        &[(Changed::Definitions, FIRST_DATE)],
        "default definitions",
    )
    .await?;
    tx.commit().await?;
    Ok(true)
}

async fn install_factors(
    tx: &mut WriteTx,
    file: &Path,
    set: &FactorSet,
) -> Result<DefinitionsReceipt, Error> {
    let status = status(tx, "factors", &set.version, &set.hash).await?;
    if status == Status::Updated {
        definitions::replace_factors(tx, set).await?;
    }
    Ok(DefinitionsReceipt {
        status,
        kind: "factors",
        file: file.to_owned(),
        version: set.version.clone(),
        hash: set.hash.clone(),
        count: set.factors.len(),
    })
}

async fn install_scenarios(
    tx: &mut WriteTx,
    file: &Path,
    set: &ScenarioSet,
) -> Result<DefinitionsReceipt, Error> {
    let status = status(tx, "scenarios", &set.version, &set.hash).await?;
    if status == Status::Updated {
        definitions::replace_scenarios(tx, set).await?;
    }
    Ok(DefinitionsReceipt {
        status,
        kind: "scenarios",
        file: file.to_owned(),
        version: set.version.clone(),
        hash: set.hash.clone(),
        count: set.scenarios.len(),
    })
}

/// Unchanged means the same version and the same content: results name both.
async fn status(tx: &mut WriteTx, kind: &str, version: &str, hash: &str) -> store::Result<Status> {
    let installed = definitions::installed(&mut tx.reader(), kind).await?;
    let same =
        installed.is_some_and(|known| (known.0.as_str(), known.1.as_str()) == (version, hash));
    Ok(if same {
        Status::Unchanged
    } else {
        Status::Updated
    })
}

async fn finish(
    mut tx: WriteTx,
    receipts: Vec<DefinitionsReceipt>,
) -> Result<Vec<DefinitionsReceipt>, Error> {
    let changed = receipts
        .iter()
        .filter(|receipt| receipt.status == Status::Updated);
    let files: Vec<String> = changed.map(|receipt| file_name(&receipt.file)).collect();
    if files.is_empty() {
        tx.rollback().await?;
    } else {
        let reason = format!("import of {}", files.join(" and "));
        inputs::changed(&mut tx, &[(Changed::Definitions, FIRST_DATE)], &reason).await?;
        tx.commit().await?;
    }
    Ok(receipts)
}

/// What of the scenarios does not fit the factors.
fn misfits(scenarios: &[Scenario], factors: &FactorSet) -> Vec<String> {
    let shocks = scenarios
        .iter()
        .flat_map(|scenario| scenario.shocks.iter().map(move |shock| (scenario, shock)));
    shocks
        .filter_map(|(scenario, shock)| {
            misfit(shock, factors).map(|why| format!("{} {why}", scenario.id))
        })
        .collect()
}

fn misfit(shock: &Shock, factors: &FactorSet) -> Option<String> {
    let name = &shock.factor;
    let Some(factor) = factors.driven_by(name) else {
        return Some(format!("shocks {name}, which is no factor any more"));
    };
    let turn = factor
        .duration
        .zip(factor.convexity)
        .filter(|(_, convexity)| *convexity > 0.0);
    let turns = turn.is_some_and(|(duration, convexity)| shock.value >= duration / convexity);
    match shock.kind {
        ShockKind::YieldChange if factor.role != FactorRole::Rates => Some(format!(
            "shocks the yield of {name}, whose role is {}",
            factor.role
        )),
        ShockKind::YieldChange if turns => Some(format!(
            "raises the yield of {name} by its duration/convexity or more"
        )),
        ShockKind::MarketRelative if factor.role == FactorRole::Market => {
            Some(format!("moves {name} relative to itself"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_scenarios_fit_default_factors_and_no_others() {
        let (mut factors, scenarios) = import::defaults();
        assert!(misfits(&scenarios.scenarios, &factors).is_empty());
        factors
            .factors
            .retain(|factor| factor.role != FactorRole::Rates);
        let misfits = misfits(&scenarios.scenarios, &factors);
        assert!(!misfits.is_empty());
        assert!(
            misfits.iter().all(|text| text.contains("Interest_Rate")),
            "{misfits:?}"
        );
    }
}
