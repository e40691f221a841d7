//! The settings: of the service by environment variables, of its caches by a file and the environment.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use larder::config::{Config, ConfigError, Format, Secret};

use crate::{Database, ShopError};

/// The settings of the service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `PORT`, 3000 by default.
    pub address: SocketAddr,
    /// `SHOP_DATABASE`, a new temporary file by default. Instances of one shop need the same file.
    pub database: Option<PathBuf>,
    /// `SHOP_CONFIG`, a file for the caches like `shop.toml`.
    pub config: Option<PathBuf>,
    /// `SHOP_PASSWORD`, for the user `operator` of the dashboard. Without it, no one can use the dashboard.
    pub password: Option<Secret>,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ShopError::Invalid`]: `PORT` is not a port.
    pub fn from_env() -> Result<Self, ShopError> {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let port = match text("PORT") {
            None => 3000,
            Some(port) => port
                .parse()
                .map_err(|_| ShopError::Invalid(format!("PORT: `{port}` is not a port")))?,
        };
        Ok(Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            database: text("SHOP_DATABASE").map(PathBuf::from),
            config: text("SHOP_CONFIG").map(PathBuf::from),
            password: text("SHOP_PASSWORD").map(Secret::from),
        })
    }

    /// Opens the database.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn database(&self) -> Result<Database, ShopError> {
        match &self.database {
            Some(path) => Database::open(path),
            None => Database::temporary(),
        }
    }

    /// The configuration of the caches: what the program wants, below the file, below the environment. So `REDIS_URL` is
    /// enough to use Redis, and no line of code asks for it.
    ///
    /// # Errors
    /// Lists all mistakes with their places.
    pub fn caches(&self) -> Result<Config, ConfigError> {
        let layers = Config::layers().text(Format::Toml, "shop.toml", include_str!("../shop.toml"));
        match &self.config {
            Some(file) => layers.file(file).env().load(),
            None => layers.env().load(),
        }
    }
}
