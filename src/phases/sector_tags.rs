//! Phase 5: one sector tag for each live position, from its profile of the run's final date.

use std::time::Duration;

use super::position_updates::{Input, final_units, single_finals};
use super::sets::{self, Keep};
use super::{Cx, Done, Phase, Result, Scope, Subjects, TaskRef, Unit};
use crate::domain::{
    PhaseName, PortfolioId, PositionId, ProfileFacts, TaskEpoch, TradingDate, sector_bucket,
};
use crate::store::{ReadTx, WriteTx, market, portfolio_results};

/// The bucket of an instrument, from its profile.
pub(super) fn sector_of(profile: Option<&ProfileFacts>) -> &str {
    let sector = profile.and_then(|profile| profile.sector.as_deref());
    sector_bucket(
        sector,
        profile.and_then(|profile| profile.quote_type.as_deref()),
    )
}

/// The phase.
pub struct SectorTags;

/// A position and its sector.
type Tagged = (PositionId, String);

/// Tags of portfolios; a portfolio may have none.
pub struct Tags {
    as_of: TradingDate,
    portfolios: Vec<(PortfolioId, Vec<Tagged>)>,
}

impl Phase for SectorTags {
    const NAME: PhaseName = PhaseName::SectorTags;
    const AFTER: &'static [PhaseName] = &[PhaseName::CompanyProfiles];
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Input = Input;
    type Loaded = Tags;
    type Fetched = Tags;
    type Output = Tags;

    async fn plan(&self, db: &mut ReadTx<'_>, run: &Scope) -> Result<Vec<Unit<Input>>> {
        final_units(db, Self::NAME, run).await
    }

    async fn load(&self, db: &mut ReadTx<'_>, task: &TaskRef, input: &Input) -> Result<Tags> {
        let as_of = task.as_of;
        let live = portfolio_results::live_positions(db, &input.portfolios, as_of.date()).await?;
        let mut symbols: Vec<String> = live
            .values()
            .flatten()
            .map(|(_, symbol, _)| symbol.to_string())
            .collect();
        symbols.sort();
        symbols.dedup();
        let profiles = market::profiles(db, &symbols).await?;
        let tags = input.portfolios.iter().map(|id| {
            let positions = live.get(id).map_or(&[][..], Vec::as_slice);
            let tagged = positions.iter().map(|(position, symbol, _)| {
                (*position, sector_of(profiles.at(symbol, as_of)).to_owned())
            });
            (*id, tagged.collect())
        });
        Ok(Tags {
            as_of,
            portfolios: tags.collect(),
        })
    }

    async fn fetch(&self, _: &Cx, tags: Tags) -> Result<Tags> {
        Ok(tags)
    }

    fn compute(&self, _: &Cx, tags: Tags) -> Result<Tags> {
        Ok(tags)
    }

    async fn commit(&self, tx: &mut WriteTx, done: &[Done<'_, Tags>]) -> Result<Vec<TaskEpoch>> {
        let ours = sets::claim(tx, done, Keep::Live, |tags| {
            let wish = |(id, _): &(PortfolioId, Vec<Tagged>)| {
                (
                    Self::NAME.as_str(),
                    id.to_string(),
                    tags.as_of,
                    String::new(),
                )
            };
            tags.portfolios.iter().map(wish).collect()
        })
        .await?;
        let mut portfolios = Vec::new();
        let mut tags: Vec<Tagged> = Vec::new();
        for one in done {
            for (id, positions) in &one.output.portfolios {
                if ours.has(one.task.at, id, one.output.as_of) {
                    portfolios.push(*id);
                    tags.extend(positions.iter().cloned());
                }
            }
        }
        portfolio_results::replace_sector_tags(tx, &portfolios, &tags).await?;
        Ok(ours.superseded)
    }

    fn split(input: &Input, as_of: TradingDate) -> Vec<Unit<Input>> {
        single_finals(input, as_of)
    }

    fn subjects(input: &Input, as_of: TradingDate) -> Subjects {
        Subjects {
            portfolios: input.portfolios.clone(),
            dates: Some(vec![as_of]),
            ..Subjects::default()
        }
    }
}
