//! `ttl_with`: the loaded value says how long it is fresh.

use std::time::Duration;

use larder::{cached, testing::Kit};

#[derive(Clone)]
struct Token {
    secret: String,
    expires_in: Duration,
}

#[cached(local, ttl_with = |token: &Token| token.expires_in)]
async fn token(client: &str) -> Token {
    Token { secret: format!("token of {client}"), expires_in: Duration::from_secs(600) }
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    println!("    {}", token("app").await.secret);
    kit.advance(Duration::from_secs(599));
    token("app").await;
    kit.expect().loads(1);
    kit.advance(Duration::from_secs(2));
    token("app").await;
    kit.expect().loads(2);
    Ok(())
}
