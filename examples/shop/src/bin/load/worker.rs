//! The requests of one connection, and the check of what they answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shop::client::{Client, Response};

const PRODUCTS: usize = 200;

/// What the workers have in common.
pub(crate) struct Shared {
    /// The price of each product that its writer has stored, and that the service has confirmed.
    prices: Vec<AtomicU32>,
    /// One writer for each product at a time: the price is a version, which only grows.
    writing: Vec<tokio::sync::Mutex<u32>>,
    instances: usize,
    stopped: AtomicBool,
    /// The latencies since the last report, in microseconds.
    latencies: Mutex<Vec<u32>>,
    /// Requests without an answer, and answers that say that the service failed.
    pub(crate) errors: AtomicU64,
    /// Answers of the instance that had stored a newer price.
    pub(crate) wrong: AtomicU64,
    /// Answers of another instance with a price older than one that was stored before the request.
    pub(crate) behind: AtomicU64,
}

impl Shared {
    pub(crate) fn new(instances: usize) -> Self {
        Self {
            prices: (0..PRODUCTS).map(|_| AtomicU32::new(0)).collect(),
            writing: (0..PRODUCTS).map(|_| tokio::sync::Mutex::new(1_000_000)).collect(),
            instances,
            stopped: AtomicBool::new(false),
            latencies: Mutex::default(),
            errors: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            behind: AtomicU64::new(0),
        }
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// The latencies since the last call.
    pub(crate) fn latencies(&self) -> Vec<u32> {
        std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn took(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(micros);
    }

    /// The instance through which a product is written.
    fn writer(&self, product: usize) -> usize {
        product % self.instances
    }
}

/// Sends requests until the run ends. If the connection fails, it makes a new one.
pub(crate) async fn work(shared: Arc<Shared>, number: usize, instance: usize, address: SocketAddr) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (number as u64 + 1));
    while !shared.stopped.load(Ordering::Relaxed) {
        let requests = async {
            let mut client = Client::connect(address, "demo").await?;
            while !shared.stopped.load(Ordering::Relaxed) {
                request(&shared, &mut client, instance, &mut random).await?;
            }
            Ok::<_, std::io::Error>(())
        };
        if requests.await.is_err() {
            shared.errors.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn request(
    shared: &Shared,
    client: &mut Client,
    instance: usize,
    random: &mut Random,
) -> std::io::Result<()> {
    // Some products are popular.
    let product = random.below(PRODUCTS).min(random.below(PRODUCTS));
    let begin = Instant::now();
    let response = match random.below(100) {
        0..88 => read(shared, client, instance, product).await?,
        88..96 => client.get(&format!("/catalogue/{}", random.below(10))).await?,
        96..99 => match write(shared, client, instance, product).await? {
            Some(response) => response,
            None => return Ok(()),
        },
        _ => {
            let lines = format!(r#"[{{"product":{},"count":1}}]"#, product + 1);
            let order = format!(r#"{{"customer":"c{}","lines":{lines}}}"#, random.below(50));
            client.send("POST", "/orders", &order).await?
        }
    };
    shared.took(begin.elapsed());
    if response.status >= 400 {
        shared.errors.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads a product. Its price must be at least the one that was stored before this request.
async fn read(
    shared: &Shared,
    client: &mut Client,
    instance: usize,
    product: usize,
) -> std::io::Result<Response> {
    let stored = shared.prices[product].load(Ordering::SeqCst);
    let response = client.get(&format!("/products/{}", product + 1)).await?;
    let price = response.json()["product"]["cents"].as_u64().unwrap_or(0);
    if response.status == 200 && price < stored.into() {
        let counter = match shared.writer(product) == instance {
            true => &shared.wrong,
            false => &shared.behind,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
    Ok(response)
}

/// Stores a higher price, if this instance writes the product and no one else does so now.
async fn write(
    shared: &Shared,
    client: &mut Client,
    instance: usize,
    product: usize,
) -> std::io::Result<Option<Response>> {
    if shared.writer(product) != instance {
        return Ok(None);
    }
    let Ok(mut price) = shared.writing[product].try_lock() else { return Ok(None) };
    *price += 1;
    let body = format!(r#"{{"cents":{price}}}"#);
    let response = client.send("PUT", &format!("/products/{}/price", product + 1), &body).await?;
    if response.status == 204 {
        shared.prices[product].store(*price, Ordering::SeqCst);
    }
    Ok(Some(response))
}

/// Numbers that look random (xorshift), the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }
}
