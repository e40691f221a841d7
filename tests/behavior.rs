//! The behaviour that users see, through the public API only: with real Redis servers, real processes, and a proxy that
//! breaks the network.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "behavior/all_caches.rs"]
mod all_caches;
#[path = "behavior/bad_input.rs"]
mod bad_input;
#[path = "behavior/broken_backends.rs"]
mod broken_backends;
#[path = "behavior/chaos.rs"]
mod chaos;
#[path = "behavior/codecs.rs"]
mod codecs;
#[path = "behavior/compression.rs"]
mod compression;
#[path = "behavior/configuration.rs"]
mod configuration;
#[path = "behavior/configuration_address.rs"]
mod configuration_address;
#[path = "behavior/configuration_changes.rs"]
mod configuration_changes;
#[path = "behavior/configuration_mistakes.rs"]
mod configuration_mistakes;
#[path = "behavior/configuration_page.rs"]
mod configuration_page;
#[path = "behavior/configuration_processes.rs"]
mod configuration_processes;
#[path = "behavior/configuration_sections.rs"]
mod configuration_sections;
#[path = "behavior/configuration_service_links.rs"]
mod configuration_service_links;
#[path = "behavior/configuration_variables.rs"]
mod configuration_variables;
#[path = "behavior/conformance.rs"]
mod conformance;
#[path = "support/deaf.rs"]
mod deaf;
#[path = "behavior/early.rs"]
mod early;
#[path = "behavior/encryption.rs"]
mod encryption;
#[path = "behavior/entries.rs"]
mod entries;
#[path = "behavior/events.rs"]
mod events;
#[path = "behavior/failsafe.rs"]
mod failsafe;
#[path = "behavior/foreign_bytes.rs"]
mod foreign_bytes;
#[path = "behavior/freshness.rs"]
mod freshness;
#[path = "support/gated.rs"]
mod gated;
#[path = "behavior/health.rs"]
mod health;
#[path = "behavior/health_redis.rs"]
mod health_redis;
#[path = "behavior/hit_rate.rs"]
mod hit_rate;
#[path = "behavior/hostile_bytes.rs"]
mod hostile_bytes;
#[path = "behavior/inspection.rs"]
mod inspection;
#[path = "behavior/invalidation_list.rs"]
mod invalidation_list;
#[path = "behavior/key_builder.rs"]
mod key_builder;
#[path = "behavior/key_parts.rs"]
mod key_parts;
#[path = "behavior/large_values.rs"]
mod large_values;
#[path = "behavior/management.rs"]
mod management;
#[path = "behavior/management_scopes.rs"]
mod management_scopes;
#[path = "behavior/memory_tier.rs"]
mod memory_tier;
#[path = "behavior/memory_ttl.rs"]
mod memory_ttl;
#[path = "behavior/memory_weights.rs"]
mod memory_weights;
#[path = "behavior/monitor.rs"]
mod monitor;
#[path = "behavior/namespaces.rs"]
mod namespaces;
#[path = "behavior/negative.rs"]
mod negative;
#[path = "behavior/off_switch.rs"]
mod off_switch;
#[path = "support/origin.rs"]
mod origin;
#[path = "behavior/outage.rs"]
mod outage;
#[path = "behavior/outage_logs.rs"]
mod outage_logs;
#[path = "behavior/outages.rs"]
mod outages;
#[path = "behavior/own_formats.rs"]
mod own_formats;
#[path = "behavior/pattern_progress.rs"]
mod pattern_progress;
#[path = "behavior/peeks.rs"]
mod peeks;
#[path = "behavior/pending_evictions.rs"]
mod pending_evictions;
#[path = "behavior/policies.rs"]
mod policies;
#[path = "support/process.rs"]
mod process;
#[path = "behavior/refresh_every.rs"]
mod refresh_every;
#[path = "behavior/reload.rs"]
mod reload;
#[path = "behavior/schedule.rs"]
mod schedule;
#[path = "behavior/schema_changes.rs"]
mod schema_changes;
#[path = "behavior/schema_deploys.rs"]
mod schema_deploys;
#[path = "behavior/second_process.rs"]
mod second_process;
#[path = "behavior/serde_differs.rs"]
mod serde_differs;
#[path = "behavior/sqlite.rs"]
mod sqlite;
#[path = "behavior/statistics.rs"]
mod statistics;
#[path = "support/stored.rs"]
mod stored;
mod support;
#[path = "support/telling.rs"]
mod telling;
#[path = "behavior/tenant_scopes.rs"]
mod tenant_scopes;
#[path = "behavior/tenants.rs"]
mod tenants;
#[path = "behavior/test_kit.rs"]
mod test_kit;
#[path = "behavior/test_kit_backends.rs"]
mod test_kit_backends;
#[path = "behavior/test_kit_counts.rs"]
mod test_kit_counts;
#[path = "behavior/test_kit_reach.rs"]
mod test_kit_reach;
#[path = "behavior/test_kit_simulation.rs"]
mod test_kit_simulation;
#[path = "behavior/three_tierings.rs"]
mod three_tierings;
#[path = "behavior/tiers.rs"]
mod tiers;
#[path = "behavior/time.rs"]
mod time;
#[path = "behavior/timeouts.rs"]
mod timeouts;
#[path = "behavior/transaction_commits.rs"]
mod transaction_commits;
#[path = "behavior/transaction_loads.rs"]
mod transaction_loads;
#[path = "behavior/transaction_model.rs"]
mod transaction_model;
#[path = "behavior/transaction_races.rs"]
mod transaction_races;
#[path = "behavior/transactions.rs"]
mod transactions;
#[path = "behavior/trusted_tags.rs"]
mod trusted_tags;
#[path = "behavior/two_caches.rs"]
mod two_caches;
#[path = "behavior/typed.rs"]
mod typed;
#[path = "behavior/under_load.rs"]
mod under_load;
#[path = "behavior/value_terms.rs"]
mod value_terms;
#[path = "behavior/values.rs"]
mod values;
#[path = "behavior/warming.rs"]
mod warming;
#[path = "behavior/without_a_bus.rs"]
mod without_a_bus;
