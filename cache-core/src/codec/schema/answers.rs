//! Made-up values, ordered from the most likely to pass to those that only some types require.

pub(crate) const STRINGS: &[&str] = &[
    "",
    "0",
    "a",
    "1970-01-01T00:00:00Z",
    "1970-01-01",
    "1970-01-01T00:00:00",
    "00:00:00",
    "127.0.0.1",
    "::1",
    "127.0.0.1:80",
    "[::1]:80",
    "127.0.0.0/8",
    "00000000-0000-0000-0000-000000000000",
    "http://localhost/",
    "localhost",
    "a@b.cd",
    "1.0.0",
    "en",
    "DE",
    "EUR",
    "UTC",
    "true",
    "text/plain",
    "aaaaaaaa",
    "00000000000000000000000000000000",
    "00000000000000000000000000",
    "1970-01-01T00:00:00+00:00",
    "1970-01-01T00:00:00+00:00[UTC]",
    "PT0S",
    "00:00:00:00:00:00",
    "#000000",
    "AAAA",
];

/// The last two are years.
pub(crate) const SIGNED: &[i64] = &[0, 1, 2, -1, 10, 100, 1_970, 2_020];

pub(crate) const UNSIGNED: &[u64] = &[0, 1, 2, 10, 100, 200, 1_970, 2_020];

pub(crate) const FLOATS: &[f32] = &[0.0, 1.0, 0.5, -1.0, 100.0];

pub(crate) const CHARS: &[char] = &['a', '0', 'A'];

/// Lengths of byte strings.
pub(crate) const BYTES: &[usize] = &[0, 16, 4, 8, 12, 20, 24, 32, 64, 1];

/// Lengths of lists and maps. The first one means: as many elements as are needed to see their type.
pub(crate) const LENGTHS: &[usize] = &[0, 1, 2, 3, 4, 8, 16, 32];

/// The answers to a type that accepts any value.
#[derive(Clone, Copy)]
pub(crate) enum Any {
    Map,
    Unsigned,
    Text,
    Bool,
    Signed,
    Float,
    Nothing,
    List,
}

pub(crate) const ANYTHING: &[Any] = &[
    Any::Map,
    Any::Unsigned,
    Any::Text,
    Any::Bool,
    Any::Signed,
    Any::Float,
    Any::Nothing,
    Any::List,
];
