use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    let all = Vec::new();
    id + all.len() as u64
}

fn main() {
    let _ = get(1);
}
