use larder::cached;

#[cached]
#[deprecated]
fn get(id: u64) -> u64 {
    id
}

fn main() {
    let _ = get(1);
}
