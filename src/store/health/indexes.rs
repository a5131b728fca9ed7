//! Names of the indexes that migrations make, read from their text, so that there is no second list to
//! keep. Reads the SQL that we write: one statement after another, constraints inside `create table`.

use std::collections::BTreeSet;

/// Longest name in Postgres.
const NAME: usize = 63;

/// Table and name of every index that is left after these migrations.
pub(super) fn of<'a>(migrations: impl IntoIterator<Item = &'a str>) -> BTreeSet<(String, String)> {
    let mut indexes = BTreeSet::new();
    for migration in migrations {
        for statement in statements(migration) {
            apply(&statement, &mut indexes);
        }
    }
    indexes
}

/// Statements without comments and with single spaces. Bodies of functions hold no semicolon that counts.
fn statements(sql: &str) -> Vec<String> {
    let lines = sql
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join(" ");
    // Every second part stands between dollars.
    let outside: Vec<&str> = text.split("$$").step_by(2).collect();
    outside
        .join(" ")
        .split(';')
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|statement| !statement.is_empty())
        .collect()
}

fn apply(statement: &str, indexes: &mut BTreeSet<(String, String)>) {
    let words: Vec<&str> = statement.split([' ', '(']).collect();
    match words.as_slice() {
        ["create", "unique", "index", name, "on", table, ..]
        | ["create", "index", name, "on", table, ..]
        | [
            "alter",
            "table",
            table,
            "add",
            "constraint",
            name,
            "primary" | "unique",
            ..,
        ] => {
            indexes.insert(((*table).to_owned(), (*name).to_owned()));
        }
        ["create", "table", table, ..] => {
            indexes.extend(
                constraints(table, statement)
                    .into_iter()
                    .map(|name| ((*table).to_owned(), name)),
            );
        }
        ["drop", "index", name] => indexes.retain(|(_, known)| known != name),
        ["drop", "table", table] => indexes.retain(|(known, _)| known != table),
        ["alter", "table", table, "drop", "constraint", name, ..] => {
            indexes.remove(&((*table).to_owned(), (*name).to_owned()));
        }
        _ => {}
    }
}

/// Names that Postgres gives to the indexes of primary keys and unique constraints.
fn constraints(table: &str, statement: &str) -> Vec<String> {
    let inside = statement.split_once('(').map_or("", |(_, rest)| rest);
    let mut names = Vec::new();
    for item in items(inside) {
        let item = item.trim();
        if item.starts_with("primary key") {
            names.push(format!("{table}_pkey"));
        } else if let Some(columns) = item.strip_prefix("unique") {
            let columns = columns.trim().trim_matches(['(', ')']);
            let columns: Vec<&str> = columns.split(',').map(str::trim).collect();
            names.push(named(table, &columns.join("_")));
        } else {
            // A column; what stands in parentheses (a check) is no constraint of its own.
            let outside = outside_of_parentheses(item);
            if outside.contains(" primary key") {
                names.push(format!("{table}_pkey"));
            }
            if outside.contains(" unique") {
                let column = item.split(' ').next().unwrap_or_default();
                names.push(named(table, column));
            }
        }
    }
    names
}

fn named(table: &str, columns: &str) -> String {
    let name = format!("{table}_{columns}_key");
    // Postgres would shorten it in its own way.
    debug_assert!(name.len() <= NAME, "{name} is too long");
    name
}

/// The items of a list, up to the parenthesis that closes it.
fn items(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0_usize, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => {
                items.push(&list[start..at]);
                return items;
            }
            ')' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items
}

fn outside_of_parentheses(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &[&str]) -> Vec<String> {
        let indexes = of(sql.iter().copied());
        indexes
            .into_iter()
            .map(|(table, name)| format!("{table}: {name}"))
            .collect()
    }

    #[test]
    fn indexes_of_keys_and_those_that_are_made_are_required() {
        let sql = "
            -- create index not_this on run (id);
            create table run (
                id      uuid primary key,
                run_seq bigint generated always as identity unique,
                lane    text not null check (lane in ('a unique one', 'primary key')),
                parent  uuid references run (id)
            );
            create table task (
                id int, run_id uuid, unit text, primary key (id), unique (run_id, unit)
            ) with (fillfactor = 70);
            create unique index run_key on run (lane) where lane is not null;
            create index task_dead on task (run_id) where id > 0;
            create function f() returns int language sql as $$ select 1; create index no on run (id); $$;";
        assert_eq!(
            names(&[sql]),
            [
                "run: run_key",
                "run: run_pkey",
                "run: run_run_seq_key",
                "task: task_dead",
                "task: task_pkey",
                "task: task_run_id_unit_key",
            ]
        );
    }

    #[test]
    fn later_migrations_take_away() {
        let first = "create table a (id int primary key); create index a_x on a (x); create table b (id int unique);";
        let second = "drop index a_x; drop table b; alter table a add constraint a_y unique (y);";
        assert_eq!(names(&[first, second]), ["a: a_pkey", "a: a_y"]);
    }
}
