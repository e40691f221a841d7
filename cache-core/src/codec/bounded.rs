//! A deserializer that does not trust the bytes: in every format a value is neither deeper nor longer than
//! the limits.
//!
//! Recursive types are as deep as the bytes say, and postcard does not count: some hundred bytes could
//! overflow the stack, which ends the process. A list of `()` takes no bytes, however long it claims to be.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// The maximum depth of a value: every list, map, struct, enum, `Some` and newtype adds one.
pub(crate) const DEPTH: u32 = 256;

/// How many bytes of its caller's stack the decoder may use. The thread may have a small stack, and the
/// remaining size is unknown.
const CALLERS_STACK: usize = 64 << 10;

/// The limit on a separate stack ([`roomy`](super::stack::roomy)). It is less than that stack has, because
/// callers clone and drop the value on their own stacks, which takes a part of it. (Frame sizes depend on the
/// type, and are several times larger without optimisation.)
const OWN_STACK: usize = if cfg!(debug_assertions) { 1 << 20 } else { 256 << 10 };

/// How many elements may take no bytes.
const WEIGHTLESS: usize = 1 << 16;

/// The remaining limits of one value.
pub(crate) struct Limits {
    elements: Cell<usize>,
    /// The position of the stack when reading began, and how much of the stack may be used.
    stack: usize,
    most: usize,
    spent: Cell<bool>,
}

/// The limit that a value exceeds.
#[derive(Debug)]
pub(super) enum Spent {
    Elements,
    Depth,
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elements => "more elements than bytes",
            Self::Depth => "nested too deep",
        })
    }
}

/// The approximate position of the stack.
#[inline(never)]
fn stack() -> usize {
    let here = 0u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

impl Limits {
    /// Limits for `bytes` on the caller's stack. Each element takes a byte or counts towards
    /// [`WEIGHTLESS`].
    pub(super) fn of(bytes: &[u8]) -> Self {
        let elements = Cell::new(bytes.len() + WEIGHTLESS);
        Self { elements, stack: stack(), most: CALLERS_STACK, spent: Cell::new(false) }
    }

    /// Limits for `bytes` on a separate stack.
    pub(super) fn on_own_stack(bytes: &[u8]) -> Self {
        Self { most: OWN_STACK, ..Self::of(bytes) }
    }

    /// Whether reading failed because the stack limit was reached.
    pub(super) fn spent_the_stack(&self) -> bool {
        self.spent.get()
    }

    /// Whether this many elements may be read.
    pub(super) fn allow(&self, elements: usize) -> bool {
        elements <= self.elements.get()
    }

    /// Counts an element, or the question whether there is another one.
    pub(super) fn take(&self) -> Result<(), Spent> {
        let left = self.elements.get().checked_sub(1);
        self.elements.set(left.ok_or(Spent::Elements)?);
        Ok(())
    }

    /// Enters a value at this depth; returns the depth of its parts.
    #[inline(never)]
    pub(super) fn enter(&self, depth: u32) -> Result<u32, Spent> {
        if self.stack.abs_diff(stack()) > self.most {
            self.spent.set(true);
        }
        if depth >= DEPTH || self.spent.get() {
            return Err(Spent::Depth);
        }
        Ok(depth + 1)
    }
}

/// A deserializer, visitor, seed or access `inner`, within limits.
pub(crate) struct Bounded<'l, T> {
    inner: T,
    limits: &'l Limits,
    depth: u32,
}

impl<'l, T> Bounded<'l, T> {
    pub(super) fn new(inner: T, limits: &'l Limits) -> Self {
        Self { inner, limits, depth: 0 }
    }

    /// Puts the same limits around another object.
    fn around<U>(&self, inner: U) -> Bounded<'l, U> {
        Bounded { inner, limits: self.limits, depth: self.depth }
    }

    fn deeper<U, E: Error>(&self, inner: U) -> Result<Bounded<'l, U>, E> {
        let depth = self.limits.enter(self.depth).map_err(E::custom)?;
        Ok(Bounded { inner, limits: self.limits, depth })
    }
}

macro_rules! read {
    ($($method:ident($($name:ident: $t:ty),*)),* $(,)?) => { $(
        fn $method<V: Visitor<'de>>(self, $($name: $t,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.around(visitor);
            self.inner.$method($($name,)* visitor)
        }
    )* };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    read!(
        deserialize_any(),
        deserialize_bool(),
        deserialize_i8(),
        deserialize_i16(),
        deserialize_i32(),
        deserialize_i64(),
        deserialize_i128(),
        deserialize_u8(),
        deserialize_u16(),
        deserialize_u32(),
        deserialize_u64(),
        deserialize_u128(),
        deserialize_f32(),
        deserialize_f64(),
        deserialize_char(),
        deserialize_str(),
        deserialize_string(),
        deserialize_bytes(),
        deserialize_byte_buf(),
        deserialize_option(),
        deserialize_unit(),
        deserialize_unit_struct(name: &'static str),
        deserialize_newtype_struct(name: &'static str),
        deserialize_seq(),
        deserialize_tuple(len: usize),
        deserialize_tuple_struct(name: &'static str, len: usize),
        deserialize_map(),
        deserialize_struct(name: &'static str, fields: &'static [&'static str]),
        deserialize_enum(name: &'static str, variants: &'static [&'static str]),
        deserialize_identifier(),
        deserialize_ignored_any(),
    );

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($t:ty)),* $(,)?) => { $(
        fn $method<E: Error>(self, value: $t) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )* };
}

macro_rules! visit_within {
    ($($method:ident($access:ident)),* $(,)?) => { $(
        fn $method<A: $access<'de>>(self, access: A) -> Result<V::Value, A::Error> {
            let access = self.deeper(access)?;
            self.inner.$method(access)
        }
    )* };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Bounded<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit!(
        visit_bool(bool),
        visit_i8(i8),
        visit_i16(i16),
        visit_i32(i32),
        visit_i64(i64),
        visit_i128(i128),
        visit_u8(u8),
        visit_u16(u16),
        visit_u32(u32),
        visit_u64(u64),
        visit_u128(u128),
        visit_f32(f32),
        visit_f64(f64),
        visit_char(char),
        visit_str(&str),
        visit_borrowed_str(&'de str),
        visit_string(String),
        visit_bytes(&[u8]),
        visit_borrowed_bytes(&'de [u8]),
        visit_byte_buf(Vec<u8>),
    );

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    visit_within!(
        visit_some(Deserializer),
        visit_newtype_struct(Deserializer),
        visit_seq(SeqAccess),
        visit_map(MapAccess),
        visit_enum(EnumAccess),
    );
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        let from = self.around(from);
        self.inner.deserialize(from)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.limits.take().map_err(A::Error::custom)?;
        let seed = self.around(seed);
        self.inner.next_element_seed(seed)
    }

    /// A hint from the bytes counts only within the limits, so a false length reserves no memory.
    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().filter(|hint| self.limits.allow(*hint))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.limits.take().map_err(A::Error::custom)?;
        let seed = self.around(seed);
        self.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.around(seed);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().filter(|hint| self.limits.allow(*hint))
    }
}

impl<'l, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'l, A> {
    type Error = A::Error;
    type Variant = Bounded<'l, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let Self { inner, limits, depth } = self;
        let (value, inner) = inner.variant_seed(seed)?;
        Ok((value, Bounded { inner, limits, depth }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.around(seed);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.around(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.around(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}
