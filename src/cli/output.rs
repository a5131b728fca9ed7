//! What a command says, and the code it exits with.

use serde_json::Value;

/// Exit codes, the same for every command.
pub mod exit {
    /// It is done.
    pub const SUCCEEDED: u8 = 0;
    /// It failed, was rejected or cancelled.
    pub const FAILED: u8 = 1;
    /// The command itself is wrong.
    pub const MISUSE: u8 = 2;
    /// A run published something, but not everything is complete.
    pub const PARTIAL: u8 = 3;
}

/// What a command says on standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The text; ends with a line end.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

impl Output {
    /// A page for people.
    pub fn page(text: String) -> Self {
        Self {
            text,
            code: exit::SUCCEEDED,
        }
    }

    /// A document for programs.
    pub fn document(value: &Value) -> Self {
        Self {
            text: format!("{value:#}\n"),
            code: exit::SUCCEEDED,
        }
    }

    /// The one or the other.
    pub fn either(
        json: bool,
        value: impl FnOnce() -> Value,
        page: impl FnOnce() -> String,
    ) -> Self {
        if json {
            Self::document(&value())
        } else {
            Self::page(page())
        }
    }
}
