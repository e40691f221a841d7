use larder::cached;

#[cached]
async fn get(id: u64) -> u64 {
    if id == 1 {
        return "one";
    }
    id
}

fn main() {
    let _ = get(1);
}
