//! A load generator: requests to two instances of the shop, while their Redis hangs, dies and comes back.
//!
//!     cargo run -p shop --bin load
//!     cargo run -p shop --bin load -- --seconds 30 --connections 32
//!     cargo run -p shop --bin load -- --memory                             # one instance, without Redis
//!     cargo run -p shop --bin load -- 127.0.0.1:3000 127.0.0.1:3001        # instances that you have started
//!
//! It starts the instances and a `redis-server` of its own. Without one on the PATH, it is as with `--memory`.
//!
//! It fails if a request fails, or if an instance answers with a price that is older than one that this instance had
//! already stored. During an outage of Redis, the *other* instance may still have an old price: this is counted as `behind`.

mod processes;
mod report;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use processes::{Instance, Redis};
use report::Report;
use shop::client::Client;
use shop::service::Failure;
use worker::Shared;

/// What the arguments say.
struct Options {
    seconds: u64,
    connections: usize,
    memory: bool,
    addresses: Vec<SocketAddr>,
}

impl Options {
    fn from_args() -> Result<Self, Failure> {
        let mut options =
            Self { seconds: 20, connections: 16, memory: false, addresses: Vec::new() };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--seconds" => options.seconds = value()?.parse()?,
                "--connections" => options.connections = value()?.parse()?,
                "--memory" => options.memory = true,
                address => {
                    let wrong = |_| format!("`{address}` is neither an option nor an address");
                    options.addresses.push(address.parse().map_err(wrong)?);
                }
            }
        }
        Ok(options)
    }
}

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    // The generator starts itself as the instances, so it needs no other program.
    if std::env::var_os(processes::INSTANCE).is_some() {
        return runtime.block_on(shop::service::run());
    }
    let options = Options::from_args()?;
    let mut redis = match options.memory || !options.addresses.is_empty() {
        true => None,
        false => Redis::start(),
    };
    let mut instances = Vec::new();
    let mut addresses = options.addresses.clone();
    if addresses.is_empty() {
        for _ in 0..if redis.is_some() { 2 } else { 1 } {
            let instance = Instance::start(redis.as_ref())?;
            addresses.push(instance.address);
            instances.push(instance);
        }
    }
    let outcome = runtime.block_on(load(&options, addresses, &mut redis));
    for instance in instances {
        instance.end()?;
    }
    outcome
}

async fn load(
    options: &Options,
    addresses: Vec<SocketAddr>,
    redis: &mut Option<Redis>,
) -> Result<(), Failure> {
    let instances = addresses.len();
    let connections = options.connections.max(instances);
    println!(
        "{instances} instance(s) of the shop, {connections} connections, {} s",
        options.seconds
    );
    let mut probes = Vec::new();
    for address in &addresses {
        probes.push(Client::connect(*address, "demo").await?);
    }
    let shared = Arc::new(Shared::new(instances));
    let workers: Vec<_> = (0..connections)
        .map(|number| {
            let instance = number % instances;
            tokio::spawn(worker::work(shared.clone(), number, instance, addresses[instance]))
        })
        .collect();

    let mut report = Report::new(options.seconds);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    let mut stopped = std::pin::pin!(shop::service::stop());
    let mut second = 0;
    while Instant::now() < end {
        tokio::select! {
            _ = ticks.tick() => second += 1,
            // Without this, a signal would leave the Redis behind. Ctrl-C ends the instances, too, so the figures say nothing.
            () = &mut stopped => return Ok(()),
        }
        report.line(second, &shared, &mut probes, redis.as_ref().map(Redis::state)).await?;
        if let Some(redis) = redis {
            redis.play(second * 100 / options.seconds.max(1))?;
        }
    }
    shared.stop();
    for worker in workers {
        worker.await?;
    }
    report.end(&shared)
}
