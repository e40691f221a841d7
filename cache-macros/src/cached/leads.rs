//! The form of a function's keys, and where the arguments of a call are in them: with it the entries of a function are found
//! without a call.

use proc_macro2::{Ident, Span, TokenStream};
use syn::GenericParam;
use syn::ext::IdentExt as _;

use super::key::Key;
use super::model::{CacheChoice, Model};
use super::prologue::{self, Instance};
use crate::call::hidden_name;
use crate::mixed::mixed;

/// The place of a name in the call.
struct Position {
    /// The index of its argument, the receiver included.
    at: usize,
    /// Whether it is the whole argument.
    whole: bool,
}

fn position(model: &Model, name: &Ident) -> Option<Position> {
    let receiver = usize::from(model.function.receiver().is_some());
    if name == "self" {
        return Some(Position { at: 0, whole: true });
    }
    if let Some(each) = model.each.as_ref().filter(|each| each.item() == name) {
        return Some(Position { at: receiver + each.at(), whole: false });
    }
    model.function.args.iter().enumerate().find_map(|(at, arg)| {
        let whole = arg.bindings.is_none();
        let found = arg.inputs().iter().any(|input| input.ident == *name);
        found.then_some(Position { at: receiver + at, whole })
    })
}

/// The index of an argument that is `name`.
fn whole(model: &Model, name: &Ident) -> Option<usize> {
    position(model, name).filter(|position| position.whole).map(|position| position.at)
}

/// How many leading arguments of a call can be part of a pattern of the keys.
fn leads(model: &Model) -> usize {
    let receiver = usize::from(model.function.receiver().is_some());
    let all = receiver + model.function.args.len();
    let at = |name: &Ident| position(model, name).map_or(all, |position| position.at);
    let in_part = match &model.key {
        Key::Template(template) => {
            template.partial(&|name| whole(model, name).is_some()).map(at).min()
        }
        Key::Automatic { args, .. } if !has_constants(model) => {
            args.iter().find(|name| whole(model, name).is_none()).map(at)
        }
        Key::Automatic { .. } | Key::Custom { .. } | Key::Cell(_) => Some(0),
    };
    let in_prefix = model.affixes.partial(&|name| whole(model, name).is_some()).map(at).min();
    in_part.into_iter().chain(in_prefix).min().unwrap_or(all)
}

/// Whether an automatic key has constant parameters of the function before its arguments.
fn has_constants(model: &Model) -> bool {
    let Key::Automatic { generics, .. } = &model.key else { return false };
    let params = model.function.sig.generics.params.iter();
    params
        .into_iter()
        .any(|param| matches!(param, GenericParam::Const(param) if generics.contains(&param.ident)))
}

/// `Site::parts` and what belongs to it.
pub(super) fn parts(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let text = |text: &String| mixed!(#private::Part::Text(#text));
    let mut parts = model.affixes.parts(private, &|name| whole(model, name));
    let named = model.affixes.subject.is_some();
    let path = [mixed!(#private::Part::Path), mixed!(#private::Part::Place)];
    match &model.key {
        Key::Template(template) => {
            parts.extend(template.parts(private, &|name| whole(model, name)));
            parts.extend(instance(model, prologue::instance_in(model, Some(template))));
            let open =
                mixed!(#private::Part::Text("<"), #private::Part::Value, #private::Part::Text(">"));
            parts.extend(prologue::opaque_in_template(model, template).map(|_| open.clone()));
        }
        Key::Automatic { args, generics } if named => {
            let told = !args.is_empty() || !generics.is_empty() || model.function.associated;
            parts.extend(told.then(|| arguments(model)));
            parts.extend(instance(model, prologue::instance_in(model, None)));
        }
        Key::Cell(_) if !parts.is_empty() => parts.push(arguments(model)),
        _ => {
            parts.extend(if named { None } else { Some(path) }.into_iter().flatten());
            parts.push(arguments(model));
        }
    }
    parts.extend(model.affixes.tail().map(text));
    let compared = match &model.key {
        Key::Template(_) => true,
        Key::Automatic { .. } => named,
        Key::Custom { .. } | Key::Cell(_) => false,
    };
    let compared =
        compared.then(|| mixed!(.compared(::core::concat!(::core::file!(), ":", ::core::line!()))));
    let placed = placed(model);
    let operation = model.affixes.subject.as_ref().and_then(|subject| subject.narrowest().fixed());
    let operation = operation.map(|tag| mixed!(.operation(#tag)));
    mixed!(.parts(&[#(#parts),*]) #compared #placed #operation)
}

fn instance(model: &Model, instance: Option<Instance>) -> Option<TokenStream> {
    let private = &model.root.private;
    instance.map(|instance| match instance {
        Instance::OfTrait => mixed!(#private::Part::TraitInstance),
        Instance::OfType | Instance::Around => mixed!(#private::Part::Instance),
    })
}

/// `Part::Arguments`
fn arguments(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let (positions, generic) = match &model.key {
        Key::Automatic { args, generics } => {
            let positions = args.iter().map_while(|name| whole(model, name)).collect();
            (positions, !generics.is_empty() || prologue::opaque_in_key(model).next().is_some())
        }
        _ => (Vec::new(), false),
    };
    let types = generic || (model.affixes.subject.is_some() && model.function.associated);
    mixed!(#private::Part::Arguments { types: #types, positions: &[#(#positions),*] })
}

/// `Site::placed`, if keys begin with the function's path.
fn placed(model: &Model) -> Option<TokenStream> {
    let private = &model.root.private;
    let automatic = matches!(model.key, Key::Automatic { .. } | Key::Custom { .. });
    if !automatic || model.affixes.subject.is_some() {
        return None;
    }
    let name = model.function.sig.ident.unraw().to_string();
    // The key of a sync function is written in its twin.
    let twin = !model.function.is_async() && !model.function.associated;
    let whole = match twin {
        true => {
            let twin = hidden_name(&model.function.sig.ident);
            format!("::{twin}::{{{{closure}}}}")
        }
        false => format!("::{name}::{{{{closure}}}}"),
    };
    let text = format!(".{:016x}", model.function.fingerprint());
    Some(mixed! {
        .placed(#private::Place {
            module: ::core::module_path!(),
            around: ::core::module_path!(),
            whole: ::core::concat!(::core::module_path!(), #whole),
            position: ::core::concat!("@", ::core::line!(), ".", ::core::column!(), #text),
        })
    })
}

/// The type that stands for the function. Its name tells where the function is.
pub(super) fn described(model: &Model) -> TokenStream {
    let private = &model.root.private;
    let here = Ident::new("__LarderHere", Span::mixed_site());
    let leads = leads(model);
    let in_cells = matches!(model.key, Key::Cell(_)).then(|| {
        mixed!(
            const IN_CELLS: bool = true;
        )
    });
    let by_handle = matches!(model.cache, CacheChoice::Handle(_)).then(|| {
        mixed!(
            const BY_HANDLE: bool = true;
        )
    });
    mixed! {
        enum #here {}
        impl #private::Described for #here {
            const LEADS: usize = #leads;
            #in_cells
            #by_handle
            fn site() -> &'static #private::Site {
                &__LARDER_SITE
            }
        }
    }
}
