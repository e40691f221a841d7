#!/usr/bin/env bash
# Removes each guard of the engine once, in a copy, and sees whether the simulation finds it out.
#
#   scripts/mutants.sh              all of them
#   scripts/mutants.sh fence        those whose name has `fence` in it
#   SEEDS=20000 scripts/mutants.sh  more seeds for each
#
# A guard that is not found out is either not needed or not tested. Those that no simulation of histories
# can see are listed at the end of this file, with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}
copy=$target/mutants
seeds=${SEEDS:-4000}
only=${1:-}
failed=0

mkdir -p "$copy"
copy_sources() {
    (cd "$root" && tar cf - --exclude=./target --exclude=./.git .) | (cd "$copy" && tar xf -)
    # What the simulation does not need only takes time to build.
    sed -i -e 's/features = \["redis", "testing"\]/features = ["testing"]/' "$copy/Cargo.toml"
    printf '[profile.dev.package.%s]\ndebug = false\n' cache-core larder >>"$copy/Cargo.toml"
}
simulate() {
    (cd "$copy" && CARGO_TARGET_DIR=$target LARDER_SEEDS=$seeds RUST_BACKTRACE=0 \
        timeout "${LIMIT:-600}" cargo test -q -p larder --test simulation seeds) >"$copy/output" 2>&1
}
# mutant NAME FILE SUBSTITUTION: a perl substitution over the whole file.
mutant() {
    local name=$1 file=$2 substitution=$3 found ended=0
    [[ $name == *"$only"* ]] || return 0
    copy_sources
    perl -0777 -pi -e "$substitution" "$copy/$file"
    if cmp -s "$root/$file" "$copy/$file"; then
        echo "?? $name: nothing was replaced in $file"
        failed=1
        return 0
    fi
    simulate || ended=$?
    if [[ $ended == 124 ]]; then
        echo "ok $name: does not end"
    elif [[ $ended == 0 ]]; then
        echo "-- $name: NOT found out in $seeds seeds"
        failed=1
    elif found=$(grep -oE '^(P[0-9]|refresh|life): ' "$copy/output" | sort | uniq -c | tr -s ' \n' ' ') && [[ -n $found ]]; then
        echo "ok $name:$found"
    else
        echo "?? $name: does not run"
        grep -E '^error|panicked' "$copy/output" | head -3 || true
        failed=1
    fi
    # Newer than what was built, so that the next build sees the original again.
    cp "$root/$file" "$copy/$file"
    touch "$copy/$file"
}

core=cache-core/src
fence=$core/invalidation/fence.rs
evict=$core/invalidation/evict.rs
generation=$core/invalidation/generation.rs
flight=$core/strategy/flight.rs
find=$core/strategy/find.rs
load=$core/strategy/load.rs
lookup=$core/strategy/lookup.rs
store=$core/strategy/store.rs
remote=$core/hierarchy/remote.rs
owed=$core/hierarchy/owed.rs
bus=$core/hierarchy/bus.rs
lease=$core/hierarchy/lease.rs
memory=$core/backend/memory.rs

# The fence: a fill needs a ticket that is alive, an eviction kills it.
mutant fence-fill-asks-whether-alive $fence 's/let alive = self\.is_alive\(\);/let alive = true;/'
mutant fence-eviction-kills $fence 's/if let Some\(fence\) = &fence \{\s+fence\.life\.fetch_add\(1, Ordering::AcqRel\);\s+\}//'
mutant fence-eviction-removes $fence 's/memory\.and_then\(\|memory\| memory\.remove\(id\)\)/memory.and_then(|memory| memory.get(id))/'
mutant fence-pattern-kills $fence 's/fence\.life\.fetch_add\(1, Ordering::AcqRel\);\s+killed\.push/killed.push/'
mutant fence-pattern-removes $evict 's/!matched\n/true\n/'
mutant fence-takeover-outlives $flight 's/ticket\.outlive_others\(\);//'
mutant fence-put-outlives $fence 's/self\.outlive_others\(\);\s+self\.commit/self.commit/'
mutant fence-replacing-outlives $fence 's/if replaces \{\s+self\.0\.outlive_others\(\);\s+\}/let _ = replaces;/'
mutant fence-write-asks-whether-alive $fence 's/if !self\.0\.is_alive\(\) \{\s+return None;\s+\}//'
mutant fence-eviction-waits-for-writes $remote 's/writer\.settled\(\)\.await;/let _ = writer;/'
mutant fence-put-forgets-first $core/cache.rs 's/let _ = self\.forget\(id\);//'
mutant fence-refresh-kills $core/strategy/read.rs 's/let _ = job\.inner\.fences\.kill\(job\.id, None\);//'

# Memory is forgotten a second time when the remote half is done.
mutant again-key $evict 's/let again = Finally\(\|\| ids.*?\);\n/let again = ();\n/s'
mutant again-pattern $evict 's/let again = Finally\(\|\| drop\(self\.forget_matching\(pattern\)\)\);/let again = ();/'
mutant again-tag $evict 's/let _again = Finally\(\|\| self\.generations\.bump_tag\(tag\)\);//'
mutant again-clear $evict 's/let _again = Finally\(\|\| self\.generations\.bump_space\(\)\);//'

# Flights: who may be joined, and for how long.
mutant flight-is-joined $flight 's/return Role::Wait\(Arc::clone\(flight\)\);/let _ = Role::Wait(Arc::clone(flight));/'
mutant flight-counts-tickets $flight 's/watch\.is_alive\(\) && generations/generations/'
mutant flight-counts-generations $flight 's/watch\.is_alive\(\) && generations\.counts\(&watch\.stamps\)/{ let _ = generations; watch.is_alive() }/'
mutant flight-is-restamped $find 's/lead\.restamp\(&ticket\.stamps\);\n        let Ok/let Ok/'
mutant flight-is-overdue $flight 's/&& now < flight\.overdue\(\)/\&\& (now < flight.overdue() || true)/'
mutant flight-lands-before-promotion $find 's/(if let Some\(hit\) = self\.hit\(lead, Arc::clone\(&entry\), Source::Remote\) \{\s+)promote\(inner, ticket, &entry\);/drop(std::mem::replace(ticket, self.plan.ticket(inner, self.id)));\n$1promote(inner, ticket, &entry);/'
mutant flight-abandoned-is-told $flight 's/self\.finish\(Landing::Abandoned\);/std::mem::forget(self.flight.take());/'

# Generations.
mutant generation-of-space $generation 's/&& stamps\.space == self\.space\.load\(Ordering::Acquire\)//'
mutant generation-of-tags $generation 's/tag\.generation\.load\(Ordering::Acquire\) == \*seen\)/tag.generation.load(Ordering::Acquire) >= *seen)/'
mutant generation-own-tag $generation 's/self\.tag\(name\)\.moved\.fetch_add\(1, Ordering::AcqRel\);/let _ = name;/'
mutant generation-own-space $generation 's/self\.moved\.fetch_add\(1, Ordering::AcqRel\);//'
mutant generation-with-the-value $lookup 's/\*seen = \*written;/let _ = (seen, written);/'
mutant generation-before-the-load $lookup 's/ticket\.stamps\.space = found\.space;//; s/\*seen = \*current;/let _ = (seen, current);/'
mutant generation-asked-before-own $lookup 's/if !self\.generations\.unmoved\(&ticket\.stamps\) \{\s+return Ok\(nothing\);\s+\}//; s/let stamps = stamps_of\(stamps,/let stamps = self.generations.stamp(names.iter().copied());\n        let stamps = stamps_of(stamps,/'
mutant generation-for-a-put $core/cache.rs 's/self\.stamp_remotely\(plan, &mut ticket\)\.await;//'

# The bus.
mutant bus-keys-are-heard $bus 's/let _ = self\.forget\(KeyId::of\(&key\)\);/let _ = KeyId::of(&key);/'
mutant bus-patterns-are-heard $bus 's/let _ = self\.forget_matching\(&pattern\);/let _ = pattern;/'
mutant bus-tags-are-heard $bus 's/self\.generations\.heed_tag\(&name, generation\)/drop((name, generation))/'
mutant bus-spaces-are-heard $bus 's/self\.generations\.heed_space\(generation\)/{ let _ = generation; }/'
mutant bus-unknown-tags-are-ended $generation 's/if self\.tag\(name\)\.generation\.fetch_max\(generation, Ordering::AcqRel\) == 0 \{\s+self\.bump_tag\(name\);\s+\}/self.learn_tag(name, generation);/'
mutant bus-loss-is-heard $bus 's/inner\.generations\.link\(false\);//'
mutant bus-loss-makes-unverified $generation 's/stamps\.epoch == epoch && epoch\.is_multiple_of\(2\)/true/'
mutant bus-return-makes-unverified $generation 's/stamps\.epoch == epoch && epoch/epoch/'
mutant bus-second-look-is-verified $lookup 's/if !self\.generations\.is_linked\(\) \{\s+return None;\s+\}//; s/self\.generations\.check\(&entry\.stamps\) == Validity::Valid/self.generations.current(\&entry.stamps)/'
mutant bus-without-memory $core/builder.rs 's/let Some\(remote\) = &self\.inner\.remote else/let Some(remote) = self.inner.remote.as_ref().filter(|_| self.inner.memory.is_some()) else/'

# What the remote tier owes.
mutant owed-before-use $remote 's/self\.settle\(\)\.await\?;//'
mutant owed-when-dropped $owed 's/self\.owed\.push\(undone\);/let _ = undone;/'
mutant owed-while-worked-off $remote 's/\|\| self\.settling\.try_lock\(\)\.is_err\(\)//'
mutant owed-when-in-doubt $store 's/if self\.committed\.is_alive\(\) && !self\.replaces \{/{/'
mutant owed-by-a-dropped-put $core/cache.rs 's/let otherwise = codec\.and_then\(\|_\| self\.evict_otherwise\(id, plan\.key\.as_str\(\)\)\);/let otherwise: Option<Otherwise<'"'"'_>> = None;/'
mutant owed-by-an-overtaken-put $store 's/self\.evict_key\(&entry\.key\)\.await\?;//'

# Leases.
mutant lease-is-asked-for $load 's/if !remote\.has_leases\(\) \{/if true {/'
mutant lease-of-the-commit $remote 's/\(Some\(token\), Some\(leases\)\) => self/(Some(token), Some(leases)) if token == 0 => self/'
mutant lease-refused-forgets $store 's/let _ = self\.forget\(crate::key::KeyId::of\(&entry\.key\)\);//'
mutant lease-revoked-by-patterns $remote 's/leases\.revoke\(&pattern\.under\(&prefix\)\)\.await\?;//'
mutant lease-stolen-by-refresh $load 's/steal: self\.is_refresh\(\) \|\|/steal:/'
mutant lease-renewed $lease 's/self\.inner\.clock\.sleep_until\(next\)\.await;/std::future::pending::<()>().await;/'
mutant lease-checked-by-the-store $memory 's/let holds = store\.holds\(&write\.key, token, now\);\s+if holds/let holds = true;\n            if holds/'
mutant lease-ended-by-remove $memory 's/store\.leases\.remove\(\*key\);//'
mutant lease-ended-by-set $memory 's/store\.leases\.remove\(&write\.key\);\s+store\.write\(write, now\);\s+\}\s+drop\(store\);\s+self\.shared\.tell\(notice\);\s+Ok\(\(\)\)/store.write(write, now);\n            }\n            drop(store);\n            self.shared.tell(notice);\n            Ok(())/'
mutant lease-waits-its-turn $memory 's/&& now < lease\.until\n        \{/\&\& now < lease.until\n            \&\& token == 0\n        {/'

# What is told, and what is removed.
mutant notice-of-a-key $remote 's/self\.backend\.remove\(&places, Some\(&notice\)\)/{ let _ = \&notice; self.backend.remove(\&places, None) }/'
mutant notice-of-a-pattern $remote 's/self\.backend\.publish\(&self\.notice\(Message::Pattern\(literals\)\)\)\.await\?;/let _ = literals;/'
mutant notice-of-a-generation $remote 's/self\.backend\.publish\(&self\.notice\(message\(generation\)\)\)\.await\?;/let _ = message;/'
mutant notice-of-a-put $remote 's/let notice = announce\.then/let notice = (announce \&\& false).then/'
mutant removed-by-a-pattern $remote 's/removed \+= self\.backend\.remove\(chunk, None\)\.await\?;/let _ = chunk;/'
mutant fallback-is-current $core/strategy/failsafe.rs 's/Validity::Evicted => false,/Validity::Evicted => true,/'
mutant old-value-is-current $load 's/ticket\.is_alive\(\)\s+&& self\.inner\.generations\.current\(&entry\.stamps\)\s+&& entry/entry/'

exit $failed

# Not to be seen in a history:
#
# - the second look of a leader, the throttle of a failing load, the turns of retries (`find`, `rest`,
#   `Flight::retries`): without them there are more loads, one after the other or after a failure. The tests of
#   P4 and P5 count them.
# - `Notified::enable`, the order of atomics, what is dropped under a lock: they need threads.
# - the newer generation that takes a lease, the breaker: without them a caller waits longer, within the bounds.
# - `fence-put-forgets-first`: `commit_over` kills and replaces the same, and a put that is dropped before that
#   evicts. `lease-refused-forgets`: the bus brings the same news within its bound.
# - the limit of what is owed: no run owes so much.
