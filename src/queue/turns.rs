//! Whose turn it is: lanes share what is read by weight, also where permits come free one at a time.
//!
//! Each entry that a lane gets costs it the more, the less weight the lane has; who has spent least
//! goes first. A lane that had nothing to read saves up no more than one round.

use std::collections::BTreeMap;

use crate::domain::{Lane, PermitClass};

/// Shares of the lanes; each is a divisor of [`ROUND`].
pub(super) const WEIGHTS: [(Lane, usize); 3] = [
    (Lane::Interactive, 8),
    (Lane::Nightly, 4),
    (Lane::Backfill, 1),
];
/// What one entry costs a lane of weight one.
const ROUND: usize = 8;

/// What each lane has spent.
#[derive(Debug, Default)]
pub(super) struct Turns(BTreeMap<(PermitClass, Lane), usize>);

impl Turns {
    /// Lanes with their weights, who is next first; among equals the heavier.
    pub(super) fn order(&self, class: PermitClass) -> [(Lane, usize); 3] {
        let mut order = WEIGHTS;
        order.sort_by_key(|(lane, _)| self.spent(class, *lane));
        order
    }

    /// A lane got an entry.
    pub(super) fn served(&mut self, class: PermitClass, lane: Lane) {
        let weight = WEIGHTS.iter().find(|(known, _)| *known == lane);
        let cost = weight.map_or(ROUND, |(_, weight)| ROUND / weight);
        let spent = self.spent(class, lane) + cost;
        self.0.insert((class, lane), spent);
        for (other, _) in WEIGHTS {
            let least = self.spent(class, other).max(spent.saturating_sub(ROUND));
            self.0.insert((class, other), least);
        }
    }

    fn spent(&self, class: PermitClass, lane: Lane) -> usize {
        self.0.get(&(class, lane)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: PermitClass = PermitClass::Cpu;

    /// Who gets `count` permits that come free one by one, where these lanes have work.
    fn one_by_one(turns: &mut Turns, busy: &[Lane], count: usize) -> BTreeMap<Lane, usize> {
        let mut got = BTreeMap::new();
        for _ in 0..count {
            let order = turns.order(CPU);
            let (next, _) = order.iter().find(|(lane, _)| busy.contains(lane)).unwrap();
            turns.served(CPU, *next);
            *got.entry(*next).or_insert(0) += 1;
        }
        got
    }

    #[test]
    fn permits_that_come_free_one_by_one_are_shared_by_weight() {
        let got = one_by_one(&mut Turns::default(), Lane::ALL, 1_300);
        for (lane, weight) in WEIGHTS {
            let fair = 100 * weight;
            assert!(got[&lane].abs_diff(fair) <= 8, "{got:?}");
        }
    }

    #[test]
    fn a_lane_that_was_idle_goes_first_and_takes_no_more_than_a_round() {
        let mut turns = Turns::default();
        one_by_one(&mut turns, &[Lane::Interactive], 1_000);
        let both = [Lane::Interactive, Lane::Nightly];
        assert_eq!(turns.order(CPU)[0].0, Lane::Nightly);
        assert!(one_by_one(&mut turns, &both, 6)[&Lane::Interactive] >= 1);
        let got = one_by_one(&mut turns, &both, 300);
        assert!(got[&Lane::Nightly].abs_diff(100) <= 4, "{got:?}");
        // Each class has turns of its own.
        assert_eq!(turns.order(PermitClass::Provider), WEIGHTS);
    }
}
