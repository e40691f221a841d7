use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    let _ = id;
    "seven"
}

fn main() {
    let _ = get(1);
}
