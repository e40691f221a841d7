use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    load(id)
}

fn main() {
    let _ = get(1);
}
