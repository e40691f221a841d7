//! The shop. `README.md` has the commands.
//!
//!     cargo run -p shop

#[tokio::main]
async fn main() -> Result<(), shop::service::Failure> {
    shop::service::run().await
}
