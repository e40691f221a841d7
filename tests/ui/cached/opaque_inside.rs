use larder::cached;

#[cached]
fn inside(n: u64) -> Option<impl Copy> {
    Some(n)
}

#[cached]
fn boxed(n: u64) -> Box<dyn Fn() -> u64> {
    Box::new(move || n)
}

fn main() {}
