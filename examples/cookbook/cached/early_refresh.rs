//! `early_refresh`: refreshes a value in the background before its `ttl` ends, by chance: the longer the load takes and the nearer
//! the end is, the more probable (XFetch). So callers of a popular value never wait.

use std::time::Duration;

use larder::{Source, cached, testing::Kit};

// The number makes early refreshes more probable (above 1) or less.
#[cached(ttl = "10s", early_refresh = 3.0)]
async fn report() -> u64 {
    // This load takes two seconds of the kit's clock.
    if let Some(kit) = Kit::current() {
        kit.advance(Duration::from_secs(2));
    }
    42
}

pub(crate) async fn run(kit: &Kit) -> crate::Done {
    report().await;
    for _ in 0..90 {
        kit.advance(Duration::from_millis(100));
        assert_eq!(report().traced().await.source, Source::Memory, "no caller waits");
        kit.settled().await;
    }
    println!("    {} loads, and all callers got a fresh value from memory", kit.counts().loads);
    Ok(())
}
