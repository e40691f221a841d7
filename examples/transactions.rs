//! Evictions that follow the database's own commit: held until it, dropped by a rollback, kept if later code fails.
//!
//! `cargo run -p examples --example transactions` uses SQLite in memory; no server is needed.

use larder::{cache_evict, cached};
use rusqlite::{Connection, Transaction};

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[cached(ttl = "5m", key = "balance:{account}", skip(db))]
fn balance(db: &Connection, account: &str) -> Result<i64, String> {
    println!("  (reading the database)");
    let row =
        db.query_row("SELECT cents FROM balance WHERE account = ?", [account], |row| row.get(0));
    row.map_err(|error| error.to_string())
}

#[cache_evict(larder::call!(balance(db, account)))]
async fn add(db: &Transaction<'_>, account: &str, cents: i64) -> Result<(), Failed> {
    db.execute("UPDATE balance SET cents = cents + ? WHERE account = ?", (cents, account))?;
    Ok(())
}

/// Moves money and sends a mail about it, which fails after the commit.
async fn transfer(db: &mut Connection, cents: i64) -> Result<(), Failed> {
    larder::transaction(async {
        let tx = db.transaction()?;
        add(&tx, "ada", -cents).await?;
        add(&tx, "bob", cents).await?;
        if cents > 100 {
            return Err("too much: rolled back".into());
        }
        larder::commit(async { tx.commit() }).await?;
        Err("the mail was not sent".into())
    })
    .await
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut db = Connection::open_in_memory()?;
    db.execute_batch(
        "CREATE TABLE balance (account TEXT PRIMARY KEY, cents INTEGER NOT NULL);
         INSERT INTO balance VALUES ('ada', 100), ('bob', 0);",
    )?;
    println!("ada has {}", balance(&db, "ada")?);
    if let Err(failed) = transfer(&mut db, 500).await {
        println!("{failed}");
    }
    println!("ada has {}: nothing was evicted", balance(&db, "ada")?);
    if let Err(failed) = transfer(&mut db, 30).await {
        println!("{failed}");
    }
    println!("ada has {}: the eviction followed the commit", balance(&db, "ada")?);
    Ok(())
}
