use larder::cached;

struct Db;

#[cached(skip(database))]
async fn get(db: &Db, id: u64) -> u64 {
    let _ = db;
    id
}

fn main() {}
