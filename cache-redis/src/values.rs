//! Commands over keys, and decoding of replies.

use std::time::Duration;

use bytes::Bytes;
use cache_core::StoredValue;
use redis::{Cmd, Value};

pub(crate) fn command(name: &str, keys: &[&str]) -> Cmd {
    let length = keys.iter().map(|key| key.len()).sum::<usize>();
    let mut command = Cmd::with_capacity(1 + keys.len(), name.len() + length);
    command.arg(name);
    for key in keys {
        command.arg(key);
    }
    command
}

pub(crate) fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(Bytes::from(bytes)),
        _ => None,
    }
}

/// The last position, if one byte more than `most` is read of a value.
pub(crate) fn last(most: usize) -> usize {
    // Redis has no longer values.
    most.min(1 << 40)
}

/// [`last`] as the argument of a script.
pub(crate) fn last_byte(most: usize) -> Bytes {
    last(most).to_string().into()
}

/// Decodes the reply of a read script over `count` keys: for each key that exists its position
/// (from 1), its remaining milliseconds (-1 means without limit), and its bytes.
pub(crate) fn reads(values: Vec<Value>, count: usize) -> Option<Vec<Option<StoredValue>>> {
    let mut found = vec![None; count];
    let mut values = values.into_iter();
    while let Some(place) = values.next() {
        let place = usize::try_from(self::count(place)?).ok()?.checked_sub(1)?;
        *found.get_mut(place)? = Some(read(values.next()?, values.next()?)?);
    }
    Some(found)
}

/// The reply of `PTTL` for an absent key.
pub(crate) const ABSENT: Value = Value::Int(-2);

/// A value with its remaining milliseconds.
pub(crate) fn read(left: Value, value: Value) -> Option<StoredValue> {
    let Value::Int(left) = left else { return None };
    let left = u64::try_from(left).ok().map(Duration::from_millis);
    Some(StoredValue::new(bytes(value)?, left))
}

pub(crate) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

pub(crate) fn number(value: Value) -> Option<u64> {
    text(value)?.parse().ok()
}

pub(crate) fn count(value: Value) -> Option<u64> {
    match value {
        Value::Int(count) => u64::try_from(count).ok(),
        _ => None,
    }
}
