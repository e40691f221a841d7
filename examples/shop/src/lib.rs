//! A shop: an example service with larder, written to be copied. `README.md` has the commands and a map of the files.

pub mod client;
pub mod config;
pub mod dashboard;
pub mod database;
pub mod error;
pub mod health;
pub mod http;
pub mod metrics;
pub mod orders;
pub mod products;
pub mod rates;
pub mod reviews;
pub mod service;
pub mod tenant;

use std::sync::Arc;

pub use database::Database;
pub use error::ShopError;
pub use tenant::Tenant;

/// What all handlers share. It has no cache: cached functions find theirs.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub database: Database,
    /// The exchange rates.
    pub rates: Arc<dyn rates::Rates>,
    /// The bank behind them, for the demonstration of its failures.
    pub bank: rates::Bank,
    /// The recorder of the metrics.
    pub metrics: metrics::Metrics,
}

impl App {
    /// A service over `database`.
    pub fn new(database: Database, metrics: metrics::Metrics) -> Self {
        let bank = rates::Bank::default();
        Self { database, rates: Arc::new(bank.clone()), bank, metrics }
    }
}
