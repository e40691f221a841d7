use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    return id;
    id + 1
}

fn main() {
    let _ = get(1);
}
