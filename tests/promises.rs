//! Tests of the promises P1 to P9, one module per aspect. P10 is in `free_hits.rs`.
#![allow(clippy::unwrap_used)]

#[path = "support/gated.rs"]
mod gated;
#[path = "support/origin.rs"]
mod origin;
#[path = "promises/p1_functions.rs"]
mod p1_functions;
#[path = "promises/p1_keys.rs"]
mod p1_keys;
#[path = "promises/p1_templates.rs"]
mod p1_templates;
#[path = "promises/p1_values.rs"]
mod p1_values;
#[path = "promises/p1_written_on_demand.rs"]
mod p1_written_on_demand;
#[path = "promises/p2_changes.rs"]
mod p2_changes;
#[path = "promises/p2_clock_skew.rs"]
mod p2_clock_skew;
#[path = "promises/p2_late_loads.rs"]
mod p2_late_loads;
#[path = "promises/p2_lives.rs"]
mod p2_lives;
#[path = "promises/p2_no_old_value.rs"]
mod p2_no_old_value;
#[path = "promises/p2_old_values.rs"]
mod p2_old_values;
#[path = "promises/p2_overtaken_writes.rs"]
mod p2_overtaken_writes;
#[path = "promises/p2_puts_under_way.rs"]
mod p2_puts_under_way;
#[path = "promises/p2_reader_tags.rs"]
mod p2_reader_tags;
#[path = "promises/p2_remote_races.rs"]
mod p2_remote_races;
#[path = "promises/p2_scheduled.rs"]
mod p2_scheduled;
#[path = "promises/p2_second_round.rs"]
mod p2_second_round;
#[path = "promises/p2_soft_evictions.rs"]
mod p2_soft_evictions;
#[path = "promises/p2_stress.rs"]
mod p2_stress;
#[path = "promises/p2_tiers_left_out.rs"]
mod p2_tiers_left_out;
#[path = "promises/p3_generations.rs"]
mod p3_generations;
#[path = "promises/p3_strict_reads.rs"]
mod p3_strict_reads;
#[path = "promises/p4_failures.rs"]
mod p4_failures;
#[path = "promises/p4_one_load.rs"]
mod p4_one_load;
#[path = "promises/p4_refreshes.rs"]
mod p4_refreshes;
#[path = "promises/p4_waits_elsewhere.rs"]
mod p4_waits_elsewhere;
#[path = "promises/p5_circles.rs"]
mod p5_circles;
#[path = "promises/p5_dropped.rs"]
mod p5_dropped;
#[path = "promises/p5_failed_leaders.rs"]
mod p5_failed_leaders;
#[path = "promises/p5_hung_elsewhere.rs"]
mod p5_hung_elsewhere;
#[path = "promises/p5_in_odd_runtimes.rs"]
mod p5_in_odd_runtimes;
#[path = "promises/p5_parked.rs"]
mod p5_parked;
#[path = "promises/p6_hits_in_an_outage.rs"]
mod p6_hits_in_an_outage;
#[path = "promises/p6_wait_order.rs"]
mod p6_wait_order;
#[path = "promises/p6_writes_behind.rs"]
mod p6_writes_behind;
#[path = "promises/p7_retry_log.rs"]
mod p7_retry_log;
#[path = "promises/p8_batch_requests.rs"]
mod p8_batch_requests;
#[path = "promises/p8_large_batches.rs"]
mod p8_large_batches;
#[path = "promises/p8_tag_length.rs"]
mod p8_tag_length;
#[path = "support/process.rs"]
mod process;
#[path = "promises/tiers.rs"]
mod tiers;
#[path = "promises/yielding.rs"]
mod yielding;
