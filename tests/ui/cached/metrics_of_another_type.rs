use larder::cached;

#[cached(metrics = "off")]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
