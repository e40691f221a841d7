use larder::cached;

enum Kind {
    A,
    B,
}

impl Kind {
    fn of(id: u64) -> Self {
        if id == 1 { Self::A } else { Self::B }
    }
}

#[cached]
async fn get(id: u64) -> u64 {
    match Kind::of(id) {
        Kind::A => id,
    }
}

fn main() {
    let _ = get(1);
}
