use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    let mut next = id;
    next = 7;
    id
}

fn main() {
    let _ = get(1);
}
