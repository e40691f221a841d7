//! `list_users(team, ..)`: the entries of a function for all calls with these first arguments, as a target of `#[cache_evict]`
//! and in `entries!`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprMethodCall, ExprPath, Token};

use crate::call;
use crate::crate_path::Root;
use crate::mixed::{mixed, shown_at};

const FORM: &str = "`entries!` takes a cached function with `..` for the arguments that may have any value: `entries!(list_users(..))`, \
                    `entries!(list_users(team, ..))`, or `entries!(call!(fib(..)))` for a sync function";

/// A function, and its first arguments.
pub(crate) struct Entries {
    function: ExprPath,
    leading: Vec<Expr>,
    /// Directions, such as `.tenant(name)`.
    directions: Vec<ExprMethodCall>,
}

/// Expands the macro.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let wrong = || syn::Error::new_spanned(&input, FORM);
    let expr: syn::Result<Expr> = syn::parse2(input.clone());
    let entries = match expr {
        Ok(expr) => Entries::read(&expr).and_then(|entries| entries.ok_or_else(wrong)),
        Err(_) => Err(wrong()),
    };
    match entries {
        Ok(entries) => entries.expand(&Root::found().private, false),
        Err(error) => error.to_compile_error(),
    }
}

impl Entries {
    fn new(function: ExprPath, leading: Vec<Expr>) -> Self {
        Self { function, leading, directions: Vec::new() }
    }

    /// Reads a call with `..`; `None` if `expr` is anything else.
    pub(crate) fn read(expr: &Expr) -> syn::Result<Option<Self>> {
        match expr {
            Expr::Group(group) => Self::read(&group.expr),
            Expr::Paren(paren) => Self::read(&paren.expr),
            Expr::Call(of_call) => {
                let Some(leading) = leading(&of_call.args)? else { return Ok(None) };
                match &*of_call.func {
                    Expr::Path(function) => Ok(Some(Self::new(function.clone(), leading))),
                    other => Err(syn::Error::new_spanned(
                        other,
                        "with `..` a function is named by its path: `list_users(..)`",
                    )),
                }
            }
            Expr::MethodCall(of_call) => match leading(&of_call.args)? {
                Some(_) => Err(syn::Error::new_spanned(
                    &of_call.method,
                    format!(
                        "with `..` a method is named by its type: `Type::{}(..)`, or with the receiver as the first argument",
                        of_call.method
                    ),
                )),
                None => {
                    let entries = Self::read(&of_call.receiver)?;
                    Ok(entries.map(|mut entries| {
                        entries.directions.push(of_call.clone());
                        entries
                    }))
                }
            },
            Expr::Macro(of_call)
                if of_call.mac.path.segments.last().is_some_and(|last| last.ident == "call") =>
            {
                // `call!` itself reports what it cannot take.
                let Ok(inner) = syn::parse2::<Expr>(of_call.mac.tokens.clone()) else {
                    return Ok(None);
                };
                let entries = Self::read(&inner)?;
                Ok(entries
                    .map(|entries| Self { function: call::twin(entries.function), ..entries }))
            }
            _ => Ok(None),
        }
    }

    /// The tokens of the arguments.
    pub(crate) fn arguments(&self) -> TokenStream {
        let directed = self.directions.iter().flat_map(|direction| direction.args.iter());
        let all = self.leading.iter().chain(directed);
        mixed!(#(#all),*)
    }

    /// An expression of type `FunctionEntries`. `own`: whether only the function itself can tell its cache.
    pub(crate) fn expand(&self, private: &TokenStream, own: bool) -> TokenStream {
        let (function, span) = (&self.function, self.function.span());
        let leads = shown_at(span, &mixed!(#private::leads));
        let names: Vec<_> = (0..self.leading.len())
            .map(|at| format_ident!("__larder_lead{at}", span = Span::mixed_site()))
            .collect();
        let taken = self.leading.iter().zip(&names).map(|(argument, name)| {
            let shown = Span::mixed_site().located_at(argument.span());
            quote_spanned!(shown=> let (#name, __larder_leads) = __larder_leads.next(#argument);)
        });
        let traits = (!names.is_empty()).then(|| {
            mixed!(use #private::{LeadDisplay as _, LeadExact as _, LeadSerialize as _, LeadSkipped as _, LeadUnwritten as _};)
        });
        let own = own && !self.directions.iter().any(|direction| direction.method == "cache");
        let directions = self.directions.iter().map(
            |ExprMethodCall { method, turbofish, args, .. }| mixed!(.#method #turbofish (#args)),
        );
        let entries = shown_at(span, &if own { mixed!(own_entries) } else { mixed!(entries) });
        mixed! {
            {
                let __larder_leads = #leads(#function);
                #(#taken)*
                __larder_leads.#entries({
                    #traits
                    [#(#private::lead_texts(
                        (&#private::Lead(&#names)).automatic(),
                        (&&&#private::Lead(&#names)).template(),
                    )),*]
                })
                #(#directions)*
            }
        }
    }
}

/// The arguments before `..` at the end; `None` without a `..`.
fn leading(args: &Punctuated<Expr, Token![,]>) -> syn::Result<Option<Vec<Expr>>> {
    let is_rest = |arg: &&Expr| matches!(arg, Expr::Range(range) if range.start.is_none() && range.end.is_none());
    let Some(rest) = args.iter().find(is_rest) else { return Ok(None) };
    let leading: Vec<_> = args.iter().take_while(|arg| !is_rest(arg)).cloned().collect();
    match leading.len() + 1 == args.len() {
        true => Ok(Some(leading)),
        false => Err(syn::Error::new_spanned(
            rest.to_token_stream(),
            "`..` comes last: only the first arguments of a function can be given",
        )),
    }
}
