use larder::cached;

#[cached]
async fn get(id: u64) -> Option<u64, u64> {
    Some(id)
}

fn main() {
    let _ = get(1);
}
