//! Moves a body into a closure. There `self` is an ordinary argument, and the function's lifetimes
//! have no name.

use proc_macro2::{Group, Ident, Spacing, Span, TokenStream, TokenTree};
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, ExprPath, Item, Lifetime, Macro, Signature};

/// The name of `self` in the closure.
pub(crate) fn this(span: Span) -> Ident {
    // It has the span of the replaced `self`, because that is hygienic, too. So this name is
    // visible to the user, and must be one that no user chooses.
    Ident::new("__larder_self", span)
}

/// `block` for a closure that takes the arguments of `sig`.
pub(crate) fn moved(block: &Block, sig: &Signature) -> Block {
    let lifetimes = sig.generics.lifetimes().map(|param| param.lifetime.ident.clone()).collect();
    let mut block = block.clone();
    Mover { lifetimes }.visit_block_mut(&mut block);
    block
}

struct Mover {
    /// The lifetimes that the function declares.
    lifetimes: Vec<Ident>,
}

impl VisitMut for Mover {
    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        visit_mut::visit_expr_path_mut(self, path);
        if let Some(ident) = path.path.get_ident()
            && ident == "self"
        {
            path.path = this(ident.span()).into();
        }
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self.lifetimes.contains(&lifetime.ident) {
            *lifetime = Lifetime::new("'_", lifetime.apostrophe);
        }
    }

    // `for<'a>` and labels declare names of their own.
    fn visit_bound_lifetimes_mut(&mut self, _: &mut syn::BoundLifetimes) {}
    fn visit_label_mut(&mut self, _: &mut syn::Label) {}
    fn visit_expr_break_mut(&mut self, expr: &mut syn::ExprBreak) {
        expr.expr.iter_mut().for_each(|expr| self.visit_expr_mut(expr));
    }
    fn visit_expr_continue_mut(&mut self, _: &mut syn::ExprContinue) {}

    fn visit_macro_mut(&mut self, mac: &mut Macro) {
        let formats = mac.path.segments.last().is_some_and(|last| formats(&last.ident));
        mac.tokens = tokens(mac.tokens.clone(), formats);
    }

    // `self` in a nested item is another one.
    fn visit_item_mut(&mut self, item: &mut Item) {
        if let Item::Macro(item) = item {
            self.visit_macro_mut(&mut item.mac);
        }
    }

    // syn does not visit expressions that it does not know.
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Verbatim(verbatim) => *verbatim = tokens(verbatim.clone(), false),
            expr => visit_mut::visit_expr_mut(self, expr),
        }
    }
}

/// Replaces `self` in the arguments of a macro. `formats`: its string literals are format strings such as `"{self}"`.
fn tokens(input: TokenStream, formats_here: bool) -> TokenStream {
    if defines_functions(input.clone()) {
        return input;
    }
    let mut input = input.into_iter().peekable();
    let mut output = TokenStream::new();
    // The two tokens before, to recognize `name!(..)`, and the start of an argument.
    let mut before: [Option<TokenTree>; 2] = [None, None];
    while let Some(token) = input.next() {
        let starts =
            before[1].as_ref().is_none_or(|last| is_punct(last, ',') || is_punct(last, ';'));
        let new = match &token {
            TokenTree::Ident(ident)
                if ident == "self" && !input.peek().is_some_and(|next| is_name(next, starts)) =>
            {
                this(ident.span()).into()
            }
            TokenTree::Group(group) => {
                let formats = match &before {
                    [Some(TokenTree::Ident(name)), Some(bang)] if is_punct(bang, '!') => {
                        formats(name)
                    }
                    _ => false,
                };
                let mut new = Group::new(group.delimiter(), tokens(group.stream(), formats));
                new.set_span(group.span());
                new.into()
            }
            TokenTree::Literal(literal) if formats_here => {
                format_of(literal).unwrap_or_else(|| token.clone())
            }
            other => other.clone(),
        };
        output.extend([new]);
        before = [before[1].take(), Some(token)];
    }
    output
}

/// Whether the string literals of the macro `name` are format strings: those of the standard library, of `log` and `tracing`, and of the
/// common error crates.
fn formats(name: &Ident) -> bool {
    const FORMATS: [&str; 33] = [
        "anyhow",
        "assert",
        "assert_eq",
        "assert_ne",
        "bail",
        "debug",
        "debug_assert",
        "debug_assert_eq",
        "debug_assert_ne",
        "debug_span",
        "ensure",
        "eprint",
        "eprintln",
        "error",
        "error_span",
        "event",
        "eyre",
        "format",
        "format_args",
        "info",
        "info_span",
        "panic",
        "print",
        "println",
        "span",
        "todo",
        "trace",
        "trace_span",
        "unimplemented",
        "unreachable",
        "warn",
        "write",
        "writeln",
    ];
    FORMATS.iter().any(|known| name == known)
}

fn is_punct(token: &TokenTree, char: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == char)
}

/// Whether the token after `self` shows that it is not a value: the path `self::name`, or, at the start of an argument, the field
/// `self = ..` in a span of `tracing`.
fn is_name(token: &TokenTree, starts: bool) -> bool {
    let TokenTree::Punct(punct) = token else { return false };
    punct.as_char() == ':'
        || (starts && punct.as_char() == '=' && punct.spacing() == Spacing::Alone)
}

/// Whether the tokens define a function, whose `self` is its own. (`fn(..)` without a name is a type.)
fn defines_functions(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match &token {
            TokenTree::Ident(ident) if ident == "fn" => {
                if matches!(tokens.peek(), Some(TokenTree::Ident(_))) {
                    return true;
                }
            }
            TokenTree::Group(group) if defines_functions(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

/// The format string with the new name, if it contains `{self}` (and not the escaped `{{self}}`).
fn format_of(literal: &proc_macro2::Literal) -> Option<TokenTree> {
    let text = literal.to_string();
    let name = this(Span::call_site()).to_string();
    let (mut new, mut rest, mut found) = (String::new(), text.as_str(), false);
    while let Some(at) = rest.find(['{', '}']) {
        let (head, tail) = rest.split_at(at);
        new += head;
        let of_self = tail.strip_prefix("{self").filter(|tail| tail.starts_with(['}', ':']));
        let escaped = ["{{", "}}"].into_iter().find(|escaped| tail.starts_with(escaped));
        rest = match (escaped, of_self) {
            (Some(escaped), _) => {
                new += escaped;
                &tail[escaped.len()..]
            }
            (None, Some(after)) => {
                found = true;
                new += "{";
                new += &name;
                after
            }
            (None, None) => {
                new += &tail[..1];
                &tail[1..]
            }
        };
    }
    new += rest;
    let mut new: proc_macro2::Literal = found.then_some(new)?.parse().ok()?;
    new.set_span(literal.span());
    Some(new.into())
}
