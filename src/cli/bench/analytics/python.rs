//! The same sizes in Python, by a script handed over on the command line.

use std::ffi::OsStr;
use std::process::Command;

use serde_json::Value;

const SCRIPT: &str = include_str!("python.py");

/// What Python answered, or why it did not.
pub(super) struct Python {
    answer: Result<Value, String>,
}

/// Runs the script.
pub(super) fn measure(program: &OsStr, rounds: usize) -> Python {
    let output = Command::new(program)
        .args(["-c", SCRIPT, &rounds.to_string()])
        .output();
    let shown = program.display();
    let answer = match output {
        Err(error) => Err(format!("{shown}: {error}")),
        Ok(output) if output.status.success() => serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{shown} answered no JSON: {error}")),
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let last = errors.lines().last().unwrap_or("no message");
            Err(format!("{shown}: {last}"))
        }
    };
    Python { answer }
}

impl Python {
    /// Milliseconds under a key; an error says why there are none.
    pub(super) fn ms(&self, key: &str, library: &str) -> Result<f64, String> {
        let answer = self.answer.as_ref().map_err(Clone::clone)?;
        answer.get(key).and_then(Value::as_f64).ok_or_else(|| {
            let reason = answer.get(format!("{library}_reason"));
            let reason = reason.and_then(Value::as_str);
            reason.unwrap_or("not measured").to_owned()
        })
    }

    /// Version of a library, where it is there.
    pub(super) fn version(&self, library: &str) -> Option<&str> {
        self.answer.as_ref().ok()?.get(library)?.as_str()
    }
}
