//! `sigmabatch`: the operator's command line.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use sigmabatch::cli::bench::BenchCommand;
use sigmabatch::cli::{self, Cli, Command, Error, ImportCommand, Output, RedisCommand, demo};
use sigmabatch::engine::{self, WorkerOptions};
use sigmabatch::{api, dashboard, embedded, process, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // A service says more than a command.
    let level = match cli.command {
        Command::Serve(_) | Command::Up(_) => "info",
        _ => "warn",
    };
    telemetry::start(&cli.settings.log, level);
    let json = cli.json;
    match run(cli).await {
        Ok(output) => {
            // A reader that went away (`| head`) is no error.
            let _ = std::io::stdout().write_all(output.text.as_bytes());
            ExitCode::from(output.code)
        }
        Err(error) => {
            let text = error.render(json);
            let _ = if json {
                std::io::stdout().write_all(text.as_bytes())
            } else {
                std::io::stderr().write_all(text.as_bytes())
            };
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(cli: Cli) -> Result<Output, Error> {
    let (settings, json) = (&cli.settings, cli.json);
    let clock = settings.clock.clock();
    let pools = || cli::connect_migrated(&settings.postgres, "sigmabatch-cli");
    match &cli.command {
        Command::Demo(args) => {
            let place = demo::Place {
                programs: programs(),
                services: embedded::Options {
                    data_dir: Some(args.keep.clone()),
                    temp_dir: args.temp_dir.clone(),
                    path: args.path.clone(),
                    durable: true,
                },
            };
            demo::demo(settings, args, &place, json).await
        }
        Command::Services(args) => {
            let code = cli::services::run(settings, args).await?;
            Ok(Output {
                text: String::new(),
                code,
            })
        }
        Command::Migrate => {
            let pools = cli::connect(&settings.postgres, "sigmabatch-cli").await?;
            cli::migrate::run(&pools, json).await
        }
        Command::Import(import) => match import {
            ImportCommand::Portfolio(args) => {
                let receipt = cli::import::portfolio(&pools().await?, &clock, args).await?;
                let mut output = receipt.output(json);
                if args.run {
                    let run = cli::run::onboard(settings, receipt.portfolio.id, json).await?;
                    output.text.push_str(&run.text);
                    output.code = run.code;
                }
                Ok(output)
            }
            ImportCommand::Flows(args) => Ok(cli::import::flows(&pools().await?, &clock, args)
                .await?
                .output(json)),
            ImportCommand::Marks(args) => Ok(cli::import::marks(&pools().await?, &clock, args)
                .await?
                .output(json)),
            ImportCommand::Benchmark(args) => {
                let receipt = cli::import::benchmark(&pools().await?, &clock, args).await?;
                Ok(receipt.output(json))
            }
            ImportCommand::Factors(args) => {
                let receipts = cli::import::factors(&pools().await?, args).await?;
                Ok(cli::import::DefinitionsReceipt::output(&receipts, json))
            }
            ImportCommand::Scenarios(args) => {
                let receipts = cli::import::scenarios(&pools().await?, args).await?;
                Ok(cli::import::DefinitionsReceipt::output(&receipts, json))
            }
        },
        Command::Run(args) => cli::run::run(settings, args, json).await,
        Command::Plan(args) => cli::plan::run(settings, args, json).await,
        Command::Cancel(args) => cli::control::cancel(settings, args, json).await,
        Command::Pause(args) => cli::control::pause(settings, args, json).await,
        Command::Resume(args) => cli::control::resume(settings, args, json).await,
        Command::Drain(args) => cli::control::drain(settings, args, json).await,
        Command::Retry(args) => cli::retry::run(settings, args, json).await,
        Command::Invalidate(args) => cli::invalidate::run(settings, args, json).await,
        Command::Status(args) => cli::status::run(&pools().await?, &clock, args, json).await,
        Command::Tasks(args) => cli::tasks::run(&pools().await?, args, json).await,
        Command::Why(args) => cli::why::run(settings, args, json).await,
        Command::Audit(args) => cli::audit::run(&pools().await?, &clock, args, json).await,
        Command::Diff(args) => cli::diff::run(&pools().await?, args, json).await,
        Command::Doctor => cli::doctor::run(settings, json).await,
        Command::Workers => cli::workers::run(&pools().await?, json).await,
        Command::Dead(args) => cli::dead::run(&pools().await?, args, json).await,
        Command::Show(args) => cli::show::run(&pools().await?, args, json).await,
        Command::Explain(args) => cli::explain::run(&pools().await?, args, json).await,
        Command::Performance(args) => cli::performance::run(&pools().await?, args, json).await,
        Command::Digest(args) => cli::digest::run(&pools().await?, args, json).await,
        Command::Verify => cli::verify::run(json),
        Command::Serve(args) => serve(settings, args, clock).await,
        Command::Up(args) => Box::pin(up(settings, args, clock)).await,
        Command::Token(command) => cli::token::run(&pools().await?, command, json).await,
        Command::Universe(command) => cli::universe::run(&pools().await?, command, json).await,
        Command::Redis(RedisCommand::Explain) => cli::redis::explain(&settings.redis, json),
        Command::Bench(BenchCommand::Analytics(args)) => {
            cli::bench::analytics::run(args, json).await
        }
        Command::Bench(BenchCommand::Engine(args)) => {
            let place = fresh(args.temp_dir.as_ref(), args.path.as_ref());
            Box::pin(cli::bench::engine(settings, args, &place, json)).await
        }
        Command::Bench(BenchCommand::Api(args)) => {
            let place = fresh(args.temp_dir.as_ref(), args.path.as_ref());
            Box::pin(cli::bench::api::run(settings, args, &place, json)).await
        }
    }
}

/// Answers HTTP until it is asked to stop.
async fn serve(
    settings: &cli::GlobalSettings,
    args: &cli::ServeArgs,
    clock: sigmabatch::clock::Clock,
) -> Result<Output, Error> {
    let stop = process::shutdown().map_err(served)?;
    if args.until_stdin_closes {
        process::stop_with_stdin(stop.clone());
    }
    let server = listen(settings, args, clock).await?;
    server.run(stop).await.map_err(served)?;
    Ok(Output::page(String::new()))
}

/// Listens, and says where on standard output.
async fn listen(
    settings: &cli::GlobalSettings,
    args: &cli::ServeArgs,
    clock: sigmabatch::clock::Clock,
) -> Result<api::Server, Error> {
    let tls = args.tls_cert.clone().zip(args.tls_key.clone());
    let options = api::Options {
        listen: args.listen,
        connections: args.api_connections.into(),
        risk_free_rate: settings.conventions.risk_free_rate,
        tls: tls.map(|(certificate, key)| api::Tls { certificate, key }),
        limits: api::Limits::default(),
    };
    // Says so at once where Postgres is away or not migrated.
    cli::connect_migrated(&settings.postgres, "sigmabatch-api").await?;
    let store = settings.postgres.settings("sigmabatch-api")?;
    let redis = settings.redis.redis_url.is_some();
    let queue = |install| redis.then(|| settings.redis.queue(install)).transpose();
    let server = api::bind(&options, &store, queue, clock)
        .await
        .map_err(served)?;
    let server = server.with(dashboard::pages());
    let mut hello = format!("listening on {}://{}\n", server.scheme(), server.address());
    if let Some(token) = server.first_token() {
        hello.push_str("the first operator token, shown this once: ");
        hello.push_str(&token);
        hello.push('\n');
    }
    let _ = std::io::stdout().write_all(hello.as_bytes());
    let _ = std::io::stdout().flush();
    Ok(server)
}

/// The API, a worker and the scheduler, until they are asked to stop; each has connections of its own.
async fn up(
    settings: &cli::GlobalSettings,
    args: &cli::UpArgs,
    clock: sigmabatch::clock::Clock,
) -> Result<Output, Error> {
    let provider = Arc::new(settings.market_data.provider()?);
    let redis = settings.redis.reveal()?;
    let stop = process::shutdown().map_err(served)?;
    let server = listen(settings, &args.serve, clock).await?;
    let connect = async |name: &str| {
        let store = settings.postgres.settings(name)?;
        let engine = process::connect(&store, redis, &settings.redis.prefix, clock).await;
        let engine = engine.map_err(served)?;
        let rate = settings.conventions.risk_free_rate;
        Ok::<_, Error>((engine.with_risk_free_rate(rate), store))
    };
    let (scheduler, _) = connect("sigmabatch-scheduler").await?;
    let (worker, store) = connect("sigmabatch-worker").await?;
    let options = WorkerOptions {
        store,
        provider,
        lease: args.worker.lease(),
        max_crashes: args.worker.max_crashes,
        concurrency: args.worker.concurrency as usize,
        batch: engine::MAX_BATCH,
        grace: args.worker.grace(),
        housekeeping: process::housekeeping(&args.housekeeping).map_err(served)?,
        host: process::host_name(),
        failpoint: None,
        probe: None,
    };
    let every = Duration::from_secs(args.scheduler_seconds);
    // What ends, ends the others: half of it would look as if it worked.
    let working = async {
        let done = Box::pin(engine::run_worker(worker, options, stop.clone())).await;
        stop.cancel();
        done.map_err(served)
    };
    let answering = async {
        let done = server.run(stop.clone()).await;
        stop.cancel();
        done.map_err(served)
    };
    let planning = engine::keep_schedule(&scheduler, args.catch_up, every, stop.clone());
    let (worked, answered, ()) = tokio::join!(working, answering, planning);
    worked.and(answered)?;
    Ok(Output::page(String::new()))
}

fn served(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Serve(Box::new(error))
}

/// Private servers of which nothing is kept.
fn fresh(temp_dir: Option<&PathBuf>, path: Option<&OsString>) -> demo::Place {
    demo::Place {
        programs: programs(),
        services: embedded::Options {
            data_dir: None,
            temp_dir: temp_dir.cloned(),
            path: path.cloned(),
            durable: true,
        },
    }
}

/// The folder of this program and its siblings.
fn programs() -> std::path::PathBuf {
    let program = std::env::current_exe().ok();
    let folder = program.and_then(|path| path.parent().map(ToOwned::to_owned));
    folder.unwrap_or_default()
}
