use larder::{Policy, cached};

struct Db;

#[cached(ttl = "5m", stale = "1m", skip(db))]
async fn get(db: &Db, id: u64) -> u64 {
    let _ = db;
    id
}

#[cached(policy = Policy::new(), skip(db))]
async fn of_a_policy(db: &Db, id: u64) -> u64 {
    let _ = db;
    id
}

fn main() {}
