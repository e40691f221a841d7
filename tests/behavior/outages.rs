//! The log of outages: what was not up, since when, for how long, and why.

use std::time::Duration;

use larder::{
    Cache,
    backend::BackendErrorKind,
    health::{OutagePart, Status},
    time::Clock,
};

use crate::telling::Telling;

const SECOND: Duration = Duration::from_secs(1);

async fn reads(cache: &Cache, times: usize) {
    for _ in 0..times {
        let _ = cache.get::<u64>("absent").await;
    }
}

#[tokio::test]
async fn outages_are_listed_with_their_length_and_worst_status() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    reads(&cache, 1).await;
    assert_eq!(cache.outages(), [], "reaching the tier for the first time is no outage");
    let built = cache.health().at;

    clock.advance(60 * SECOND);
    store.set_down(true);
    reads(&cache, 3).await;
    clock.advance(2 * SECOND);
    let [outage] = &cache.outages()[..] else { panic!("{:?}", cache.outages()) };
    assert_eq!(
        (outage.part, outage.worst, outage.is_over),
        (OutagePart::Remote, Status::Down, false)
    );
    assert_eq!((outage.since.at, outage.since.lasting), (built + 60 * SECOND, 2 * SECOND));
    assert!(outage.reason.is_some());

    // It ends when the tier is up, not when the first operation succeeds.
    store.set_down(false);
    reads(&cache, 1).await;
    assert!(!cache.outages()[0].is_over);
    clock.advance(5 * SECOND);
    reads(&cache, 1).await;
    clock.advance(60 * SECOND);
    let outage = cache.outages().remove(0);
    assert_eq!((outage.worst, outage.is_over), (Status::Down, true));
    assert_eq!(outage.since.lasting, 7 * SECOND);

    // The reason is the last failure of this outage, also if the status was the same by then.
    store.fail(BackendErrorKind::Refused, "no space");
    reads(&cache, 1).await;
    store.fail(BackendErrorKind::Refused, "no rights");
    reads(&cache, 1).await;
    assert!(cache.outages().remove(1).reason.unwrap().contains("no rights"));
    store.set_down(false);
    reads(&cache, 1).await;
    clock.advance(60 * SECOND);
    reads(&cache, 1).await;
    assert!(cache.outages().iter().all(|outage| outage.is_over));

    store.set_linked(false);
    clock.advance(3 * SECOND);
    store.set_linked(true);
    clock.advance(SECOND);
    let bus = cache.outages().remove(2);
    assert_eq!((bus.part, bus.worst, bus.is_over), (OutagePart::Bus, Status::Down, true));
    assert_eq!((bus.since.lasting, bus.reason), (3 * SECOND, None));
    assert_eq!(OutagePart::Bus.to_string(), "bus");
}

#[tokio::test]
async fn the_log_is_bounded_and_contains_no_credentials() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    reads(&cache, 1).await;
    for _ in 0..70 {
        store.set_linked(false);
        clock.advance(SECOND);
        store.set_linked(true);
    }
    store.fail(BackendErrorKind::Refused, "redis://user:hun/ter@2@10.0.0.1:7000 says no");
    reads(&cache, 1).await;
    let outages = cache.outages();
    assert_eq!(outages.len(), 64);
    let last = outages.last().unwrap();
    assert_eq!((last.part, last.worst), (OutagePart::Remote, Status::Degraded));
    let wire = serde_json::to_string(last).unwrap();
    assert!(wire.contains("redis://***@10.0.0.1:7000 says no") && !wire.contains("hun"), "{wire}");
    assert!(
        wire.contains(r#""part":"remote","worst":"degraded","is_over":false,"since_unix_ms":"#)
    );

    let found = cache.inspect("absent").await;
    let error = found.error.unwrap();
    assert!(error.contains("redis://***@10.0.0.1:7000") && !error.contains("hun"), "{error}");
    let plain = Cache::builder().build().unwrap();
    assert_eq!(plain.outages(), []);
}
