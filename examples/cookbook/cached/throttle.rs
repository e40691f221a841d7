//! `throttle`: the pause after a failed load before the next one, while old values are served.

use std::time::Duration;

use larder::{cached, testing::Kit};

#[cached(ttl = "1m", stale_if_error = "1h", throttle = "10s")]
async fn stock(works: bool) -> Result<u64, String> {
    if works { Ok(10) } else { Err("down".to_owned()) }
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    // The value is from better times.
    stock(false).put(10).await?;
    kit.advance(Duration::from_secs(120));
    for _ in 0..100 {
        assert_eq!(stock(false).await, Ok(10));
    }
    kit.expect().loads(1);
    kit.advance(Duration::from_secs(11));
    assert_eq!(stock(false).await, Ok(10));
    kit.expect().loads(2);
    println!("    100 calls asked the broken service once, and once more after 10 s");
    Ok(())
}
