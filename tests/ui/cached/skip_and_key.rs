use larder::cached;

#[cached(key = "user:{id}", skip(id))]
async fn both(id: u64) -> u64 {
    id
}

#[cached(skip(id, id))]
async fn twice(id: u64) -> u64 {
    id
}

#[cached(skip(user.id))]
async fn field(user: u64) -> u64 {
    user
}

#[cached(skip(self))]
async fn without_self(id: u64) -> u64 {
    id
}

fn main() {}
