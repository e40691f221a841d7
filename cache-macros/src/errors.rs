//! Collects all mistakes in one attribute, so that one compilation reports all of them.

use std::fmt::Display;

use proc_macro2::Span;

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Records `message` at `span`.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Records `message` over all of `tokens`.
    pub(crate) fn on(&mut self, tokens: &dyn quote::ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// Records an error of a parser.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Whether nothing is recorded yet. If something is, a missing option may be the one that was
    /// refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the value if nothing was recorded, otherwise all errors.
    pub(crate) fn check<T>(self, value: T) -> syn::Result<T> {
        match self.0 {
            Some(all) => Err(all),
            None => Ok(value),
        }
    }

    /// Like [`Errors::check`], for a value that may be missing: the reason was recorded where it
    /// was found.
    pub(crate) fn check_some<T>(self, value: Option<T>) -> syn::Result<T> {
        match (self.0, value) {
            (Some(all), _) => Err(all),
            (None, Some(value)) => Ok(value),
            (None, None) => {
                Err(syn::Error::new(Span::call_site(), "larder: this attribute cannot be read"))
            }
        }
    }
}

/// "`a`, `b` and `c`".
pub(crate) fn list<T: Display>(names: &[T]) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => format!("`{only}`"),
        [head @ .., last] => {
            let head: Vec<_> = head.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", head.join(", "))
        }
    }
}

/// "; did you mean `x`?" for the name closest to `wrong`, or nothing if none is close.
pub(crate) fn did_you_mean<T: Display>(wrong: &str, names: &[T]) -> String {
    nearest(wrong, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// The name closest to `wrong`, if one is close.
pub(crate) fn nearest<'n, T: Display>(wrong: &str, names: &'n [T]) -> Option<&'n T> {
    let limit = if wrong.chars().count() < 4 { 1 } else { 2 };
    let closest = names
        .iter()
        .map(|name| (distance(wrong, &name.to_string()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance);
    closest.map(|(_, name)| name)
}

/// Edit distance that counts a swap of two neighbours as one edit, because that is the most common
/// typing mistake.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0_usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                rows[i][j] = i + j;
                continue;
            }
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}
