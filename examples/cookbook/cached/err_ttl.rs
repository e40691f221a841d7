//! `err_ttl`: keeps an error for a short time, so that a broken service is not asked by every call.

use std::time::Duration;

use larder::{cached, testing::Kit};

#[cached(ttl = "1h", err_ttl = "2s")]
async fn weather(city: &str) -> Result<f64, String> {
    Err(format!("no station in {city}"))
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    for _ in 0..10 {
        assert!(weather("Oslo").await.is_err());
    }
    kit.expect().loads(1);
    kit.advance(Duration::from_secs(3));
    println!("    {:?}", weather("Oslo").await);
    kit.expect().loads(2);
    Ok(())
}
