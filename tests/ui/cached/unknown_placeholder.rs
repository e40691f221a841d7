use larder::cached;

#[cached(key = "user:{idd}")]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
