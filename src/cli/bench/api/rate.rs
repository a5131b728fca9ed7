//! An open loop: when each request goes out is fixed beforehand, and its latency counts from then. A server that stalls is asked all the
//! same, so a stall is not hidden by those who wait for it.
//!
//! Half a period after each request for a result another one goes out that needs no database: what HTTP and the machine cost by themselves.
//! The machine is watched too, and told is also how the results do that did not meet a stall of it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::super::pickup::percentile;
use super::client::Client;
use super::machine::{Stalls, Watch};
use super::seed::Stored;
use crate::cli::Error;
use crate::documents::portfolio::SECTIONS;

/// Asked between two results; answered from memory.
const PROBE: &str = "/health/live";
/// The machine is watched for so long before anything is asked.
const IDLE: Duration = Duration::from_secs(3);

/// Latencies in milliseconds, ascending.
#[derive(Debug, Default)]
pub(super) struct Latencies(Vec<f64>);

impl Latencies {
    fn of(mut ms: Vec<f64>) -> Self {
        ms.sort_by(f64::total_cmp);
        Self(ms)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn at(&self, percent: usize) -> f64 {
        percentile(&self.0, percent)
    }

    pub(super) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }
}

/// What came of it.
pub(super) struct Rate {
    pub(super) all: Latencies,
    pub(super) sections: BTreeMap<&'static str, Latencies>,
    /// Of the answers that need no database.
    pub(super) probes: Latencies,
    /// Of the results that met no stall of the machine.
    pub(super) calm: Latencies,
    /// Of the machine, before anything was asked and meanwhile.
    pub(super) idle: Stalls,
    pub(super) stalls: Stalls,
    /// Requests that were answered with anything but 200, or not at all.
    pub(super) errors: usize,
    pub(super) mean_bytes: f64,
    /// Of the answers, those with a result of the date that was asked for: a missing one would be answered too fast.
    pub(super) published: usize,
    /// From the first until the last was answered.
    pub(super) seconds: f64,
}

/// Asks for random sections of random portfolios at random dates.
pub(super) async fn measure(
    client: &Client,
    stored: &Stored,
    per_second: u32,
    seconds: u32,
) -> Result<Rate, Error> {
    let mut random = Random(0x5eed);
    let mut path = |section: &str| {
        let portfolio = stored.portfolios[random.below(stored.portfolios.len())];
        let day = stored.days[random.below(stored.days.len())];
        let path = format!("/api/v1/portfolios/{portfolio}/results/{section}?date={day}");
        (path, format!("\"as_of\":\"{day}\""))
    };
    // Each statement is prepared once for each connection, which is no matter of a rate.
    for section in SECTIONS {
        client.get(&path(section.name).0).await?;
    }
    client.get(PROBE).await?;
    let mut choose = Random(0xd1ce);
    let count = per_second * seconds;
    let period = Duration::from_secs(1) / per_second;
    let watch = Watch::start();
    tokio::time::sleep(IDLE).await;
    let idle = watch.stop();
    let watch = Watch::start();
    let begin = Instant::now() + Duration::from_millis(20);
    let mut asked = JoinSet::new();
    for number in 0..count {
        let due = begin + Duration::from_secs(1) * number / per_second;
        let section = SECTIONS[choose.below(SECTIONS.len())].name;
        let (path, shown) = path(section);
        let asker = client.clone();
        sleep_until(due).await;
        asked.spawn(async move {
            let answer = asker.get(&path).await;
            let ms = since(due);
            let found = answer.ok().map(|body| {
                let text = String::from_utf8_lossy(&body);
                (text.len(), text.contains(&shown))
            });
            (due, ms, Asked::Result { section, found })
        });
        let due = due + period / 2;
        let asker = client.clone();
        sleep_until(due).await;
        asked.spawn(async move {
            let failed = asker.get(PROBE).await.is_err();
            (due, since(due), Asked::Probe { failed })
        });
    }
    let mut told = Told::default();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((due, ms, asked)) => told.add(due, ms, &asked),
            Err(_) => told.errors += 1,
        }
    }
    let took = begin.elapsed();
    Ok(told.rate(took, idle, watch.stop()))
}

fn since(due: Instant) -> f64 {
    due.elapsed().as_secs_f64() * 1e3
}

/// What was asked for, and what came.
enum Asked {
    /// Bytes of the answer, and whether it is of the date that was asked for.
    Result {
        section: &'static str,
        found: Option<(usize, bool)>,
    },
    Probe {
        failed: bool,
    },
}

/// All answers.
#[derive(Default)]
struct Told {
    /// When each was due, and its milliseconds.
    results: Vec<(Instant, f64)>,
    probes: Vec<f64>,
    sections: BTreeMap<&'static str, Vec<f64>>,
    errors: usize,
    bytes: usize,
    published: usize,
}

impl Told {
    fn add(&mut self, due: Instant, ms: f64, asked: &Asked) {
        match *asked {
            Asked::Probe { failed: false } => {
                self.probes.push(ms);
            }
            Asked::Result {
                section,
                found: Some((bytes, published)),
            } => {
                self.results.push((due, ms));
                self.sections.entry(section).or_default().push(ms);
                self.bytes += bytes;
                self.published += usize::from(published);
            }
            Asked::Probe { failed: true } | Asked::Result { found: None, .. } => self.errors += 1,
        }
    }

    fn rate(self, took: Duration, idle: Stalls, stalls: Stalls) -> Rate {
        let calm = self.results.iter().filter(|(due, ms)| {
            let due = due.into_std();
            !stalls.between(due, due + Duration::from_secs_f64(ms / 1e3))
        });
        let calm = Latencies::of(calm.map(|(_, ms)| *ms).collect());
        let all = Latencies::of(self.results.iter().map(|(_, ms)| *ms).collect());
        Rate {
            errors: self.errors,
            published: self.published,
            mean_bytes: self.bytes as f64 / all.count().max(1) as f64,
            seconds: took.as_secs_f64(),
            sections: self
                .sections
                .into_iter()
                .map(|(name, ms)| (name, Latencies::of(ms)))
                .collect(),
            all,
            probes: Latencies::of(self.probes),
            calm,
            idle,
            stalls,
        }
    }
}

/// The same numbers each time, so that two runs ask the same: `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (z ^ (z >> 31)) % limit.max(1) as u64;
        usize::try_from(drawn).unwrap_or_default()
    }
}
