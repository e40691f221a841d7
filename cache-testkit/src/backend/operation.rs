//! The operations of a backend.

use std::fmt;

macro_rules! operations {
    ($($name:ident = $method:literal, $doc:literal;)*) => {
        /// An operation of [`Backend`](cache_core::Backend) or [`Leases`](cache_core::Leases).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $(#[doc = $doc] $name,)*
        }

        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The method's name, except for [`Get`](Self::Get).
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $method,)*
                }
            }
        }
    };
}

operations! {
    Get = "get", "`get_many` or `get_each`: whichever larder uses.";
    Set = "set", "`set` or `set_each`: whichever larder uses.";
    Replace = "replace", "`replace`";
    Remove = "remove", "`remove`";
    Generations = "generations", "`generations`";
    Prolong = "prolong", "`prolong`";
    Bump = "bump", "`bump`";
    Scan = "scan", "`scan`";
    Publish = "publish", "`publish`";
    Subscribe = "subscribe", "`subscribe`";
    Info = "info", "`info`";
    Ping = "ping", "`ping`";
    Acquire = "acquire", "`acquire` or `acquire_each`: whichever larder uses.";
    Commit = "commit", "`commit` or `commit_each`: whichever larder uses.";
    Renew = "renew", "`renew` or `renew_each`: whichever larder uses.";
    Abort = "abort", "`abort` or `abort_each`: whichever larder uses.";
    Revoke = "revoke", "`revoke`";
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
