//! What the machine does beside what is measured: virtual ones stall for tenths of a second, and whatever runs meanwhile looks slow.
//!
//! Somebody reads a file of the kernel again and again, and counts the processor time of that alone: waiting for others costs none, so
//! the load of the measurement is not seen, only that the same calls take many times as long.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::super::pickup::percentile;

/// Read so often in one look.
const READS: usize = 20;
const FILE: &str = "/proc/self/stat";
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// So many times the median make a look slow.
const SLOW: u32 = 4;
/// Before and after a slow look a stall may go on unseen.
const AROUND: Duration = Duration::from_millis(50);

struct Look {
    at: Instant,
    took: Duration,
    processor: Duration,
}

/// Somebody who looks until it is told to stop.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Vec<Look>>,
}

impl Watch {
    pub(super) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let looking = thread::spawn(move || {
            let mut looks = Vec::new();
            while !told.load(Ordering::Relaxed) {
                looks.extend(look());
                thread::sleep(PAUSE);
            }
            looks
        });
        Self { stop, looking }
    }

    /// Where there is no such file, nothing was seen.
    pub(super) fn stop(self) -> Stalls {
        self.stop.store(true, Ordering::Relaxed);
        Stalls::of(&self.looking.join().unwrap_or_default())
    }
}

fn look() -> Option<Look> {
    let (at, before) = (Instant::now(), processor()?);
    for _ in 0..READS {
        fs::read(FILE).ok()?;
    }
    Some(Look {
        at,
        took: at.elapsed(),
        processor: processor()?.saturating_sub(before),
    })
}

/// Of this thread.
fn processor() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .ok()
        .map(Duration::from)
}

/// When the machine was slow.
#[derive(Default)]
pub(super) struct Stalls {
    /// Beginning and end, ascending, apart from each other.
    spans: Vec<(Instant, Instant)>,
    /// Of the time that was watched.
    pub(super) share: f64,
    /// Processor time of a look: the median, and the slowest.
    pub(super) median: Duration,
    pub(super) slowest: Duration,
}

impl Stalls {
    fn of(looks: &[Look]) -> Self {
        let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
            return Self::default();
        };
        let (begin, end) = (first.at, last.at + last.took);
        let mut sorted: Vec<Duration> = looks.iter().map(|look| look.processor).collect();
        sorted.sort();
        let median = percentile(&sorted, 50);
        let mut spans: Vec<(Instant, Instant)> = Vec::new();
        for look in looks.iter().filter(|look| look.processor > SLOW * median) {
            let from = look.at.checked_sub(AROUND).unwrap_or(look.at).max(begin);
            let to = (look.at + look.took + AROUND).min(end);
            match spans.last_mut() {
                Some(before) if from <= before.1 => before.1 = to,
                _ => spans.push((from, to)),
            }
        }
        let stalled: Duration = spans.iter().map(|(from, to)| *to - *from).sum();
        Self {
            share: stalled.as_secs_f64() / (end - begin).as_secs_f64().max(f64::MIN_POSITIVE),
            spans,
            median,
            slowest: percentile(&sorted, 100),
        }
    }

    /// Whether one of them lay between two moments.
    pub(super) fn between(&self, from: Instant, to: Instant) -> bool {
        let at = self.spans.partition_point(|span| span.1 < from);
        self.spans.get(at).is_some_and(|span| span.0 <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_stall_is_where_the_same_calls_take_many_times_as_long() {
        let begin = Instant::now();
        let looks = (0..200).map(|n| Look {
            at: begin + ms(10 * n),
            took: ms(1),
            processor: if n == 100 || n == 105 {
                ms(9)
            } else {
                ms(1 + n % 2)
            },
        });
        let stalls = Stalls::of(&looks.collect::<Vec<_>>());
        // From 950 to 1,101 ms of 1,991.
        assert_eq!(stalls.spans, [(begin + ms(950), begin + ms(1_101))]);
        assert!(
            (stalls.share - 151.0 / 1_991.0).abs() < 1e-9,
            "{}",
            stalls.share
        );
        assert!(stalls.between(begin + ms(900), begin + ms(960)));
        assert!(stalls.between(begin + ms(1_000), begin + ms(1_001)));
        assert!(stalls.between(begin + ms(1_100), begin + ms(1_200)));
        assert!(!stalls.between(begin, begin + ms(949)));
        assert!(!stalls.between(begin + ms(1_102), begin + ms(1_300)));
        assert!(!Stalls::of(&[]).between(begin, begin + ms(10)));
    }
}
