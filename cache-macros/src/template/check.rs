//! Invalid templates that can be parsed: each rule prevents two entries from sharing a key.

use super::parse::{Kind, Reader};
use super::{Field, Part, Place};

impl Reader<'_> {
    /// Records the mistakes of `parts`.
    pub(super) fn check(&mut self, parts: &[Part]) {
        let kind = self.kind.name();
        if self.good && parts.is_empty() {
            self.error(&format!("this {kind} is empty: every entry needs a name"));
        }
        self.check_text(parts);
        self.check_neighbours(parts);
        if self.good && self.kind == Kind::Pattern && !texts(parts).any(|text| text.contains('*')) {
            self.error("this pattern has no `*`: it names one key, so write `key = ...`");
        }
    }

    fn check_text(&mut self, parts: &[Part]) {
        let globs: &[char] = if self.kind == Kind::Pattern {
            &['?', '[', ']', '\\']
        } else {
            &['*', '?', '[', ']', '\\']
        };
        let kind = self.kind.name();
        if let Some(c) = texts(parts).flat_map(str::chars).find(|c| globs.contains(c)) {
            self.error(&stray_glob(self.kind, c));
        }
        if texts(parts).flat_map(str::chars).any(|c| c.is_ascii_control()) {
            self.error(&format!("a {kind} cannot hold control characters"));
        }
    }

    /// Records places without a separator between them: `{a}{b}` gives one text for ("1", "23") and
    /// ("12", "3"). An escaped argument contains no separator except `%`.
    fn check_neighbours(&mut self, parts: &[Part]) {
        let mut last: Option<String> = None;
        let mut separated = false;
        for part in parts {
            let shown = match part {
                Part::Text(text) => {
                    separated |= text.chars().any(|c| is_separator(c) && c != '%');
                    continue;
                }
                Part::Place(place) => show(place),
                Part::Type(ident) => format!("{{{ident}}}"),
                Part::Piece(_) | Part::Const(_) => continue,
            };
            if let Some(last) = last.filter(|_| !separated) {
                self.error(&format!("`{last}` and `{shown}` run into each other: put a separator such as `:` between them"));
            }
            (last, separated) = (Some(shown), false);
        }
    }
}

fn texts(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Place(_) | Part::Type(_) | Part::Piece(_) | Part::Const(_) => None,
    })
}

fn stray_glob(kind: Kind, c: char) -> String {
    let kind_name = kind.name();
    match (kind, c) {
        (Kind::Pattern, _) => {
            format!("`{c}` is not understood in a pattern: its only wildcard is `*`")
        }
        (_, '*') => {
            format!("`*` would make this {kind_name} a pattern: use another character such as `:`")
        }
        _ => format!("`{c}` is reserved in a {kind_name}: use another character such as `:`"),
    }
}

/// Whether the text of an argument never contains `c`.
pub(crate) fn is_separator(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !"-._~@+".contains(c)
}

fn show(place: &Place) -> String {
    let mut text = format!("{{{}", place.root);
    for field in &place.fields {
        match field {
            Field::Named(name) => text.push_str(&format!(".{name}")),
            Field::At(index) => text.push_str(&format!(".{index}")),
        }
    }
    text + "}"
}
