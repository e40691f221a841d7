//! A cached function as a value: all its entries, its statistics, its switch.
//!
//! ```sh
//! cargo run -p examples --example functions
//! ```

use larder::{Error, Invalidation, cache_evict, cached, call, entries, function};

/// One tag for readers and mutators: a misspelt name does not compile.
const USERS: &str = "users";

#[cached(tags = [USERS])]
async fn list_users(team: u32, page: u32) -> Vec<String> {
    vec![format!("user {page} of team {team}")]
}

#[cached(key = "team:{team}:size", tags = [USERS])]
async fn size(team: u32) -> usize {
    10 * team as usize
}

#[cached]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

/// Makes all pages of one team old, and the sizes of all teams.
#[cache_evict(list_users(team, ..), size(..))]
async fn add_user(team: u32) {
    println!("a new user in team {team}");
}

#[cache_evict(tags = [USERS])]
async fn import() {}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let fill = async || {
        for (team, page) in [(1, 1), (1, 2), (2, 1)] {
            list_users(team, page).await;
            size(team).await;
        }
    };
    fill().await;
    add_user(1).await;
    println!(
        "after the eviction: {:?}, {:?}",
        function(list_users).keys().await?,
        function(size).keys().await?
    );
    fill().await;
    import().await;
    println!("after that of the tag: {:?}", function(list_users).keys().await?);

    // The same by hand, and in a list.
    fill().await;
    entries!(list_users(1, ..)).evict().await?;
    Invalidation::new().call(function(size)).call(entries!(call!(fib(..)))).run().await?;
    println!("after those by hand: {:?}", function(list_users).keys().await?);

    let handle = function(list_users);
    println!(
        "{}: {} hits, {} loads",
        handle.name(),
        handle.stats()?.memory_hits,
        handle.stats()?.loads
    );
    handle.disable()?;
    list_users(2, 1).await; // runs without the cache
    handle.enable()?;

    fib(40);
    println!(
        "{} has {} entries",
        function(call!(fib)).name(),
        function(call!(fib)).keys().await?.len()
    );
    Ok(())
}
