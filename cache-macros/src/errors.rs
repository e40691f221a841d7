//! Collects every mistake of one attribute, so that all of them are reported by one compilation.

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

    /// Records an error that a parser made.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Whether nothing was recorded yet: what is missing may be what was just refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value if nothing was recorded, otherwise everything that was.
    pub(crate) fn check<T>(self, value: T) -> syn::Result<T> {
        match self.0 {
            Some(all) => Err(all),
            None => Ok(value),
        }
    }

    /// As [`Errors::check`], for a value that could not be made: its absence was recorded where it was noticed.
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

/// "; did you mean `x`?" for the name closest to `wrong`, or nothing when none is close.
pub(crate) fn did_you_mean<T: Display>(wrong: &str, names: &[T]) -> String {
    let limit = if wrong.chars().count() < 4 { 1 } else { 2 };
    let closest = names
        .iter()
        .map(|name| (distance(wrong, &name.to_string()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance);
    closest.map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// Edit distance in which swapping two neighbours is one edit: that is the commonest slip.
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
