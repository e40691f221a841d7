use larder::cached;

#[cached]
fn get(id: u64) -> u64 {
    let unused = 1;
    id
}

fn main() {
    let _ = get(1);
}
