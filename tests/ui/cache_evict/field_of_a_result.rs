use larder::cache_evict;

struct User {
    id: u64,
}

#[cache_evict(key = "user:{result.idd}")]
async fn create(id: u64) -> Result<User, String> {
    Ok(User { id })
}

fn main() {
    let _ = User { id: 7 }.id;
}

