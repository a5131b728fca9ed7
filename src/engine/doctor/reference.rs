//! Checks of reference data: factors, scenarios, the calendar.

use std::collections::BTreeSet;

use super::Check;
use crate::clock::Clock;
use crate::domain::{Calendar, FactorRole, INTEREST_RATE};
use crate::store::definitions::{self, Definitions};
use crate::store::{self, Pools, ReadTx};

/// Years ahead that a calendar should reach.
const AHEAD_DAYS: i64 = 366;
const SEED: &str =
    "`sigmabatch migrate` installs the defaults, `sigmabatch import factors|scenarios` your own";

/// Whether factors and scenarios are there and fit each other.
pub(super) async fn definitions(pools: &Pools) -> store::Result<Vec<Check>> {
    let mut db = ReadTx::lazy(&pools.control);
    let loaded = definitions::load(&mut db).await?;
    db.close().await?;
    Ok(vec![factors(&loaded), scenarios(&loaded)])
}

fn factors(loaded: &Definitions) -> Check {
    const NAME: &str = "reference.factors";
    if loaded.factors.is_empty() {
        return Check::fail(NAME, "no factor is defined", SEED);
    }
    let market = loaded
        .factors
        .iter()
        .find(|factor| factor.role == FactorRole::Market);
    match market {
        None => Check::fail(NAME, "no factor is the market", SEED),
        Some(market) => Check::ok(
            NAME,
            format!(
                "{} factors, the market is {} ({})",
                loaded.factors.len(),
                market.name,
                market.proxy
            ),
        ),
    }
}

fn scenarios(loaded: &Definitions) -> Check {
    const NAME: &str = "reference.scenarios";
    let active = loaded.scenarios.iter().filter(|scenario| scenario.active);
    let active = active.count();
    if active == 0 {
        return Check::fail(NAME, "no scenario is defined and active", SEED);
    }
    let mut known: BTreeSet<&str> = loaded
        .factors
        .iter()
        .map(|factor| factor.name.as_str())
        .collect();
    known.insert(INTEREST_RATE);
    let unknown: Vec<String> = loaded
        .scenarios
        .iter()
        .flat_map(|scenario| {
            let shocks = scenario.shocks.iter();
            let strange = shocks.filter(|shock| !known.contains(shock.factor.as_str()));
            strange.map(|shock| format!("{} in {}", shock.factor, scenario.id))
        })
        .collect();
    if unknown.is_empty() {
        Check::ok(NAME, format!("{active} scenarios, every factor is known"))
    } else {
        let says = format!("unknown factors: {}", unknown.join(", "));
        Check::fail(NAME, says, "import scenarios that fit the factors")
    }
}

/// Whether the calendar reaches far enough ahead.
pub(super) fn calendar(clock: &Clock) -> Check {
    const NAME: &str = "calendar";
    let calendar = Calendar::nyse();
    let (first, last) = calendar.horizon();
    let today = calendar.new_york_date(clock.now());
    let says = format!("sessions from {first} to {last}");
    let ahead = last.signed_duration_since(today).num_days();
    if today < first || ahead < 0 {
        Check::fail(
            NAME,
            format!("{says}, today is {today}"),
            "update the program",
        )
    } else if ahead < AHEAD_DAYS {
        Check::warn(NAME, says, "update the program within the year")
    } else {
        Check::ok(NAME, says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::Health;

    #[test]
    fn the_calendar_warns_a_year_before_its_end() {
        for (now, health) in [
            ("2016-12-30T22:00:00Z", Health::Ok),
            ("2050-06-01T22:00:00Z", Health::Warn),
            ("2051-06-01T22:00:00Z", Health::Fail),
        ] {
            let clock = Clock::starting_at(now.parse().unwrap());
            assert_eq!(calendar(&clock).health, health, "{now}");
        }
    }
}
