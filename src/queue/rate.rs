//! The rate of questions to a data provider, shared by all workers.

use std::time::Duration;

use super::{Attempt, Queue, Result};

impl Queue {
    /// Takes one of `per_second` questions to a provider, of which one second's worth may be asked at once;
    /// or says how long to wait for one.
    pub async fn take_question(&self, provider: &str, per_second: f64) -> Result<Option<Duration>> {
        let each_us = 1e6 / per_second;
        let burst = per_second.floor().max(1.0);
        let script = redis::Script::new(include_str!("rate.lua"));
        let mut connection = self.connection().await?;
        let wait_us: u64 = script
            .key(self.keys.rate(provider))
            .arg(each_us)
            .arg(burst)
            .invoke_async(&mut *connection)
            .await
            .attempt("taking a question to a provider")?;
        Ok((wait_us > 0).then(|| Duration::from_micros(wait_us)))
    }
}
