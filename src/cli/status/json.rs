//! The document of `status --json`. Keys are stable: new ones may come, none changes or goes.

use serde_json::{Value, json};

use super::Status;
use crate::documents::runs::{gap, missing, pause, phase, progress, run, steward, stream, worker};
use crate::documents::{errors, tasks};

/// The document.
pub(super) fn document(status: &Status) -> Value {
    json!({
        "runs": status.runs.iter().map(run).collect::<Vec<_>>(),
        "progress": progress(&status.progress(), status.eta_seconds),
        "phases": status.phases.iter().map(phase).collect::<Vec<_>>(),
        "running": status.running.iter().map(tasks::document).collect::<Vec<_>>(),
        "retries": status.retries,
        "errors": status.errors.iter().map(errors::document).collect::<Vec<_>>(),
        "missing": status.missing.iter().map(missing).collect::<Vec<_>>(),
        "paused": status.pauses.iter().map(pause).collect::<Vec<_>>(),
        "workers": status.workers.iter().map(worker).collect::<Vec<_>>(),
        "steward": steward(&status.steward),
        "streams": status.steward.streams.iter().map(stream).collect::<Vec<_>>(),
        "streams_seen_seconds": status.steward.seen_seconds,
        "gaps": status.gaps.iter().map(gap).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::sample::status;

    #[test]
    fn the_document_has_its_keys() {
        let document = document(&status());
        for key in [
            "runs", "phases", "running", "errors", "missing", "paused", "workers", "streams",
            "gaps",
        ] {
            assert!(document[key].is_array(), "{key}");
        }
        assert_eq!(document["runs"][0]["verdict"], "partial");
        assert_eq!(document["missing"][0]["symbols"]["GGIPX"], "no data");
        assert_eq!(document["phases"][0]["dead"], 1);
        assert_eq!(document["progress"]["ended"], 2);
        assert_eq!(document["retries"]["lost"], 1);
        assert_eq!(document["paused"][0]["name"], "backfill");
        assert_eq!(document["errors"][0]["fingerprint"], "9c2f01ab");
    }
}
