use std::time::Duration;

use larder::cached;

struct Settings {
    stale: Duration,
    ttl: u64,
}

#[cached(ttl = "1m", stale = settings.stale, key = "a", skip(settings))]
async fn window(settings: Settings) -> u64 {
    1
}

#[cached(ttl = settings.ttl, key = "b", skip(settings))]
async fn number(settings: Settings) -> u64 {
    1
}

fn main() {}
