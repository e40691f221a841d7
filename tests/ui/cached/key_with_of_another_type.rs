use larder::cached;

fn make_key(name: &str, id: &str) -> String {
    format!("{id}:{name}")
}

#[cached(key_with = make_key)]
async fn by_function(name: &str, id: u64) -> usize {
    name.len() + id as usize
}

#[cached(key_with = |id, name| (id, name))]
async fn by_closure(id: u64, name: &str) -> usize {
    name.len() + id as usize
}

#[cached(key_with = |id| id.text)]
async fn by_field(id: u64) -> u64 {
    id
}

fn main() {
    let _ = make_key;
}
