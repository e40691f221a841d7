//! The grammar of all attributes: `flag`, `name = value`, `name(list)`, and (for some) expressions
//! alone.
//!
//! This module validates only that every option is known and given once. A part that cannot be
//! parsed is reported and skipped up to the next comma, so that the parts after it are still
//! checked.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse as _, ParseStream, Parser as _};
use syn::{Expr, Ident, Lit, Token, Type, token};

use crate::errors::{Errors, did_you_mean, list};
use crate::{foreign, ide};

/// The options that an attribute accepts.
pub(crate) struct Grammar {
    /// Their names.
    pub(crate) known: &'static [&'static str],
    /// Whether the attribute also accepts expressions (targets).
    pub(crate) targets: bool,
    /// The module of `__private::options` that documents them.
    pub(crate) docs: &'static str,
}

struct Opt {
    name: Ident,
    value: Value,
}

enum Value {
    Flag,
    Assigned(Expr),
    List(TokenStream),
    Types(Vec<Type>),
}

/// The options that not all attributes with targets have.
const OF_MUTATORS: [&str; 5] = ["all", "before", "key", "soft", "tags"];

/// The options whose value is a list of types, which is not an expression.
const OF_TYPES: [&str; 2] = ["invalidate_on", "events"];

/// The option whose value is one type.
const OF_TYPE: &str = "codec";

/// The parsed content of an attribute.
#[derive(Default)]
pub(crate) struct Options {
    given: Vec<Opt>,
    /// The names as they are written, and where the documentation of the options is.
    written: Vec<Ident>,
    docs: &'static str,
    /// The expressions, in order.
    pub(crate) targets: Vec<Expr>,
}

impl Options {
    /// Parses `tokens`.
    pub(crate) fn parse(tokens: TokenStream, grammar: &Grammar, errors: &mut Errors) -> Self {
        let mut options = Self { docs: grammar.docs, ..Self::default() };
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = options.item(input, grammar, errors) {
                    errors.push(error);
                    skip_to_comma(input)?;
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            errors.push(error);
        }
        options
    }

    fn item(
        &mut self,
        input: ParseStream<'_>,
        grammar: &Grammar,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        if grammar.targets && !starts_option(input) {
            self.targets.push(input.parse()?);
            return end_of_item(input);
        }
        if !input.peek(Ident::peek_any) {
            return Err(input.error(no_name(input, grammar)));
        }
        let name = input.call(Ident::parse_any)?;
        self.written.push(name.clone());
        if ide::is_completed(&name) {
            return skip_to_comma(input);
        }
        let value = match OF_TYPES.iter().find(|of_types| name == **of_types) {
            Some(option) => Value::Types(types(option, input)?),
            None if name == OF_TYPE => Value::Types(vec![one_type(&name, input)?]),
            None => value(input)?,
        };
        end_of_item(input)?;
        if accept(&name, &value, grammar, errors) {
            self.add(Opt { name, value }, errors);
        }
        Ok(())
    }

    fn add(&mut self, opt: Opt, errors: &mut Errors) {
        let name = &opt.name;
        match self.given.iter().any(|given| given.name == *name) {
            true => errors.at(name.span(), format!("`{name}` is given twice: keep one")),
            false => self.given.push(opt),
        }
    }

    /// See [`ide::documented`].
    pub(crate) fn documented(&self, private: &TokenStream) -> TokenStream {
        ide::documented(private, self.docs, &self.written)
    }

    fn take(&mut self, name: &str) -> Option<Opt> {
        let at = self.given.iter().position(|opt| opt.name == name)?;
        Some(self.given.swap_remove(at))
    }

    /// Takes `name = value`.
    pub(crate) fn assigned(&mut self, name: &str, errors: &mut Errors) -> Option<(Ident, Expr)> {
        let (name, value) = self.given(name, errors)?;
        Some((name, value?))
    }

    /// Takes `name = value`. An option without a value, which is recorded, still counts as given.
    pub(crate) fn given(
        &mut self,
        name: &str,
        errors: &mut Errors,
    ) -> Option<(Ident, Option<Expr>)> {
        let Opt { name, value } = self.take(name)?;
        if let Value::Assigned(expr) = value {
            return Some((name, Some(expr)));
        }
        let example = example(&name.to_string());
        errors.at(name.span(), format!("`{name}` needs a value: `{name} = {example}`"));
        Some((name, None))
    }

    /// Takes `name`, with or without a value.
    pub(crate) fn flag_or_assigned(
        &mut self,
        name: &str,
        errors: &mut Errors,
    ) -> Option<(Ident, Option<Expr>)> {
        let Opt { name, value } = self.take(name)?;
        match value {
            Value::Flag => Some((name, None)),
            Value::Assigned(expr) => Some((name, Some(expr))),
            Value::List(_) | Value::Types(_) => {
                errors.at(
                    name.span(),
                    format!("`{name}` takes no list: write `{name}` or `{name} = ...`"),
                );
                None
            }
        }
    }

    /// Takes `name` without a value.
    pub(crate) fn flag(&mut self, name: &str, errors: &mut Errors) -> Option<Ident> {
        let Opt { name, value } = self.take(name)?;
        if !matches!(value, Value::Flag) {
            errors.at(name.span(), format!("`{name}` takes no value: write just `{name}`"));
        }
        Some(name)
    }

    /// Takes `name = A<B>`, a type.
    pub(crate) fn one_type(&mut self, name: &str) -> Option<(Ident, Type)> {
        let Opt { name, value } = self.take(name)?;
        match value {
            Value::Types(types) => Some((name, types.into_iter().next()?)),
            _ => None,
        }
    }

    /// Takes `name = [A, B<C>]`, a list of types.
    pub(crate) fn types(&mut self, name: &str) -> Vec<Type> {
        match self.take(name).map(|option| option.value) {
            Some(Value::Types(types)) => types,
            _ => Vec::new(),
        }
    }

    /// Takes `name(a, b)`, a list of names.
    pub(crate) fn names(&mut self, name: &str, errors: &mut Errors) -> Option<Vec<Ident>> {
        let Opt { name, value } = self.take(name)?;
        let Value::List(tokens) = value else {
            errors.at(name.span(), format!("`{name}` takes a list of arguments: `{name}(a, b)`"));
            return None;
        };
        let parser = |input: ParseStream<'_>| input.parse_terminated(Ident::parse_any, Token![,]);
        match parser.parse2(tokens) {
            Ok(names) => Some(names.into_iter().collect()),
            Err(error) => {
                errors.at(
                    error.span(),
                    format!("`{name}` takes names of arguments, such as `{name}(db)`"),
                );
                None
            }
        }
    }
}

fn starts_option(input: ParseStream<'_>) -> bool {
    let fork = input.fork();
    let Ok(name) = fork.call(Ident::parse_any) else {
        return false;
    };
    // `Self` or `self` alone can only begin a call.
    let alone = fork.is_empty() || fork.peek(Token![,]);
    (fork.peek(Token![=]) && !fork.peek(Token![==])) || (alone && name != "self" && name != "Self")
}

fn value(input: ParseStream<'_>) -> syn::Result<Value> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(Value::Assigned(ungrouped(input.parse()?)));
    }
    if input.peek(token::Paren) {
        let inside;
        syn::parenthesized!(inside in input);
        return Ok(Value::List(inside.parse()?));
    }
    Ok(Value::Flag)
}

fn one_type(option: &Ident, input: ParseStream<'_>) -> syn::Result<Type> {
    let wrong = |span| {
        let message = format!(
            "`{option}` is one of the names `json`, `messagepack` and `postcard`, or a type with the trait `larder::codec::ValueCodec`: \
             `{option} = json`"
        );
        syn::Error::new(span, message)
    };
    if !input.peek(Token![=]) {
        return Err(wrong(option.span()));
    }
    input.parse::<Token![=]>()?;
    let at = input.span();
    match input.parse().map_err(|_| wrong(at))? {
        Type::Path(path) => Ok(Type::Path(path)),
        Type::Group(group) => Ok(*group.elem),
        _ => Err(wrong(at)),
    }
}

fn types(option: &str, input: ParseStream<'_>) -> syn::Result<Vec<Type>> {
    let wrong = |span| {
        let message = format!(
            "`{option}` takes a list of the events' types: `{option} = [UserSaved, Saved<User>]`"
        );
        syn::Error::new(span, message)
    };
    let at = input.span();
    if !input.peek(Token![=]) || !input.peek2(token::Bracket) {
        return Err(wrong(at));
    }
    input.parse::<Token![=]>()?;
    let inside;
    let bracket = syn::bracketed!(inside in input);
    let listed = |input: ParseStream<'_>| input.parse_terminated(Type::parse, Token![,]);
    let types = listed.parse2(inside.parse()?).map_err(|error| wrong(error.span()))?;
    match types.is_empty() {
        true => Err(wrong(bracket.span.join())),
        false => Ok(types.into_iter().collect()),
    }
}

fn end_of_item(input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    if input.peek(Token![:]) && !input.peek(Token![::]) {
        return Err(input.error(
            "unexpected `:`: an option is written `name = value`, and a text in quotes, as in `key = \"user:{id}\"`",
        ));
    }
    Err(input.error("expected `,` before the next option"))
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn accept(name: &Ident, value: &Value, grammar: &Grammar, errors: &mut Errors) -> bool {
    let known = grammar.known.iter().any(|known| name == known);
    if !known {
        let text = name.to_string();
        // `get_user`, a target without its arguments, looks like an option.
        let bare = grammar.targets
            && matches!(value, Value::Flag)
            && !OF_MUTATORS.contains(&text.as_str());
        let target =
            if bare { format!(". A call has arguments: `{name}(id)`") } else { String::new() };
        let options = what_there_is(grammar.known, grammar.targets);
        unknown_among(name, grammar.known, &target, &options, errors);
    }
    known
}

/// Records an option that is not among those that are `known`.
pub(crate) fn unknown(name: &Ident, known: &[&str], errors: &mut Errors) {
    unknown_among(name, known, "", &what_there_is(known, false), errors);
}

fn unknown_among(name: &Ident, known: &[&str], target: &str, options: &str, errors: &mut Errors) {
    let text = name.to_string();
    let message = match foreign::advice(&text, known) {
        Some(advice) => format!("unknown option `{name}`: {advice}"),
        None => {
            let hint = did_you_mean(&text, known);
            let end = match hint.is_empty() {
                true => format!("{target}."),
                false => hint,
            };
            format!("unknown option `{name}`{end} {options}")
        }
    };
    errors.at(name.span(), message);
}

/// The message for something that begins neither an option nor a target.
fn no_name(input: ParseStream<'_>, grammar: &Grammar) -> String {
    let named = grammar.known.contains(&"key") && grammar.known.contains(&"ttl");
    match named && input.peek(Lit) {
        true => {
            "an option has a name: is this `key = \"user:{id}\"`, or `ttl = \"5m\"`?".to_owned()
        }
        false => format!("expected an option: {}", list(grammar.known)),
    }
}

/// A value of the option `name`.
fn example(name: &str) -> &'static str {
    match name {
        "key" => "\"user:{id}\"",
        "tags" => "[\"users\"]",
        "pattern" => "\"users:*\"",
        "each" => "\"id in ids\"",
        "ttl" | "tti" | "memory_ttl" | "stale" | "stale_if_error" | "throttle"
        | "refresh_every" | "soft_timeout" | "hard_timeout" | "none_ttl" | "err_ttl" | "lease" => {
            "\"5m\""
        }
        _ => "...",
    }
}

/// An option, or a target, as it is written.
#[derive(Clone)]
pub(crate) struct Part {
    /// The name of the option.
    pub(crate) name: Option<Ident>,
    /// All of it.
    pub(crate) tokens: TokenStream,
}

impl Part {
    /// Whether it is this option.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.as_ref().is_some_and(|own| own == name)
    }
}

/// The parts of an attribute, unread.
pub(crate) fn parts(tokens: TokenStream) -> syn::Result<Vec<Part>> {
    let parser = |input: ParseStream<'_>| {
        let parts = input.parse_terminated(part, Token![,])?;
        Ok(parts.into_iter().collect())
    };
    parser.parse2(tokens)
}

fn part(input: ParseStream<'_>) -> syn::Result<Part> {
    let option = input.peek2(token::Paren) && is_list(input);
    if !starts_option(input) && !option {
        return Ok(Part { name: None, tokens: input.parse::<Expr>()?.into_token_stream() });
    }
    let name = input.call(Ident::parse_any)?;
    let mut tokens = name.to_token_stream();
    if input.peek(Token![=]) {
        tokens.extend(input.parse::<Token![=]>()?.into_token_stream());
        if OF_TYPES.iter().any(|of_types| name == of_types) {
            tokens.extend(input.parse::<TokenTree>()?.into_token_stream());
        } else if name == OF_TYPE {
            tokens.extend(input.parse::<Type>()?.into_token_stream());
        } else {
            tokens.extend(input.parse::<Expr>()?.into_token_stream());
        }
    } else if option {
        tokens.extend(input.parse::<TokenTree>()?.into_token_stream());
    }
    Ok(Part { name: Some(name), tokens })
}

/// Whether a list option such as `skip(db)` begins here, and no call of a function.
fn is_list(input: ParseStream<'_>) -> bool {
    let fork = input.fork();
    fork.call(Ident::parse_any).is_ok_and(|name| name == "skip")
}

fn what_there_is(known: &[&str], targets: bool) -> String {
    let options = match known {
        [only] => format!("The only option is `{only}`"),
        known => format!("The options are {}", list(known)),
    };
    let calls = if targets { ", in addition to a call such as `get_user(db, id)`" } else { "" };
    options + calls
}

/// Unwraps a `macro_rules!` fragment such as `$ttl:literal` from its invisible group.
fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}
