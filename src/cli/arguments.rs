//! The tree of commands and their arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand};

use super::audit::AuditArgs;
use super::bench::BenchCommand;
use super::dead::DeadArgs;
use super::diff::DiffArgs;
use super::import::{BenchmarkArgs, DefinitionsArgs, FactorsArgs, LinesArgs, PortfolioArgs};
use super::status::StatusArgs;
use super::tasks::TasksArgs;
use super::token::TokenCommand;
use super::universe::UniverseCommand;
use super::why::WhyArgs;
use crate::config::{
    ClockConfig, ConventionsConfig, HousekeepingConfig, LogConfig, MarketDataConfig,
    PostgresConfig, RedisConfig, WorkerConfig,
};
use crate::domain::{Lane, PhaseName, Symbol};
use crate::engine::CatchUp;

/// Nightly portfolio analytics on Redis streams and Postgres.
#[derive(Debug, Parser)]
#[command(name = "sigmabatch", version, about, propagate_version = true)]
#[command(after_help = "\
Exit codes: 0 done, 1 failed or rejected, 2 wrong command, 3 a run that is only partly complete.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON document with stable keys instead of a page.
    #[arg(long, global = true)]
    pub json: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: GlobalSettings,
}

/// Settings that every command takes, before or after its name.
#[derive(Debug, Clone, Args)]
pub struct GlobalSettings {
    /// Postgres.
    #[command(flatten)]
    pub postgres: PostgresConfig,
    /// Redis.
    #[command(flatten)]
    pub redis: RedisConfig,
    /// Prices.
    #[command(flatten)]
    pub market_data: MarketDataConfig,
    /// The time of day.
    #[command(flatten)]
    pub clock: ClockConfig,
    /// The risk-free rate.
    #[command(flatten)]
    pub conventions: ConventionsConfig,
    /// Logs.
    #[command(flatten)]
    pub log: LogConfig,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A night of analytics on real prices, on private services, from import to summary.
    Demo(DemoArgs),
    /// Runs a command on a private Postgres and Redis (or on those of `DATABASE_URL` and `REDIS_URL`).
    Services(ServicesArgs),
    /// Brings the schema up to date; a new database gets the default factors and scenarios.
    Migrate,
    /// Imports portfolios, cash flows, marks, benchmarks, factors and scenarios.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Plans a run and, with --wait, waits for its end.
    Run(RunArgs),
    /// What a run would do: dates, symbols, tasks per phase, provider calls. Nothing is stored.
    Plan(PlanArgs),
    /// Cancels a run: nothing of it is committed any more.
    Cancel(CancelArgs),
    /// Holds a lane or a phase back: none of its tasks is begun.
    Pause(HoldArgs),
    /// Lets a lane or a phase go on.
    Resume(HoldArgs),
    /// Asks a worker to finish what it has and to leave.
    Drain(DrainArgs),
    /// Plans a repair run over what dead or cancelled tasks concern.
    Retry(RetryArgs),
    /// Makes results stale from a date on, so that the next run computes them again.
    Invalidate(InvalidateArgs),
    /// How runs are doing: phases, errors, what is missing and why, workers, gaps.
    Status(StatusArgs),
    /// What the result of a portfolio and date waits for: the causal chain, from rows.
    Why(WhyArgs),
    /// Tasks by filter, newest first; with --id, one of them with its attempts.
    Tasks(TasksArgs),
    /// Dead tasks, equal mistakes together, and how to do them again.
    Dead(DeadArgs),
    /// Worker processes: leases, work, connections, and who is steward.
    Workers,
    /// Whether every result that should be there is there: missing, stale, outdated, not strict.
    Audit(AuditArgs),
    /// Two runs side by side: durations, tasks, errors, coverage, verdicts, completeness.
    Diff(DiffArgs),
    /// A portfolio's newest published numbers, or those of a date.
    Show(ShowArgs),
    /// How a stored number is made: formula, inputs, intermediate values; made again and compared to the last bit.
    Explain(super::explain::ExplainArgs),
    /// What a portfolio made over a range of sessions: returns, ratios, drawdowns, contributions.
    Performance(PerformanceArgs),
    /// Hashes all results: equal data give equal digests.
    Digest(DigestArgs),
    /// Replays the golden numbers on the shipped data: expected, got, difference; exit code 1 when one differs.
    Verify,
    /// Whether everything is as it should be: servers, schema, clocks, connections, reference data.
    Doctor,
    /// The HTTP API, over Postgres only; several may run at once.
    Serve(ServeArgs),
    /// The HTTP API, a worker and the scheduler in one process: for one machine.
    Up(UpArgs),
    /// Makes, lists and revokes tokens of the HTTP API.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Says whether providers are asked for a symbol: only such an order changes it.
    #[command(subcommand)]
    Universe(UniverseCommand),
    /// What is in Redis.
    #[command(subcommand)]
    Redis(RedisCommand),
    /// How fast the engine and the kernels are on this machine.
    #[command(subcommand)]
    Bench(BenchCommand),
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The folder with market/, portfolios/, factors.toml and scenarios.toml.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub data: PathBuf,
    /// First session of the backfill, from 2016-01-05 to 2016-12-29: a later one is a shorter demo.
    #[arg(long, default_value = "2016-01-05", value_name = "DATE")]
    pub from: NaiveDate,
    /// The API of the undisturbed night stays up until Ctrl-C; the last lines are its address and a token.
    #[arg(long)]
    pub serve: bool,
    /// Where it listens; port 0 is any free one. Without it, 127.0.0.1:8080, or any free port where that is taken.
    #[arg(long, value_name = "ADDRESS", requires = "serve")]
    pub listen: Option<std::net::SocketAddr>,
    /// The night's Postgres and Redis stay in this folder, to look further afterwards.
    #[arg(long, default_value = ".demo", value_name = "DIR")]
    pub keep: PathBuf,
    /// Where fresh folders go.
    #[arg(long, env = "TMPDIR", hide = true)]
    pub temp_dir: Option<PathBuf>,
    /// Where the servers are looked for.
    #[arg(long, env = "PATH", hide = true, hide_env_values = true)]
    pub path: Option<OsString>,
}

/// `services`.
#[derive(Debug, Args)]
pub struct ServicesArgs {
    /// Keep all data in this folder; without it, a fresh folder that is removed at the end.
    #[arg(long = "data", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Postgres does not wait for the disk: for tests.
    #[arg(long)]
    pub fast: bool,
    /// Where fresh folders go.
    #[arg(long, env = "TMPDIR", hide = true)]
    pub temp_dir: Option<PathBuf>,
    /// Where the servers are looked for.
    #[arg(long, env = "PATH", hide = true, hide_env_values = true)]
    pub path: Option<OsString>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// `import`.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// A portfolio: one row per lot. With --update, the difference to its book.
    Portfolio(PortfolioArgs),
    /// Cash flows of a portfolio: Date, Type, Amount, Symbol. With --update, all that it has.
    Flows(LinesArgs),
    /// Prices of private assets: Symbol, Date, Price. With --update, all that it has.
    Marks(LinesArgs),
    /// Sector weights of a benchmark: `as_of`, sector, weight. They replace those of their dates.
    Benchmark(BenchmarkArgs),
    /// Factor definitions: they replace all that there are.
    Factors(FactorsArgs),
    /// Stress scenarios: they replace all that there are.
    Scenarios(DefinitionsArgs),
}

/// Scope and dates of a run: all that anybody can choose.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    /// The session to compute; without dates, the newest whose closes are final.
    #[arg(long, conflicts_with_all = ["from", "to"], value_name = "DATE")]
    pub date: Option<NaiveDate>,
    /// First session of a range.
    #[arg(long, requires = "to", value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Last session of a range.
    #[arg(long, requires = "from", value_name = "DATE")]
    pub to: Option<NaiveDate>,
    /// Only this portfolio, by id or name; may be repeated. Without it, all.
    #[arg(long = "portfolio", value_name = "PORTFOLIO")]
    pub portfolios: Vec<String>,
    /// Who waits: interactive (one date), nightly or backfill (many dates).
    #[arg(long, value_parser = lane())]
    pub lane: Option<Lane>,
    /// Compute also what is current, and ask providers again: corrected prices are seen only so.
    #[arg(long)]
    pub force: bool,
}

/// `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Scope and dates.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Show progress and wait for the end.
    #[arg(long)]
    pub wait: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Scope and dates.
    #[command(flatten)]
    pub scope: ScopeArgs,
}

/// Who orders something, and why: for the audit table.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// Why; stands in the table `audit` for ever.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: String,
    /// Who orders it.
    #[arg(long, env = "USER", default_value = "operator", value_name = "NAME")]
    pub who: String,
}

/// `cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The run, by id or label.
    pub run: String,
    /// Who and why.
    #[command(flatten)]
    pub order: OrderArgs,
}

/// `pause` and `resume`.
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// `lane` or `phase`.
    #[arg(value_parser = ["lane", "phase"])]
    pub kind: String,
    /// A lane (interactive, nightly, backfill), or a phase by name or number.
    pub name: String,
    /// Who and why.
    #[command(flatten)]
    pub order: OrderArgs,
}

/// `drain`.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// The worker, like w-1a2b3c4d or by its id.
    pub worker: String,
    /// Who and why.
    #[command(flatten)]
    pub order: OrderArgs,
}

/// `retry`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(group = ArgGroup::new("which").required(true).multiple(true))]
pub struct RetryArgs {
    /// Tasks of this run, by id or label.
    #[arg(long, group = "which", value_name = "RUN")]
    pub run: Option<String>,
    /// Tasks of this phase, by name or number.
    #[arg(long, group = "which", value_parser = PhaseName::named, value_name = "PHASE")]
    pub phase: Option<PhaseName>,
    /// Tasks about this symbol.
    #[arg(long, group = "which", value_name = "SYMBOL")]
    pub symbol: Option<Symbol>,
    /// Tasks about this portfolio, by id or name.
    #[arg(long, group = "which", value_name = "PORTFOLIO")]
    pub portfolio: Option<String>,
    /// Tasks whose error has this fingerprint, class or text.
    #[arg(long, group = "which", value_name = "TEXT")]
    pub error: Option<String>,
    /// Every one.
    #[arg(long, group = "which")]
    pub all: bool,
    /// Cancelled tasks instead of dead ones.
    #[arg(long)]
    pub cancelled: bool,
    /// Also those that were repaired before.
    #[arg(long)]
    pub again: bool,
    /// Only say what would be planned.
    #[arg(long)]
    pub dry_run: bool,
    /// Show progress and wait for the end.
    #[arg(long, conflicts_with = "dry_run")]
    pub wait: bool,
    /// Who and why.
    #[command(flatten)]
    pub order: OrderArgs,
}

/// `invalidate`.
#[derive(Debug, Args)]
pub struct InvalidateArgs {
    /// A portfolio, by id or name, or a symbol.
    #[arg(value_name = "PORTFOLIO|SYMBOL")]
    pub target: String,
    /// The first date whose results are computed again.
    #[arg(long, value_name = "DATE")]
    pub from: NaiveDate,
    /// Only say what would become stale.
    #[arg(long)]
    pub dry_run: bool,
    /// Who and why.
    #[command(flatten)]
    pub order: OrderArgs,
}

/// `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The portfolio, by id or by its name if only one has it.
    pub portfolio: String,
    /// The session; without it, the newest that is published.
    #[arg(long, value_name = "DATE")]
    pub date: Option<NaiveDate>,
}

/// `performance`.
#[derive(Debug, Args)]
pub struct PerformanceArgs {
    /// The portfolio, by id or by its name if only one has it.
    pub portfolio: String,
    /// The first session whose return counts; without it, the first that is published.
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// The last one; without it, the newest that is published.
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
    /// A symbol with prices to compare with.
    #[arg(long, value_name = "SYMBOL")]
    pub benchmark: Option<Symbol>,
}

/// `digest`.
#[derive(Debug, Args)]
pub struct DigestArgs {
    /// Only this portfolio, by id or name.
    #[arg(long)]
    pub portfolio: Option<String>,
    /// Only this session.
    #[arg(long, value_name = "DATE")]
    pub date: Option<NaiveDate>,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to listen; port 0 is any free one.
    #[arg(
        long,
        env = "SIGMABATCH_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    pub listen: std::net::SocketAddr,
    /// Connections to Postgres for reading: so many requests are answered at once.
    #[arg(
        long,
        env = "SIGMABATCH_API_CONNECTIONS",
        default_value_t = 8,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=256),
    )]
    pub api_connections: u16,
    /// PEM file of a certificate with its chain: with it the API speaks TLS. Without it, TLS is for a proxy in front.
    #[arg(
        long,
        env = "SIGMABATCH_TLS_CERT",
        requires = "tls_key",
        value_name = "FILE"
    )]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of its key.
    #[arg(
        long,
        env = "SIGMABATCH_TLS_KEY",
        requires = "tls_cert",
        value_name = "FILE"
    )]
    pub tls_key: Option<PathBuf>,
    /// Stop when standard input ends: for a parent that may die.
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

/// `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// The API.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// The worker.
    #[command(flatten)]
    pub worker: WorkerConfig,
    /// What it does once in a while.
    #[command(flatten)]
    pub housekeeping: HousekeepingConfig,
    /// Older dates that are due: latest (newest nightly, older as backfill), all, none.
    #[arg(long, env = "SIGMABATCH_CATCH_UP", default_value = "latest")]
    pub catch_up: CatchUp,
    /// Seconds between two looks of the scheduler.
    #[arg(
        long,
        env = "SIGMABATCH_SCHEDULER_SECONDS",
        default_value_t = 30,
        value_name = "N"
    )]
    pub scheduler_seconds: u64,
}

/// `redis`.
#[derive(Debug, Subcommand)]
pub enum RedisCommand {
    /// The keys, what they mean, and what to type into redis-cli.
    Explain,
}

fn lane() -> impl TypedValueParser<Value = Lane> {
    PossibleValuesParser::new(Lane::ALL.iter().map(|lane| lane.as_str()))
        .try_map(|text| text.parse::<Lane>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("sigmabatch").chain(line.split(' ')))
    }

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn dates_of_a_run_are_one_or_a_range() {
        assert!(parse("run").is_ok() && parse("run --date 2016-12-30 --wait").is_ok());
        assert!(parse("run --from 2016-01-05 --to 2016-12-29 --lane backfill").is_ok());
        assert!(parse("run --from 2016-01-05").is_err());
        assert!(parse("run --date 2016-12-30 --from 2016-01-05 --to 2016-12-29").is_err());
        assert!(parse("run --lane slow").is_err());
    }

    #[test]
    fn settings_stand_before_or_after_the_command() {
        for line in ["--prefix x --json show book", "show book --json --prefix x"] {
            let cli = parse(line).unwrap();
            assert!(cli.json && cli.settings.redis.prefix == "x");
        }
    }

    #[test]
    fn a_new_portfolio_needs_its_opening_and_an_update_refuses_one() {
        let new = "import portfolio f.csv --name N --equity 250000 --inception 2016-01-04";
        assert!(parse(new).is_ok() && parse(&format!("{new} --run")).is_ok());
        assert!(parse("import portfolio f.csv --name N").is_err());
        assert!(parse("import portfolio f.csv --name N --update --dry-run").is_ok());
        assert!(parse("import portfolio f.csv --name N --update --equity 5").is_err());
        assert!(parse(&format!("{new} --dry-run")).is_err());
        assert!(parse(&new.replace("250000", "2.5e5")).is_err());
        assert!(parse(&format!("{new} --empty --run")).is_ok());
        assert!(parse("import portfolio f.csv --name N --update --empty --dry-run").is_ok());
    }

    #[test]
    fn an_order_about_a_symbol_has_a_reason() {
        assert!(parse("universe deactivate AAPL --reason delisted").is_ok());
        assert!(parse("universe activate AAPL").is_err());
        assert!(parse("universe activate A/B --reason x").is_err());
    }

    #[test]
    fn help_prints_no_environment_values_of_urls() {
        let help = Cli::command().render_long_help().to_string();
        for name in ["DATABASE_URL", "REDIS_URL", "MARKET_DATA", "SIGMABATCH_NOW"] {
            assert!(help.contains(&format!("[env: {name}")), "{name}: {help}");
        }
    }
}
