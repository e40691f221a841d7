use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    let all = [1, 2];
    all[id]
}

fn main() {
    let _ = get(1);
}
