use larder::cached;

#[cached(on_error = "fail", each = "id in ids")]
async fn get(ids: Vec<u64>) -> u64 {
    ids[0]
}

fn main() {}
