//! The folder that holds everything of one start: both data folders, the logs and the password.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Account, Error, Watchdog};

/// Where temporary folders go when the caller names no better place. `/var/tmp` first: `/tmp` is often in memory.
const TEMPORARY: [&str; 2] = ["/var/tmp", "/tmp"];

/// How long an earlier start that was killed may take to leave a kept folder; its watchdog needs far less.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

/// The entries of a folder that is ours, [`Folder`] being the only one who names them.
const ENTRIES: [&str; 6] = [
    "password",
    "postgres",
    "postgres.new",
    "postgres.log",
    "redis",
    "redis.log",
];

/// How Postgres begins the names of its socket and of the lock beside it, which a crash leaves.
const SOCKET: &[u8] = b".s.PGSQL.";

/// The data folder. A kept one is locked while this value or its watchdog lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Of a folder that is kept: nobody else knows the name of a temporary one.
    lock: Option<File>,
}

impl Folder {
    /// A fresh folder, to be removed at the end.
    pub(super) fn temporary(
        account: &Account,
        preferred: Option<&Path>,
        watchdog: &mut Watchdog,
    ) -> Result<Self, Error> {
        let places: Vec<PathBuf> = preferred
            .map(Path::to_path_buf)
            .into_iter()
            .chain(TEMPORARY.map(PathBuf::from))
            .filter(|place| place.is_absolute())
            .collect();
        let name = format!("sigmabatch-{}", random_hex::<8>()?);
        for place in &places {
            let path = place.join(&name);
            // Before it exists, so that there is no moment at which our sudden end would leave it behind.
            watchdog.note([OsStr::new("folder "), path.as_os_str()].join(OsStr::new("")));
            if DirBuilder::new().mode(0o700).create(&path).is_err() {
                continue;
            }
            account.own(&path)?;
            if account.can_work_in(&path)? {
                return Ok(Self { path, lock: None });
            }
            remove_tree(&path)?;
        }
        Err(Error::NoPlace {
            user: account.name(),
            tried: places,
        })
    }

    /// A named folder, kept between starts and made if it does not exist.
    pub(super) fn kept(account: &Account, path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        fs::create_dir_all(path)
            .map_err(Error::system(format!("create the data folder {shown}")))?;
        let path = fs::canonicalize(path)
            .map_err(Error::system(format!("find the data folder {shown}")))?;
        let mut empty = true;
        for entry in
            fs::read_dir(&path).map_err(Error::system(format!("read the data folder {shown}")))?
        {
            let name = entry
                .map_err(Error::system(format!("read the data folder {shown}")))?
                .file_name();
            if !(ENTRIES.iter().any(|known| name == *known)
                || name.as_encoded_bytes().starts_with(SOCKET))
            {
                return Err(Error::NotOurs {
                    folder: path,
                    found: name.to_string_lossy().into_owned(),
                });
            }
            empty = false;
        }
        if empty {
            account.own(&path)?;
        }
        if !account.can_work_in(&path)? {
            return Err(Error::NotEnterable {
                user: account.name(),
                folder: path,
            });
        }
        Self::locked(path)
    }

    /// Takes the lock that keeps a second start out: Redis itself does not notice two servers on one log.
    fn locked(path: PathBuf) -> Result<Self, Error> {
        let lock = File::open(&path).map_err(Error::system(format!("open {}", path.display())))?;
        let deadline = Instant::now() + LOCK_LIMIT;
        loop {
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        path,
                        lock: Some(lock),
                    });
                }
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => return Err(Error::InUse { folder: path }),
                Err(TryLockError::Error(source)) => {
                    return Err(Error::System {
                        attempt: format!("lock {}", path.display()),
                        source,
                    });
                }
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_kept(&self) -> bool {
        self.lock.is_some()
    }

    pub(super) fn join(&self, entry: &str) -> PathBuf {
        debug_assert!(
            ENTRIES.contains(&entry),
            "{entry} would make the folder look foreign at the next start"
        );
        self.path.join(entry)
    }

    /// A second handle on the lock, for the watchdog: the folder stays taken until that has ended, too.
    pub(super) fn lock(&self) -> Result<Option<File>, Error> {
        self.lock
            .as_ref()
            .map(File::try_clone)
            .transpose()
            .map_err(Error::system("share the lock of the data folder"))
    }

    /// A sub folder of the account, made if it does not exist.
    pub(super) fn sub(&self, account: &Account, entry: &str) -> Result<PathBuf, Error> {
        let path = self.join(entry);
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => account.own(&path)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(Error::System {
                    attempt: format!("create {}", path.display()),
                    source,
                });
            }
        }
        Ok(path)
    }

    /// The superuser's password: random, made at the first start, readable by the account alone.
    pub(super) fn password(&self, account: &Account) -> Result<String, Error> {
        let path = self.join("password");
        let shown = path.display();
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Ok(mut file) => {
                let password = random_hex::<16>()?;
                file.write_all(password.as_bytes())
                    .map_err(Error::system(format!("write {shown}")))?;
                account.own(&path)?;
                Ok(password)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let password =
                    fs::read_to_string(&path).map_err(Error::system(format!("read {shown}")))?;
                if password.is_empty() || !password.bytes().all(|b| b.is_ascii_hexdigit()) {
                    let source = ErrorKind::InvalidData.into();
                    return Err(Error::System {
                        attempt: format!(
                            "read a password from {shown}; remove the folder to begin anew"
                        ),
                        source,
                    });
                }
                Ok(password)
            }
            Err(source) => Err(Error::System {
                attempt: format!("create {shown}"),
                source,
            }),
        }
    }

    /// Removes an entry with all it holds; absent is fine.
    pub(super) fn remove(&self, entry: &str) -> Result<(), Error> {
        remove_tree(&self.join(entry))
    }

    /// Removes a temporary folder, if the watchdog has not; a kept one stays.
    pub(super) fn clear(&self) -> Result<(), Error> {
        if self.is_kept() {
            Ok(())
        } else {
            remove_tree(&self.path)
        }
    }
}

fn remove_tree(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(Error::System {
            attempt: format!("remove {}", path.display()),
            source,
        }),
        _ => Ok(()),
    }
}

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(Error::system("read random bytes from /dev/urandom"))?;
    Ok(bytes)
}

fn random_hex<const N: usize>() -> Result<String, Error> {
    let mut hex = String::with_capacity(2 * N);
    for byte in random::<N>()? {
        _ = write!(hex, "{byte:02x}"); // a String takes everything
    }
    Ok(hex)
}
