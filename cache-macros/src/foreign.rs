//! The names that other caches use for options, and how larder writes the same.

/// The advice for `name`, if it is an option of another cache. `known` are the options of the attribute.
pub(crate) fn advice(name: &str, known: &[&str]) -> Option<&'static str> {
    let row = ROWS.iter().find(|row| row.names.contains(&name) && known.contains(&row.of));
    row.map(|row| row.advice)
}

struct Row {
    /// An option that only the attributes with this advice have.
    of: &'static str,
    names: &'static [&'static str],
    advice: &'static str,
}

const ROWS: [Row; 22] = [
    Row {
        of: "ttl",
        names: &[
            "time",
            "ttl_secs",
            "ttl_millis",
            "time_to_live",
            "expire",
            "expiration",
            "expire_after_write",
        ],
        advice: "the time to live is `ttl`, such as `ttl = \"60s\"`",
    },
    Row {
        of: "ttl",
        names: &["refresh", "time_refresh", "time_to_idle", "expire_after_access", "sliding"],
        advice: "write `tti = \"60s\"` for a time that each read starts again, or `stale = \"60s\"` for a refresh in the background",
    },
    Row {
        of: "ttl",
        names: &["expires", "expire_after", "expires_in"],
        advice: "a time to live that the value determines is `ttl_with = |token| token.expires_in`",
    },
    Row {
        of: "ttl",
        names: &["refresh_after_write", "refresh_ahead", "stale_while_revalidate", "swr", "grace"],
        advice: "a time during which callers get the old value while it is refreshed is `stale = \"60s\"`",
    },
    Row {
        of: "ttl",
        names: &["result_fallback", "fail_safe", "failover", "fallback"],
        advice: "old values for loads that fail are `stale_if_error = \"1h\"`",
    },
    Row {
        of: "ttl",
        names: &["result", "cache_err", "cache_errors"],
        advice: "an `Err` is never cached, unless `err_ttl = \"2s\"` gives it a time",
    },
    Row {
        of: "ttl",
        names: &["option", "cache_none", "cache_null"],
        advice: "`None` is cached like any other value; `none_ttl = \"30s\"` gives it another time, and `none_ttl = 0` leaves it out",
    },
    Row {
        of: "ttl",
        names: &["sync_writes", "sync_writes_buckets", "sync_lock", "sync", "single_flight"],
        advice: "leave it out: callers of one key share one load. `stampede = \"off\"` ends that",
    },
    Row {
        of: "ttl",
        names: &["with_cached_flag"],
        advice: "leave it out: `.traced().await` on a call returns where its value came from",
    },
    Row {
        of: "ttl",
        names: &["force_refresh"],
        advice: "leave it out: `.refresh().await` on a call loads and replaces the value",
    },
    Row {
        of: "ttl",
        names: &["timeout"],
        advice: "write `ttl` for the time to live, or `hard_timeout` for the time that a caller waits at most",
    },
    Row {
        of: "key",
        names: &["convert", "key_fn", "key_builder", "key_generator", "keyGenerator", "make_key"],
        advice: "write `key = \"user:{id}\"`, or `key_with = ..` for an expression that makes the text of the key",
    },
    Row {
        of: "skip",
        names: &["ignore", "ignored", "exclude", "excluded", "skip_args"],
        advice: "arguments that are no part of the key are `skip(db)`",
    },
    Row {
        of: "skip",
        names: &["in_impl"],
        advice: "leave it out: `self` is an argument like the others, so `skip(self)` or name its fields in `key`",
    },
    Row {
        of: "local",
        names: &[
            "size",
            "max_size",
            "maxsize",
            "max_entries",
            "max_capacity",
            "capacity",
            "max_bytes",
        ],
        advice: "the bound belongs to the cache, as in `Cache::builder().memory(Memory::max_entries(1_000))`; for a bound of its own, \
                 name a cache: `cache = \"users\"`",
    },
    Row {
        of: "local",
        names: &["redis", "remote", "disk", "disk_dir", "map_error", "ty", "create"],
        advice: "the stores belong to the cache, as in `Cache::builder().remote(..)`; the function stays the same",
    },
    Row {
        of: "skip_if",
        names: &["condition", "when"],
        advice: "`skip_if = id == 0` names the calls that are not cached; `cache_if` and `unless` decide by the value",
    },
    Row {
        of: "tags",
        names: &["group", "groups", "region"],
        advice: "what values have in common is a tag: `tags = [\"users\"]`",
    },
    Row {
        of: "cache",
        names: &["name", "cache_name", "cacheName", "cacheNames", "cache_names", "value"],
        advice: "a cache by its name is `cache = \"users\"`",
    },
    Row {
        of: "key_prefix",
        names: &["namespace", "prefix", "cache_prefix_block"],
        advice: "write `key_prefix = \"users\"`; the namespace belongs to the cache: `Cache::builder().namespace(..)`",
    },
    Row {
        of: "all",
        names: &["allEntries", "all_entries", "clear"],
        advice: "write `get_user(..)` for all entries of a function, or `all` for the whole cache",
    },
    Row {
        of: "before",
        names: &["beforeInvocation", "before_invocation"],
        advice: "an eviction before the body is `before`",
    },
];
