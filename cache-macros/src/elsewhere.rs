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
        mac.tokens = tokens(mac.tokens.clone());
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
            Expr::Verbatim(verbatim) => *verbatim = tokens(verbatim.clone()),
            expr => visit_mut::visit_expr_mut(self, expr),
        }
    }
}

/// Replaces `self` in the arguments of a macro, including format strings such as `"{self}"`.
fn tokens(input: TokenStream) -> TokenStream {
    if defines_functions(input.clone()) {
        return input;
    }
    let mut input = input.into_iter().peekable();
    let mut output = TokenStream::new();
    while let Some(token) = input.next() {
        output.extend([match token {
            TokenTree::Ident(ident) if ident == "self" && !input.peek().is_some_and(is_name) => {
                this(ident.span()).into()
            }
            TokenTree::Group(group) => {
                let mut new = Group::new(group.delimiter(), tokens(group.stream()));
                new.set_span(group.span());
                new.into()
            }
            TokenTree::Literal(literal) => format_of(&literal).unwrap_or(literal.into()),
            other => other,
        }]);
    }
    output
}

/// Whether the token after `self` shows that it is not a value: the path `self::name`, or the field
/// `self = ..` in a span of `tracing`.
fn is_name(token: &TokenTree) -> bool {
    let TokenTree::Punct(punct) = token else { return false };
    punct.as_char() == ':' || (punct.as_char() == '=' && punct.spacing() == Spacing::Alone)
}

/// Whether the tokens define a function, whose `self` is its own.
fn defines_functions(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "fn",
        TokenTree::Group(group) => defines_functions(group.stream()),
        _ => false,
    })
}

/// The format string with the new name, if it contains `{self}`.
fn format_of(literal: &proc_macro2::Literal) -> Option<TokenTree> {
    let text = literal.to_string();
    if !text.contains("{self}") && !text.contains("{self:") {
        return None;
    }
    let new = format!("{{{}", this(Span::call_site()));
    let text = text.replace("{self}", &format!("{new}}}")).replace("{self:", &format!("{new}:"));
    let mut new: proc_macro2::Literal = text.parse().ok()?;
    new.set_span(literal.span());
    Some(new.into())
}
