//! Whose processor time a measurement used: where the time goes on a machine that is busy.

use std::collections::BTreeMap;
use std::fs;

/// Ticks of `/proc` per second on every Linux.
const TICKS: f64 = 100.0;

/// Seconds of processor time by name.
pub(super) type Seconds = BTreeMap<&'static str, f64>;

/// What processes have used so far, those that are somebody's children counted for themselves. Empty where
/// there is no `/proc`.
pub(super) fn used(processes: &[(&'static str, u32)]) -> Seconds {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Seconds::new();
    };
    let mut seconds = Seconds::new();
    for entry in entries.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Some((parent, own)) = stat(pid) else {
            continue;
        };
        let whose = |wanted: u32| processes.iter().find(|(_, process)| *process == wanted);
        if let Some((name, _)) = whose(pid).or_else(|| whose(parent)) {
            *seconds.entry(*name).or_default() += own;
        }
    }
    seconds
}

/// Parent and seconds of a process.
fn stat(pid: u32) -> Option<(u32, f64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may contain anything; what follows it are numbers.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|text| text.parse::<u32>().ok());
    let ticks = number(11)? + number(12)?;
    Some((number(1)?, f64::from(ticks) / TICKS))
}

/// What was used between two looks.
pub(super) fn between(before: &Seconds, after: &Seconds) -> Seconds {
    let used = |(name, at): (&&'static str, &f64)| (*name, at - before.get(name).unwrap_or(&0.0));
    after.iter().map(used).collect()
}
