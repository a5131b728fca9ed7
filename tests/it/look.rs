//! What operators see: every command as they type it, its page and its document, on a system in the
//! state that it is about.

mod audit;
mod diff;
mod doctor;
mod redis;
mod statements;
mod status;
mod tasks;
mod why;
mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use sigmabatch::domain::{PhaseName, PortfolioId};
use sigmabatch::engine::Probe;

use crate::market::close;
use crate::world::World;

/// Two books of one stock each, since 2016-12-19.
pub(crate) async fn books(world: &World) -> [PortfolioId; 2] {
    let mut ids = Vec::new();
    for (name, symbol) in [("first", "AAA"), ("second", "BBB")] {
        let row = format!(
            "{symbol},300,{},2016-12-19,PUBLIC",
            close(symbol, "2016-12-19")
        );
        ids.push(world.book(name, "100000", "2016-12-19", &[&row]).await);
    }
    ids.try_into().unwrap()
}

/// Computations of a phase panic while the flag is set.
pub(crate) fn broken(phase: PhaseName) -> (Arc<AtomicBool>, Probe) {
    let flag = Arc::new(AtomicBool::new(true));
    let set = Arc::clone(&flag);
    let probe = Probe(Arc::new(move |name| {
        assert!(
            name != phase || !set.load(Ordering::SeqCst),
            "a bug in {name}"
        );
    }));
    (flag, probe)
}

/// The objects of an array.
fn rows<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name]
        .as_array()
        .unwrap_or_else(|| panic!("{name} in {document:#}"))
}

/// One field of each object of an array.
fn column<'a>(document: &'a Value, name: &str, field: &str) -> Vec<&'a Value> {
    rows(document, name).iter().map(|row| &row[field]).collect()
}
