//! The book by sectors: the bucket of each lot, what is in each bucket, and how that differs from the benchmarks that are loaded.

use std::collections::BTreeMap;

use super::Loaded;
use super::book::{BookView, Sides};
use crate::analytics::active_weights::active_weights;
use crate::domain::{AssetClass, PositionId, UNCLASSIFIED, money};
use crate::phases::sector_tags::sector_of;
use crate::store::benchmarks::Benchmark;
use crate::store::portfolio_results::{ActiveWeightRow, SectorRow};

/// The bucket of cash.
pub(super) const CASH: &str = "Cash";

/// What there is by sectors; nothing of a book that is not valued.
#[derive(Default)]
pub(super) struct Sectors {
    /// The bucket of each lot, in the order of the values.
    pub(super) lots: Vec<(PositionId, String)>,
    /// Buckets by market value; net weights and cash add up to the net asset value.
    pub(super) buckets: Vec<SectorRow>,
    /// Against each benchmark, by its name, the sectors of either side.
    pub(super) active: Vec<ActiveWeightRow>,
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
    let buckets: Vec<SectorRow> = buckets.into_iter().map(bucket).collect();
    let benchmarks = loaded.benchmarks.iter();
    let active = benchmarks.flat_map(|one| against(one, &buckets, view.nav.is_some()));
    Sectors {
        active: active.collect(),
        lots,
        buckets,
    }
}

/// The sectors of either side. Without a positive net asset value the book has no weights, not even of 0.
fn against(benchmark: &Benchmark, buckets: &[SectorRow], weighed: bool) -> Vec<ActiveWeightRow> {
    let net = buckets.iter();
    let net = net.map(|row| (row.sector.as_str(), row.net_weight.unwrap_or_default()));
    let weights = benchmark.weights.iter();
    let weights = weights.map(|(sector, weight)| (sector.as_str(), money::to_f64(*weight)));
    let (net, weights): (Vec<_>, Vec<_>) = (net.collect(), weights.collect());
    let rows = active_weights(&net, &weights).into_iter();
    rows.map(|row| ActiveWeightRow {
        benchmark: benchmark.name.clone(),
        benchmark_as_of: benchmark.as_of,
        sector: row.sector.to_owned(),
        benchmark_weight: row.benchmark,
        net_weight: weighed.then_some(row.net),
        active_weight: weighed.then_some(row.active),
    })
    .collect()
}
