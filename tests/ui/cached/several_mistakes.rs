use larder::cached;

#[cached(ttl = "soon", key = "user:{user}", skip(db), locale)]
async fn get(id: u64) -> u64 {
    id
}

fn main() {}
