//! `stale_if`: which errors the old value replaces (within `stale_if_error`). The caller gets the others.

use std::sync::Mutex;
use std::time::Duration;

use larder::{cached, testing::Kit};

#[derive(Clone, Debug, PartialEq)]
enum Failed {
    NotFound,
    TimedOut,
}

static ANSWER: Mutex<Result<u64, Failed>> = Mutex::new(Ok(70));

#[cached(ttl = "1m", stale_if_error = "1h", stale_if = |error: &Failed| *error == Failed::TimedOut)]
async fn stock(id: u64) -> Result<u64, Failed> {
    let _ = id;
    ANSWER.lock().expect("no holder panics").clone()
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    assert_eq!(stock(7).await, Ok(70));
    kit.advance(Duration::from_secs(120));
    *ANSWER.lock().expect("no holder panics") = Err(Failed::TimedOut);
    println!("    {:?}", stock(7).await);
    assert_eq!(stock(7).await, Ok(70));
    kit.advance(Duration::from_secs(2));
    *ANSWER.lock().expect("no holder panics") = Err(Failed::NotFound);
    assert_eq!(stock(7).await, Err(Failed::NotFound));
    Ok(())
}
