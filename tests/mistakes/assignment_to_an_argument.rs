use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    id += 1;
    id
}

fn main() {
    let _ = get(1);
}
