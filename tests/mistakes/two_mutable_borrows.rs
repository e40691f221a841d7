use larder::cached;

#[cached]
async fn get(id: u64) -> usize {
    let mut names = vec![id];
    let (a, b) = (&mut names, &mut names);
    a.push(1);
    b.len()
}

fn main() {
    let _ = get(1);
}
