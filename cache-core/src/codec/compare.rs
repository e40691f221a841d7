//! Compares the output of a type's `Serialize` with the input of its `Deserialize`.
//!
//! `Serialize` and `Deserialize` of one type may differ: `skip_serializing`, `skip_deserializing`, a skipped
//! variant, different names, hand-written code. A codec without names then reads one field as another, and a
//! codec with names loses a field, and neither reports an error. A value that is certain to be read
//! differently is refused. A value that may be is in doubt: then the bytes are read back (`format`).

use std::cell::RefCell;

use super::check::Refused;
use super::schema::{Parts, Shape, Shapes, Wire};

/// What the type reads at the place where it writes something.
#[derive(Clone, Copy)]
pub(crate) struct Read<'a> {
    shapes: &'a Shapes,
    shape: &'a Shape,
    /// Whether the codec writes names, and reads by them.
    by_name: bool,
    doubt: &'a RefCell<Option<String>>,
}

impl<'a> Read<'a> {
    pub(super) fn new(
        shapes: &'a Shapes,
        by_name: bool,
        doubt: &'a RefCell<Option<String>>,
    ) -> Self {
        Self { shapes, shape: shapes.get(shapes.root()), by_name, doubt }
    }

    fn to(self, at: usize) -> Self {
        Self { shape: self.shapes.get(at), ..self }
    }

    fn unknown(self) -> Self {
        self.to(Shapes::UNKNOWN)
    }

    fn doubt(self, why: impl FnOnce() -> String) {
        self.doubt.borrow_mut().get_or_insert_with(why);
    }

    /// Records a doubt: the type reads another kind of value here.
    fn other_kind(self, written: &str) -> Self {
        self.doubt(|| {
            format!(
                "it writes {written} where it reads something else (`serialize_with` without its \
                 `deserialize_with`?)"
            )
        });
        self.unknown()
    }

    /// Inlined, because a list of numbers calls it for each of them.
    #[inline]
    pub(super) fn leaf(self, wire: Wire) {
        match self.shape {
            Shape::Leaf(read) if *read == wire => {}
            _ => self.other_leaf(wire),
        }
    }

    #[cold]
    fn other_leaf(self, wire: Wire) {
        match self.shape {
            Shape::Unknown => {}
            Shape::List(each) if wire == Wire::Bytes => self.to(*each).leaf(Wire::U8),
            _ => drop(self.other_kind("a number or a text")),
        }
    }

    pub(super) fn unit(self) {
        match self.shape {
            Shape::Unknown | Shape::Unit => {}
            Shape::Parts(parts) if parts.count == Some(0) => {}
            _ => drop(self.other_kind("nothing")),
        }
    }

    /// A `Some` or a `None`.
    pub(super) fn option(self) -> Self {
        match self.shape {
            Shape::Option(some) => self.to(*some),
            Shape::Unknown => self,
            // With names, a `Some` is written as its content.
            _ if self.by_name => self,
            _ => self.other_kind("an `Option`"),
        }
    }

    pub(super) fn each(self) -> Self {
        match self.shape {
            Shape::List(each) => self.to(*each),
            Shape::Unknown | Shape::Leaf(Wire::Bytes) => self.unknown(),
            _ => self.other_kind("a list"),
        }
    }

    /// The key and the value.
    pub(super) fn entries(self) -> (Self, Self) {
        match self.shape {
            Shape::Map(key, value) => (self.to(*key), self.to(*value)),
            Shape::Unknown => (self, self),
            _ => {
                let unknown = self.other_kind("a map");
                (unknown, unknown)
            }
        }
    }

    /// The content of a variant.
    pub(super) fn variant(self, of: &'static str, index: u32, variant: &'static str) -> Self {
        let Shape::Enum { name, variants, contents } = self.shape else {
            return match self.shape {
                Shape::Unknown => self,
                _ => self.other_kind("an enum"),
            };
        };
        let by_name = || variants.iter().position(|read| *read == variant);
        let by_number =
            usize::try_from(index).ok().filter(|at| variants.get(*at) == Some(&variant));
        match if self.by_name { by_number.or_else(by_name) } else { by_number } {
            Some(at) => self.to(contents.get(at).copied().unwrap_or(Shapes::UNKNOWN)),
            None => {
                self.doubt(|| match self.by_name {
                    true => format!(
                        "`{of}` writes the variant `{variant}` and does not read it: remove \
                         `skip_deserializing`, or rename it for both"
                    ),
                    false => format!(
                        "`{of}` writes the variant `{variant}` as number {index}, and `{name}` does not read it as \
                         that: put variants with `#[serde(skip)]` last"
                    ),
                });
                self.unknown()
            }
        }
    }

    /// A struct, a tuple, or a variant with fields.
    pub(super) fn parts(self, of: &'static str, named: bool) -> Fields<'a> {
        let parts = match self.shape {
            Shape::Parts(parts) => Some(parts),
            Shape::Unknown => None,
            _ => {
                self.other_kind("several parts");
                None
            }
        };
        Fields { read: self, parts, of, named, written: 0, found: 0, next: 0 }
    }
}

/// The parts of a value in the order in which they are written.
pub(crate) struct Fields<'a> {
    read: Read<'a>,
    parts: Option<&'a Parts>,
    of: &'static str,
    named: bool,
    written: usize,
    /// How many of the written parts are also read.
    found: usize,
    /// The earliest position of the next name among the names that are read.
    next: usize,
}

impl<'a> Fields<'a> {
    /// A part without a name.
    pub(super) fn part(&mut self) -> Read<'a> {
        let index = self.written;
        self.written += 1;
        self.read.to(self.parts.map_or(Shapes::UNKNOWN, |parts| parts.at(index)))
    }

    pub(super) fn field(&mut self, name: &'static str) -> Result<Read<'a>, Refused> {
        let Some(parts) = self.parts else { return Ok(self.read.unknown()) };
        let Some(names) = parts.names else { return Ok(self.part()) };
        let index = self.written;
        self.written += 1;
        let at = match names.get(index) {
            Some(first) if *first == name => Some(index),
            _ => names.iter().position(|read| *read == name),
        };
        let Some(at) = at else {
            self.read.doubt(|| {
                format!(
                    "`{}` writes the field `{name}` and does not read it: remove `skip_deserializing`, or rename it \
                     for both",
                    self.of
                )
            });
            return Ok(self.read.to(if self.read.by_name {
                Shapes::UNKNOWN
            } else {
                parts.at(index)
            }));
        };
        self.found += 1;
        let exact = parts.has_no_aliases();
        if !self.read.by_name {
            if at < self.next || (exact && at != index) {
                return Err(Refused::new(format!(
                    "`{}` writes the field `{name}` in another place than it reads it: {SAME}",
                    self.of
                )));
            }
            self.next = at + 1;
        }
        Ok(match (exact, self.read.by_name) {
            (true, _) => self.read.to(parts.at(at)),
            (false, false) => self.read.to(parts.at(index)),
            (false, true) => self.read.unknown(),
        })
    }

    /// A field that is omitted this time, and will be read as absent.
    pub(super) fn skip(&mut self, name: &'static str) {
        let read = self.parts.and_then(|parts| parts.names);
        self.found += usize::from(read.is_some_and(|names| names.contains(&name)));
    }

    /// Checks the number of parts, after all are written.
    pub(super) fn end(&self) -> Result<(), Refused> {
        let Some(parts) = self.parts else { return Ok(()) };
        let Some(count) = parts.count else { return Ok(()) };
        let by_name = self.read.by_name && self.named && parts.names.is_some();
        let written = if by_name { self.found } else { self.written };
        // A field that is written but not read by name is already a doubt.
        let is_whole = written + parts.unsure >= count && (by_name || written <= count);
        match is_whole {
            true => Ok(()),
            false => Err(Refused::new(self.difference(parts, count))),
        }
    }

    fn difference(&self, parts: &Parts, count: usize) -> String {
        let (of, written) = (self.of, self.written);
        match parts.names {
            Some(names) if written < count || self.read.by_name => format!(
                "`{of}` reads {count} fields ({}) and does not write all of them (`skip_serializing`?), so that one \
                 would be lost: {SAME}",
                names.join(", ")
            ),
            _ => format!("`{of}` writes {written} parts and reads {count}: {SAME}"),
        }
    }
}

/// The fix.
const SAME: &str = "write and read the same fields in the same order, or use `#[serde(skip)]` for what a cached value \
                    may lack";
