//! The keys of leases.
//!
//! The lease of `shop:user:7` has the key `shop~lease{AGBI}:user:7`: `~lease` and a hash tag of
//! four characters follow the namespace. So a lease key
//!
//! - **shares the slot of its value key** on a cluster, whatever the value key is. A slot is the
//!   CRC16 of the key, modulo 16384; if a `}` follows the first `{` with something in between, it
//!   is the CRC16 of the text between the *first* `{` and the first `}` after it. Namespaces have
//!   no braces, so the hash tag of the lease key decides its slot, and the characters of the tag
//!   are chosen to give the slot of the value key. The usual way, the value key itself as the tag,
//!   fails for `shop:a}b` and `shop:{}`: Redis hashes these as a whole, and they do not fit between
//!   braces;
//! - **is neither a value key nor a generation key**: there `:`, `~tag:` or `~space` follows the
//!   namespace;
//! - **begins with its namespace**, as the permissions of a Redis user (`~shop*`) may require;
//! - **can be parsed**: exactly one value key has this lease key.

use std::ops::Range;

use cache_core::Pattern;

pub(crate) const SLOTS: u16 = 16384;

const OPENING: &str = "~lease{";
const CLOSING: &str = "}";
const TAG: usize = 4;

/// The key of the lease of `key`.
pub(crate) fn lease_key(key: &str) -> String {
    let (namespace, rest) = key.split_at(namespace_end(key));
    let tag = tag_of(slot(key.as_bytes()));
    [namespace, OPENING, &tag, CLOSING, rest].concat()
}

/// The value key whose lease has the key `lease`; `None` if that is not a lease key.
pub(crate) fn value_key(lease: &str) -> Option<String> {
    let (namespace, marked) = lease.split_at(namespace_end(lease));
    let tagged = marked.strip_prefix(OPENING)?;
    let rest = tagged.get(TAG..)?.strip_prefix(CLOSING)?;
    let key = [namespace, rest].concat();
    // A foreign key may look like a lease key.
    (lease_key(&key) == lease).then_some(key)
}

/// A glob that matches every lease key of a value key in `pattern`, and possibly others: callers
/// filter the results with [`value_key`]. Leases are few, and the cost of a scan depends on the
/// number of keys, not of matches.
pub(crate) fn lease_glob(pattern: &Pattern) -> String {
    let first = pattern.literals().first().map_or("", String::as_str);
    let (namespace, rest) = first.split_at(namespace_end(first));
    // A wildcard after a part of a namespace may stand for the rest of it.
    let open = if rest.is_empty() { "*" } else { "" };
    Pattern::new(&format!("{namespace}{open}{OPENING}*")).to_redis_glob()
}

/// The prefix of the value keys in the namespace that `channel` is the bus of.
pub(crate) fn values_of(channel: &str) -> Option<String> {
    let namespace = channel.strip_suffix("~bus")?;
    Some(format!("{namespace}:"))
}

/// The end of the namespace, or of a text that could be one: the first character that no namespace
/// has.
fn namespace_end(key: &str) -> usize {
    let of_none = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | '/');
    key.find(of_none).unwrap_or(key.len())
}

/// The slot of a key on a cluster.
pub(crate) fn slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key).map_or(key, |tag| &key[tag])) % SLOTS
}

/// The part of a key that alone decides its slot, if the key has one.
fn hash_tag(key: &[u8]) -> Option<Range<usize>> {
    let start = key.iter().position(|&byte| byte == b'{')? + 1;
    let length = key[start..].iter().position(|&byte| byte == b'}')?;
    (length > 0).then_some(start..start + length)
}

/// CRC-16/XMODEM, the one that Redis uses.
fn crc16(bytes: &[u8]) -> u16 {
    bytes
        .iter()
        .fold(0, |crc, &byte| (crc << 8) ^ CRC_OF_BYTE[usize::from((crc >> 8) as u8 ^ byte)])
}

static CRC_OF_BYTE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// Four characters, `@` to `O`, whose slot is `slot`.
///
/// A CRC is linear: the positions where two texts of one length differ decide the positions where
/// their CRCs differ. So the low halves of the characters (four bits each, the highest those of the
/// last character) are those of slot 0, XORed with one constant for each bit that is set in the
/// slot.
fn tag_of(slot: u16) -> String {
    const OF_SLOT_0: u16 = 0x08c4;
    const OF_BIT: [u16; 14] = [
        0x88d4, 0x808a, 0x9007, 0x9efb, 0x19a2, 0x0c93, 0x1184, 0x8eed, 0x1efb, 0x8022, 0x89c4,
        0x82aa, 0x9447, 0x967b,
    ];
    let set = OF_BIT.iter().enumerate().filter(|(bit, _)| slot >> bit & 1 == 1);
    let halves = set.fold(OF_SLOT_0, |halves, (_, change)| halves ^ change);
    (0..TAG).map(|place| char::from(b'@' | (halves >> (4 * place) & 0xf) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slot as the cluster specification defines it, bit by bit.
    fn specified_slot(key: &[u8]) -> u16 {
        let mut hashed = key;
        if let Some(open) = key.iter().position(|&byte| byte == b'{')
            && let Some(close) = key[open + 1..].iter().position(|&byte| byte == b'}')
            && close != 0
        {
            hashed = &key[open + 1..open + 1 + close];
        }
        let mut crc = 0u16;
        for byte in hashed {
            for bit in (0..8).rev() {
                let carry = (crc >> 15) ^ u16::from(byte >> bit & 1);
                crc = (crc << 1) ^ (carry * 0x1021);
            }
        }
        crc % 16384
    }

    const KEYS: [&str; 24] = [
        "shop:user:7",
        "shop:{7}",
        "shop:{user}:7",
        "shop:{user}:{7}",
        "shop:user:{7",
        "shop:user:7}",
        "shop:}7{",
        "shop:}7{8}",
        "shop:{}",
        "shop:{}{7}",
        "shop:{{7}}",
        "shop:{{}}",
        "shop:a{b}c}d{e",
        "shop:a~lease{DCHF}:b",
        "shop:*?[x]\\^-\u{1F980}%7B\0\n",
        "shop:",
        "shop~tag:users",
        "shop~space",
        "a-b_c.d/E9:x",
        "",
        "opaque",
        "{opaque}",
        "}opaque{",
        "~lease{",
    ];

    #[test]
    fn the_slots_are_the_specified_ones() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        // The results of `CLUSTER KEYSLOT`.
        for (key, expected) in [("", 0), ("foo", 12182), ("a{foo}b", 12182), ("foo{}{bar}", 8363)] {
            assert_eq!(specified_slot(key.as_bytes()), expected, "{key}");
        }
        for key in KEYS {
            assert_eq!(slot(key.as_bytes()), specified_slot(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn there_is_a_tag_for_every_slot() {
        for slot in 0..SLOTS {
            let tag = tag_of(slot);
            assert_eq!(specified_slot(tag.as_bytes()), slot, "{tag}");
            assert!(tag.len() == TAG && tag.bytes().all(|byte| (b'@'..=b'O').contains(&byte)));
        }
    }

    #[test]
    fn a_lease_shares_the_slot_of_its_value() {
        for key in KEYS {
            let lease = lease_key(key);
            assert_eq!(
                specified_slot(lease.as_bytes()),
                specified_slot(key.as_bytes()),
                "{key} and {lease}"
            );
        }
        assert_eq!(lease_key("shop:user:7"), "shop~lease{AGBI}:user:7");
    }

    #[test]
    fn a_lease_key_is_unique_and_can_be_parsed() {
        for key in KEYS {
            let lease = lease_key(key);
            assert_eq!(value_key(&lease).as_deref(), Some(key));
            let behind = lease[namespace_end(&lease)..].to_owned();
            let others = [":", "~tag:", "~space", "~bus"];
            assert!(!others.iter().any(|other| behind.starts_with(other)), "{lease}");
        }
        for key in KEYS.iter().filter(|key| !key.contains("~lease")) {
            assert_eq!(value_key(key), None);
        }
        let wrong_tag = "shop~lease{@@@@}:user:7";
        for foreign in [wrong_tag, "shop~lease{\u{1F980}}:x", "shop~lease{ABC}:x", "~lease{ABCD"] {
            assert_eq!(value_key(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_glob_reaches_the_leases_of_its_pattern() {
        let globs = [
            ("shop:user:*", r"shop~lease{*"),
            ("shop:user:7", r"shop~lease{*"),
            ("a-b:*", r"a\-b~lease{*"),
            ("sh*", r"sh*~lease{*"),
            ("*:7", r"*~lease{*"),
            ("opaque", r"opaque*~lease{*"),
            ("{x}*", r"~lease{*"),
        ];
        for (pattern, glob) in globs {
            assert_eq!(lease_glob(&Pattern::new(pattern)), glob);
        }
        let prefix = Pattern::prefix("shop:a*b");
        assert_eq!(lease_glob(&prefix), "shop~lease{*");
    }
}
