//! One run: a seed, a world, a history.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use larder::{Cache, Memory, backend::MemoryBackend, time::Clock};
use tokio::time::{sleep, timeout};

use super::bus::Bus;
use super::chance::Chance;
use super::checker::{Terms, Violation, check};
use super::history::{Event, History, Record};
use super::link::Link;
use super::node::{ALL_KEYS, KEYS, Node, Rules, draw_rules};
use super::origin::Origin;
use super::remote::Remote;
use super::weather::{HANG, Weather};
use super::workload::{Client, Troubles};

/// Longer than any run.
const END: Duration = Duration::from_secs(3_600);

pub(crate) struct Run {
    pub(crate) records: Vec<Record>,
    pub(crate) verdict: Result<(), Violation>,
}

/// Runs a seed on a separate runtime with virtual time.
pub(crate) fn run(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O can be built");
    runtime.block_on(async move {
        let chance = Arc::new(Chance::new(seed));
        let weather = Weather::draw(&chance);
        let history = Arc::new(History::new());
        let rules: Vec<_> = (0..ALL_KEYS as u64).map(|key| draw_rules(key, &chance)).collect();
        let terms = Terms::of(weather, &rules);
        let ended = timeout(END, live(chance, weather, rules, Arc::clone(&history))).await;
        let records = history.records();
        let verdict = match ended {
            Ok(()) => check(&records, &terms),
            Err(_) => Err(Violation::new("P5", "the run did not end", Vec::new())),
        };
        Run { records, verdict }
    })
}

async fn live(chance: Arc<Chance>, weather: Weather, rules: Vec<Rules>, history: Arc<History>) {
    let count = if weather.leases { chance.among(2..5) as usize } else { 1 };
    let keys = chance.among(1..KEYS as u64 + 1);
    let pause = *chance.pick(&[12, 60]);
    let bus = Arc::new(Bus::default());
    let mut clocks = skewed_clocks(count + 1).await.into_iter();
    let mut clock = || clocks.next().expect("there is a clock for each cache");
    let store = MemoryBackend::with_clock(clock());
    let origin = Arc::new(Origin::new(ALL_KEYS, weather, &chance, &history));
    let (requests, operations) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut nodes = Vec::new();
    for number in 0..count {
        let link = Arc::new(Link::new(number, weather, &chance, &history, &requests));
        let remote = Remote {
            link: Arc::clone(&link),
            store: store.clone(),
            bus: Arc::clone(&bus),
            chance: Arc::clone(&chance),
            nodes: count,
            has_leases: weather.leases,
        };
        let builder =
            Cache::builder().namespace("sim").remote(remote).clock(clock()).seed(chance.number());
        // In half of the runs each read asks for its generations.
        let trusts = *chance.pick(&[0, 0, 500, 3_600_000]);
        let builder = builder.trust_tags(Duration::from_millis(trusts));
        let has_memory = chance.among(0..5) != 0;
        if !has_memory && trusts == 0 {
            history.record(Event::Strict { node: number });
        }
        let builder = match has_memory {
            false => builder.no_memory(),
            true => builder.memory(Memory::max_entries(1_000)),
        };
        nodes.push(Arc::new(Node {
            number,
            cache: builder.build().expect("the configuration is valid"),
            link,
            origin: Arc::clone(&origin),
            history: Arc::clone(&history),
            rules: rules.clone(),
            any_tiers: !weather.puts_hold(),
            operations: Arc::clone(&operations),
        }));
        sleep(chance.millis(0..50)).await;
    }
    let mut running = Vec::new();
    let mut clients = Vec::new();
    for node in &nodes {
        let tasks: Vec<_> = (0..chance.among(1..5))
            .map(|_| {
                let client = Client { node: Arc::clone(node), keys, pause, weather };
                tokio::spawn(client.run(Arc::clone(&chance)))
            })
            .collect();
        clients.push(tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect());
        running.extend(tasks);
    }
    let troubles = Troubles {
        nodes: nodes.clone(),
        clients,
        bus,
        store,
        chance: Arc::clone(&chance),
        history: Arc::clone(&history),
    };
    troubles.run(weather).await;
    for client in running {
        if let Err(failed) = client.await
            && failed.is_panic()
        {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
    let keys = if weather.batches { ALL_KEYS } else { KEYS };
    rest(&nodes, keys, &history).await;
}

/// Returns clocks that differ by far more than the life of any value; earlier ones are ahead.
async fn skewed_clocks(count: usize) -> Vec<Clock> {
    let mut clocks = Vec::new();
    for _ in 0..count {
        clocks.push(Clock::tokio());
        sleep(Duration::from_secs(20)).await;
    }
    // The clock of the store is behind the clocks of half of the nodes.
    clocks.swap(0, count / 2);
    clocks
}

/// When all nodes read all keys after the last client has ended: while most values are still fresh, and after every
/// hung load has ended.
const LOOKS: [u64; 2] = [1_000, HANG];

/// Checks that all nodes agree once there are no more faults; then no load is left under way.
async fn rest(nodes: &[Arc<Node>], keys: usize, history: &History) {
    let alive = || nodes.iter().filter(|node| !node.link.is_cut());
    for wait in LOOKS {
        sleep(Duration::from_millis(wait)).await;
        for node in alive() {
            for key in 0..keys as u64 {
                node.peek(key).await;
                node.get_or_load(key, false, true).await;
            }
        }
    }
    sleep(Duration::from_millis(2 * HANG)).await;
    for node in alive() {
        let in_flight = node.cache.stats().in_flight;
        history.record(Event::Rest { node: node.number, in_flight });
    }
}
