use std::time::Duration;

use larder::{TimedOut, cached};

const TTL: Duration = Duration::from_secs(60);
const SECONDS: u64 = 60;

#[cached(ttl = SECONDS)]
async fn number(id: u64) -> u64 {
    id
}

#[cached(ttl = TTL, stale = "1m", soft_timeout = TTL, hard_timeout = "1s")]
async fn soft_above_hard(id: u64) -> Result<u64, Late> {
    Ok(id)
}

#[derive(Clone)]
struct Late;

impl From<TimedOut> for Late {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

fn main() {}
