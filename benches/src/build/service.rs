//! A small service in a temporary folder: axum over SQLite, with one function for each of its queries.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::Result;

/// How the functions of the service are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// larder with memory only.
    Larder,
    /// larder with memory and Redis.
    LarderRedis,
    Cached,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Plain, Self::Larder, Self::LarderRedis, Self::Cached];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "no caching",
            Self::Larder => "larder, memory",
            Self::LarderRedis => "larder, memory and Redis",
            Self::Cached => "cached, memory",
        }
    }

    fn dependency(self) -> String {
        let larder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let larder = larder.display();
        match self {
            Self::Plain => String::new(),
            Self::Larder => format!("larder = {{ path = '{larder}', default-features = false }}"),
            Self::LarderRedis => {
                format!(
                    "larder = {{ path = '{larder}', default-features = false, features = ['redis'] }}"
                )
            }
            Self::Cached => "cached = { version = '4.1', features = ['async'] }".to_owned(),
        }
    }

    fn attribute(self, function: usize) -> String {
        match self {
            Self::Plain => String::new(),
            Self::Larder | Self::LarderRedis => {
                format!("#[larder::cached(key = \"f{function}:{{id}}\", ttl = \"5m\", skip(db))]")
            }
            Self::Cached => {
                "#[cached::macros::concurrent_cached(max_size = 10_000, ttl_secs = 300, \
                             key = \"u64\", convert = { id })]"
                    .to_owned()
            }
        }
    }

    fn set_up(self) -> &'static str {
        match self {
            Self::Plain | Self::Cached => "",
            Self::Larder => "larder::Cache::builder().build().unwrap().install();",
            Self::LarderRedis => {
                "let redis = larder::redis::Redis::connect(\"redis://127.0.0.1/\").await.unwrap();
    larder::Cache::builder().remote(redis).build().unwrap().install();"
            }
        }
    }
}

/// The size of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Functions with a type of value each.
    pub(super) types: usize,
    /// Further functions, with the type of the first one.
    pub(super) functions: usize,
}

/// A generated crate.
pub(super) struct Service {
    kind: Kind,
    pub(super) folder: PathBuf,
}

impl Service {
    pub(super) fn new(kind: Kind, root: &Path) -> Result<Self> {
        let folder = root.join(format!("{kind:?}").to_lowercase());
        std::fs::create_dir_all(folder.join("src"))?;
        std::fs::write(folder.join("Cargo.toml"), manifest(&kind.dependency()))?;
        // The versions of the workspace.
        std::fs::write(folder.join("Cargo.lock"), include_str!("../../../Cargo.lock"))?;
        Ok(Self { kind, folder })
    }

    /// Writes the source. A new `version` changes the body of one function.
    pub(super) fn write(&self, size: Size, version: usize) -> Result<()> {
        Ok(std::fs::write(self.folder.join("src/main.rs"), source(self.kind, size, version))?)
    }
}

fn manifest(dependency: &str) -> String {
    format!(
        "[package]
name = 'service'
version = '0.0.0'
edition = '2024'

[dependencies]
axum = {{ version = '0.8', default-features = false, features = ['http1', 'json', 'tokio'] }}
rusqlite = {{ version = '0.41', features = ['bundled'] }}
serde = {{ version = '1', features = ['derive'] }}
serde_json = '1'
tokio = {{ version = '1', features = ['rt-multi-thread', 'macros', 'net', 'time'] }}
tracing-subscriber = '0.3'
{dependency}

[profile.release]
strip = true

[workspace]
"
    )
}

fn source(kind: Kind, size: Size, version: usize) -> String {
    let mut source = HEAD.to_owned();
    let mut routes = String::new();
    for function in 0..size.types + size.functions {
        let value = if function < size.types { function } else { 0 };
        if function < size.types {
            write_type(&mut source, value);
        }
        let change = if function == 0 { version } else { 0 };
        let _ = write!(
            source,
            "
{}
async fn f{function}(db: &Db, id: u64) -> Result<V{value}, Failed> {{
    db.find(\"t{function}\", id + {change})
}}

async fn h{function}(State(db): State<Db>, Path(id): Path<u64>) -> Result<Json<V{value}>, Failed> {{
    f{function}(&db, id).await.map(Json)
}}
",
            kind.attribute(function)
        );
        let _ = writeln!(routes, "        .route(\"/f{function}/{{id}}\", get(h{function}))");
    }
    let set_up = kind.set_up();
    let _ = write!(
        source,
        "
#[tokio::main]
async fn main() {{
    tracing_subscriber::fmt::init();
    {set_up}
    let db = Db(Arc::new(Mutex::new(Connection::open_in_memory().unwrap())));
    let app = Router::new()
{routes}        .with_state(db);
    let listener = tokio::net::TcpListener::bind(\"127.0.0.1:0\").await.unwrap();
    axum::serve(listener, app).await.unwrap();
}}
"
    );
    source
}

fn write_type(source: &mut String, value: usize) {
    let _ = write!(
        source,
        "
#[derive(Clone, Debug, Serialize, Deserialize)]
struct V{value} {{
    id: u64,
    name{value}: String,
    labels: Vec<String>,
    price: Option<f64>,
}}
"
    );
}

const HEAD: &str = r#"use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use rusqlite::Connection;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug)]
struct Failed(String);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}

#[derive(Clone)]
struct Db(Arc<Mutex<Connection>>);

impl Db {
    fn find<T: DeserializeOwned>(&self, table: &str, id: u64) -> Result<T, Failed> {
        let query = format!("SELECT data FROM {table} WHERE id = ?1");
        let connection = self.0.lock().unwrap();
        let row = connection.query_row(&query, [id as i64], |row| row.get::<_, String>(0));
        let text = row.map_err(|error| Failed(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| Failed(error.to_string()))
    }
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_types_and_functions() {
        let text = source(Kind::Larder, Size { types: 2, functions: 1 }, 0);
        assert_eq!(text.matches("struct V").count(), 2);
        assert_eq!(text.matches("#[larder::cached").count(), 3);
    }

    #[test]
    fn a_version_changes_one_body() {
        let size = Size { types: 2, functions: 0 };
        let [one, other] = [1, 2].map(|version| source(Kind::Plain, size, version));
        let changed = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
        assert_eq!(changed.count(), 1);
    }
}
