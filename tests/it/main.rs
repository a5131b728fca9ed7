//! Tests against real services.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may panic, its helpers too"
)]

mod digest;
mod harness;
mod import;
mod show;
