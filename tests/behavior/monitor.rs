//! Checks with thresholds, by a clock that tests advance.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use larder::{
    Cache, Error, Memory,
    health::{Alert, AlertState, Monitor, MonitorGuard, Status},
    time::Clock,
};

use crate::support::eventually;
use crate::telling::Telling;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Records alerts, as `raised hit_rate_below`.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Alert>>>);

impl Told {
    fn listen(&self, monitor: Monitor) -> Monitor {
        let told = Arc::clone(&self.0);
        monitor.on_alert(move |alert| told.lock().unwrap().push(alert.clone()))
    }

    fn take(&self) -> Vec<Alert> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn names(&self) -> Vec<String> {
        let name = |alert: &Alert| format!("{} {}", alert.state, alert.threshold);
        self.take().iter().map(name).collect()
    }
}

/// Lets every task run as far as it can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn rounds(clock: &Clock, count: usize) {
    for _ in 0..count {
        clock.advance(MINUTE);
        settle().await;
    }
}

fn begin(cache: &Cache, monitor: Monitor) -> (Told, MonitorGuard) {
    let told = Told::default();
    let monitoring = cache.monitor(told.listen(monitor)).unwrap();
    assert_eq!(monitoring.interval(), MINUTE);
    (told, monitoring)
}

async fn read(cache: &Cache, hits: usize, misses: usize) {
    cache.insert("there", 1u64).await.unwrap();
    for _ in 0..hits {
        cache.get_or_load("there", async || Ok::<_, ()>(1u64)).await.unwrap();
    }
    for _ in 0..misses {
        let mut nothing = true;
        let load = async || Err::<u64, _>(std::mem::take(&mut nothing));
        cache.get_or_load("absent", load).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_low_hit_rate_is_reported_once_and_its_end_once() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    // Reads from before the monitor started do not count.
    read(&cache, 0, 50).await;
    let (told, _monitoring) = begin(&cache, Monitor::every(MINUTE).hit_rate_below(0.5, 10));
    read(&cache, 8, 2).await;
    rounds(&clock, 1).await;
    assert!(told.take().is_empty());

    read(&cache, 3, 7).await;
    clock.advance(MINUTE - Duration::from_millis(1));
    settle().await;
    assert!(told.take().is_empty(), "not before its time");
    clock.advance(Duration::from_millis(1));
    settle().await;
    let alerts = told.take();
    let [alert] = &alerts[..] else { panic!("{alerts:?}") };
    assert_eq!((alert.state, alert.threshold), (AlertState::Raised, "hit_rate_below"));
    assert_eq!(alert.message, "the hit rate is 0.300 over 10 reads (limit 0.5)");
    assert_eq!(alert.since.lasting, Duration::ZERO);
    let shown = "hit_rate_below raised for larder: the hit rate is 0.300 over 10 reads (limit 0.5)";
    assert_eq!(alert.to_string(), shown);

    for _ in 0..5 {
        read(&cache, 2, 8).await;
        rounds(&clock, 1).await;
    }
    assert!(told.take().is_empty(), "reported once");

    // Good, bad, good, too few reads to judge: these are not two good rounds in a row.
    for (hits, misses) in [(9, 1), (1, 9), (9, 1), (1, 3)] {
        read(&cache, hits, misses).await;
        rounds(&clock, 1).await;
    }
    assert!(told.take().is_empty());
    // The four reads from before count with these: six of ten.
    read(&cache, 5, 1).await;
    rounds(&clock, 1).await;
    let alerts = told.take();
    let [alert] = &alerts[..] else { panic!("{alerts:?}") };
    assert_eq!(alert.state, AlertState::Cleared);
    assert_eq!(alert.since.lasting, 10 * MINUTE);
    assert!(alert.to_string().ends_with("0.600 over 10 reads (limit 0.5), after 600s"), "{alert}");
    rounds(&clock, 3).await;
    assert!(told.take().is_empty());
}

#[tokio::test]
async fn a_full_memory_tier() {
    let clock = Clock::manual();
    let builder = Cache::builder().memory(Memory::max_bytes(1 << 20)).clock(clock.clone());
    let cache = builder.build().unwrap();
    let (told, _monitoring) = begin(&cache, Monitor::every(MINUTE).memory_above(2_000));
    rounds(&clock, 2).await;
    assert!(told.names().is_empty());
    for key in 0..50 {
        cache.insert(&*format!("key:{key}"), key).await.unwrap();
    }
    rounds(&clock, 3).await;
    assert_eq!(told.names(), ["raised memory_above"]);
    cache.clear().await.unwrap();
    cache.reclaim();
    rounds(&clock, 1).await;
    assert!(told.names().is_empty());
    rounds(&clock, 3).await;
    assert_eq!(told.names(), ["cleared memory_above"]);
}

#[tokio::test]
async fn an_outage_is_noticed_without_reads() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let monitor = Monitor::every(MINUTE)
        .remote_down_for(2 * MINUTE)
        .remote_degraded_for(Duration::from_millis(1))
        .bus_down_for(MINUTE);
    let (told, _monitoring) = begin(&cache, monitor);
    rounds(&clock, 2).await;
    store.set_down(true);
    rounds(&clock, 2).await;
    // Degraded since the first failed check; the third failure in a row is a minute away.
    assert_eq!(told.names(), ["raised remote_degraded_for"]);
    rounds(&clock, 1).await;
    assert_eq!(cache.health().remote.unwrap().status, Status::Down);
    rounds(&clock, 1).await;
    assert!(told.names().is_empty());
    rounds(&clock, 1).await;
    let alerts = told.take();
    assert_eq!(alerts[0].message, "the remote tier (store) is down for 120s (limit 120s)");
    assert_eq!(alerts[0].health.remote.as_ref().unwrap().status, Status::Down);
    assert_eq!(alerts.len(), 1);
    store.set_linked(false);
    rounds(&clock, 2).await;
    assert_eq!(told.names(), ["raised bus_down_for"]);

    store.set_down(false);
    store.set_linked(true);
    rounds(&clock, 1).await;
    assert!(told.names().is_empty(), "one good check does not end it");
    rounds(&clock, 1).await;
    let cleared = ["remote_down_for", "remote_degraded_for", "bus_down_for"];
    assert_eq!(told.names(), cleared.map(|name| format!("cleared {name}")));
    assert!(cache.health().is_up());
}

/// Thresholds on Redis fields: a ratio, a growth, two bounds, a text.
fn of_redis(monitor: Monitor) -> Monitor {
    monitor
        .when_info("memory", |server| {
            let used = server.ratio("used_memory", "maxmemory")?;
            (used > 0.9).then(|| format!("{used:.3} of maxmemory is used"))
        })
        .when_info("evictions", |server| {
            let evicted = server.growth("evicted_keys").filter(|keys| *keys > 0.0)?;
            Some(format!("{evicted} keys were evicted"))
        })
        .when_info("clients", |server| {
            let clients = server.number("connected_clients").filter(|clients| *clients > 100.0)?;
            Some(format!("{clients} clients are connected"))
        })
        .when_info("replicas", |server| {
            let replicas = server.number("connected_slaves").filter(|count| *count < 1.0)?;
            Some(format!("{replicas} replicas are connected"))
        })
        .when_info("link", |server| {
            let link = server.text("master_link_status").filter(|link| *link != "up")?;
            Some(format!("the link to the master is {link}"))
        })
        .when_info("nothing", |server| server.text("no_such_field").map(str::to_owned))
}

#[tokio::test]
async fn thresholds_on_fields_of_the_store() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let monitor = of_redis(Monitor::every(MINUTE));
    let (told, _monitoring) = begin(&cache, monitor);
    let set = |fields: &[(&str, &str)]| {
        fields.iter().for_each(|(field, value)| store.set_info(field, value));
    };
    rounds(&clock, 1).await;
    assert!(told.names().is_empty(), "without fields no threshold is crossed");
    set(&[("used_memory", "95"), ("maxmemory", "0"), ("evicted_keys", "1000")]);
    set(&[("connected_clients", "100"), ("connected_slaves", "1"), ("master_link_status", "up")]);
    rounds(&clock, 2).await;
    assert!(told.names().is_empty(), "no limit, no growth, none crossed");

    set(&[("maxmemory", "100"), ("evicted_keys", "1001")]);
    set(&[("connected_clients", "101"), ("connected_slaves", "0"), ("master_link_status", "down")]);
    rounds(&clock, 1).await;
    let alerts = told.take();
    let found: Vec<_> = alerts.iter().map(|alert| alert.message.as_str()).collect();
    let wanted = [
        "0.950 of maxmemory is used",
        "1 keys were evicted",
        "101 clients are connected",
        "0 replicas are connected",
        "the link to the master is down",
    ];
    assert_eq!(found, wanted);
    let shown = "memory raised for larder: 0.950 of maxmemory is used";
    assert_eq!((alerts[0].to_string().as_str(), &alerts[0].server), (shown, &None));

    // A store that is down reports nothing, which clears no alert.
    store.set_down(true);
    rounds(&clock, 5).await;
    assert!(told.names().is_empty());
    store.set_down(false);
    // After a restart the counter is lower, which is no growth.
    set(&[("maxmemory", "1000"), ("evicted_keys", "3"), ("connected_clients", "1")]);
    set(&[("connected_slaves", "2"), ("master_link_status", "up")]);
    rounds(&clock, 3).await;
    let alerts = told.take();
    assert_eq!(alerts.len(), 5, "{alerts:?}");
    assert!(alerts.iter().all(|alert| alert.state == AlertState::Cleared), "{alerts:?}");
    // A cleared alert repeats the message that raised it.
    assert_eq!(alerts[0].message, "0.950 of maxmemory is used");
}

#[tokio::test]
async fn each_server_that_crosses_a_threshold_is_named() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let monitor = of_redis(Monitor::every(MINUTE)).when_info("address", |server| {
        server.address().filter(|address| *address == "c:1").map(str::to_owned)
    });
    let (told, _monitoring) = begin(&cache, monitor);
    for (server, used, replicas) in [("a:1", "91", "1"), ("b:1", "99", "1"), ("c:1", "5", "0")] {
        store.set_info(&format!("{server}/used_memory"), used);
        store.set_info(&format!("{server}/maxmemory"), "100");
        store.set_info(&format!("{server}/connected_slaves"), replicas);
        store.set_info(&format!("{server}/evicted_keys"), used);
        // Another field, although its name has the same end.
        store.set_info(&format!("{server}/min_connected_slaves"), "0");
    }
    rounds(&clock, 1).await;
    let found = |alerts: &[Alert]| {
        let one = |alert: &Alert| (alert.server.clone().unwrap(), alert.message.clone());
        alerts.iter().map(one).collect::<Vec<_>>()
    };
    let pair = |server: &str, message: &str| (server.to_owned(), message.to_owned());
    let wanted = [
        pair("a:1", "a:1: 0.910 of maxmemory is used; b:1: 0.990 of maxmemory is used"),
        pair("c:1", "c:1: 0 replicas are connected"),
        pair("c:1", "c:1: c:1"),
    ];
    assert_eq!(found(&told.take()), wanted);
    // The growth of a counter is computed per server.
    store.set_info("b:1/evicted_keys", "102");
    rounds(&clock, 1).await;
    assert_eq!(found(&told.take()), [pair("b:1", "b:1: 3 keys were evicted")]);
}

#[tokio::test]
async fn it_stops_with_its_handle_and_with_the_cache() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    let checks = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&checks);
    let monitor = Monitor::every(MINUTE).on_check(move |health| {
        assert!(health.is_up());
        *counted.lock().unwrap() += 1;
    });
    let monitoring = cache.monitor(monitor.clone()).unwrap();
    settle().await;
    rounds(&clock, 2).await;
    assert_eq!(*checks.lock().unwrap(), 2);
    clock.advance(MINUTE);
    // The next check is due, but the handle is dropped first.
    drop(monitoring);
    settle().await;
    rounds(&clock, 3).await;
    assert_eq!(*checks.lock().unwrap(), 2);

    cache.monitor(monitor).unwrap().keep();
    rounds(&clock, 2).await;
    assert_eq!(*checks.lock().unwrap(), 4);
    drop(cache);
    rounds(&clock, 3).await;
    assert_eq!(*checks.lock().unwrap(), 4);
    // The callback has been dropped.
    assert_eq!(Arc::strong_count(&checks), 1);

    let cache = store.cache(&clock);
    let counted = Arc::clone(&checks);
    let monitor = Monitor::every(MINUTE).on_check(move |_| *counted.lock().unwrap() += 1);
    cache.monitor(monitor).unwrap().keep();
    cache.close().await.unwrap();
    rounds(&clock, 3).await;
    assert_eq!((*checks.lock().unwrap(), Arc::strong_count(&checks)), (4, 1));
}

#[tokio::test]
async fn a_panic_ends_nothing() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let monitor = Monitor::every(MINUTE)
        .hit_rate_below(1.0, 1)
        .on_check(|_| panic!("on purpose"))
        .on_alert(|_| panic!("on purpose"));
    let (told, _monitoring) = begin(&cache, monitor);
    read(&cache, 0, 1).await;
    rounds(&clock, 1).await;
    for _ in 0..2 {
        read(&cache, 1, 0).await;
        rounds(&clock, 1).await;
    }
    assert_eq!(told.names(), ["raised hit_rate_below", "cleared hit_rate_below"]);
}

/// A threshold that panics is not crossed; the others are checked.
#[tokio::test]
async fn a_panic_in_a_threshold_ends_nothing() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    store.set_info("connected_clients", "101");
    let monitor = of_redis(Monitor::every(MINUTE).when_info("panics", |_| panic!("on purpose")));
    let (told, _monitoring) = begin(&cache, monitor);
    rounds(&clock, 2).await;
    assert_eq!(told.names(), ["raised clients"]);
}

#[tokio::test]
async fn a_store_that_hangs_does_not_block_checks() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let cache = store.cache(&clock);
    store.set_silent();
    let monitor = Monitor::every(MINUTE).timeout(SECOND).remote_degraded_for(SECOND);
    let (told, _monitoring) = begin(&cache, monitor);
    rounds(&clock, 1).await;
    assert_eq!(store.calls("ping"), 1);
    clock.advance(SECOND);
    settle().await;
    assert_eq!(cache.health().remote.unwrap().status, Status::Degraded);
    clock.advance(MINUTE - SECOND);
    settle().await;
    clock.advance(SECOND);
    settle().await;
    assert_eq!(told.names(), ["raised remote_degraded_for"]);
}

#[tokio::test]
async fn invalid_settings_are_rejected_with_the_method() {
    let (store, clock) = (Telling::new(), Clock::manual());
    let both = store.cache(&clock);
    let memory = Cache::builder().build().unwrap();
    let remote = store.cache_without_memory(&clock);
    let refused = |cache: &Cache, monitor: Monitor| match cache.monitor(monitor) {
        Err(Error::Config { field, message }) => {
            assert!(!message.is_empty());
            field
        }
        other => panic!("{other:?}"),
    };
    let zero = Duration::ZERO;
    let every = || Monitor::every(MINUTE);
    for (field, monitor) in [
        ("interval", Monitor::every(zero).memory_above(1)),
        ("interval", Monitor::every(Duration::from_micros(999)).memory_above(1)),
        ("timeout", every().memory_above(1).timeout(zero)),
        ("monitor", every()),
        ("monitor", every().on_alert(|_| ())),
        ("hit_rate_below", every().hit_rate_below(0.0, 1)),
        ("hit_rate_below", every().hit_rate_below(1.1, 1)),
        ("hit_rate_below", every().hit_rate_below(-0.5, 1)),
        ("hit_rate_below", every().hit_rate_below(f64::NAN, 1)),
        ("hit_rate_below", every().hit_rate_below(0.5, 0)),
        ("memory_above", every().memory_above(0)),
        ("remote_down_for", every().remote_down_for(zero)),
        ("remote_degraded_for", every().remote_degraded_for(zero)),
        ("bus_down_for", every().bus_down_for(zero)),
        ("when_info", every().when_info(" ", |_| None)),
        // The valid settings before it do not hide it.
        ("memory_above", every().hit_rate_below(0.5, 9).memory_above(0)),
    ] {
        assert_eq!(refused(&both, monitor), field);
    }
    assert_eq!(refused(&memory, every().remote_down_for(SECOND)), "remote_down_for");
    assert_eq!(refused(&memory, every().bus_down_for(SECOND)), "bus_down_for");
    assert_eq!(refused(&memory, every().when_info("a", |_| None)), "when_info");
    assert_eq!(refused(&remote, every().memory_above(1)), "memory_above");
}

#[tokio::test]
async fn by_the_real_clock_too() {
    let cache = Cache::builder().build().unwrap();
    let told = Told::default();
    let monitor = Monitor::every(Duration::from_millis(5)).hit_rate_below(0.9, 1);
    let _monitoring = cache.monitor(told.listen(monitor)).unwrap();
    read(&cache, 0, 1).await;
    eventually("an alert", async || told.names() == ["raised hit_rate_below"]).await;
}

#[test]
fn without_a_runtime_too() {
    let cache = Cache::builder().build().unwrap();
    let (send, told) = std::sync::mpsc::channel();
    let monitor = Monitor::every(Duration::from_millis(5)).on_check(move |health| {
        let _ = send.send(health.is_up());
    });
    let monitoring = cache.monitor(monitor).unwrap();
    assert_eq!(told.recv_timeout(10 * SECOND), Ok(true));
    drop(monitoring);
    // The channel is disconnected when the callback is dropped.
    while told.recv_timeout(10 * SECOND).is_ok() {}
    assert_eq!(told.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
}
