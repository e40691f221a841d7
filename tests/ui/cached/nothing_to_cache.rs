use larder::cached;

#[cached]
async fn send(text: String) {
    drop(text);
}

fn main() {}
