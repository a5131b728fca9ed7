//! The rules of the house that a compiler does not know: layers, and who may speak to whom. Each
//! violation is named with file and line. Looks at text, so it needs neither services nor a parser.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What each top-level module of the library may use: `ARCHITECTURE.md` in one table. A module of
/// the library that is not listed is a violation, so a new one is a decision.
const LAYERS: &[(&str, &[&str])] = &[
    // Nouns, and verbs on numbers.
    ("domain", &[]),
    ("analytics", &[]),
    ("clock", &[]),
    ("embedded", &[]),
    // Files, providers, Postgres, Redis: they do not see each other.
    ("import", &["domain"]),
    ("market_data", &["domain"]),
    ("store", &["domain"]),
    ("queue", &["domain"]),
    // The pipeline: the only place where numbers meet storage.
    (
        "phases",
        &["analytics", "clock", "domain", "market_data", "store"],
    ),
    (
        "engine",
        &["clock", "domain", "market_data", "phases", "queue", "store"],
    ),
    // What the benchmarks measure: made-up inputs for the code of production.
    (
        "workloads",
        &[
            "analytics",
            "clock",
            "domain",
            "import",
            "market_data",
            "phases",
            "store",
        ],
    ),
    // The golden numbers, on kernels and nouns alone.
    ("verify", &["analytics", "domain", "import"]),
    // What the binaries share.
    ("telemetry", &["config"]),
    (
        "config",
        &["clock", "domain", "market_data", "queue", "store"],
    ),
    ("process", &["clock", "config", "engine", "queue", "store"]),
    // What is known, as JSON: for the command line and the API alike.
    ("documents", &["domain", "engine", "store"]),
    // Imports, whoever sends the file.
    ("intake", &["clock", "domain", "import", "store"]),
    (
        "api",
        &[
            "clock",
            "config",
            "documents",
            "domain",
            "engine",
            "import",
            "intake",
            "process",
            "queue",
            "store",
        ],
    ),
    // Pages over the API.
    (
        "dashboard",
        &["api", "documents", "domain", "engine", "import", "store"],
    ),
    (
        "cli",
        &[
            "clock",
            "config",
            "documents",
            "domain",
            "embedded",
            "engine",
            "import",
            "intake",
            "process",
            "queue",
            "store",
            "workloads",
            "verify",
        ],
    ),
];

/// A file of Rust, in parts that comments cannot confuse.
struct Source {
    /// Relative to the root.
    path: String,
    lines: Vec<String>,
}

impl Source {
    /// Lines of code with their numbers: without comments. The text of strings stays.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(&self.lines).filter_map(|(number, line)| {
            let code = line.split("//").next().unwrap_or(line);
            // A URL in a string is no comment.
            let code = if line.contains("://") { line } else { code };
            (!line.trim_start().starts_with("//") && !code.trim().is_empty())
                .then_some((number, code))
        })
    }

    /// Functions that are public, as far as the file goes without its tests.
    fn public_functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        let (mut docs, mut in_attribute) = (Vec::new(), false);
        for (at, line) in self.lines.iter().enumerate() {
            if line == "#[cfg(test)]" {
                break;
            }
            let line = line.trim();
            if let Some(doc) = line.strip_prefix("///") {
                docs.push(doc);
            } else if line.starts_with("#[") || in_attribute {
                in_attribute = !line.ends_with(']');
            } else {
                let name = ["pub fn ", "pub const fn "]
                    .iter()
                    .find_map(|start| line.strip_prefix(start));
                if let Some(name) = name {
                    let head: Vec<&str> = (self.lines[at..].iter())
                        .map(String::as_str)
                        .scan(false, |over, line| {
                            (!std::mem::replace(over, line.ends_with('{'))).then_some(line)
                        })
                        .collect();
                    let head = head.join(" ");
                    found.push(Function {
                        line: at + 1,
                        name: name.chars().take_while(|c| is_name(*c)).collect(),
                        docs: docs.join("\n"),
                        fails: head.contains("-> Result<"),
                    });
                }
                docs.clear();
            }
        }
        found
    }

    /// The top-level module of the library that it belongs to.
    fn module(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?.split('/').next()?;
        let name = name.strip_suffix(".rs").unwrap_or(name);
        (!["main", "lib"].contains(&name)).then_some(name)
    }

    /// What of the library it uses, with line numbers: the first word after each `crate::`, and each
    /// first word inside `crate::{…}`.
    fn uses(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut group: Option<(usize, String)> = None;
        for (number, line) in self.code() {
            let mut rest = line;
            if let Some((depth, word)) = &mut group {
                rest = names(rest, depth, word, number, &mut found);
                if *depth > 0 {
                    continue;
                }
                group = None;
            }
            while let Some((_, after)) = rest.split_once("crate::") {
                if let Some(inside) = after.strip_prefix('{') {
                    let (mut depth, mut word) = (1, String::new());
                    rest = names(inside, &mut depth, &mut word, number, &mut found);
                    if depth > 0 {
                        group = Some((depth, word));
                        break;
                    }
                } else {
                    let word: String = after.chars().take_while(|c| is_name(*c)).collect();
                    found.push((number, word));
                    rest = after;
                }
            }
        }
        found
    }
}

/// A public function of a file.
struct Function {
    /// Of its name.
    line: usize,
    name: String,
    /// Its doc comment, empty without.
    docs: String,
    /// It returns a `Result`.
    fails: bool,
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Reads names of a group until it closes: those that stand first after its brace or a comma.
fn names<'a>(
    text: &'a str,
    depth: &mut usize,
    word: &mut String,
    number: usize,
    found: &mut Vec<(usize, String)>,
) -> &'a str {
    for (at, c) in text.char_indices() {
        match c {
            '{' => *depth += 1,
            '}' => *depth -= 1,
            _ => {}
        }
        let ends = (c == ',' && *depth == 1) || *depth == 0;
        if ends {
            let name: String = word.trim().chars().take_while(|c| is_name(*c)).collect();
            if !name.is_empty() {
                found.push((number, name));
            }
            word.clear();
        } else {
            word.push(c);
        }
        if *depth == 0 {
            return &text[at + 1..];
        }
    }
    ""
}

/// Every file of Rust below the folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        walk(&Path::new(ROOT).join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        Source {
            path: path
                .strip_prefix(ROOT)
                .unwrap()
                .to_string_lossy()
                .into_owned(),
            lines: text.lines().map(ToOwned::to_owned).collect(),
        }
    };
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(read)
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    // A folder that git does not keep while it is empty.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Where one of the texts stands in code, outside of the files that may have it.
fn forbid(sources: &[Source], texts: &[&str], allowed: impl Fn(&str) -> bool, rule: &str) {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| !allowed(&source.path)) {
        for (number, line) in source.code() {
            if let Some(text) = texts.iter().find(|text| has(line, text)) {
                violations.push(format!("{}:{number}: {text}", source.path));
            }
        }
    }
    assert_none(&violations, rule);
}

/// Whether a text stands in a line as words of their own.
fn has(line: &str, text: &str) -> bool {
    let starts = text.starts_with(is_name);
    line.match_indices(text)
        .any(|(at, _)| !starts || !line[..at].chars().next_back().is_some_and(is_name))
}

fn assert_none(violations: &[String], rule: &str) {
    assert!(
        violations.is_empty(),
        "{rule}\n  {}\n",
        violations.join("\n  ")
    );
}

#[test]
fn dependencies_point_down() {
    let layers: BTreeMap<&str, BTreeSet<&str>> = LAYERS
        .iter()
        .map(|(module, uses)| (*module, uses.iter().copied().collect()))
        .collect();
    let mut violations = Vec::new();
    for source in sources(&["src"]) {
        let Some(module) = source.module() else {
            continue;
        };
        let Some(allowed) = layers.get(module) else {
            violations.push(format!(
                "{}:1: module {module} is not in the table of layers",
                source.path
            ));
            continue;
        };
        for (number, used) in source.uses() {
            if used != module && !allowed.contains(used.as_str()) {
                violations.push(format!("{}:{number}: {module} uses {used}", source.path));
            }
        }
    }
    assert_none(
        &violations,
        "an arrow up, or sideways, between the layers of ARCHITECTURE.md:",
    );
}

#[test]
fn the_binaries_reach_the_library_by_its_public_parts_only() {
    // A worker neither computes nor talks to servers itself: config, context, run(shutdown).
    let thin = [
        "clock",
        "config",
        "engine",
        "market_data",
        "process",
        "telemetry",
    ];
    let mut violations = Vec::new();
    for source in sources(&["worker", "scheduler"]) {
        for (number, line) in source.code() {
            for (_, after) in line
                .match_indices("sigmabatch::")
                .map(|(at, m)| line.split_at(at + m.len()))
            {
                let name: String = after.chars().take_while(|c| is_name(*c)).collect();
                if !name.is_empty() && !thin.contains(&name.as_str()) {
                    violations.push(format!("{}:{number}: sigmabatch::{name}", source.path));
                }
            }
        }
    }
    assert_none(
        &violations,
        "worker and scheduler are thin: configuration, context, run:",
    );
}

#[test]
fn sql_is_in_store_only() {
    let all = sources(&["src", "worker", "scheduler"]);
    let words = [
        "select ",
        "insert into ",
        "delete from ",
        "update task",
        "create table",
        "create database",
        "drop database",
        "query!(",
        "query_as!(",
        "query_scalar!(",
        "query_file!(",
        "sqlx::query",
        "PgPool",
        "PgConnection",
    ];
    // embedded makes the database of a fresh server; explain tells an operator what to type.
    let may = |path: &str| {
        path.starts_with("src/store")
            || path == "src/embedded/postgres.rs"
            || path == "src/queue/explain.rs"
    };
    forbid(&all, &words, may, "SQL belongs to src/store:");

    // A derive on a newtype is no input or output.
    let mut violations = Vec::new();
    for source in all.iter().filter(|source| !may(&source.path)) {
        for (number, line) in source.code() {
            let line = line
                .replace("sqlx::Type", "")
                .replace("#[sqlx(transparent)]", "");
            if line.contains("sqlx") {
                violations.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert_none(&violations, "sqlx belongs to src/store:");
}

#[test]
fn redis_is_in_queue_only() {
    let all = sources(&["src", "worker", "scheduler"]);
    let may = |path: &str| path.starts_with("src/queue");
    let words = [
        "redis::cmd",
        "redis::pipe",
        "redis::Client",
        "redis::aio",
        "redis::streams",
        "redis::Script",
        "use redis",
        "deadpool_redis",
        "XADD",
        "XREADGROUP",
        "XACK",
        "XGROUP",
        "XPENDING",
    ];
    forbid(&all, &words, may, "Redis belongs to src/queue:");
}

#[test]
fn the_environment_is_read_in_main_only() {
    // The watchdog gives its shell our PATH, to find `sleep` and `kill` with.
    let may = |path: &str| path.ends_with("main.rs") || path == "src/embedded/watchdog.rs";
    let words = ["env::var", "env::vars", "env::var_os", "env::set_var"];
    forbid(
        &sources(&["src", "worker", "scheduler"]),
        &words,
        may,
        "the environment is read in main only:",
    );
}

#[test]
fn the_time_of_day_comes_from_the_clock() {
    let all = sources(&["src", "worker", "scheduler"]);
    let words = ["Utc::now", "SystemTime::now", "Local::now"];
    forbid(
        &all,
        &words,
        |path| path == "src/clock.rs",
        "the time of day comes from an injected clock:",
    );
    let pure = |path: &str| {
        !["src/domain", "src/analytics", "src/phases", "src/import"]
            .iter()
            .any(|folder| path.starts_with(folder))
    };
    forbid(
        &all,
        &["Instant::now"],
        pure,
        "there is no now inside a phase, a kernel or a noun:",
    );
}

#[test]
fn there_is_one_calendar() {
    let words = ["weekday()", "Weekday", "chrono_tz", "Local", "FixedOffset"];
    forbid(
        &sources(&["src", "worker", "scheduler"]),
        &words,
        |path| path.starts_with("src/domain/calendar"),
        "days of the week, holidays and New York's time are known to src/domain/calendar.rs only:",
    );
}

#[test]
fn nothing_is_left_undone() {
    let words = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
    let all = sources(&["src", "worker", "scheduler", "tests", "benches"]);
    forbid(&all, &words, |path| path == "tests/tidy.rs", "unfinished:");
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut violations = Vec::new();
    for source in sources(&["src", "worker", "scheduler", "tests", "benches"]) {
        if !source
            .lines
            .first()
            .is_some_and(|line| line.starts_with("//! "))
        {
            violations.push(format!("{}:1", source.path));
        }
    }
    assert_none(
        &violations,
        "a file begins with a //! paragraph: what it is for, what it promises and refuses:",
    );
}

/// Whether the words are true is for a reader to judge; that they are there is not.
#[test]
fn every_kernel_says_where_it_comes_from_and_what_it_refuses() {
    let kernels = sources(&["src/analytics"]);
    let page = |path: &str| -> String {
        let of = kernels.iter().find(|source| source.path == path);
        let lines = of.into_iter().flat_map(|source| &source.lines);
        let lines: Vec<&str> = lines.map_while(|line| line.strip_prefix("//!")).collect();
        lines.join("\n")
    };
    let (mut functions, mut violations) = (0, Vec::new());
    for source in &kernels {
        let public = source.public_functions();
        functions += public.len();
        for function in &public {
            let place = format!("{}:{}: {}", source.path, function.line, function.name);
            if function.docs.is_empty() {
                violations.push(format!("{place}: no doc comment"));
            } else if function.fails && !function.docs.to_lowercase().contains("error") {
                violations.push(format!("{place}: when is it an error?"));
            }
        }
        // Parts of a module in a folder share its page.
        let whole = source.path.rsplit_once('/').map(|(folder, _)| folder);
        let whole = whole.map(|folder| page(&format!("{folder}.rs")));
        let page = page(&source.path) + &whole.unwrap_or_default();
        let about = |label: &str| {
            let mut paragraphs = page.split("\n\n");
            paragraphs.find_map(|text| text.trim_start().strip_prefix(label))
        };
        if public.is_empty() {
            continue;
        }
        let is_cited = |text: &str| {
            let is_year = |word: &str| word.len() == 4 && word.parse::<u16>().is_ok();
            text.to_lowercase().contains("our own")
                || text.split(|c: char| !is_name(c)).any(is_year)
        };
        if !about("**Source.**").is_some_and(is_cited) {
            violations.push(format!("{}:1: no source", source.path));
        }
        if about("**NaN.**").is_none_or(|text| text.trim().is_empty()) {
            violations.push(format!("{}:1: what about NaN?", source.path));
        }
    }
    assert!(functions > 100, "{functions}");
    assert_none(
        &violations,
        "a kernel's page cites a **Source.** (a year, or our own) and has a rule for **NaN.**; a function that fails says when:",
    );
}

/// The rule above is only as good as its eyes.
#[test]
fn public_functions_are_found_with_their_docs() {
    let text = "/// Adds. [`Error::Shape`].\n#[expect(\n    clippy::x,\n    reason = \"y\"\n)]\npub fn one(\n    a: f64,\n) -> Result<f64, Error> {\n\
                }\n\npub const fn two() -> f64 {\n    0.0\n}\npub(crate) fn three() {}\n/// Not of four.\nstruct S;\npub fn four() {}\n\
                #[cfg(test)]\nmod tests {\n    pub fn five() {}\n}";
    let source = Source {
        path: "src/x.rs".into(),
        lines: text.lines().map(ToOwned::to_owned).collect(),
    };
    let found: Vec<_> = (source.public_functions().into_iter())
        .map(|f| (f.line, f.name, f.docs, f.fails))
        .collect();
    let of = |line, name: &str, docs: &str, fails| (line, name.to_owned(), docs.to_owned(), fails);
    let expected = [
        of(6, "one", " Adds. [`Error::Shape`].", true),
        of(11, "two", "", false),
        of(17, "four", "", false),
    ];
    assert_eq!(found, expected);
}

/// The design lies beside the repository and is not part of it.
/// The entries of the catalogue that `tests/INCIDENTS.md` answers for.
fn incidents() -> Vec<String> {
    let ranges = [1..=41, 48..=68, 71..=81];
    let own = (1..=11).map(|n| format!("5.9.{n}"));
    let entries = ranges.into_iter().flatten();
    entries.map(|n| format!("I-{n:02}")).chain(own).collect()
}

#[test]
fn every_incident_is_proven_or_does_not_apply() {
    let table = fs::read_to_string(Path::new(ROOT).join("tests/INCIDENTS.md")).unwrap();
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| I-") || line.starts_with("| 5."));
    let code: Vec<Source> = sources(&["src", "tests"]);
    let mut known = BTreeSet::new();
    for source in &code {
        for (_, line) in source.code() {
            let name = line
                .trim_start()
                .strip_prefix("async ")
                .unwrap_or(line.trim_start());
            if let Some(name) = name.strip_prefix("fn ") {
                known.insert(name.chars().take_while(|c| is_name(*c)).collect::<String>());
            }
        }
    }
    let (mut entries, mut named, mut violations) = (Vec::new(), BTreeSet::new(), Vec::new());
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, entry, tests, remark, _] = cells[..] else {
            panic!("a row has three cells: {row}");
        };
        entries.push(entry.to_owned());
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() && remark.is_empty() {
            violations.push(format!("{entry}: neither a test nor a reason"));
        }
        for test in tests {
            if !known.contains(test) {
                violations.push(format!("{entry}: there is no {test}"));
            }
            named.insert(test.to_owned());
        }
    }
    for entry in incidents() {
        match entries.iter().filter(|known| **known == entry).count() {
            1 => {}
            count => violations.push(format!("{entry} is there {count} times")),
        }
    }
    let numbered = |name: &&String| {
        let digits = name
            .strip_prefix("i_")
            .or_else(|| name.strip_prefix("own_"));
        digits.is_some_and(|rest| rest.len() > 3 && rest[..2].bytes().all(|b| b.is_ascii_digit()))
    };
    for test in known
        .iter()
        .filter(numbered)
        .filter(|test| !named.contains(*test))
    {
        violations.push(format!("{test} is not in the table"));
    }
    assert_none(&violations, "tests/INCIDENTS.md:");
}

#[test]
fn no_source_points_out_of_the_repository() {
    let mut files = Vec::new();
    for folder in [
        "src",
        "worker",
        "scheduler",
        "tests",
        "migrations",
        "deploy",
        "data",
        "benches",
    ] {
        walk(&Path::new(ROOT).join(folder), &mut files);
    }
    for entry in fs::read_dir(ROOT).unwrap() {
        let path = entry.unwrap().path();
        let text = ["md", "toml", "yml"]
            .iter()
            .any(|e| path.extension().is_some_and(|known| known == *e));
        if path.is_file() && (text || path.file_name().is_some_and(|name| name == "Makefile")) {
            files.push(path);
        }
    }
    let outside = [concat!("..", "/shared"), concat!("/work", "/")];
    let mut violations = Vec::new();
    for file in files {
        // Compressed data is no text.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(path) = outside.iter().find(|path| has_path(line, path)) {
                violations.push(format!(
                    "{}:{number}: {path}",
                    file.strip_prefix(ROOT).unwrap().display()
                ));
            }
        }
    }
    assert_none(
        &violations,
        "a path that exists only where the program is written:",
    );
}

/// Whether a path stands in a line on its own, not as the end of another one.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|c| is_name(c) || "./-}".contains(c))
    })
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let workspace = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    assert!(
        workspace.contains("unsafe_code = \"forbid\""),
        "Cargo.toml: workspace.lints.rust lacks unsafe_code = forbid"
    );
    for package in ["Cargo.toml", "worker/Cargo.toml", "scheduler/Cargo.toml"] {
        let manifest = fs::read_to_string(Path::new(ROOT).join(package)).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{package} does not take the lints of the workspace"
        );
    }
}

/// The rules above are only as good as their eyes.
#[test]
fn uses_are_found_in_every_spelling() {
    let text = "use crate::store::{self, tasks};\nuse crate::{clock, domain::{Lane, Symbol}, queue as q};\n\
                use crate::{\n    engine::{\n        plan,\n    },\n    phases,\n};\n// use crate::api;\n\
                let x = crate::import::defaults(); let u = \"http://x\"; crate::cli::run();";
    let source = Source {
        path: "src/x.rs".into(),
        lines: text.lines().map(ToOwned::to_owned).collect(),
    };
    let found: Vec<(usize, String)> = source.uses();
    let found: Vec<(usize, &str)> = found
        .iter()
        .map(|(line, name)| (*line, name.as_str()))
        .collect();
    let expected = [
        (1, "store"),
        (2, "clock"),
        (2, "domain"),
        (2, "queue"),
        (6, "engine"),
        (7, "phases"),
        (10, "import"),
        (10, "cli"),
    ];
    assert_eq!(found, expected);
}

/// A token of the API, a private key, a password in an address: none of them is in a file that is committed.
#[test]
fn i_75_no_committed_file_has_a_secret() {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(ROOT)
        .output();
    let mut files = Vec::new();
    match listed {
        Ok(listed) if listed.status.success() => {
            let names = String::from_utf8_lossy(&listed.stdout).into_owned();
            let names = names.split('\0').filter(|name| !name.is_empty());
            files.extend(names.map(|name| Path::new(ROOT).join(name)));
        }
        // An archive of the sources: everything in it is committed.
        _ => {
            for folder in [
                "src",
                "worker",
                "scheduler",
                "tests",
                "migrations",
                "deploy",
                "data",
                "benches",
            ] {
                walk(&Path::new(ROOT).join(folder), &mut files);
            }
        }
    }
    assert!(files.len() > 100, "{}", files.len());
    let key = ["PRIVATE", "KEY-----"].join(" ");
    let mut violations = Vec::new();
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (at, line) in text.lines().enumerate() {
            let token = line.split(|c: char| !is_name(c)).any(is_token);
            let private = line.contains(&key);
            if token || private {
                violations.push(format!("{}:{}", path.display(), at + 1));
            }
        }
    }
    assert_none(&violations, "a secret is committed:");
}

/// `sb_`, an id of 32 digits, a secret of 64, that is not made of one digit alone.
fn is_token(word: &str) -> bool {
    let mut parts = word.split('_');
    let hex = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| {
            let first = part.chars().next().unwrap_or('0');
            part.len() == length
                && part.chars().all(|c| c.is_ascii_hexdigit())
                && part.chars().any(|c| c != first)
        })
    };
    parts.next() == Some("sb") && hex(parts.next(), 32) && hex(parts.next(), 64)
}
