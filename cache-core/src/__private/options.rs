//! The options of the attributes, as items with documentation. Expansions import the ones that are given, with the tokens of the user,
//! so that an IDE shows the documentation at the option, and completes its name.

macro_rules! options {
    ($($(#[$about:meta])* $group:ident { $($(#[$doc:meta])* $name:ident;)* })*) => {
        $(
            $(#[$about])*
            #[allow(non_upper_case_globals)]
            pub mod $group {
                $($(#[$doc])* pub const $name: () = ();)*
            }
        )*
    };
}

options! {
    /// Of `#[cached]` and `#[cached_property]`.
    cached {
        /// How long an entry is fresh: `ttl = "5m"`, `ttl = TTL`, `ttl = self.settings.ttl`. `"never"`: it does not expire. `"default"`: the cache's `default_ttl`, for options that need a `ttl`. Default: the cache's `default_ttl`, else never.
        ttl;
        /// How long this value is fresh, as the value says: `ttl_with = |token| token.expires_in`. Default: `ttl`.
        ttl_with;
        /// Time to idle: an entry is fresh for this time after its last read, and no longer than `ttl`: `tti = "30m"`.
        tti;
        /// For how long memory serves an entry before it asks the remote tier again: `memory_ttl = "10s"`. Default: `Memory::ttl` of the cache, else `ttl`.
        memory_ttl;
        /// Shortens each `ttl` by a random part of up to this fraction: `jitter = 0.1` or `"10%"`. Default: 0.
        jitter;
        /// How long `None` is cached: `none_ttl = "30s"`; `0`: not at all. Default: `ttl`.
        none_ttl;
        /// How long an `Err` is cached, in memory: `err_ttl = "2s"`. The error must be `Clone`. Default: not at all.
        err_ttl;
        /// How long this `Err` is cached: `err_ttl_with = |error| error.retry_after()`. Default: `err_ttl`.
        err_ttl_with;
        /// For this time after `ttl`, callers get the old value while it is refreshed once in the background: `stale = "1m"`. For async functions.
        stale;
        /// For this time after `ttl`, the old value is served if the load fails or takes too long: `stale_if_error = "1h"`.
        stale_if_error;
        /// Whether the old value is served instead of this error: `stale_if = |error| error.is_transient()`. Default: always.
        stale_if;
        /// The pause after a failed load before the next one, while an old value is served: `throttle = "5s"`. Default: one second.
        throttle;
        /// Loads the value again at this interval in the background, while it is in use: `refresh_every = "30s"`. For async functions.
        refresh_every;
        /// Refreshes in the background before `ttl` ends, by chance: `early_refresh`, or with the beta of XFetch `early_refresh = 1.5`. For async functions.
        early_refresh;
        /// How long to wait for a load before the old value is served: `soft_timeout = "100ms"`. Needs `stale_if_error` or `stale`. For async functions.
        soft_timeout;
        /// How long a caller waits in any case: `hard_timeout = "2s"`. The error must be `From<larder::TimedOut>`. For async functions.
        hard_timeout;
        /// Where one load for each key applies: `"fleet"` (all processes of a remote tier, the default), `"process"`, or `"off"`.
        stampede;
        /// After this time a load counts as hung, and a waiter takes over: `lease = "30s"`. Default: ten seconds.
        lease;
        /// If the cache fails: `"bypass"` (the default) loads, `"fail"` returns an error, which must be `From<larder::Error>`.
        on_error;
        /// The tiers that are read and filled: `tiers = "all"` (the default), `"memory"` or `"remote"`.
        tiers;
        /// `access = "read_only"` answers from the cache and stores nothing; `"write_only"` loads at each call, and stores. Default: `"read_write"`.
        access;
        /// Stores a value only if this is true: `cache_if = |user| user.active`.
        cache_if;
        /// Does not store a value if this is true: `unless = Vec::is_empty`.
        unless;
        /// Neither reads nor writes the cache if this is true, by the arguments: `skip_if = page > 100`.
        skip_if;
        /// Gives the body the previous value under this name, as an `Option`: `previous = old`.
        previous;
        /// A `larder::Policy` which the other options override: `policy = SHARED`, `policy = self.policy`.
        policy;
        /// The whole key in the cache's namespace: `key = "user:{id}"`. Must mention every argument that is not skipped. Default: automatic.
        key;
        /// A text in place of the arguments, after the function's path: `key_with = make_key(&query, page)`.
        key_with;
        /// A text before the key of any kind: `key_prefix = "users"`, `key_prefix = "{self.tenant}"`.
        key_prefix;
        /// Separates incompatible values by hand: `version = 2`.
        version;
        /// The model that the function reads, with `op`: `model = "user", op = "get"`. Mutators evict by it.
        model;
        /// The operation of the `model` that the function is: `model = "user", op = "list"`.
        op;
        /// Names that evict entries together: `tags = ["users", "user:{id}", PRODUCTS]`.
        tags;
        /// Types of events that evict the entries: `invalidate_on = [UserSaved]`.
        invalidate_on;
        /// A cache by name, `cache = "people"`, or a handle, `cache = self.cache`. Default: the default cache.
        cache;
        /// The tenant whose entry the call uses: `tenant = ctx.tenant`. Default: that of the scope (`larder::with_tenant`).
        tenant;
        /// Uses the memory tier only; the value then needs no serde.
        local;
        /// Lets a sync function use all tiers: it blocks its thread while it waits for the remote tier.
        blocking;
        /// The format in the remote tier: `json`, `messagepack`, `postcard`, or a type with `larder::codec::ValueCodec`. Default: that of the cache.
        codec;
        /// `metrics = false` leaves the function out of statistics and metrics.
        metrics;
        /// Arguments that do not affect the value: `skip(db, self)`.
        skip;
        /// Skips all arguments that `key` does not mention. A forgotten argument is then not noticed.
        skip_all;
        /// Caches each item of a list separately: `each = "id in ids"`.
        each;
        /// The name by which `call!` finds a sync function: `call = cached_config`.
        call;
        /// Stores the value in the instance, in a `larder::CachedCell`: `cell = self.books`.
        cell;
    }
    /// Of `#[cache_evict]`.
    cache_evict {
        /// Evicts one entry by its key: `key = "user:{id}"`.
        key;
        /// Evicts entries by their keys: `keys = ["user:{id}", "users"]`.
        keys;
        /// Evicts the entries whose key matches: `pattern = "users:page:*"`.
        pattern;
        /// Evicts the entries with any of the tags: `tags = ["users", "user:{id}"]`.
        tags;
        /// Evicts all reads of the model, or with `op` those of one operation: `model = "user"`.
        model;
        /// The operation of the `model` whose reads are evicted: `op = "list"`.
        op;
        /// Evicts the entries of functions that name one of these events in `invalidate_on`: `events = [UserSaved]`.
        events;
        /// Evicts everything in the cache.
        all;
        /// Keeps the old values for loads that fail: the next read loads.
        soft;
        /// Evicts before the body runs. Default: after it.
        before;
        /// `on = "ok"` evicts only if the body does not return an `Err`. Default: `"always"`.
        on;
        /// Evicts only if this is true, by the arguments and `result`: `when = result.is_ok()`.
        when;
        /// The cache of all targets except calls: `cache = "people"`, `cache = self.cache`.
        cache;
        /// The tenant of all targets that name none: `tenant = ctx.tenant`.
        tenant;
    }
    /// Of `#[cache_put]`.
    cache_put {
        /// The value to store: `value = Some(result.clone())`. Default: the value that the function returns.
        value;
        /// `on = "ok"` (for a `Result`): an `Err` leaves the entry unchanged. Default: `"always"`.
        on;
        /// Stores only if this is true, by the arguments and `result`: `when = result.is_ok()`.
        when;
        /// The tenant of the call: `tenant = ctx.tenant`.
        tenant;
    }
}
