use larder::cached;

#[cached]
fn square(n: u64) -> u64 {
    n * n
}

async fn forget() {
    square(3).evict().await;
}

fn main() {
    drop(forget());
}

