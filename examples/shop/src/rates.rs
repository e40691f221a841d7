//! Exchange rates: a trait with a cached implementation, over a service that is slow or away at times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use larder::cached;
use serde::{Deserialize, Serialize};

use crate::ShopError;

/// How much of a currency one euro is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The rate.
    pub per_euro: f64,
    /// When the bank quoted it, in seconds since 1970.
    pub quoted_at: u64,
}

/// Where rates come from. Handlers know only this trait, so tests can have rates of their own.
#[async_trait]
pub trait Rates: Send + Sync {
    /// The rate of a currency.
    ///
    /// # Errors
    /// The currency is unknown, or the bank fails and there is no old rate.
    async fn rate(&self, currency: &str) -> Result<Rate, ShopError>;
}

/// How the bank answers. This is for the demonstration only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Mood {
    /// It answers after some milliseconds.
    Open,
    /// It answers after three seconds.
    Slow,
    /// It answers with an error.
    Away,
}

/// The bank: in a real service an HTTP client.
#[derive(Clone, Debug)]
pub struct Bank {
    mood: Arc<AtomicU8>,
}

impl Default for Bank {
    fn default() -> Self {
        Self { mood: Arc::new(AtomicU8::new(Mood::Open as u8)) }
    }
}

impl Bank {
    /// Changes how it answers.
    pub fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }

    async fn ask(&self, currency: &str) -> Result<Rate, ShopError> {
        let mood = self.mood.load(Ordering::Relaxed);
        let millis = if mood == Mood::Slow as u8 { 3000 } else { 20 };
        tokio::time::sleep(Duration::from_millis(millis)).await;
        if mood == Mood::Away as u8 {
            return Err(ShopError::Bank);
        }
        let per_euro = match currency {
            "USD" => 1.08,
            "JPY" => 162.5,
            "NOK" => 11.6,
            _ => return Err(ShopError::NotFound(format!("currency `{currency}`"))),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Rate { per_euro, quoted_at: now.as_secs() })
    }
}

#[async_trait]
impl Rates for Bank {
    /// A rate is fresh for ten seconds. After that:
    ///
    /// - If the bank fails, the last rate is served for up to an hour (`stale_if_error`), and the bank is asked again after two
    ///   seconds (`throttle`).
    /// - If it is slow, the last rate is served after 200 ms (`soft_timeout`), and its answer is stored when it comes.
    /// - Without an old rate, a caller waits for one second at most (`hard_timeout`).
    ///
    /// Rates are the same for all tenants, so this is in the default cache.
    #[cached(
        key = "rate:{currency}",
        ttl = "10s",
        stale_if_error = "1h",
        throttle = "2s",
        soft_timeout = "200ms",
        hard_timeout = "1s",
        skip(self)
    )]
    async fn rate(&self, currency: &str) -> Result<Rate, ShopError> {
        self.ask(currency).await
    }
}
