//! An open loop: when each request goes out is fixed beforehand, and its latency counts from then. A server that stalls is asked all the
//! same, so a stall is not hidden by those who wait for it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::super::pickup::percentile;
use super::client::Client;
use super::seed::Stored;
use crate::cli::Error;
use crate::documents::portfolio::SECTIONS;

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
    let mut choose = Random(0xd1ce);
    let count = per_second * seconds;
    let begin = Instant::now() + Duration::from_millis(20);
    let mut asked = JoinSet::new();
    for number in 0..count {
        let section = SECTIONS[choose.below(SECTIONS.len())].name;
        let (client, (path, shown)) = (client.clone(), path(section));
        let due = begin + Duration::from_secs(1) * number / per_second;
        sleep_until(due).await;
        asked.spawn(async move {
            let answer = client.get(&path).await;
            let ms = due.elapsed().as_secs_f64() * 1e3;
            let text = answer.map(|body| String::from_utf8_lossy(&body).into_owned());
            let found = text.map(|text| (text.len(), text.contains(&shown)));
            (section, ms, found)
        });
    }
    let (mut all, mut errors, mut bytes, mut published) = (Vec::new(), 0, 0, 0);
    let mut sections: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        match answer {
            Ok((section, ms, Ok((length, shown)))) => {
                all.push(ms);
                sections.entry(section).or_default().push(ms);
                bytes += length;
                published += usize::from(shown);
            }
            Ok((_, _, Err(_))) | Err(_) => errors += 1,
        }
    }
    Ok(Rate {
        errors,
        published,
        mean_bytes: bytes as f64 / all.len().max(1) as f64,
        seconds: begin.elapsed().as_secs_f64(),
        all: Latencies::of(all),
        sections: sections
            .into_iter()
            .map(|(name, ms)| (name, Latencies::of(ms)))
            .collect(),
    })
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
