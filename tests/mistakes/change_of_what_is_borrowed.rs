use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    let mut ids = vec![id];
    let first = &ids[0];
    ids.push(2);
    *first
}

fn main() {
    let _ = get(1);
}
