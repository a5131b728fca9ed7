//! `services -- COMMAND…`: a command on private servers.

use super::{Error, GlobalSettings, ServicesArgs};
use crate::embedded::{self, Given, Options};

/// Runs the command; its exit code is ours.
pub async fn run(settings: &GlobalSettings, args: &ServicesArgs) -> Result<u8, Error> {
    let options = Options {
        data_dir: args.data_dir.clone(),
        temp_dir: args.temp_dir.clone(),
        path: args.path.clone(),
        durable: !args.fast,
    };
    let reveal = |url: &crate::config::ServiceUrl| url.reveal().to_owned();
    let given = Given {
        database_url: settings.postgres.database_url.as_ref().map(reveal),
        redis_url: settings.redis.redis_url.as_ref().map(reveal),
    };
    Ok(embedded::run(&options, given, &args.command).await?)
}
