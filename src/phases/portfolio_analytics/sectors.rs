//! The book by sectors: the bucket of each lot, and what is in each bucket.

use std::collections::BTreeMap;

use super::Loaded;
use super::book::{BookView, Sides};
use crate::domain::{AssetClass, PositionId, UNCLASSIFIED, money};
use crate::phases::sector_tags::sector_of;
use crate::store::portfolio_results::SectorRow;

/// The bucket of cash.
pub(super) const CASH: &str = "Cash";

/// What there is by sectors; nothing of a book that is not valued.
#[derive(Default)]
pub(super) struct Sectors {
    /// The bucket of each lot, in the order of the values.
    pub(super) lots: Vec<(PositionId, String)>,
    /// Buckets by market value; net weights and cash add up to the net asset value.
    pub(super) buckets: Vec<SectorRow>,
}

pub(super) fn sectors(view: &BookView<'_>, loaded: &Loaded) -> Sectors {
    if !view.valued {
        return Sectors::default();
    }
    let mut lots = Vec::with_capacity(view.values.len());
    let mut buckets: BTreeMap<String, Sides> = BTreeMap::new();
    for valued in view.values {
        let symbol = valued.underlying.as_ref().unwrap_or(&valued.symbol);
        let sector = match valued.class {
            AssetClass::Private => UNCLASSIFIED,
            _ => sector_of(loaded.profiles.at(symbol, loaded.as_of)),
        };
        lots.push((valued.position, sector.to_owned()));
        let bucket = buckets.entry(sector.to_owned()).or_default();
        bucket.add(valued.market_value);
    }
    if loaded.accounts.money.is_some() {
        buckets.entry(CASH.to_owned()).or_default().add(view.cash);
    }
    let weight = |sides: Sides| view.nav.map(|nav| money::to_f64(sides.net()) / nav);
    let bucket = |(sector, sides): (String, Sides)| SectorRow {
        sector,
        long: sides.long,
        short: sides.short,
        net_weight: weight(sides),
    };
    Sectors {
        lots,
        buckets: buckets.into_iter().map(bucket).collect(),
    }
}
