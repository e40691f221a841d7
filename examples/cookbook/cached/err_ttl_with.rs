//! `err_ttl_with`: the error says how long it is kept, here as long as the service asks to wait.

use std::time::Duration;

use larder::{cached, testing::Kit};

#[derive(Clone, Debug)]
struct Busy {
    retry_after: Duration,
}

#[cached(ttl = "1h", err_ttl_with = |error: &Busy| error.retry_after)]
async fn weather(city: &str) -> Result<f64, Busy> {
    let _ = city;
    Err(Busy { retry_after: Duration::from_secs(30) })
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    println!("    {:?}", weather("Oslo").await);
    kit.advance(Duration::from_secs(29));
    assert!(weather("Oslo").await.is_err());
    kit.expect().loads(1);
    kit.advance(Duration::from_secs(2));
    assert!(weather("Oslo").await.is_err());
    kit.expect().loads(2);
    Ok(())
}
