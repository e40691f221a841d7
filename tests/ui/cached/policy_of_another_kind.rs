use larder::cached;

use larder::Policy;
use std::time::Duration;

struct Shop;

impl Shop {
    const POLICY: Policy = Policy::new();

    #[cached(policy = Self::POLICY)]
    async fn of_self(id: u64) -> u64 {
        id
    }
}

#[cached(policy = Duration::from_secs(5), stale = "5m")]
async fn no_policy(id: u64) -> u64 {
    id
}

#[cached(policy = ttl, skip(ttl))]
async fn of_an_argument(ttl: Duration) -> u64 {
    ttl.as_secs()
}

fn main() {}
