//! Logs: one event, one line, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

/// Starts logging as configured, at `usual` where nothing is.
pub fn start(config: &LogConfig, usual: &str) {
    let level = config.log.as_deref().unwrap_or(usual);
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new(usual));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Else a line that cannot be written would end the thread that writes it.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    // A second call finds a subscriber already; that one stays.
    let _ = if config.log_json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}
