use larder::cached;

#[cached(key = "x:{id}", skip(flag))]
fn get(id: u64, flag: bool) -> u64 {
    match flag {
        true => id,
    }
}

fn main() {
    let _ = get(1, true);
}
