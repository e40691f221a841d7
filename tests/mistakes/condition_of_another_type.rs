use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    if id { 1 } else { 2 }
}

fn main() {
    let _ = get(1);
}
