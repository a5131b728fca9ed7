//! `redis explain`: the keys, what they mean, what to type.

use serde_json::json;

use super::{Error, Output};
use crate::config::RedisConfig;
use crate::queue;

/// The page about the keys of this prefix; needs no Redis.
pub fn explain(config: &RedisConfig, json: bool) -> Result<Output, Error> {
    let keys = config.keys()?;
    let document = || {
        let streams = keys.streams().into_iter().map(|(lane, phase, key)| {
            json!({ "key": key, "lane": lane.as_str(), "phase": phase.as_str(), "number": phase.number() })
        });
        json!({
            "prefix": config.prefix,
            "pattern": keys.pattern(),
            "group": queue::GROUP,
            "dead": keys.dead(),
            "meta": keys.meta(),
            "streams": streams.collect::<Vec<_>>(),
        })
    };
    Ok(Output::either(json, document, || queue::explain(&keys)))
}
