//! From memory to Redis by the environment alone; the program does not change.
//!
//! ```sh
//! cargo run -p examples --example from_env                                   # memory only
//! REDIS_URL=redis://127.0.0.1/ cargo run -p examples --example from_env      # memory + Redis
//! ```
//!
//! With `REDIS_URL` set, start it twice: the second process finds the values that the first one
//! loaded. Every other setting has a variable, too; try `LARDER_DEFAULT_TTL=5s`, or a mistake such
//! as `LARDER_DEFAULT_TTTL=5s`.

use larder::config::ConfigError;
use larder::{cached, default_cache};

#[cached(key = "square:{n}")]
async fn square(n: u64) -> u64 {
    println!("computing the square of {n}");
    n * n
}

/// Public for the test that runs it.
#[tokio::main]
pub async fn main() -> Result<(), ConfigError> {
    larder::config::install_from_env().await?;
    println!("default time to live: {:?}", default_cache().default_ttl());
    for n in [12, 13, 12] {
        let read = square(n).traced().await;
        println!("square({n}) = {} from {:?}", read.value, read.source);
    }
    // Waits for the writes to Redis that are still in progress.
    if let Err(error) = default_cache().close().await {
        eprintln!("{error}");
    }
    Ok(())
}
