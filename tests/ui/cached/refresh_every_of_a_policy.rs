use std::time::Duration;

use larder::{Policy, cached};

const EVERY: Policy =
    Policy::new().ttl(Duration::from_secs(60)).refresh_every(Duration::from_secs(10));

#[cached(policy = EVERY)]
async fn without(id: u64) -> u64 {
    id
}

#[cached(policy = EVERY, ttl = "5s", refresh_every = "6s")]
async fn late(id: u64) -> u64 {
    id
}

#[cached(policy = EVERY, refresh_every = "2m")]
async fn later(id: u64) -> u64 {
    id
}

fn main() {}
