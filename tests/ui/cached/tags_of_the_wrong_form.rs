use larder::cached;

const TAG: &str = "users";

#[cached(tags = "users")]
async fn no_list(id: u64) -> u64 {
    id
}

#[cached(tags = [TAG])]
async fn no_text(id: u64) -> u64 {
    id
}

#[cached(tags = ["user:{idd}", ""])]
async fn wrong_texts(id: u64) -> u64 {
    id
}

#[cached(tags = [])]
async fn none(id: u64) -> u64 {
    id
}

#[cached(tags = ["user:{db}"], skip(db))]
async fn of_a_skipped_argument(db: u64, id: u64) -> u64 {
    db + id
}

fn main() {
    let _ = TAG;
}
