use larder::cached;

struct Db;

#[cached(ttl = "5m", refresh_every = "1m", skip(db))]
async fn borrowed(db: &Db, id: u64) -> u64 {
    let _ = db;
    id
}

#[cached(ttl = "5m", refresh_every = "1m", skip(db))]
async fn owned(db: Db, id: u64) -> u64 {
    let _ = db;
    id
}

fn main() {}
