//! Series at both ends of crises of the past, which today's books are sent through again.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use super::{Attempt, ReadTx, Result, WriteTx, word};
use crate::domain::{Replay, Symbol, TradingDate, money};

/// Windows with the sessions of their first and last close.
pub type Windows = [(Replay, [TradingDate; 2])];

/// A split or a dividend within a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// First session without the right to it.
    pub ex_date: NaiveDate,
    /// Shares after for one before.
    pub split_ratio: Option<Decimal>,
    /// Cash per share after the split of the same day.
    pub cash_dividend: Option<Decimal>,
}

/// What a provider answered for a series and a window.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The series.
    pub symbol: Symbol,
    /// The window.
    pub replay: &'static str,
    /// Its ends.
    pub window: [TradingDate; 2],
    /// Closes, or yields as fractions per year; none where one of them is missing.
    pub ends: Option<[Decimal; 2]>,
    /// By ex-date.
    pub actions: Vec<Action>,
    /// `priced`, `no_data`, or `failed` for what may still come.
    pub outcome: &'static str,
    /// Why there are no ends.
    pub reason: Option<String>,
}

/// A series through a window, as numbers.
#[derive(Debug, Clone)]
pub struct Path {
    /// First and last close, or yields as fractions per year.
    pub ends: Option<[f64; 2]>,
    /// By ex-date.
    pub actions: Vec<Action>,
    /// Why there are no ends.
    pub reason: Option<String>,
}

/// Paths by symbol and window.
pub type Paths = BTreeMap<(Symbol, &'static str), Path>;

fn columns(windows: &Windows) -> (Vec<String>, Vec<NaiveDate>, Vec<NaiveDate>) {
    let ids = windows.iter().map(|(replay, _)| replay.id.to_owned());
    let end = |at: usize| windows.iter().map(move |(_, ends)| ends[at].date());
    (ids.collect(), end(0).collect(), end(1).collect())
}

/// The windows of each series without a final answer of a provider, oldest first.
pub async fn unanswered(
    db: &mut ReadTx<'_>,
    symbols: &[String],
    windows: &Windows,
) -> Result<BTreeMap<Symbol, Vec<&'static str>>> {
    let (ids, firsts, lasts) = columns(windows);
    let rows = sqlx::query!(
        r#"select s.symbol as "symbol!", array_agg(w.replay) as "replays!"
           from unnest($1::text[]) as s(symbol)
           cross join unnest($2::text[], $3::date[], $4::date[]) as w(replay, first_date, last_date)
           where not exists (select from replay_paths p
                             where p.symbol = s.symbol and p.replay = w.replay and p.outcome <> 'failed'
                               and p.first_date = w.first_date and p.last_date = w.last_date)
           group by s.symbol order by s.symbol"#,
        symbols,
        &ids,
        &firsts,
        &lasts
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("looking for crises that nobody asked about")?;
    let known = |ids: &[String]| {
        let within = windows.iter().filter(|(one, _)| {
            let id: &str = one.id;
            ids.iter().any(|asked| asked == id)
        });
        within.map(|(replay, _)| replay.id).collect()
    };
    rows.into_iter()
        .map(|row| Ok((word("replay_paths", &row.symbol)?, known(&row.replays))))
        .collect()
}

/// Splits and dividends that are stored win over those of a path on the same day; both are needed, for the store knows only what it asked for.
fn merged(own: &[Action], stored: impl Iterator<Item = Action>) -> Vec<Action> {
    let own = own.iter().cloned().chain(stored);
    let by_date: BTreeMap<NaiveDate, Action> = own.map(|action| (action.ex_date, action)).collect();
    by_date.into_values().collect()
}

/// Brings the actions of paths up to date with those that are stored of the same series; says for which series, and from the end of which
/// window on, that changed something.
pub async fn follow_actions(
    tx: &mut WriteTx,
    symbols: &[String],
) -> Result<Vec<(String, NaiveDate)>> {
    if symbols.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        r#"select p.symbol, p.replay, p.last_date, p.actions as "actions: Json<Vec<Action>>", a.ex_date, a.split_ratio,
                  a.cash_dividend
           from replay_paths p
           join corporate_actions a on a.symbol = p.symbol and a.ex_date > p.first_date and a.ex_date <= p.last_date
           where p.symbol = any($1) order by p.symbol, p.replay, a.ex_date"#,
        symbols
    )
    .fetch_all(tx.connection())
    .await
    .attempt("reading corporate actions within crises")?;
    let (mut names, mut replays, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    let mut changed = Vec::new();
    for path in rows.chunk_by(|a, b| (&a.symbol, &a.replay) == (&b.symbol, &b.replay)) {
        let stored = path.iter().map(|row| Action {
            ex_date: row.ex_date,
            split_ratio: row.split_ratio,
            cash_dividend: row.cash_dividend,
        });
        let now = merged(&path[0].actions.0, stored);
        if now != path[0].actions.0 {
            names.push(path[0].symbol.clone());
            replays.push(path[0].replay.clone());
            actions.push(Json(now));
            changed.push((path[0].symbol.clone(), path[0].last_date));
        }
    }
    sqlx::query!(
        "update replay_paths p set actions = n.actions
         from unnest($1::text[], $2::text[], $3::jsonb[]) as n(symbol, replay, actions)
         where p.symbol = n.symbol and p.replay = n.replay",
        &names,
        &replays,
        &actions as &[Json<Vec<Action>>]
    )
    .execute(tx.connection())
    .await
    .attempt("bringing actions within crises up to date")?;
    Ok(changed)
}

/// Stores answers; says for which series, and from the end of which window on, they are new or different. A provider that no longer knows what
/// it once knew takes nothing away.
pub async fn upsert(
    tx: &mut WriteTx,
    answers: &[Answered],
    source: &str,
) -> Result<Vec<(String, NaiveDate)>> {
    let text = |of: fn(&Answered) -> String| answers.iter().map(of).collect::<Vec<_>>();
    let end = |at: usize| {
        let ends = answers.iter().map(|one| one.window[at].date());
        ends.collect::<Vec<_>>()
    };
    let value = |at: usize| {
        let ends = answers.iter().map(|one| one.ends.map(|ends| ends[at]));
        ends.collect::<Vec<_>>()
    };
    let actions: Vec<_> = answers.iter().map(|one| Json(&one.actions)).collect();
    let reasons: Vec<_> = answers.iter().map(|one| one.reason.clone()).collect();
    let rows = sqlx::query!(
        r#"with stored as (
               insert into replay_paths (symbol, replay, first_date, last_date, first_value, last_value, actions, outcome, reason, source)
               select symbol, replay, first_date, last_date, first_value, last_value, actions, outcome, reason, $10
               from unnest($1::text[], $2::text[], $3::date[], $4::date[], $5::numeric[], $6::numeric[], $7::jsonb[], $8::text[], $9::text[])
                    as a(symbol, replay, first_date, last_date, first_value, last_value, actions, outcome, reason)
               order by symbol, replay
               on conflict (symbol, replay) do update
               set first_date = excluded.first_date, last_date = excluded.last_date, first_value = excluded.first_value,
                   last_value = excluded.last_value, actions = excluded.actions, outcome = excluded.outcome,
                   reason = excluded.reason, source = excluded.source
               where (replay_paths.first_date, replay_paths.last_date, replay_paths.first_value, replay_paths.last_value,
                      replay_paths.actions, replay_paths.outcome, replay_paths.reason)
                     is distinct from (excluded.first_date, excluded.last_date, excluded.first_value, excluded.last_value,
                                       excluded.actions, excluded.outcome, excluded.reason)
                 and (replay_paths.outcome <> 'priced' or excluded.outcome = 'priced'
                      or (replay_paths.first_date, replay_paths.last_date) <> (excluded.first_date, excluded.last_date))
               returning symbol, last_date
           )
           select symbol as "symbol!", min(last_date) as "date!" from stored group by symbol order by symbol"#,
        &text(|one| one.symbol.to_string()),
        &text(|one| one.replay.to_owned()),
        &end(0),
        &end(1),
        &value(0) as &[Option<Decimal>],
        &value(1) as &[Option<Decimal>],
        &actions as &[Json<&Vec<Action>>],
        &text(|one| one.outcome.to_owned()),
        &reasons as &[Option<String>],
        source
    )
    .fetch_all(tx.connection())
    .await
    .attempt("storing paths through crises")?;
    Ok(rows.into_iter().map(|row| (row.symbol, row.date)).collect())
}

/// What is known of series over windows.
pub async fn paths(db: &mut ReadTx<'_>, symbols: &[String], windows: &Windows) -> Result<Paths> {
    let (ids, firsts, lasts) = columns(windows);
    let rows = sqlx::query!(
        r#"select p.symbol, p.replay, p.first_value, p.last_value, p.actions as "actions: Json<Vec<Action>>", p.reason
           from replay_paths p
           join unnest($2::text[], $3::date[], $4::date[]) as w(replay, first_date, last_date)
                using (replay, first_date, last_date)
           where p.symbol = any($1)"#,
        symbols,
        &ids,
        &firsts,
        &lasts
    )
    .fetch_all(db.connection().await?)
    .await
    .attempt("reading paths through crises")?;
    let mut paths = Paths::new();
    for row in rows {
        let known = windows
            .iter()
            .find(|(one, _)| row.replay.as_str() == one.id);
        let Some((replay, _)) = known else { continue };
        let ends = row.first_value.zip(row.last_value);
        let path = Path {
            ends: ends.map(|(first, last)| [money::to_f64(first), money::to_f64(last)]),
            actions: row.actions.0,
            reason: row.reason,
        };
        paths.insert((word("replay_paths", &row.symbol)?, replay.id), path);
    }
    Ok(paths)
}
