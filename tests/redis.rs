//! Redis as it runs in production: Sentinels, clusters, pools, and a bus that loses messages. The tests use real
//! servers and the public API only.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "redis/batch_leases.rs"]
mod batch_leases;
#[path = "redis/bus.rs"]
mod bus;
#[path = "redis/bus_thread.rs"]
mod bus_thread;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "redis/cluster_batches.rs"]
mod cluster_batches;
#[path = "redis/cluster_changes.rs"]
mod cluster_changes;
#[path = "redis/cluster_parts.rs"]
mod cluster_parts;
#[path = "redis/cold_misses.rs"]
mod cold_misses;
#[path = "support/deaf.rs"]
mod deaf;
#[path = "redis/demoted.rs"]
mod demoted;
#[path = "redis/faults.rs"]
mod faults;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "redis/full_store.rs"]
mod full_store;
#[path = "redis/functions.rs"]
mod functions;
#[path = "redis/generations_end.rs"]
mod generations_end;
#[path = "redis/health.rs"]
mod health;
#[path = "redis/load.rs"]
mod load;
#[path = "redis/long_values.rs"]
mod long_values;
#[path = "redis/old_values.rs"]
mod old_values;
#[path = "support/origin.rs"]
mod origin;
#[path = "redis/other_languages.rs"]
mod other_languages;
#[path = "redis/permissions.rs"]
mod permissions;
#[path = "support/process.rs"]
mod process;
#[path = "redis/processes.rs"]
mod processes;
#[path = "redis/refresh_every.rs"]
mod refresh_every;
#[path = "support/scripted_sentinel.rs"]
mod scripted;
#[path = "support/sentinel.rs"]
mod sentinel;
#[path = "redis/sentinel_failover.rs"]
mod sentinel_failover;
#[path = "redis/sentinel_silence.rs"]
mod sentinel_silence;
mod support;
#[path = "redis/tiers.rs"]
mod tiers;
#[path = "redis/tracking.rs"]
mod tracking;
#[path = "support/trial.rs"]
mod trial;
