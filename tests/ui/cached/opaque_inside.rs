use larder::cached;

#[cached]
fn inside(n: u64) -> Option<impl Copy> {
    Some(n)
}

fn main() {}
