use larder::cached;

#[derive(serde::Serialize, serde::Deserialize)]
struct User;

#[cached]
async fn get(id: u64) -> Result<User, std::io::Error> {
    let _ = id;
    Ok(User)
}

fn main() {}
