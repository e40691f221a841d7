//! One run of a simulation: a seed, processes with their caches, and a store that they share.

use std::sync::Arc;
use std::time::Duration;

use cache_core::{BreakerState, Clock, MemoryBackend, caches, without_cache};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::Simulation;
use super::history::{Failure, History};
use crate::backend::{FaultRates, Faults, Faulty};
use crate::dice::Dice;
use crate::kit::Kit;

/// For how long, at most, evictions may be pending after the faults have ended, and loads in progress.
const PATIENCE: Duration = Duration::from_secs(600);
/// How many times in a row, 20 ms apart, nothing may be in progress before the results are compared.
const CALM: u32 = 10;
/// Longer than any run.
const END: Duration = Duration::from_secs(24 * 3_600);
/// The maximum number of operations of a round, minus one.
const MOST: u64 = 6;
/// The longest pause before an operation, in milliseconds: operations of a round overlap.
const PAUSE: u64 = 10;

/// A process: its caches, and its connection to the store.
struct Process {
    kit: Kit,
    faults: Faults,
}

pub(super) struct World<'a, S> {
    simulation: &'a Simulation<S>,
    seed: u64,
    dice: Dice,
    state: Arc<S>,
    processes: Vec<Process>,
    history: Arc<History>,
}

type Done = Result<(), Box<Failure>>;

impl<'a, S: Send + Sync + 'static> World<'a, S> {
    /// In a runtime, whose clock the caches use.
    pub(super) fn new(simulation: &'a Simulation<S>, seed: u64) -> Self {
        let clock = Clock::tokio();
        let store = MemoryBackend::with_clock(clock.clone());
        let process = |_| process(simulation, seed, &clock, &store);
        World {
            simulation,
            seed,
            dice: Dice::new(seed),
            state: Arc::new((simulation.fresh)()),
            processes: (0..simulation.processes).map(process).collect(),
            history: Arc::new(History::new()),
        }
    }

    /// Lives, but not for ever.
    pub(super) async fn live(mut self) -> Done {
        let history = Arc::clone(&self.history);
        let seed = self.seed;
        match timeout(END, self.rounds()).await {
            Ok(done) => done,
            Err(_) => Err(Failure::new(seed, "an operation does not end".to_owned(), &history)),
        }
    }

    async fn rounds(&mut self) -> Done {
        for round in 1..=self.simulation.rounds {
            self.history.add(&format!("round {round}"));
            self.set_weather();
            let begun: Vec<_> =
                (0..=self.dice.below(MOST)).filter_map(|_| self.begin_any()).collect();
            for (what, task) in begun {
                let done = task.await;
                done.map_err(|panic| self.failure(format!("`{what}` panicked: {panic}")))?;
            }
            self.calm_down().await?;
            self.compare().await?;
        }
        Ok(())
    }

    /// The faults of a round.
    fn set_weather(&mut self) {
        if !self.simulation.faults {
            return;
        }
        for (number, process) in (1..).zip(&self.processes) {
            match self.dice.below(8) {
                0 => {
                    process.faults.outage(true);
                    self.history.add(&format!("process {number}  loses the store"));
                }
                1..4 => {
                    let delay = Duration::from_millis(2 * PAUSE);
                    let rates = FaultRates {
                        down: 0.1,
                        lost: 0.1,
                        slow: 0.4,
                        delay,
                        ..FaultRates::default()
                    };
                    process.faults.chaos(self.dice.number(), rates);
                    self.history.add(&format!("process {number}  has trouble with the store"));
                }
                _ => {}
            }
        }
    }

    /// Begins a random operation in a random process, after a random pause.
    fn begin_any(&mut self) -> Option<(String, JoinHandle<String>)> {
        let Simulation { reads, changes, .. } = self.simulation;
        let changes = changes.iter().filter(|_| self.dice.falls(0.5)).collect::<Vec<_>>();
        let operation = match self.dice.one_of(&changes) {
            Some(change) => *change,
            None => self.dice.one_of(reads)?,
        };
        let number = self.dice.below(operation.count);
        let pause = Duration::from_millis(self.dice.below(PAUSE));
        let at = self.dice.below(self.processes.len() as u64);
        let process = self.processes.get(usize::try_from(at).unwrap_or_default())?;
        let (what, history) = (format!("{}({number})", operation.name), Arc::clone(&self.history));
        let label = format!("process {}  {what}", at + 1);
        let work = (operation.call)(Arc::clone(&self.state), number);
        let task = process.kit.spawn(async move {
            sleep(pause).await;
            history.add(&format!("{label} begins"));
            let result = work.await;
            history.add(&format!("{label} -> {result}"));
            result
        });
        Some((what, task))
    }

    /// Ends the faults, and waits for what larder does in the background: loads, and evictions that the store missed.
    async fn calm_down(&self) -> Done {
        for process in &self.processes {
            process.faults.heal();
        }
        // A mutator that was dropped, or a task that it has spawned, may begin an eviction later.
        let (began, mut calm) = (Instant::now(), 0);
        while calm < CALM {
            if began.elapsed() > PATIENCE {
                let why = "evictions are still pending long after the faults";
                return Err(self.failure(why.to_owned()));
            }
            sleep(Duration::from_millis(20)).await;
            calm = if self.is_calm() { calm + 1 } else { 0 };
        }
        Ok(())
    }

    fn is_calm(&self) -> bool {
        let all = self.processes.iter().flat_map(|process| process.kit.run_sync(caches));
        let mut all = all.map(|cache| {
            // While the breaker is open, the cache serves what it has in memory.
            let settled = cache.health().remote.is_none_or(|remote| {
                remote.pending_evictions == 0 && remote.breaker != BreakerState::Open
            });
            settled && cache.is_linked() && cache.stats().in_flight == 0
        });
        all.all(|calm| calm)
    }

    /// Compares what the cached functions return with and without their caches.
    async fn compare(&self) -> Done {
        for (at, process) in (1..).zip(&self.processes) {
            for read in &self.simulation.reads {
                for number in 0..read.count {
                    let call = || (read.call)(Arc::clone(&self.state), number);
                    let what = format!("{}({number})", read.name);
                    let of = |done: Result<String, _>| {
                        done.map_err(|panic| self.failure(format!("`{what}` panicked: {panic}")))
                    };
                    let kept = of(process.kit.spawn(call()).await)?;
                    let right = of(process.kit.spawn(without_cache(call())).await)?;
                    if kept != right {
                        let again = of(process.kit.spawn(without_cache(call())).await)?;
                        if again != right {
                            return Err(self.failure(format!(
                                "`{what}` gives different results without its cache, {right} and {again}: return something that \
                                 is sorted, such as a `BTreeMap`"
                            )));
                        }
                        self.history
                            .add(&format!("process {at}  {what} -> {kept}, and should be {right}"));
                        return Err(self.failure(format!(
                            "`{what}` is old in process {at}: its cache has {kept}, and without the cache it returns {right}. \
                             A change did not evict it, or evicted it before it was visible"
                        )));
                    }
                }
            }
        }
        self.history.add("all results are compared, and right");
        Ok(())
    }

    fn failure(&self, why: String) -> Box<Failure> {
        Failure::new(self.seed, why, &self.history)
    }
}

fn process<S>(
    simulation: &Simulation<S>,
    seed: u64,
    clock: &Clock,
    store: &MemoryBackend,
) -> Process {
    let connection = Faulty::with_clock(store.clone(), clock.clone());
    let (faults, furnish) = (connection.faults(), Arc::clone(&simulation.furnish));
    let shared = simulation.processes > 1;
    let kit = Kit::builder().clock(clock.clone()).caches(move |name, builder| {
        let builder = builder.seed(seed);
        let builder = if shared { builder.remote(connection.clone()) } else { builder };
        furnish(name, builder)
    });
    Process { kit: kit.build(), faults }
}
