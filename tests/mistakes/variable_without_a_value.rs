use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    let next: u64;
    id + next
}

fn main() {
    let _ = get(1);
}
