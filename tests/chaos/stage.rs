//! What a scenario plays on: a Postgres and a Redis that nobody else uses, books, nights that are
//! computed again and again while something happens, and the check at the end.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sigmabatch::domain::RunId;
use sigmabatch::embedded::{Options, Services};
use sigmabatch::engine::{self, Order, Request};
use sigmabatch::store::control;
use sigmabatch::store::digest::Digest;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Mutex as AsyncMutex;

use crate::crew::{Crew, MAX_CRASHES};
use crate::dice::Dice;
use crate::market::{self, close};
use crate::proxy::{Proxy, port_of};
use crate::watcher::{Seen, Watcher};
use crate::world::{Servers, World, range, request, within};

/// How long a scenario goes on if nobody says otherwise: enough for a night and a few faults.
const SECONDS: u64 = 4;
/// A scenario that goes on longer begins anew with an empty database after so long.
const ROUND: Duration = Duration::from_secs(20);
/// Where faults would not let the last night end (a slow machine, a line that dies every few seconds),
/// they are over so long after the round is.
const ENCORE: Duration = Duration::from_secs(45);
/// However bad it was: two minutes after the last fault a night has ended.
const NIGHT: Duration = Duration::from_mins(4);
const MENDING: Order<'_> = Order {
    who: "chaos",
    reason: "it is over",
};
const BOOKS: usize = 10;
const SYMBOLS: [&str; 4] = ["AAA", "BBB", "CCC", "DDD"];
const NOW: &str = "2016-12-30T23:00:00Z";
pub(crate) const FIRST: &str = "2016-12-19";
pub(crate) const LAST: &str = "2016-12-29";

/// What a scenario needs beyond servers, books and nights.
#[derive(Clone, Copy)]
pub(crate) struct Casting {
    /// Worker processes.
    pub(crate) workers: usize,
    /// Workers reach the servers through proxies.
    pub(crate) proxies: bool,
    /// Redis is there when the first night begins.
    pub(crate) redis: bool,
}

impl Default for Casting {
    fn default() -> Self {
        Self {
            workers: 3,
            proxies: false,
            redis: true,
        }
    }
}

/// One scenario, one round.
pub(crate) struct Stage {
    pub(crate) dice: Dice,
    pub(crate) crew: Arc<Crew>,
    pub(crate) world: World,
    pub(crate) services: AsyncMutex<Services>,
    /// To Postgres and to Redis.
    pub(crate) proxies: Option<[Proxy; 2]>,
    nights: Mutex<usize>,
}

/// The night that is computed; `force` computes what is current, too.
pub(crate) fn night(force: bool) -> Request {
    Request {
        force,
        ..request(range(FIRST, LAST))
    }
}

/// Plays a scenario: nights, one after the other, while `disturb` is called again and again, until its
/// time is over; then everything is mended, and checked.
pub(crate) async fn play(name: &str, casting: Casting, disturb: impl AsyncFn(&Stage)) {
    play_and_check(name, casting, disturb, async |_, _| {}).await;
}

/// The same with a check of the scenario's own.
pub(crate) async fn play_and_check(
    name: &str,
    casting: Casting,
    disturb: impl AsyncFn(&Stage),
    check: impl AsyncFn(&Stage, &Seen),
) {
    // Futures of this size are better kept off the stack.
    Box::pin(rounds(name, casting, disturb, check)).await;
}

async fn rounds(
    name: &str,
    casting: Casting,
    disturb: impl AsyncFn(&Stage),
    check: impl AsyncFn(&Stage, &Seen),
) {
    let until = Instant::now() + duration();
    let dice = Dice::of(Dice::seed(), name);
    let mut seed = dice.below(usize::MAX);
    loop {
        let over = until.min(Instant::now() + ROUND);
        let stage = Stage::set(name, Dice::of(seed as u64, name), casting).await;
        let watcher = Watcher::start(&stage.world, Arc::clone(&stage.crew), !casting.proxies);
        tokio::select! {
            () = stage.nights(over) => {}
            () = stage.faults(&disturb, over + ENCORE, casting.workers) => {}
        }
        stage.mend().await;
        let seen = watcher.stop().await;
        stage.assert_nothing_had_happened(casting.workers).await;
        seen.assert_sound(&stage.world).await;
        check(&stage, &seen).await;
        stage.strike(name, &seen).await;
        if Instant::now() >= until {
            return;
        }
        seed = seed.wrapping_add(1);
    }
}

fn duration() -> Duration {
    let seconds = std::env::var("SIGMABATCH_CHAOS_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |text| {
        text.parse().expect("SIGMABATCH_CHAOS_SECONDS is a number")
    });
    Duration::from_secs(seconds)
}

impl Stage {
    /// Books, nothing computed, and a crew.
    pub(crate) async fn set(name: &str, dice: Dice, casting: Casting) -> Self {
        quiet_digest().await;
        let mut services = services().await;
        let world = books(&services).await;
        let proxies = if casting.proxies {
            let servers = world.servers();
            let postgres = Proxy::to(port_of(&servers.database_url)).await;
            Some([postgres, Proxy::to(port_of(&servers.redis_url)).await])
        } else {
            None
        };
        if !casting.redis {
            services.stop_redis().await.unwrap();
        }
        let stage = Self {
            dice,
            crew: Arc::new(Crew::new(name)),
            world,
            services: AsyncMutex::new(services),
            proxies,
            nights: Mutex::default(),
        };
        for _ in 0..casting.workers {
            stage.hire();
        }
        stage
    }

    /// Starts one more worker; says its process id.
    pub(crate) fn hire(&self) -> i32 {
        self.hire_with(&[])
    }

    /// The same with arguments.
    pub(crate) fn hire_with(&self, arguments: &[&str]) -> i32 {
        self.crew.start(&self.world, |command| {
            command.args(arguments);
            if let Some([postgres, redis]) = &self.proxies {
                let redis_url = &self.world.servers().redis_url;
                command
                    .env("DATABASE_URL", postgres.url(self.world.database_url()))
                    .env("REDIS_URL", redis.url(redis_url))
                    // A dead line shows after six seconds instead of fifteen.
                    .env("SIGMABATCH_STATEMENT_TIMEOUT_SECONDS", "5");
            }
        })
    }

    /// One night after the other; the first one computes everything.
    async fn nights(&self, until: Instant) {
        loop {
            let force = *self.nights.lock().unwrap() > 0;
            let run = self.begin(&night(force)).await;
            let verdict = self.verdict(run).await;
            if verdict == "cancelled" {
                continue;
            }
            assert_eq!(verdict, "succeeded", "{}", self.troubles().await);
            *self.nights.lock().unwrap() += 1;
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// One fault after the other until `end`; does not return.
    async fn faults(&self, disturb: &impl AsyncFn(&Self), end: Instant, workers: usize) {
        while Instant::now() < end {
            disturb(self).await;
        }
        self.mend().await;
        self.complete_crew(workers);
        std::future::pending::<()>().await;
    }

    /// Plans and publishes, as often as it takes.
    pub(crate) async fn begin(&self, request: &Request) -> RunId {
        let mut last = None;
        let planned = within(NIGHT, async || {
            match engine::plan(&self.world.engine, request).await {
                Ok(planned) => Some(planned),
                Err(error) => {
                    last = Some(error);
                    None
                }
            }
        });
        let planned = planned.await;
        let planned = planned.unwrap_or_else(|| panic!("planning fails: {last:?}"));
        engine::start(&self.world.engine, planned.run).await;
        planned.run
    }

    /// Waits for the end of a run, whatever becomes of the server meanwhile.
    pub(crate) async fn verdict(&self, run: RunId) -> String {
        let ended = within(NIGHT, async || {
            let verdict = sqlx::query_scalar("select verdict from run where id = $1")
                .bind(run.0)
                .fetch_one(&self.world.db);
            let asked = tokio::time::timeout(Duration::from_secs(5), verdict).await;
            asked.ok()?.ok()?
        });
        match ended.await {
            Some(verdict) => verdict,
            None => panic!("run {run} does not end: {}", self.troubles().await),
        }
    }

    pub(crate) async fn troubles(&self) -> String {
        let logs = self.crew.folder().display();
        let troubles = tokio::time::timeout(Duration::from_secs(10), self.world.troubles()).await;
        format!("logs in {logs}; {}", troubles.unwrap_or_default())
    }

    /// Whether Postgres takes no writes.
    pub(crate) async fn set_read_only(&self, on: bool) {
        let mut connection = PgConnection::connect(self.world.database_url())
            .await
            .unwrap();
        let set = format!("alter system set default_transaction_read_only = {on}");
        for sql in [
            "set default_transaction_read_only = off",
            &set,
            "select pg_reload_conf()",
        ] {
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }

    /// Ends whatever is still broken.
    async fn mend(&self) {
        let mut services = self.services.lock().await;
        services.start_postgres().await.unwrap();
        services.start_redis(true).await.unwrap();
        for words in [
            &["REPLICAOF", "NO", "ONE"][..],
            &["CONFIG", "SET", "maxmemory", "0"],
            &["CLIENT", "UNPAUSE"],
        ] {
            self.world.redis_says(words).await;
        }
        self.set_read_only(false).await;
        for proxy in self.proxies.iter().flatten() {
            proxy.heal();
        }
        self.crew.thaw();
        drop(services);
        // The first question may go to a connection that died with its server.
        let pauses = within(NIGHT, async || {
            let pool = &self.world.engine.pools.control;
            control::pauses(pool).await.ok()
        });
        for pause in pauses.await.expect("Postgres answers") {
            engine::resume(&self.world.engine, pause.held, MENDING)
                .await
                .unwrap();
        }
    }

    /// Nobody has ended by himself, and who was ended is replaced.
    fn complete_crew(&self, workers: usize) {
        self.crew.assert_nobody_ended();
        while self.crew.size() < workers {
            self.hire();
        }
    }

    /// The results are those of a quiet run, and every invariant holds.
    pub(crate) async fn assert_nothing_had_happened(&self, workers: usize) {
        self.complete_crew(workers);
        assert_eq!(
            &self.world.digest().await,
            quiet_digest().await,
            "13: the digest of all results equals that of a run without faults"
        );
        self.world.assert_invariants(MAX_CRASHES).await;
    }

    /// Says how it was, and gives the servers back for the next scenario.
    pub(crate) async fn strike(self, name: &str, seen: &Seen) {
        let attempts: Vec<(String, i64)> = sqlx::query_as(
            "select outcome, count(*) from attempt group by outcome order by outcome",
        )
        .fetch_all(&self.world.db)
        .await
        .unwrap();
        let attempts: Vec<String> = attempts
            .into_iter()
            .map(|(outcome, count)| format!("{count} {outcome}"))
            .collect();
        println!(
            "{name}: {} nights, attempts: {}; {} looks, at most {} connections",
            self.nights.lock().unwrap(),
            attempts.join(", "),
            seen.looks,
            seen.connections
        );
        self.crew.dismiss().await;
        let _ = std::fs::remove_dir_all(self.crew.folder());
        drop(self.world);
        give_back(self.services.into_inner());
    }
}

/// Servers that no scenario uses at the moment. Those of a scenario that failed are not among them; all
/// of them end with this process.
static FREE: Mutex<Vec<Services>> = Mutex::new(Vec::new());

async fn services() -> Services {
    let free = FREE.lock().unwrap().pop();
    if let Some(services) = free {
        return services;
    }
    let options = Options {
        path: std::env::var_os("PATH"),
        durable: false,
        ..Options::default()
    };
    Services::start(&options).await.unwrap()
}

fn give_back(services: Services) {
    FREE.lock().unwrap().push(services);
}

/// Ten books over eight sessions: some ninety tasks.
async fn books(services: &Services) -> World {
    let servers = Servers {
        database_url: services.database_url(),
        redis_url: services.redis_url(),
    };
    let world = World::on(servers, NOW, market::small()).await;
    for number in 0..BOOKS {
        let (symbol, other) = (SYMBOLS[number % 4], SYMBOLS[(number + number / 4 + 1) % 4]);
        let since = ["2016-12-19", "2016-12-20", "2016-12-22"][number % 3];
        let rows = [
            format!(
                "{symbol},{}00,{},{since},PUBLIC",
                number + 1,
                close(symbol, since)
            ),
            format!(
                "{other},-5{number},{},2016-12-23,PUBLIC",
                close(other, "2016-12-23")
            ),
        ];
        let rows = rows.each_ref().map(String::as_str);
        world
            .book(&format!("book {number}"), "100000", FIRST, &rows)
            .await;
    }
    world
}

/// The digest of a night in which nothing happens.
pub(crate) async fn quiet_digest() -> &'static Digest {
    static DIGEST: tokio::sync::OnceCell<Digest> = tokio::sync::OnceCell::const_new();
    DIGEST
        .get_or_init(async || {
            let services = services().await;
            let world = books(&services).await;
            world.worker().await;
            world.run(&night(false)).await;
            world.assert_at_rest().await;
            let digest = world.digest().await;
            drop(world);
            give_back(services);
            digest
        })
        .await
}
