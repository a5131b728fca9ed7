//! Every random choice of a scenario, from one seed that is printed and can be given.

use std::sync::Mutex;
use std::time::Duration;

/// A generator of choices (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Dice(Mutex<u64>);

impl Dice {
    /// Of a scenario: with one seed for all, each still throws its own.
    pub(crate) fn of(seed: u64, scenario: &str) -> Self {
        let mut state = seed;
        for byte in scenario.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        Self(Mutex::new(state))
    }

    /// The seed of this process: the one that was given, or a fresh one.
    pub(crate) fn seed() -> u64 {
        static SEED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
        *SEED.get_or_init(|| {
            let given = std::env::var("SIGMABATCH_CHAOS_SEED").ok();
            let seed = given.map_or_else(
                || u64::from(uuid::Uuid::new_v4().as_fields().0),
                |text| text.parse().expect("SIGMABATCH_CHAOS_SEED is a number"),
            );
            println!("SIGMABATCH_CHAOS_SEED={seed}");
            seed
        })
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A time between the two, in milliseconds.
    pub(crate) fn ms(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next() % (to - from + 1))
    }

    /// Waits between so many milliseconds: the moment of a fault is what is varied.
    pub(crate) async fn pause(&self, from: u64, to: u64) {
        tokio::time::sleep(self.ms(from, to)).await;
    }
}
