use larder::cache_evict;

#[cache_evict(key = "user:{idd}", tags = ["team:{taem}"], pattern = "user:{usr}:*")]
async fn change(id: u64, team: u64) {
    let _ = (id, team);
}

#[cache_evict(keys = ["user:{id", "user:{id}:*"])]
async fn texts(id: u64) {
    let _ = id;
}

fn main() {}
