use larder::cached;

#[cached(key = "a", codec = "json")]
async fn quoted() -> u64 {
    1
}

#[cached(key = "b", codec = msgpack)]
async fn misspelled() -> u64 {
    1
}

#[cached(key = "c", codec = bincode)]
async fn of_another_library() -> u64 {
    1
}

#[cached(key = "d", codec)]
async fn without_a_value() -> u64 {
    1
}

#[cached(key = "e", codec = json, local)]
async fn of_memory() -> u64 {
    1
}

#[cached(key = "f", codec = json)]
fn of_a_sync_function() -> u64 {
    1
}

fn main() {}
