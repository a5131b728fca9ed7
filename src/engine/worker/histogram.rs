//! Durations in buckets: what a worker can say about thousands of transactions with a few hundred numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets of each power of two: a percentile is at most an eighth too high.
const STEPS: usize = 8;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Up to 2^32 microseconds, more than an hour.
const POWERS: u32 = 32;
const BUCKETS: usize = ((POWERS - STEP_BITS) as usize + 1) * STEPS;

/// Counts durations, by microseconds.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl Histogram {
    /// Counts one.
    pub(super) fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(us)].fetch_add(1, Ordering::Relaxed);
    }

    /// The duration in milliseconds that so many of those counted do not exceed; `None` without any.
    pub(super) fn percentile_ms(&self, share: f64) -> Option<f64> {
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .collect();
        let all: u64 = counts.iter().sum();
        let rank = share * all as f64;
        let mut below = 0;
        for (at, count) in counts.iter().enumerate() {
            below += count;
            if *count > 0 && below as f64 >= rank {
                return Some(upper_us(at) as f64 / 1e3);
            }
        }
        None
    }
}

/// Small values have a bucket each; beyond, the leading bits decide.
fn bucket(us: u64) -> usize {
    let power = (us | 1).ilog2();
    if power >= POWERS {
        return BUCKETS - 1;
    }
    // What is left has at most STEP_BITS + 1 bits.
    let shift = power.saturating_sub(STEP_BITS);
    let lead = usize::try_from(us >> shift).unwrap_or(STEPS);
    shift as usize * STEPS + lead
}

/// The largest value of a bucket.
fn upper_us(bucket: usize) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    let lead = (bucket - shift * STEPS) as u64;
    ((lead + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_has_a_bucket_at_most_an_eighth_too_high() {
        let mut last = 0;
        for us in (0..5_000).chain([123_456, 10_000_000, 4_294_967_295]) {
            let at = bucket(us);
            assert!(at >= last && at < BUCKETS, "{us}");
            last = at;
            let upper = upper_us(at);
            assert!(
                upper >= us && upper as f64 <= us as f64 * 1.125,
                "{us} {upper}"
            );
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_what_was_counted() {
        let histogram = Histogram::default();
        assert_eq!(histogram.percentile_ms(0.5), None);
        for ms in 1..=100 {
            histogram.record(Duration::from_millis(ms));
        }
        let (p50, p99) = (histogram.percentile_ms(0.50), histogram.percentile_ms(0.99));
        assert!((50.0..=56.25).contains(&p50.unwrap()), "{p50:?}");
        assert!((99.0..=111.4).contains(&p99.unwrap()), "{p99:?}");
    }
}
