//! Generates the policy as a constant expression.

use std::time::Duration;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use syn::spanned::Spanned as _;

use super::{Given, Policy, Time};
use crate::cached::prologue::borrowed;
use crate::crate_path::Root;
use crate::duration;
use crate::mixed::{mixed, shown_at};

impl Policy {
    /// The items before the site: the base as a constant, so that rustc reports an error of its
    /// type alone, and whether loads may go on in the background.
    pub(crate) fn items(&self, root: &Root, asks: bool) -> Option<TokenStream> {
        let (base, larder) = (self.base.as_ref().filter(|_| !self.of_call)?, &root.larder);
        let setters = self.setters(root);
        let goes_on = asks
            .then(|| mixed!(const __LARDER_GOES_ON: bool = __LARDER_POLICY #setters.goes_on();));
        Some(mixed!(const __LARDER_POLICY: #larder::Policy = #base; #goes_on))
    }

    /// The policy, with the setters `more` after its own. If there is a base, rustc validates the
    /// whole policy when it evaluates the site, and shows an error at the base.
    pub(crate) fn expr(&self, root: &Root, more: &TokenStream) -> TokenStream {
        let (larder, private) = (&root.larder, &root.private);
        let setters = self.setters(root);
        // `jitter` and the windows need a `ttl`.
        let computed = (self.of_value || self.of_call || self.ttl_of_call().is_some())
            .then(|| mixed!(.computed_ttl()));
        let Some(base) = self.base.as_ref().filter(|_| !self.of_call) else {
            let policy = mixed!(#larder::Policy::new() #setters #computed #more);
            return match self.constants().next() {
                Some(constant) if !self.of_call => {
                    let possible = shown_at(constant.span(), &mixed!(#private::possible));
                    mixed!(#possible(#policy))
                }
                _ => policy,
            };
        };
        let once = match self.repeats() {
            Some(_) => mixed!(__LARDER_POLICY #setters),
            // Its loads cannot be repeated.
            None => {
                let once = shown_at(base.span(), &mixed!(#private::loads_once));
                mixed!(#once(__LARDER_POLICY #setters))
            }
        };
        let possible = mixed!(#private::possible(#once #computed #more));
        shown_at(base.span(), &possible)
    }

    /// The policy that is evaluated when the function is called, with the setters `more` after its own.
    pub(crate) fn of_this_call(&self, root: &Root, more: &TokenStream) -> Option<TokenStream> {
        let base = self.base.as_ref().filter(|_| self.of_call)?;
        let (private, setters) = (&root.private, self.setters(root));
        // rustc shows its error about an expression that is no policy at the expression.
        let of = shown_at(base.span(), &mixed!(#private::policy_of));
        let base = borrowed(base);
        Some(mixed!(#of(#base) #setters #more))
    }

    /// The constants that rustc evaluates.
    fn constants(&self) -> impl Iterator<Item = &syn::Expr> {
        let all = self.times().into_iter().map(|(_, given)| given).chain([&self.ttl]);
        all.filter_map(|given| given.as_ref()?.value.as_ref()?.constant())
    }

    fn setters(&self, root: &Root) -> TokenStream {
        let time = |(name, given): (&'static str, &Option<Given<Time>>)| {
            Some(match given.as_ref()?.value.as_ref()? {
                Time::For(Duration::ZERO) if name == "refresh_every" => mixed!(.refresh_never()),
                Time::For(time) => setter(name, &duration::emit(*time)),
                Time::Never => mixed!(.no_expiry()),
                Time::Default => mixed!(.default_ttl()),
                Time::Constant(expr) => setter(name, &quote::ToTokens::to_token_stream(expr)),
                Time::OfCall(_) => return None,
            })
        };
        let ttl = time(("ttl", &self.ttl));
        let spans = self.times().into_iter().filter_map(time);
        let numbers = [("jitter", &self.jitter), ("early_refresh", &self.early_refresh)];
        let numbers = numbers.into_iter().filter_map(|(name, given)| {
            let number = Literal::f64_unsuffixed(value(given)?);
            Some(setter(name, &mixed!(#number)))
        });
        let choices = [
            ("stampede", "Stampede", &self.stampede),
            ("on_error", "OnError", &self.on_error),
            ("tiers", "Tiers", &self.tiers),
            ("access", "Access", &self.access),
        ];
        let choices = choices.into_iter().filter_map(|(name, of, given)| {
            let larder = &root.larder;
            let (of, variant) = (ident(of), ident(value(given)?));
            Some(setter(name, &mixed!(#larder::#of::#variant)))
        });
        ttl.into_iter().chain(spans).chain(numbers).chain(choices).collect()
    }
}

fn setter(name: &str, value: &TokenStream) -> TokenStream {
    let name = ident(name);
    mixed!(.#name(#value))
}

fn ident(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

fn value<T: Copy>(given: &Option<Given<T>>) -> Option<T> {
    given.as_ref().and_then(|given| given.value)
}
