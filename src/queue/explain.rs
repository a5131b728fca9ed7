//! What an operator with `redis-cli` sees, and what to type.

use super::{GROUP, Keys};
use crate::domain::{Lane, PhaseName};

/// A page for people: the keys, what they mean, and commands that can be pasted.
pub fn explain(keys: &Keys) -> String {
    let example = keys.stream(Lane::Nightly, PhaseName::PortfolioAnalytics);
    let phases: Vec<String> = PhaseName::ALL
        .iter()
        .map(|phase| format!("{:<5} {phase}", phase.number()))
        .collect();
    format!(
        "\
Keys
  {example}
      A work stream: lane (interactive, nightly, backfill) and phase. Group `{GROUP}`.
      An entry is a hint that a task may be ready; acknowledged entries are deleted, so XLEN is the backlog.
  {dead}    mirror of dead tasks and of entries that could not be read (made with the first one; bounded; the truth is in Postgres)
  {rate}    when the provider's rate allows the next questions (microseconds; only with a rate)
  {meta}    install id and schema version; if it is missing, Redis was wiped and the steward rebuilds the streams

An entry
  v 1 install 5f2c91aa task 90211 epoch 0 run nightly/2026-01-07 phase 6 unit portfolio:98518c7d-… attempt 1
      task, epoch   the row in Postgres: select * from task where id = 90211
      attempt       counts from 1
  A consumer is one worker process: w- and the first eight digits of its id in the table `worker`.

Look
  redis-cli --scan --pattern '{pattern}'
  redis-cli XLEN '{example}'
  redis-cli XRANGE '{example}' - + COUNT 5
  redis-cli XPENDING '{example}' {GROUP}
  redis-cli XPENDING '{example}' {GROUP} IDLE 60000 - + 10     longer than a minute in a worker's hands
  redis-cli XINFO CONSUMERS '{example}' {GROUP}
  redis-cli XREVRANGE '{dead}' + - COUNT 5
  redis-cli HGETALL '{meta}'

Safe by hand: every read; XDEL, DEL, FLUSHALL (the steward rebuilds what is missing within seconds).
Nothing in Redis can lose or change a result.

Phases
  {phases}
",
        dead = keys.dead(),
        meta = keys.meta(),
        rate = keys.rate("files"),
        pattern = keys.pattern(),
        phases = phases.join("\n  "),
    )
}
