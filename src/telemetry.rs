//! Logs: one event, one line, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging at `level` (`info`, or a filter like `sigmabatch=debug`); JSON lines where `json`.
pub fn start(level: &str, json: bool) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second call finds a subscriber already; that one stays.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}
