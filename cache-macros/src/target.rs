//! Typed targets: the call itself names the entry, so an eviction always matches its read.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, ExprLit, Lit};

use crate::errors::Errors;
use crate::signature::{Function, Names};

/// The name of the function's output in targets.
pub(crate) const RESULT: &str = "result";

/// A call expression, and whether it uses the output.
pub(crate) struct Target {
    pub(crate) expr: Expr,
    pub(crate) uses_result: bool,
}

impl Target {
    /// Checks that `expr` is a call.
    pub(crate) fn new(expr: Expr, function: &Function, errors: &mut Errors) -> Option<Self> {
        let expr = ungroup(expr);
        match &expr {
            Expr::Call(_) | Expr::MethodCall(_) | Expr::Macro(_) => {
                let uses_result =
                    result_is_free(function) && mentions(RESULT, expr.to_token_stream());
                Some(Self { expr, uses_result })
            }
            Expr::Await(_) => {
                errors.on(&expr, "a target is the call alone: remove `.await`");
                None
            }
            Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
                errors.on(&expr, "a text is no target: name the call, such as `get_user(db, id)`; `#[cache_evict]` also takes `key = \"user:{id}\"`");
                None
            }
            _ => {
                errors.on(&expr, "a target is a call of a cached function, such as `get_user(db, id)` or `call!(fib(n))`");
                None
            }
        }
    }
}

fn ungroup(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungroup(*group.expr),
        other => other,
    }
}

/// The arguments of `function`, and `result`.
pub(crate) fn names(function: &Function) -> Names {
    let mut names = function.names();
    if result_is_free(function) {
        names.all.push(result_ident());
    }
    names
}

/// `result` with the name resolution of the user's tokens.
pub(crate) fn result_ident() -> Ident {
    Ident::new(RESULT, Span::call_site())
}

/// Whether `result` means the output: an argument of that name takes precedence.
pub(crate) fn result_is_free(function: &Function) -> bool {
    function.names().find(RESULT).is_none()
}

/// Whether `name` occurs as a value: not as a field (`x.name`), a method or a path (`name::get`).
/// Format strings such as `format!("{name}")` count.
pub(crate) fn mentions(name: &str, tokens: TokenStream) -> bool {
    let mut after_dot = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match &token {
            TokenTree::Group(group) => mentions(name, group.stream()),
            TokenTree::Ident(ident) => {
                ident == name && !after_dot && !tokens.peek().is_some_and(is_colon)
            }
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let name = name.trim_start_matches("r#");
                ["}", ":"].iter().any(|end| text.contains(&format!("{{{name}{end}")))
            }
            TokenTree::Punct(_) => false,
        };
        if found {
            return true;
        }
        after_dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
    }
    false
}

/// Whether the token before belongs to a path or is the name of a field.
fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':')
}
