use larder::cached;

#[cached(skip(db))]
async fn get(db: u8, id: u64) -> u64 {
    id
}

fn main() {
    let _ = get(1, 1);
}
