//! `call!(fib(40))`: the `Call` of a cached sync function. `call!(fib)`: the function that returns it.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt as _;
use syn::{Expr, ExprCall, ExprMethodCall, ExprPath, Ident, PathSegment};

/// The method of the empty type that returns the `Call` of a free function.
pub(crate) const FOUND: &str = "__larder_call";

/// Types that need no import: the generated type must not have such a name.
const PRIMITIVE: [&str; 19] = [
    "bool", "char", "f128", "f16", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str",
    "u128", "u16", "u32", "u64", "u8", "usize",
];

/// Whether every module knows a type of this name.
pub(crate) fn is_primitive(name: &Ident) -> bool {
    PRIMITIVE.iter().any(|primitive| name == primitive)
}

const FORM: &str = "`call!` takes one call of a cached sync function, such as `call!(fib(40))` or `call!(report.total(7))`, or the function alone: `call!(fib)`";

/// Expands the macro.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    try_expand(input).unwrap_or_else(|error| error.to_compile_error())
}

fn try_expand(input: TokenStream) -> syn::Result<TokenStream> {
    let call: Expr = match syn::parse2(input.clone()) {
        Ok(call) => call,
        Err(_) => return Err(syn::Error::new_spanned(input, FORM)),
    };
    match strip(call) {
        Expr::MethodCall(call) => Ok(method(call)),
        // The function itself, for `larder::function`.
        Expr::Path(path) => Ok(twin(path).into_token_stream()),
        Expr::Call(ExprCall { attrs, func, paren_token, args }) => match *func {
            Expr::Path(path) => {
                let func = Box::new(Expr::Path(twin(path)));
                Ok(ExprCall { attrs, func, paren_token, args }.into_token_stream())
            }
            other => Err(syn::Error::new_spanned(other, FORM)),
        },
        other => Err(syn::Error::new_spanned(other, FORM)),
    }
}

/// Removes the invisible groups that other macros add, and parentheses.
fn strip(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => strip(*group.expr),
        Expr::Paren(paren) => strip(*paren.expr),
        other => other,
    }
}

fn method(mut call: ExprMethodCall) -> TokenStream {
    call.method = hidden_method(&call.method);
    call.into_token_stream()
}

/// The path of the function that returns the `Call`.
pub(crate) fn twin(mut path: ExprPath) -> ExprPath {
    let of_type = path.qself.is_some() || owner_is_type(&path);
    let Some(last) = path.path.segments.last_mut() else {
        return path;
    };
    if of_type {
        last.ident = hidden_method(&last.ident);
        return path;
    }
    if is_primitive(&last.ident) {
        last.ident = hidden_name(&last.ident);
        return path;
    }
    let arguments = std::mem::take(&mut last.arguments);
    let ident = Ident::new(FOUND, last.ident.span());
    path.path.segments.push(PathSegment { ident, arguments });
    path
}

/// Whether the second-to-last segment is a type. Types begin with a capital letter and modules do
/// not; a macro has no other information.
fn owner_is_type(path: &ExprPath) -> bool {
    let owner = path.path.segments.iter().rev().nth(1);
    owner.is_some_and(|segment| segment.ident.unraw().to_string().starts_with(char::is_uppercase))
}

/// The name of the twin of a method. rustc shows this name if the method has no twin, so the name
/// says what to do.
pub(crate) fn hidden_method(name: &Ident) -> Ident {
    format_ident!("__larder_call_needs_pub_self_on_{}", name.unraw(), span = name.span())
}

/// The name of the twin of a free function.
pub(crate) fn hidden_name(name: &Ident) -> Ident {
    format_ident!("__larder_call_{}", name.unraw(), span = name.span())
}
