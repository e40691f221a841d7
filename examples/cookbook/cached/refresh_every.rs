//! `refresh_every`: while a key is in use, its value is loaded again in the background, also at moments at which no one reads it.
//! A key that no one has read since its last refresh is left alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder::{Source, cached, testing::Kit};

static RATE: AtomicU64 = AtomicU64::new(108);

#[cached(ttl = "10m", refresh_every = "1m")]
async fn rate() -> u64 {
    RATE.load(Ordering::SeqCst)
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    rate().await;
    for new in 109..112 {
        RATE.store(new, Ordering::SeqCst);
        kit.advance(Duration::from_secs(60));
        kit.settled().await;
        let read = rate().traced().await;
        assert_eq!((read.value, read.source), (new, Source::Memory), "no caller waits");
    }
    // No one reads it any more: one refresh for the last read, and then none.
    for _ in 0..5 {
        kit.advance(Duration::from_secs(60));
        kit.settled().await;
    }
    println!("    {} loads, of which one had a caller", kit.counts().loads);
    assert_eq!(kit.counts().loads, 5);
    Ok(())
}
