use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
