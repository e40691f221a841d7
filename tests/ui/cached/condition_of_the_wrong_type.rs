use larder::cached;

fn is_seven(n: u64) -> bool {
    n == 7
}

#[cached(cache_if = |n| n + 1)]
async fn no_bool(id: u64) -> u64 {
    id
}

#[cached(unless = is_seven)]
async fn by_value(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(skip_if = id)]
async fn of_an_argument(id: u64) -> u64 {
    id
}

fn main() {}
