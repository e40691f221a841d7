//! What can be asked of a backend.

use std::fmt;

macro_rules! operations {
    ($($name:ident = $method:literal,)*) => {
        /// An operation of [`Backend`](crate::Backend) or [`Leases`](crate::Leases), by its method's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $(#[doc = concat!("`", $method, "`")] $name,)*
        }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The method's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $method,)*
                }
            }
        }
    };
}

operations! {
    GetMany = "get_many",
    GetEach = "get_each",
    Set = "set",
    Remove = "remove",
    Generations = "generations",
    Bump = "bump",
    Scan = "scan",
    Publish = "publish",
    Subscribe = "subscribe",
    Ping = "ping",
    Acquire = "acquire",
    Commit = "commit",
    Renew = "renew",
    Abort = "abort",
    Revoke = "revoke",
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
