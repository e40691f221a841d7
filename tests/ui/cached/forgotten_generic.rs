use larder::cached;

#[cached(key = "user:{id}")]
async fn get<T, const N: usize>(id: u64) -> u64 {
    id + N as u64
}

fn main() {}
