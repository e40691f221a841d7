use larder::cached;

async fn load(id: u64) -> u64 {
    id
}

#[cached]
async fn get(id: u64) -> u64 {
    load(id)
}

fn main() {
    let _ = get(1);
}
