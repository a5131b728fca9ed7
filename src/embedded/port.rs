//! Free ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

use super::Error;
use super::folder::random;

/// Below the range from which systems take the ports of outgoing connections (32768 and up on Linux, 49152 on macOS).
/// A client that tries to reconnect while its server is down would otherwise, now and then, be given the server's own
/// port, and the server could not come back to it.
const FIRST: u16 = 15_000;
const COUNT: u16 = 16_384;

/// Of random ports, so many may be taken before something else must be wrong.
const TRIES: usize = 50;

/// A port nobody listens on. Somebody may take it before our server does: the caller tries again with another one then.
pub(super) fn free() -> Result<u16, Error> {
    let mut last = None;
    for _ in 0..TRIES {
        let port = FIRST + u16::from_le_bytes(random()?) % COUNT;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    let source = last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into());
    Err(Error::System {
        attempt: format!("find a free port on 127.0.0.1 in {TRIES} tries"),
        source,
    })
}
