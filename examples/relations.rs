//! Relations of objects: an author's books and ratings are loaded at first use, kept with the
//! author, and dropped with the author.
//!
//! ```sh
//! cargo run -p examples --example relations      # an SQLite database in memory, no server
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use larder::{CachedCell, cache_evict, cached_property, default_cache};
use rusqlite::Connection;

/// `Clone`, so that all waiters get the error of a failed load.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the library can't be read: {0}")]
struct LibraryError(String);

impl From<rusqlite::Error> for LibraryError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// The database, and the number of queries so far.
#[derive(Clone)]
struct Library {
    connection: Arc<Mutex<Connection>>,
    queries: Arc<AtomicU64>,
}

impl Library {
    fn open() -> Result<Self, LibraryError> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "CREATE TABLE books (id INTEGER PRIMARY KEY, author INTEGER, title TEXT, stars INTEGER);
             INSERT INTO books (author, title, stars) VALUES
                 (1, 'The Left Hand of Darkness', 5), (1, 'The Dispossessed', 5), (2, 'Solaris', 4);",
        )?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), queries: Arc::default() })
    }

    fn query<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, LibraryError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        Ok(query(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))?)
    }

    /// The number of queries since the last call.
    fn queries(&self) -> u64 {
        self.queries.swap(0, Ordering::Relaxed)
    }
}

/// One object. Its relations need no key, because the cell belongs to this object only.
#[derive(Clone)]
struct Author {
    id: i64,
    library: Library,
    relations: CachedCell,
}

impl Author {
    fn new(library: &Library, id: i64) -> Self {
        Self { id, library: library.clone(), relations: CachedCell::new() }
    }

    /// Fresh for a minute; for another ten seconds the old list is served while one refresh runs.
    #[cached_property(cell = self.relations, ttl = "1m", stale = "10s", tags = ["books"])]
    async fn books(&self) -> Result<Arc<Vec<String>>, LibraryError> {
        self.library.query(|db| {
            let mut statement =
                db.prepare("SELECT title FROM books WHERE author = ?1 ORDER BY id")?;
            let titles: Result<_, _> = statement.query_map([self.id], |row| row.get(0))?.collect();
            titles.map(Arc::new)
        })
    }

    /// `None`, if there is no book to rate, is a value, too.
    #[cached_property(cell = self.relations, ttl = "1m", tags = ["ratings"])]
    async fn rating(&self) -> Result<Option<f64>, LibraryError> {
        let sql = "SELECT avg(stars) FROM books WHERE author = ?1";
        self.library.query(|db| db.query_row(sql, [self.id], |row| row.get(0)))
    }

    /// Writes, and evicts the two relations of this author that it makes old.
    #[cache_evict(self.books(), self.rating())]
    async fn publish(&self, title: &str, stars: i64) -> Result<(), LibraryError> {
        let sql = "INSERT INTO books (author, title, stars) VALUES (?1, ?2, ?3)";
        self.library.query(|db| db.execute(sql, (self.id, title, stars)))?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let library = Library::open()?;
    let cache = default_cache();
    let authors = [Author::new(&library, 1), Author::new(&library, 2)];
    let read_all = async || {
        for author in &authors {
            author.books().await?;
            author.rating().await?;
        }
        Ok::<_, LibraryError>(library.queries())
    };

    let (first, second) = (read_all().await?, read_all().await?);
    println!("two authors, two relations each: {first} queries, then {second}");
    assert_eq!((first, second), (4, 0));

    authors[0].publish("The Lathe of Heaven", 4).await?;
    library.queries();
    let (books, queries) = (authors[0].books().await?, read_all().await?);
    println!("published {:?}: {queries} queries, for that author alone", books[2]);
    assert_eq!(queries, 2);

    authors[1].relations.clear();
    let queries = read_all().await?;
    println!("one object cleared: {queries} queries");
    assert_eq!(queries, 2);

    cache.evict_tag("ratings").await?;
    let queries = read_all().await?;
    println!("one relation of all objects cleared: {queries} queries");
    assert_eq!(queries, 2);

    cache.clear().await?;
    let queries = read_all().await?;
    println!("everything cleared: {queries} queries");
    assert_eq!(queries, 4);

    println!("entries while the authors live: {}", cache.stats().entries);
    drop(authors);
    println!("entries without them: {}", cache.stats().entries);
    assert_eq!(cache.stats().entries, 0);
    Ok(())
}
