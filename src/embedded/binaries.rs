//! Where the installed servers are.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Error;

/// Folders with one version of Postgres each, `*` standing for its number: Debian and Ubuntu, the packages of
/// postgresql.org for Fedora and its relatives, Homebrew on Apple silicon and on Intel.
const VERSIONED: [(&str, &str, &str); 4] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// Looked at although they may be absent from `PATH`, as they are under cron and sudo.
const USUAL: [&str; 5] = [
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/sbin",
];

/// The programs to start.
#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
    pub(super) redis: PathBuf,
}

impl Binaries {
    /// Looks in the folders of `path` (the value of `PATH`) first, then where packages put servers.
    pub(super) fn find(path: Option<&OsStr>) -> Result<Self, Error> {
        let mut folders: Vec<PathBuf> = path
            .map(|path| {
                std::env::split_paths(path)
                    .filter(|folder| folder.is_absolute())
                    .collect()
            })
            .unwrap_or_default();
        let on_path = folders.len();
        folders.extend(USUAL.map(PathBuf::from));

        let (initdb, postgres) = folders[..on_path]
            .iter()
            .cloned()
            .chain(versioned(VERSIONED))
            .chain(folders[on_path..].iter().cloned())
            .find_map(|folder| postgres_in(&folder))
            .ok_or(Error::Missing {
                program: "postgres with initdb",
                apt: "postgresql",
                dnf: "postgresql-server",
                brew: "postgresql@17",
            })?;
        let redis = folders
            .iter()
            .flat_map(|folder| ["redis-server", "valkey-server"].map(|name| folder.join(name)))
            .find(|program| executable(program))
            .ok_or(Error::Missing {
                program: "redis-server or valkey-server",
                apt: "redis-server",
                dnf: "redis",
                brew: "redis",
            })?;
        Ok(Self {
            initdb,
            postgres,
            redis,
        })
    }
}

/// `initdb` and `postgres` of one installation: links are followed, so that links to two versions are not mixed.
fn postgres_in(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let [initdb, postgres] = ["initdb", "postgres"].map(|name| {
        fs::canonicalize(folder.join(name))
            .ok()
            .filter(|p| executable(p))
    });
    let (initdb, postgres) = (initdb?, postgres?);
    (initdb.parent() == postgres.parent()).then_some((initdb, postgres))
}

/// The folders of all installed versions, the highest version of each place first.
fn versioned(places: [(&str, &str, &str); 4]) -> impl Iterator<Item = PathBuf> {
    places.into_iter().flat_map(|(parent, prefix, bin)| {
        let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let version = entry
                    .file_name()
                    .to_str()?
                    .strip_prefix(prefix)?
                    .parse()
                    .ok()?;
                Some((version, entry.path().join(bin)))
            })
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.into_iter().map(|(_, folder)| folder)
    })
}

fn executable(program: &Path) -> bool {
    fs::metadata(program).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_comes_first_by_number_not_by_letter() {
        let parent =
            std::env::temp_dir().join(format!("sigmabatch-versions-{}", std::process::id()));
        for version in ["9", "17", "15", "other"] {
            fs::create_dir_all(parent.join(version).join("bin")).unwrap();
        }
        let place = (parent.to_str().unwrap(), "", "bin");
        let none = ("/nonexistent", "", "bin");

        let found: Vec<PathBuf> = versioned([place, none, none, none]).collect();

        fs::remove_dir_all(&parent).unwrap();
        assert_eq!(
            found,
            ["17", "15", "9"].map(|version| parent.join(version).join("bin"))
        );
    }
}
