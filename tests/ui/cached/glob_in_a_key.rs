use larder::cached;

#[cached(key = "users:*:{id}")]
async fn star(id: u64) -> u64 {
    id
}

#[cached(key = "users[{id}]")]
async fn bracket(id: u64) -> u64 {
    id
}

#[cached(key = "user\n{id}")]
async fn line(id: u64) -> u64 {
    id
}

#[cached(key = "user:{id}", tags = ["users:*"])]
async fn tag(id: u64) -> u64 {
    id
}

fn main() {}
