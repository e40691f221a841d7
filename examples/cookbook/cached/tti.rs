//! `tti`: time to idle. A value that nobody reads for this time expires, even if its `ttl` has not ended.

use std::time::Duration;

use larder::{cached, testing::Kit};

#[cached(ttl = "1h", tti = "5m")]
async fn session(id: u64) -> String {
    format!("session {id}")
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    session(1).await;
    for _ in 0..3 {
        kit.advance(Duration::from_secs(4 * 60));
        session(1).await;
    }
    kit.expect().loads(1).hits(3);
    kit.advance(Duration::from_secs(6 * 60));
    session(1).await;
    kit.expect().loads(2);
    println!("    read every four minutes, the session lives; after six minutes it does not");
    Ok(())
}
