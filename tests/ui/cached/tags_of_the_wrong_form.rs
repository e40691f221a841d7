use larder::cached;

fn tag() -> &'static str {
    "users"
}

#[cached(tags = "users")]
async fn no_list(id: u64) -> u64 {
    id
}

#[cached(tags = [tag()])]
async fn no_text(id: u64) -> u64 {
    id
}

#[cached(tags = [id])]
async fn an_argument(id: u64) -> u64 {
    id
}

#[cached(tags = ["user:{idd}", ""])]
async fn wrong_texts(id: u64) -> u64 {
    id
}

fn main() {
    let _ = tag();
}
