//! `sigmabatch services` and the module behind it, on real servers: they start, they answer, and nothing is left of
//! them, however their owner ends.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, Uid};
use sigmabatch::embedded::{Error, Options, Services, Stop};

const BINARY: &str = env!("CARGO_BIN_EXE_sigmabatch");

/// For conditions that come true within a second unless something is broken or the machine is very busy.
const LIMIT: Duration = Duration::from_secs(30);

/// Prints where the services are, waits for a line, ends with 7.
const WAITING: &str = "echo \"$DATABASE_URL $REDIS_URL\"; read line; exit 7";

#[test]
fn a_command_runs_on_its_own_services_and_nothing_is_left_after_it() {
    let place = Place::new();
    let mut running = Running::start(&place, &[], WAITING);
    assert!(running.processes().iter().all(|&pid| lives(pid)));

    let status = running.finish();

    assert_eq!(status.code(), Some(7));
    running.assert_nothing_is_left(&place);
}

#[test]
fn a_command_ended_by_a_signal_gives_128_and_its_number() {
    let place = Place::new();

    let status = services(&place, &[], "kill -TERM $$").status().unwrap();

    assert_eq!(status.code(), Some(143));
    place.assert_empty();
}

#[test]
fn an_interrupt_is_passed_on_and_the_services_outlive_the_command() {
    let place = Place::new();
    let script = "trap 'echo interrupted; read line; exit 5' INT; echo \"$DATABASE_URL $REDIS_URL\"; \
                  while :; do sleep 0.05; done";
    let mut running = Running::start(&place, &[], script);
    let group = Pid::from_raw(i32::try_from(running.child.id()).unwrap());

    killpg(group, Signal::SIGINT).unwrap();

    assert_eq!(running.line(), "interrupted");
    assert!(running.processes().iter().all(|&pid| lives(pid)));
    assert_eq!(running.finish().code(), Some(5));
    running.assert_nothing_is_left(&place);
}

/// On a terminal Ctrl-C goes to the whole job. It must reach the command once, not a second time through us: the second one
/// means "at once" to a program that drains.
#[cfg(target_os = "linux")] // for the arguments of script(1), which makes the terminal
#[test]
fn ctrl_c_on_a_terminal_reaches_the_command_exactly_once() {
    let place = Place::new();
    let script = "count=0; trap 'count=$((count + 1))' INT; echo \"$DATABASE_URL $REDIS_URL\"; \
                  while [ $count = 0 ]; do sleep 0.05; done; for i in 1 2 3 4 5 6; do sleep 0.1; done; \
                  echo \"count $count\"; exit 5";
    fs::write(place.path.join("script"), script).unwrap();
    // Without «exec», a shell that stays in between (dash does, when $SHELL is not set) would die of the same Ctrl-C.
    let line = format!(
        "exec '{BINARY}' services -- sh '{}'",
        place.path.join("script").display()
    );
    let mut command = Command::new("script");
    command
        .args(["-qefc", &line, "/dev/null"])
        .env("TMPDIR", &place.path);
    let mut running = Running::of(command);

    running
        .child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(b"\x03")
        .unwrap();

    let mut rest = String::new();
    running.output.read_to_string(&mut rest).unwrap();
    let status = running.child.wait().unwrap();
    assert!(rest.contains("count 1"), "{rest}");
    assert_eq!(status.code(), Some(5));
    fs::remove_file(place.path.join("script")).unwrap();
    running.assert_nothing_is_left(&place);
}

#[test]
fn nothing_is_left_when_the_owner_is_killed() {
    let place = Place::new();
    let script = "echo \"$DATABASE_URL $REDIS_URL\"; echo $$; sleep 600 & wait";
    let mut running = Running::start(&place, &[], script);
    let command: u32 = running.line().parse().unwrap();

    running.child.kill().unwrap();
    running.child.wait().unwrap();

    running.assert_nothing_is_left(&place);
    eventually("the command ends, too", || !lives(command));
}

#[cfg(target_os = "linux")] // for /proc
#[test]
fn nothing_is_left_when_the_owner_is_killed_or_interrupted_at_any_moment_of_the_start() {
    for (signal, pauses_ms) in [
        (Signal::SIGKILL, [0, 3, 10, 40, 150, 400, 700, 800, 900]),
        (Signal::SIGINT, [0, 5, 20, 80, 200, 500, 650, 750, 850]),
    ] {
        for pause_ms in pauses_ms {
            let place = Place::new();
            // Its shell names the folder as well.
            let script = format!("sleep 600; : {}", place.path.display());
            let mut child = services(&place, &[], &script).spawn().unwrap();

            // Not a wait for something: the moment is what is varied.
            std::thread::sleep(Duration::from_millis(pause_ms));
            kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();

            let status = child.wait().unwrap();
            // Before the listeners are there, the default action of SIGINT ends it just as well.
            assert!(
                status.signal() == Some(signal as i32) || status.code() == Some(130),
                "{status} after {pause_ms} ms"
            );
            place.assert_empty();
            eventually("no process names the folder", || {
                processes_naming(&place.path).is_empty()
            });
        }
    }
}

/// There is no moment at which the command is there and nobody knows of it.
#[cfg(target_os = "linux")] // for /proc
#[test]
fn a_command_that_kills_its_owner_at_once_is_ended_too() {
    for _ in 0..5 {
        let place = Place::new();
        let script = format!("kill -KILL $PPID; sleep 600; : {}", place.path.display());
        let status = services(&place, &[], &script).status().unwrap();
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{status}");
        place.assert_empty();
        eventually("no process names the folder", || {
            processes_naming(&place.path).is_empty()
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_after_a_panic() {
    let place = Place::new();
    let options = place.options();
    let (send, receive) = std::sync::mpsc::channel();

    let outcome = tokio::spawn(async move {
        let services = Services::start(&options).await.unwrap();
        send.send([
            services.postgres_pid().unwrap(),
            services.redis_pid().unwrap(),
        ])
        .unwrap();
        panic!("on purpose");
    })
    .await;

    assert!(outcome.unwrap_err().is_panic());
    assert!(
        receive.recv().unwrap().iter().all(|&pid| !lives(pid)),
        "gone when the panic has been caught, not later"
    );
    place.assert_empty();
}

#[tokio::test]
async fn two_starts_at_once_do_not_meet() {
    let place = Place::new();
    let options = place.options();

    let (one, two) = tokio::join!(Services::start(&options), Services::start(&options));

    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.database_url(), two.database_url());
    redis(&one.redis_url(), "SET key one");
    redis(&two.redis_url(), "SET key two");
    assert_eq!(redis(&one.redis_url(), "GET key"), "one");
    one.stop().await.unwrap();
    assert_eq!(redis(&two.redis_url(), "GET key"), "two");
    two.stop().await.unwrap();
    place.assert_empty();
}

#[tokio::test]
async fn postgres_comes_back_on_its_port_after_a_stop_an_abort_and_a_kill() {
    let place = Place::new();
    let mut services = Services::start(&place.options()).await.unwrap();
    let url = services.database_url();

    for mode in [Some(Stop::Fast), Some(Stop::Immediate), None] {
        let before = services.postgres_pid().unwrap();
        if let Some(mode) = mode {
            services.stop_postgres(mode).await.unwrap();
            assert!(!lives(before));
            assert_eq!(services.postgres_pid(), None);
        } else {
            kill(
                Pid::from_raw(i32::try_from(before).unwrap()),
                Signal::SIGKILL,
            )
            .unwrap();
            eventually("the killed process has ended", || !runs(before));
        }
        services.start_postgres().await.unwrap();
        assert_ne!(services.postgres_pid().unwrap(), before);
        assert_eq!(services.database_url(), url);
    }

    services.stop().await.unwrap();
    place.assert_empty();
}

#[tokio::test]
async fn redis_comes_back_on_its_port_with_its_data_or_empty() {
    let place = Place::new();
    let mut services = Services::start(&place.options()).await.unwrap();
    let url = services.redis_url();
    redis(&url, "SET key value");

    services.stop_redis().await.unwrap();
    services.start_redis(false).await.unwrap();
    assert_eq!(redis(&url, "GET key"), "value");

    services.stop_redis().await.unwrap();
    services.start_redis(true).await.unwrap();
    assert_eq!(redis(&url, "DBSIZE"), ":0");
    assert_eq!(services.redis_url(), url);
    services.stop().await.unwrap();
    place.assert_empty();
}

#[tokio::test]
async fn a_server_whose_port_is_taken_for_the_moment_comes_back_when_it_is_free() {
    let place = Place::new();
    let mut services = Services::start(&place.options()).await.unwrap();
    let logs = ["postgres.log", "redis.log"].map(|name| services.data_dir().join(name));
    let ports = [services.database_url(), services.redis_url()].map(|url| {
        let digits = url.rsplit_once(':').unwrap().1.split('/').next();
        digits.unwrap().parse::<u16>().unwrap()
    });
    services.stop_postgres(Stop::Fast).await.unwrap();
    services.stop_redis().await.unwrap();
    let [other_postgres, other_redis] =
        ports.map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let released = async |log: &Path, other: TcpListener| {
        while !fs::read_to_string(log).unwrap().contains("already in use") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(other);
    };

    let (outcome, ()) = tokio::join!(
        services.start_postgres(),
        released(&logs[0], other_postgres)
    );
    outcome.unwrap();
    let (outcome, ()) = tokio::join!(services.start_redis(false), released(&logs[1], other_redis));
    outcome.unwrap();

    services.stop().await.unwrap();
    place.assert_empty();
}

#[tokio::test]
async fn redis_throws_nothing_away_and_writes_a_log_of_its_commands() {
    let place = Place::new();
    let services = Services::start(&place.options()).await.unwrap();

    let setting = |name: &str| redis(&services.redis_url(), &format!("CONFIG GET {name}"));

    assert_eq!(setting("appendonly"), "yes");
    assert_eq!(setting("maxmemory-policy"), "noeviction");
    assert_eq!(setting("save"), "");
    assert_eq!(setting("bind"), "127.0.0.1");
    services.stop().await.unwrap();
}

#[tokio::test]
async fn a_named_folder_is_kept_and_its_data_are_there_at_the_next_start() {
    let place = Place::new();
    let options = Options {
        data_dir: Some(place.path.join("data")),
        ..place.options()
    };
    let password = |services: &Services| {
        services
            .database_url()
            .split_once('@')
            .unwrap()
            .0
            .to_owned()
    };

    let first = Services::start(&options).await.unwrap();
    redis(&first.redis_url(), "SET key value");
    let first_password = password(&first);
    let made = fs::metadata(first.data_dir().join("postgres/PG_VERSION"))
        .unwrap()
        .modified()
        .unwrap();
    first.stop().await.unwrap();

    let second = Services::start(&options).await.unwrap();
    assert_eq!(redis(&second.redis_url(), "GET key"), "value");
    assert_eq!(password(&second), first_password);
    assert_eq!(
        fs::metadata(second.data_dir().join("postgres/PG_VERSION"))
            .unwrap()
            .modified()
            .unwrap(),
        made
    );

    let third = Services::start(&options).await;
    assert!(matches!(third, Err(Error::InUse { .. })), "{third:?}");
    second.stop().await.unwrap();
}

#[test]
fn a_named_folder_can_be_used_at_once_after_its_owner_was_killed() {
    let place = Place::new();
    let data = place.path.join("data");
    let arguments = ["--data", data.to_str().unwrap()];
    let mut killed = Running::start(&place, &arguments, WAITING);
    redis(&killed.redis_url, "SET key value");
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();

    let mut next = Running::start(&place, &arguments, WAITING);

    assert_eq!(redis(&next.redis_url, "GET key"), "value");
    assert_eq!(next.finish().code(), Some(7));
}

#[tokio::test]
async fn a_folder_with_other_things_in_it_is_left_alone() {
    let place = Place::new();
    fs::write(place.path.join("thesis.txt"), "mine").unwrap();
    let options = Options {
        data_dir: Some(place.path.clone()),
        ..place.options()
    };

    let outcome = Services::start(&options).await;

    assert!(
        matches!(&outcome, Err(Error::NotOurs { found, .. }) if found == "thesis.txt"),
        "{outcome:?}"
    );
    assert_eq!(fs::read_dir(&place.path).unwrap().count(), 1);
}

#[test]
fn given_servers_are_used_and_none_are_started() {
    let place = Place::new();
    let mut command = services(&place, &[], "echo \"$DATABASE_URL $REDIS_URL\"; exit 3");
    command
        .env("DATABASE_URL", "postgres://given")
        .env("REDIS_URL", "redis://given");

    let output = command.output().unwrap();

    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "postgres://given redis://given\n"
    );
    assert_eq!(output.status.code(), Some(3));
    place.assert_empty();
}

#[cfg(target_os = "linux")] // for /proc
#[test]
fn root_gives_up_its_privileges_for_the_servers() {
    if !Uid::effective().is_root() {
        return; // nothing to give up
    }
    let place = Place::new();
    let mut running = Running::start(&place, &[], WAITING);

    for pid in running.processes() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert!(field("Uid:").iter().all(|uid| uid != "0"), "{status}");
        assert!(field("Gid:").iter().all(|gid| gid != "0"), "{status}");
        assert_eq!(field("Groups:"), Vec::<String>::new());
    }
    running.finish();
}

#[cfg(target_os = "linux")] // for setpriv(1)
#[test]
fn somebody_who_is_not_root_can_start_them_as_well() {
    if !Uid::effective().is_root() {
        return; // all other tests show it
    }
    let place = Place::new();
    fs::set_permissions(&place.path, fs::Permissions::from_mode(0o777)).unwrap();
    // The project may lie where only root can go.
    let binary = place.path.join("binary");
    fs::copy(BINARY, &binary).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
        .arg(&binary)
        .args(["services", "--", "sh", "-c", WAITING]);
    command.env("TMPDIR", &place.path).current_dir("/");
    let mut running = Running::of(command);

    let status = running.finish();

    assert_eq!(status.code(), Some(7));
    fs::remove_file(&binary).unwrap();
    running.assert_nothing_is_left(&place);
}

/// A folder for the temporary folders of one test, which a user without privileges can enter.
struct Place {
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!(
            "/var/tmp/sigmabatch-test-{}-{number}",
            std::process::id()
        ));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        if Uid::effective().is_root() {
            // As the sticky /var/tmp itself, so that the servers' user may create its folder here.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o1777)).unwrap();
        }
        Self { path }
    }

    fn options(&self) -> Options {
        Options {
            temp_dir: Some(self.path.clone()),
            path: std::env::var_os("PATH"),
            durable: false,
            ..Options::default()
        }
    }

    fn assert_empty(&self) {
        eventually("the temporary folder is removed", || {
            fs::read_dir(&self.path).unwrap().next().is_none()
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.path);
    }
}

/// `sigmabatch services ARGUMENTS -- sh -c SCRIPT`, in a process group of its own, as a shell would start it.
fn services(place: &Place, arguments: &[&str], script: &str) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg("services")
        .args(arguments)
        .args(["--", "sh", "-c", script]);
    command
        .env("TMPDIR", &place.path)
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL")
        .process_group(0);
    command
}

/// A command that has printed where its services are.
struct Running {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    redis_url: String,
    folder: PathBuf,
    pids: [u32; 2],
}

impl Running {
    fn start(place: &Place, arguments: &[&str], script: &str) -> Self {
        Self::of(services(place, arguments, script))
    }

    fn of(mut command: Command) -> Self {
        command.env_remove("DATABASE_URL").env_remove("REDIS_URL");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let redis_url = line.split_whitespace().nth(1).unwrap().to_owned();
        let folder = Path::new(&redis(&redis_url, "CONFIG GET dir"))
            .parent()
            .unwrap()
            .to_path_buf();
        let state = fs::read_to_string(folder.join("postgres/postmaster.pid"));
        let postgres = state.unwrap().lines().next().unwrap().parse().unwrap();
        let info = redis_all(&redis_url, "INFO server");
        let redis = info
            .iter()
            .find_map(|line| line.strip_prefix("process_id:"))
            .unwrap()
            .parse()
            .unwrap();
        Self {
            child,
            output,
            redis_url,
            folder,
            pids: [postgres, redis],
        }
    }

    fn processes(&self) -> [u32; 2] {
        self.pids
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends the line that the command waits for.
    fn finish(&mut self) -> ExitStatus {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.child.wait().unwrap()
    }

    fn assert_nothing_is_left(&self, place: &Place) {
        for pid in self.pids {
            eventually("the server ends", || !lives(pid));
        }
        eventually("its folder is removed", || !self.folder.exists());
        place.assert_empty();
    }
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether there is such a process, be it dead and not yet taken off the table.
fn lives(pid: u32) -> bool {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), None).is_ok()
}

/// Whether it does more than wait to be taken off the table.
fn runs(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.contains(") Z "),
        Err(_) => cfg!(not(target_os = "linux")) && lives(pid),
    }
}

#[cfg(target_os = "linux")]
fn processes_naming(folder: &Path) -> Vec<(u32, String)> {
    let name = folder.to_str().unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let line = String::from_utf8_lossy(&fs::read(entry.path().join("cmdline")).ok()?)
                .replace('\0', " ");
            line.contains(name).then_some((pid, line))
        })
        .collect()
}

/// The last line of the answer to a command.
fn redis(url: &str, command: &str) -> String {
    redis_all(url, command).pop().unwrap()
}

/// The lines of the answer to a command, without that to the `QUIT` which ends the connection.
fn redis_all(url: &str, command: &str) -> Vec<String> {
    let address: SocketAddr = url
        .trim_start_matches("redis://")
        .trim_end_matches("/0")
        .parse()
        .unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("{command}\r\nQUIT\r\n").as_bytes())
        .unwrap();
    let mut lines: Vec<String> = BufReader::new(stream).lines().map(Result::unwrap).collect();
    assert_eq!(lines.pop().as_deref(), Some("+OK"));
    lines
}
