//! The policies of a cache for its functions and models.

use std::collections::BTreeMap;

use cache_core::{Policies, Policy};

use crate::check::Fault;
use crate::fields::{Access, CacheConfig, OnError, PolicyConfig, Stampede, Tiers};
use crate::units::Ttl;

/// Makes the policies, and notes what is wrong with them.
pub(crate) fn policies(config: &CacheConfig, faults: &mut Vec<Fault>) -> Policies {
    let mut policies = Policies::new();
    if config.policy != PolicyConfig::default() {
        policies = policies.all(checked("policy", &config.policy, false, faults));
    }
    for (model, policy) in named(&config.models) {
        let at = format!("models.{model}");
        policies = policies.model(model.clone(), checked(&at, policy, false, faults));
    }
    for (path, policy) in named(&config.functions) {
        let at = format!("functions.{path}");
        policies = policies.function(path.as_str(), checked(&at, policy, true, faults));
        policies = match policy.enabled {
            Some(false) => policies.disable(path.as_str()),
            Some(true) => policies.enable(path.as_str()),
            None => policies,
        };
        if let Some(shown) = policy.metrics {
            policies = policies.metrics(path.as_str(), shown);
        }
    }
    policies
}

fn named(
    policies: &Option<BTreeMap<String, PolicyConfig>>,
) -> impl Iterator<Item = (&String, &PolicyConfig)> {
    policies.iter().flatten()
}

fn checked(at: &str, config: &PolicyConfig, switches: bool, faults: &mut Vec<Fault>) -> Policy {
    let policy = policy(config);
    // The `ttl` before a window may be another policy's.
    if let Err(error) = policy.computed_ttl().check() {
        faults.push((format!("{at}.{}", error.field), error.message.to_owned()));
    }
    if config.enabled.is_some() && !switches {
        let message = "only a function can be switched off here; write `enabled` beside `functions` for the whole cache";
        faults.push((format!("{at}.enabled"), message.to_owned()));
    }
    let of_functions = [
        ("metrics", config.metrics.is_some()),
        ("tiers", config.tiers.is_some()),
        ("access", config.access.is_some()),
    ];
    for (field, _) in of_functions.into_iter().filter(|(_, given)| *given && !switches) {
        let message = "only functions have this setting; write it in `functions`";
        faults.push((format!("{at}.{field}"), message.to_owned()));
    }
    if config.refresh_every.is_some() && !switches {
        let message = "is no default, because its loads need copies of the arguments: write it in `functions`, for functions whose attribute has it";
        faults.push((format!("{at}.refresh_every"), message.to_owned()));
    }
    policy
}

fn policy(config: &PolicyConfig) -> Policy {
    let mut policy = Policy::new();
    policy = match config.ttl {
        Some(Ttl::For(ttl)) => policy.ttl(ttl),
        Some(Ttl::Never) => policy.no_expiry(),
        None => policy,
    };
    macro_rules! set {
        ($($field:ident)*) => {
            $(if let Some(value) = config.$field {
                policy = policy.$field(value);
            })*
        };
    }
    set!(tti memory_ttl jitter stale stale_if_error throttle refresh_every soft_timeout hard_timeout none_ttl err_ttl lease);
    if let Some(stampede) = config.stampede {
        policy = policy.stampede(match stampede {
            Stampede::Fleet => cache_core::Stampede::Fleet,
            Stampede::Process => cache_core::Stampede::Process,
            Stampede::Off => cache_core::Stampede::Off,
        });
    }
    if let Some(on_error) = config.on_error {
        policy = policy.on_error(match on_error {
            OnError::Bypass => cache_core::OnError::Bypass,
            OnError::Fail => cache_core::OnError::Fail,
        });
    }
    if let Some(tiers) = config.tiers {
        policy = policy.tiers(match tiers {
            Tiers::All => cache_core::Tiers::All,
            Tiers::Memory => cache_core::Tiers::Memory,
            Tiers::Remote => cache_core::Tiers::Remote,
        });
    }
    if let Some(access) = config.access {
        policy = policy.access(match access {
            Access::ReadWrite => cache_core::Access::ReadWrite,
            Access::ReadOnly => cache_core::Access::ReadOnly,
            Access::WriteOnly => cache_core::Access::WriteOnly,
        });
    }
    policy
}
