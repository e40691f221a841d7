use larder::cached;

#[cached(stampede = "flet")]
async fn misspelt(id: u64) -> u64 {
    id
}

#[cached(stampede = false)]
async fn of_another_form(id: u64) -> u64 {
    id
}

fn main() {}
