use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    let name = id.to_string();
    name as u64
}

fn main() {
    let _ = get(1);
}
