use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    if id == 0 { 0 } else { get(id - 1).await }
}

fn main() {
    let _ = get(1);
}
