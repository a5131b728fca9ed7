//! What the three binaries share: connecting, and stopping when asked.

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config;
use crate::engine::{self, BadWebhook, Engine, Housekeeping};
use crate::queue::Queue;
use crate::store::{self, Settings};

/// Connects to Postgres and prepares Redis. Waits for a Postgres that is not there yet.
pub async fn connect(
    settings: &Settings,
    redis_url: &str,
    prefix: &str,
    clock: Clock,
) -> Result<Engine, engine::Error> {
    let (pools, install) = store::patiently(settings.acquire_timeout, || async {
        let pools = store::connect(settings).await?;
        let install = store::install_id(&pools).await?;
        Ok((pools, install))
    })
    .await?;
    let queue = Queue::open(redis_url, prefix, install)?;
    Ok(Engine::new(pools, queue, clock))
}

/// What workers do once in a while, from its settings.
pub fn housekeeping(config: &config::HousekeepingConfig) -> Result<Housekeeping, BadWebhook> {
    let webhook = config.alert_webhook.as_deref();
    let webhook = webhook.filter(|text| !text.is_empty());
    Ok(Housekeeping {
        overdue_hours: config.overdue_hours,
        retention_days: config.retention_days,
        coverage: f64::from(config.alert_coverage) / 100.0,
        webhook: webhook.map(str::parse).transpose()?,
    })
}

/// The exit code of a process that ends with this error: 2 where a setting is missing or wrong, as for a
/// wrong flag, and 1 for everything else.
pub fn exit_code(error: &(dyn std::error::Error + 'static)) -> u8 {
    let setting = error.is::<config::Error>() || error.is::<BadWebhook>();
    if setting { 2 } else { 1 }
}

/// The name of this machine, for people.
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().ok();
    let name = name.and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// Cancelled by SIGTERM, SIGINT or SIGHUP.
pub fn shutdown() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let token = CancellationToken::new();
    for kind in [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ] {
        let mut signals = signal(kind)?;
        let token = token.clone();
        tokio::spawn(async move {
            signals.recv().await;
            token.cancel();
        });
    }
    Ok(token)
}

/// Cancels `token` when standard input ends: a child whose parent is gone has nobody to work for.
pub fn stop_with_stdin(token: CancellationToken) {
    std::thread::spawn(move || {
        // An error ends the wait as well.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        token.cancel();
    });
}
