//! The cookbook: a short program for each option of each attribute, and for each direction of a call.
//!
//! ```sh
//! cargo run -p examples --example cookbook                  # lists the recipes
//! cargo run -p examples --example cookbook cached::stale    # runs one
//! cargo run -p examples --example cookbook all              # runs all
//! ```
//!
//! A recipe is one file. Each runs in caches of its own, with a clock that it moves itself, so none waits.

use std::error::Error;

use larder::testing::Kit;

/// What a recipe returns.
type Done = Result<(), Box<dyn Error>>;

macro_rules! recipes {
    ($($group:ident { $($name:ident)* })*) => {
        $(mod $group { $(pub(crate) mod $name;)* })*

        const RECIPES: &[&str] = &[$($(concat!(stringify!($group), "::", stringify!($name)),)*)*];

        /// Runs the recipe `name` in caches of its own.
        async fn run(name: &str) -> Done {
            let kit = Kit::manual();
            match name {
                $($(concat!(stringify!($group), "::", stringify!($name)) => {
                    kit.run($group::$name::run(&kit)).await
                })*)*
                _ => Err(format!("there is no recipe {name}").into()),
            }
        }
    };
}

recipes! {
    cached {
        ttl ttl_with tti memory_ttl jitter none_ttl err_ttl err_ttl_with
        stale stale_if_error stale_if throttle early_refresh refresh_every soft_timeout hard_timeout stampede lease on_error tiers access
        cache_if unless skip_if previous
        policy key key_with key_prefix version model op skip skip_all tags invalidate_on cache tenant local blocking codec metrics call each
        crate_path
    }
    cached_property { key key_with cell }
    cache_evict { calls key keys pattern tags model op events all before soft on when cache tenant crate_path }
    cache_put { call on value when tenant crate_path }
    call { refresh bypass accept_stale peek put evict mark_stale ttl tiers access key cache tenant traced inspect }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    match std::env::args().nth(1).as_deref() {
        None => {
            println!("{}", RECIPES.join("\n"));
            Ok(())
        }
        Some("all") => {
            for name in RECIPES {
                println!("{name}");
                run(name).await.map_err(|error| format!("{name}: {error}"))?;
            }
            Ok(())
        }
        Some(name) => run(name).await,
    }
}
