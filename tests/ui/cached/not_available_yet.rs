use larder::cached;

#[cached(each = "id in ids")]
async fn get(ids: Vec<u64>) -> u64 {
    ids[0]
}

fn main() {}
