//! Times to live that come from the loaded value or from the arguments, in every tier.

use std::time::Duration;

use larder::{Cache, Expiry, Policy, Source, cached};
use serde::{Deserialize, Serialize};

use crate::support::{Server, eventually};
use crate::three_tierings::{in_both, in_memory, in_redis};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Token {
    expires_in: Duration,
}

#[cached(ttl_with = |token: &Token| token.expires_in, unless = |_| id == refused, key = "token:{id}", skip(cache, refused), cache = cache)]
async fn token(cache: &Cache, id: u64, refused: u64) -> Token {
    Token { expires_in: Duration::from_secs(id) }
}

#[cached(ttl = *ttl, key = "ttl:{id}", skip(cache, ttl), cache = cache)]
async fn of_ttl(cache: &Cache, id: u64, ttl: &Duration) -> u64 {
    id
}

#[cached(policy = *policy, key = "policy:{id}", skip(cache, policy), cache = cache)]
async fn of_policy(cache: &Cache, id: u64, policy: &Policy) -> u64 {
    id
}

fn is_about(left: Option<Expiry>, seconds: u64) -> bool {
    let left = left.and_then(Expiry::left).unwrap_or_default();
    left <= Duration::from_secs(seconds) && left > Duration::from_secs(seconds - 60)
}

async fn scenario(cache: &Cache) {
    let tagged = Policy::new().ttl(Duration::from_secs(9_000)).tags(&["tagged"]);
    for _ in 0..2 {
        token(cache, 5_000, 0).await;
        token(cache, 0, 1).await;
        token(cache, 7_000, 7_000).await;
        of_ttl(cache, 1, &Duration::from_secs(8_000)).await;
        of_policy(cache, 1, &tagged).await;
    }
    assert!(is_about(cache.ttl("token:5000").await.unwrap(), 5_000));
    assert_eq!(cache.ttl("token:0").await.unwrap(), None, "zero is not stored");
    assert_eq!(cache.ttl("token:7000").await.unwrap(), None, "the condition is false");
    assert!(is_about(cache.ttl("ttl:1").await.unwrap(), 8_000));
    assert!(is_about(cache.ttl("policy:1").await.unwrap(), 9_000));
    assert_eq!(cache.stats().loads, 2 + 2 + 1 + 1 + 1);
    let entry = |key: &'static str| {
        let entry =
            cache.entry(key).ttl("2h").cache_if(|token: &Token| !token.expires_in.is_zero());
        entry
            .ttl_with(|token: &Token| (token.expires_in.as_secs() != 1).then_some(token.expires_in))
    };
    let token = |seconds| Token { expires_in: Duration::from_secs(seconds) };
    entry("hand:loaded").or_load(async || Ok::<_, ()>(token(6_000))).await.unwrap();
    entry("hand:not").or_load(async || Ok::<_, ()>(token(0))).await.unwrap();
    entry("hand:inserted").insert(token(6_000)).await.unwrap();
    entry("hand:own").insert(token(1)).await.unwrap();
    assert!(is_about(cache.ttl("hand:loaded").await.unwrap(), 6_000));
    assert_eq!(cache.ttl("hand:not").await.unwrap(), None);
    assert!(is_about(cache.ttl("hand:inserted").await.unwrap(), 6_000));
    assert!(is_about(cache.ttl("hand:own").await.unwrap(), 7_200));
    entry("hand:inserted").insert(token(0)).await.unwrap();
    assert_eq!(cache.ttl("hand:inserted").await.unwrap(), None, "the old value is evicted");
    cache.evict_tag("tagged").await.unwrap();
    assert_eq!(of_policy(cache, 1, &tagged).traced().await.source, Source::Loaded);
}

#[tokio::test]
async fn the_value_and_the_arguments_decide_in_every_tiering() {
    let server = Server::start();
    scenario(&in_memory().await).await;
    scenario(&in_redis(&server).await).await;
    server.cli(&["FLUSHALL"]);
    scenario(&in_both(&server).await).await;
    let elsewhere = in_redis(&server).await;
    eventually("another process sees the same end", async || {
        is_about(elsewhere.ttl("token:5000").await.unwrap(), 5_000)
    })
    .await;
}
