use larder::cached;

#[cached(model = "user")]
async fn get(id: u64) -> u64 {
    id
}

#[cached(op = "get")]
async fn of_nothing(id: u64) -> u64 {
    id
}

#[cached(model = "shop:user", op = "")]
async fn of_no_name(id: u64) -> u64 {
    id
}

fn main() {}
