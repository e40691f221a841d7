#!/usr/bin/env bash
# Removes each guard of the engine once, in a copy, and checks whether the simulation fails without it.
#
#   scripts/mutants.sh              all guards
#   scripts/mutants.sh 'fence|bus'  guards whose name matches
#   SEEDS=20000 scripts/mutants.sh  more seeds for each guard
#   SEEDS=0 scripts/mutants.sh      checks only that the text of each guard is still found
#
# If no seed fails, the script runs `tests/promises` (PROMISES=0: not at all; TESTS='p2_ p3_': only tests with these texts in
# their names). For some guards it runs only the part of another suite that is about them. A guard whose removal no test
# notices is either not needed or not tested. The end of this file lists the known cases.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}
copy=$target/mutants
seeds=${SEEDS:-4000}
only=${1:-.}
failed=0
# Only the features that the simulation needs, because each mutant is a build.
flags=(-p tests --no-default-features)
# The suite that fails without the guards that follow, and texts in the names of its tests: `promises`, after the simulation, or
# another one alone.
suite=promises
tests=${TESTS:-}
export CARGO_PROFILE_DEV_DEBUG=false

# One copy for all mutants, so that a build compiles only the mutated crate and the crates that link it. Unchanged files keep
# their modification times.
rm -rf "$copy"; mkdir -p "$copy"
tar cf - --exclude=./target --exclude=./.git . | (cd "$copy" && tar xf -)
# Newer than the builds of mutants from an earlier run of this script.
find "$copy/cache-core/src" "$copy/cache-redis/src" "$copy/src" "$copy/tests" -name '*.rs' -exec touch {} +

# tried TEST FILTER SECONDS
tried() {
    (cd "$copy" && CARGO_TARGET_DIR=$target cargo test -q "${flags[@]}" --test "$1" --no-run) \
        >"$copy/output" 2>&1 || return 100
    (cd "$copy" && CARGO_TARGET_DIR=$target LARDER_SEEDS=$seeds LARDER_FAILURES=1 RUST_BACKTRACE=0 \
        timeout "$3" cargo test -q "${flags[@]}" --test "$1" -- $2) >"$copy/output" 2>&1
}
# suite_of SUITE [TESTS]
suite_of() {
    suite=$1
    tests=${TESTS:-${2:-}}
    case $suite in
        promises | free_hits) flags=(-p tests --no-default-features) ;;
        lost_connections) flags=(-p cache-redis) ;;
        *) flags=(-p tests --all-features) ;;
    esac
}
# Newer than the last build, so that the next build compiles the original again.
restored() {
    cp "$root/$1" "$copy/$1"
    touch "$copy/$1"
}
# mutant NAME FILE SUBSTITUTION...: perl substitutions over the whole file, each of which must find its text.
mutant() {
    local name=$1 file=$2 substitution found ended=0
    [[ $name =~ $only ]] || return 0
    for substitution in "${@:3}"; do
        if ! perl -0777 -pe "$substitution or exit 3" "$copy/$file" >"$copy/mutated"; then
            echo "?? $name: nothing was replaced in $file by $substitution"
            restored "$file"
            failed=1
            return 0
        fi
        cp "$copy/mutated" "$copy/$file"
    done
    if [[ $seeds == 0 ]]; then
        restored "$file"
        return 0
    fi
    [[ $suite != promises ]] || tried simulation seeds "${LIMIT:-300}" || ended=$?
    if [[ $ended == 124 ]]; then
        echo "ok $name: does not end"
    elif [[ $ended == 100 ]]; then
        echo "?? $name: is not compiled"
        grep -E '^error' -A4 "$copy/output" | head -8 || true
        failed=1
    elif [[ $ended != 0 ]] && found=$(grep -oE '^(P[0-9]|refresh|life|kept): |LARDER_SEED=[0-9]+' "$copy/output") \
        && [[ -n $found ]]; then
        found=$(sed 2q <<<"$found" | tr -d '\n')
        echo "ok $name: ${found/LARDER_SEED=/seed }"
    elif [[ $ended != 0 ]]; then
        echo "ok $name: $(grep -m1 panicked "$copy/output")"
    elif [[ ${PROMISES:-1} == 0 ]]; then
        echo "-- $name: not found out in $seeds seeds"
        failed=1
    else
        ended=0
        tried "$suite" "$tests" "${LIMIT:-300}" || ended=$?
        found=$(grep -E '^    [a-z0-9_:]+$' "$copy/output" | sort -u | head -3 | tr -s ' \n' ' ') || true
        if [[ $ended == 0 ]]; then
            echo "-- $name: NOT found out, in $seeds seeds and by tests/$suite"
            failed=1
        elif [[ $ended == 124 ]]; then
            echo "ok $name: tests/$suite does not end"
        elif [[ -z $found ]]; then
            echo "?? $name: tests/$suite can't be asked"
            tail -5 "$copy/output"
            failed=1
        else
            echo "ok $name: tests/$suite:$found"
        fi
    fi
    restored "$file"
}

core=cache-core/src
fence=$core/memory/fence.rs
evict=$core/engine/evict.rs
generation=$core/tags/generation.rs
flight=$core/engine/flight.rs
find=$core/engine/find.rs
lead=$core/engine/lead.rs
permission=$core/engine/permission.rs
lookup=$core/engine/lookup.rs
store=$core/engine/store.rs
remote=$core/remote/requests
pending=$core/remote/pending.rs
put=$core/engine/put.rs
peek=$core/engine/peek.rs
bus=$core/engine/bus.rs
lease=$core/engine/lease.rs
memory=$core/backend/memory.rs
life=$core/engine/life.rs

# The fence: a fill needs a live ticket, and an eviction revokes it.
mutant fence-fill-asks-whether-alive $fence 's/let alive = self\.is_alive\(\);/let alive = true;/'
mutant fence-eviction-kills $fence 's/if let Some\(fence\) = &fence \{\s+fence\.end\(reach\);\s+\}/let _ = reach;/'
mutant fence-eviction-removes $fence 's/\(Self::Leaves\(_\) \| Self::Becomes\(\.\.\), _\) => \(memory\.remove\(id\), false\)/(Self::Leaves(_) | Self::Becomes(..), _) => (Removed::default(), false)/'
mutant fence-pattern-kills $fence 's/fence\.end\(reach\);\s+killed\.push/let _ = reach;\n                killed.push/'
mutant fence-pattern-removes $evict 's/!matched\n/true\n/'
mutant fence-takeover-outlives $flight 's/ticket\.outlive_others\(\);//'
mutant fence-put-outlives $fence 's/self\.fill_then\(here\.into\(\), entry, \|\| self\.move_on\(\)\)/self.fill_then(here.into(), entry, || {})/'
mutant fence-replacing-outlives $fence 's/if replaces \{\s+self\.ticket\.outlive_others\(\);\s+\}/let _ = replaces;/'
mutant fence-write-asks-whether-alive $fence 's/if !self\.ticket\.is_alive\(\) \{\s+return None;\s+\}//'
mutant fence-eviction-waits-for-writes $remote/evict.rs 's/let _ = self\.clock\.timeout_at\(until, writer\.settled\(\)\)\.await;/let _ = (\&until, writer);/'

# Scopes: an eviction ends loads and writes; notices of other processes and refreshes end only loads.
mutant reach-eviction-ends-writes $evict 's/self\.forget\(\*id, FenceScope::All, RemovalCause::Key\)/self.forget(*id, FenceScope::Loads, RemovalCause::Key)/'
mutant reach-pattern-ends-writes $evict 's/self\.forget_matching\(pattern, FenceScope::All, RemovalCause::Pattern\)/self.forget_matching(pattern, FenceScope::Loads, RemovalCause::Pattern)/'
mutant reach-clear-ends-writes $evict 's/self\.forget_matching\(&everything, FenceScope::All, RemovalCause::Cleared\)/self.forget_matching(\&everything, FenceScope::Loads, RemovalCause::Cleared)/'
mutant reach-put-is-a-write $put 's/self\.fences\.issue_write\(/self.fences.issue(/'
mutant reach-load-heeds-what-ends-loads $fence 's/self\.kind == FenceScope::All \|\| loads\(\)/true || loads()/'
mutant reach-key-notice-spares-writes $bus 's/self\.forget\(KeyId::of\(&key\), FenceScope::Loads, RemovalCause::Elsewhere\)/self.forget(KeyId::of(\&key), FenceScope::All, RemovalCause::Elsewhere)/'
mutant reach-pattern-notice-spares-writes $bus 's/self\.forget_matching\(&pattern, FenceScope::Loads, RemovalCause::Elsewhere\)/self.forget_matching(\&pattern, FenceScope::All, RemovalCause::Elsewhere)/'
mutant reach-again-spares-writes $evict 's/drop\(self\.forget\(\*id, FenceScope::Loads, RemovalCause::Key\)\)/drop(self.forget(*id, FenceScope::All, RemovalCause::Key))/'
mutant reach-replaced-spares-writes $evict 's/self\.forget\(KeyId::of\(key\), FenceScope::Loads, RemovalCause::Key\)/self.forget(KeyId::of(key), FenceScope::All, RemovalCause::Key)/'
mutant reach-takeover-spares-writes $fence 's/self\.fence\.count\(self\.kind\)\.fetch_add/{ let _ = self.fence.count(self.kind); \&self.fence.life }.fetch_add/' 's/let own = if self\.kind == FenceScope::All \{ &self\.life \} else \{ &self\.loads \};/let own = \&self.life;/'

# Memory is evicted a second time after the remote tier.
mutant again-key $evict 's/let again = Defer\(\|\| ids.*?\);\n/let again = ();\n/s'
mutant again-pattern $evict 's/let again =\s+Defer\(\|\| drop\(self\.forget_matching\(pattern, FenceScope::Loads, RemovalCause::Pattern\)\)\);/let again = ();/'
mutant again-replaced $evict 's/let again =\s+Defer\(\|\| drop\(self\.forget\(KeyId::of\(key\), FenceScope::Loads, RemovalCause::Key\)\)\);/let again = ();/'
mutant again-overtaken-write $store 's/drop\(self\.forget\(KeyId::of\(&entry\.key\), FenceScope::Loads, RemovalCause::Key\)\);/let _ = FenceScope::Loads;/'
mutant again-promoted-meanwhile $store 's/ && self\.holds_no_other\(entry\)\)/ || { let _ = self.holds_no_other(entry); false })/'
mutant again-tag $evict 's/let _again = Defer\(\|\| self\.generations\.bump_tag\(tag, strength\)\);//'
mutant again-clear $evict 's/let _again = Defer\(\|\| self\.generations\.bump_space\(strength\)\);//'

# Flights: which ones callers may join, and for how long.
mutant flight-is-joined $flight 's/return joins\.role\(Arc::clone\(flight\)\);/let _ = joins.role(Arc::clone(flight));/'
mutant flight-counts-tickets $flight 's/watch\.is_alive\(\)\s+&& generations/generations/'
mutant flight-counts-generations $flight 's/watch\.is_alive\(\)\s+&& generations\.counts\(&watch\.stamps\)/watch.is_alive() \&\& { let _ = generations; true }/'
mutant flight-is-restamped $find 's/lead\.restamp\(ticket\);\n        let found/let found/'
mutant flight-older-than-a-strict-read $core/engine/read.rs 's/let mut older = self\.job\.is_strict\(\);/let mut older = self.job.is_strict() \&\& false;/'
mutant flight-is-overdue $flight 's/&& \(now < flight\.overdue\(\) \|\| flight\.has_landed\(\)\)/\&\& (now < flight.overdue() || flight.has_landed() || true)/'
mutant flight-hung-and-not-joined $flight 's/let hung = current\.is_some_and\(\|flight\| now >= flight\.overdue\(\) && !flight\.has_landed\(\)\);/let hung = counting.is_some();/'
mutant flight-takeover-has-twice-the-time $flight 's/lease\.saturating_mul\(1 << takeovers\.min\(10\)\)/{ let _ = takeovers; lease }/'
mutant flight-watch-passes-on $flight 's/self\.0\.landed\.notify_one\(\);//'
mutant flight-lands-before-promotion $find 's/(if let Some\(hit\) = self\.hit\(lead, Arc::clone\(&entry\), Source::Remote, purpose\) \{\s+)self\.promote\(ticket, &entry\);/$1let _ = ticket;\nself.promote(\&self.request.ticket(engine), \&entry);/'
mutant flight-abandoned-is-told $flight 's/self\.land\(FlightResult::Abandoned\);/std::mem::forget(self.flight.take());/'

mutant flight-circle-is-seen $core/engine/nesting.rs 's/if leads_back\(&waits, flight, &own\) \{/if leads_back(\&waits, flight, \&own) \&\& false {/'
mutant flight-parked-leader-is-replaced $core/engine/pulse.rs 's/looks \+= 1;/looks += 0;/'
mutant flight-busy-leader-is-left-alone $core/engine/pulse.rs 's/if self\.waits_since\(\) != Some\(since\) \{\s+return false;\s+\}/let _ = since;/'
mutant flight-late-leader-is-left-alone $core/engine/pulse.rs 's/LOOKS: u32 = 20/LOOKS: u32 = 1/'
mutant flight-failure-is-told $core/base/value/erased.rs 's/Arc::new\(told\(error\)\) as SharedFailure\)/Arc::new(told(error)) as SharedFailure).filter(|_| false)/'
mutant flight-failures-take-turns $flight 's/self\.turns\.add_permits\(1\);\s+\}\s+\}/self.turns.add_permits(100);\n        }\n    }/'
mutant flight-turns-end-with-a-value $flight 's/self\.0\.turns\.close\(\);//'
mutant flight-refresh-is-newer $flight 's/Some\(began\)\) if began < requested/Some(began)) if began < requested.min(0)/'
mutant flight-refreshes-queue $flight 's/self\.refresh\.is_none\(\) \|\| flight\.refresh\.is_some\(\)/self.refresh.is_none()/'
mutant flight-can-be-joined-while-it-is-stored $lead 's/committed\.holding\(leader\)\)/committed.holding(()))/'
mutant flight-stored-is-fresh $flight 's/joins\.counts\(flight\) && flight\.is_of_use\(now\)/joins.counts(flight) \&\& (flight.is_of_use(now) || true)/'

# Large batches.
mutant batch-takes-turns $core/backend/lease.rs 's/const AT_ONCE: usize = 128;/const AT_ONCE: usize = 1 << 20;/'
mutant batch-reads-in-parts $core/engine/together.rs 's/TOGETHER: usize = 1_000;/TOGETHER: usize = 1 << 20;/'
mutant batch-items-have-no-budget $core/call/batch/drive.rs 's/unconstrained\(go_on\(at, seated\)\)/go_on(at, seated)/' 's/\{poll_proceed, unconstrained\}/poll_proceed/'
mutant batch-turns-end $core/call/batch/drive.rs 's/budget\.made_progress\(\);//'
mutant batch-item-waits-alone $lease 's/item\.waits\(\);//'
mutant batch-commits-under-leases $store 's/seat\.write\(&entry\.key, writing, token\)/seat.write(\&entry.key, writing, token.filter(|_| false))/'
mutant batch-stores-together $core/call/batch/party.rs 's/asked\.iter\(\)\.for_each\(\|asking\| asking\.seat\.stores\(\)\);//'
mutant batch-writes-do-not-wait-long $core/engine/table.rs 's/Duration::from_millis\(500\)/Duration::from_secs(500)/'
mutant batch-writes-apart-from-reads $core/engine/table.rs 's/if state\.storing == 0 \{/if state.storing == 0 \&\& state.coming == 0 {/'
mutant batch-renews-together $lease 's/let mut next = self\.asked\.after\(third\);/let mut next = self.engine.clock.now().after(third + Duration::from_millis(self.token % 200));/'
mutant batch-ticket-before-its-read $core/engine/each.rs 's/(let tags: Vec<&str> = request\.tags\(\)\.collect\(\);\s+match engine\.looked)/self.ticket = request.ticket(engine);\n        $1/'
mutant batch-load-ends-with-its-callers $core/call/batch/party.rs 's/asking\.answer\.poll_closed\(cx\)\.is_pending\(\)/asking.answer.poll_closed(cx).is_pending() || gone < usize::MAX/'
mutant batch-load-needs-its-callers $core/call/batch/party.rs 's/asked\.retain\(\|asking\| !asking\.answer\.is_closed\(\)\);//' 's/let mut asked = std::mem::take/let asked = std::mem::take/'
mutant batch-refreshes-apart $core/call/batch/party.rs 's/Leaves::AtOnce => at_once,/Leaves::AtOnce => { let _ = at_once; late }/'
mutant batch-early-leavers-apart $core/call/batch/party.rs 's/Leaves::Early => early,/Leaves::Early => { let _ = early; late }/'
mutant batch-early-leavers-are-known $core/engine/lead.rs 's/self\.job\.caller\.shares &&/false \&\& self.job.caller.shares \&\&/'
mutant batch-gives-leases-back $lease 's/table\.abort\(key\.to_string\(\), token\);/let _ = (table, \&key, token);/'

# Generations.
mutant generation-of-space $generation 's/&& stamps\.space == self\.space\.load\(Ordering::Acquire\)//'
mutant generation-of-tags $generation 's/tag\.generation\.load\(Ordering::Acquire\) == \*seen\)/tag.generation.load(Ordering::Acquire) >= *seen)/'
mutant generation-own-tag $generation 's/tag\.moved\.fetch_add\(strength\.count\(\), Ordering::AcqRel\);\s+tag\.evicted/let _ = strength;\n        tag.evicted/'
mutant generation-own-space $generation 's/self\.moved\.fetch_add\(strength\.count\(\), Ordering::AcqRel\);/let _ = strength;/'
mutant generation-with-the-value $lookup 's/stamps\.see\(envelope\.space, written\);/drop(written);\nstamps.see(envelope.space, [].into_iter());/'
mutant generation-before-the-load $lookup 's/ticket\.stamp\(found\.space, &found\.tags\);//'
mutant generation-of-what-was-pending $remote/evict.rs 's/=> self\.generations\.learn_tag\(tag, generation\),/=> drop(tag),/' 's/_ => self\.generations\.learn_space\(generation\),/_ => {}/'
mutant generation-asked-before-own $lookup 's/if !self\.generations\.unmoved\(&ticket\.stamps\) \{\s+return Decoded::Done\(nothing\);\s+\}//' 's/let stamps = stamps_of\(stamps,/let stamps = self.generations.stamp(names.iter().copied());\n        let stamps = stamps_of(stamps,/'
mutant generation-for-a-put $put 's/self\.stamp_writes\(&mut begun\)\.await;/let _ = \&mut begun;/'

# Trust in generations.
mutant trust-ends $core/tags/trust.rs 's/asked\.known == now\.known\(moved\)/{ let _ = now.known(moved); true }/'
mutant trust-ends-with-an-eviction $core/tags/trust.rs 's/moved: moved\.load\(Ordering::Acquire\)/moved: { let _ = moved.load(Ordering::Acquire); 0 }/'
mutant trust-ends-with-the-link $core/tags/trust.rs 's/let Self \{ epoch, settled, \.\. \} = \*self;/let Self { settled, .. } = *self;\n        let epoch = 0;/'
mutant trust-ends-with-what-was-pending $pending 's/self\.list\(\)\.changes/self.list().changes * 0/'

# Keys: they distinguish two functions, and two instances of one function.
mutant key-refusal-outlives-a-direction $core/call/target.rs 's/self\.cache = cache;/self.cache = cache;\n        self.shared = None;/'
mutant key-after-the-first-poll $core/call/load.rs 's/match self\.begun\.as_deref\(\) \{/match None::<\&Begun<S>> {/'
mutant key-refused-is-no-hit $core/call/head.rs 's/!directed && key\.refused\(\)\.is_none\(\) &&/!directed \&\& { let _ = key; true } \&\&/'
mutant key-of-a-tenant-is-no-other $core/call/head.rs 's/ \|\| of_tenant;/ || (of_tenant \&\& false);/'
mutant key-in-a-scope-is-no-hit $core/call/head.rs 's/ && is_unscoped\(\)$/ \&\& { let _ = is_unscoped; true }/m'
mutant key-in-the-scope-of-a-tenant $core/engine/scope/tenant.rs 's/no_active_tenant\(\) \|\| has_no_tenant\(\)/{ let _ = has_no_tenant; true }/'
mutant key-in-the-background-of-a-tenant $core/engine/spawn.rs 's/Some\(_\) => Box::pin\(tenant\.run\(work\)\)/Some(_) => { let _ = \&tenant; work }/'
mutant key-has-the-instance $core/engine/site.rs 's/Written::of_instance\(name, item\)/Written::default()/g'
mutant key-has-the-trait $core/engine/site.rs 's/Written::of_trait\(name, item\)/Written::default()/'
mutant key-has-the-position $core/key/place.rs 's/if in_a_body \{ self\.position \} else \{ "" \}/{ let _ = in_a_body; "" }/'
mutant key-types-own-their-names $core/key/identity.rs 's/if owner == id \{/if owner == owner {/'
mutant key-instances-own-their-names $core/engine/site.rs 's/\(!claims::is_first\(id, \(name, "template"\)\)\)/(false)/'
mutant key-overlapping-templates $core/key/template.rs 's/self != other && meet\(/false && meet(/'
mutant key-overlapping-hits $core/call/target.rs 's/contested\.is_some_and\(\|site\| engine\.admit\(site\)\.is_err\(\)\)/{ let _ = (contested, engine); false }/'
mutant key-head-is-no-tenant $core/key/buf.rs 's/if self\.text\.first\(\) == Some\(&b.@.\) \{/if false {/'

# Hits: they allocate nothing.
suite_of free_hits
mutant hit-keeps-buffers $core/key/text.rs 's/if CAPACITY\.contains/if false \&\& CAPACITY.contains/'
mutant hit-keeps-texts $core/call/batch/items.rs 's/if \(1\.\.=KEPT_TEXT\)/if false \&\& (1..=KEPT_TEXT)/'
mutant hit-keeps-lists $core/call/batch/items.rs 's/if \(1\.\.=KEPT\)/if false \&\& (1..=KEPT)/'
suite_of promises

# Promotions from the remote tier, and changes of memory in the meantime.
mutant promote-not-over-a-newer-one $lookup 's/(or never goes there\.\s+)return;/$1/'
mutant promote-peek-looks-again $peek 's/(must not be promoted over the put\.\s+)if let Some\(hit\) = self\.look_fresh\(request, id, trace\) \{\s+return Ok\(Some\(hit\)\);\s+\}/$1/'
mutant promote-peek-many-looks-again $peek 's/value = self\.look_fresh::<T>\(&request, id, trace\);\s+if value\.is_none\(\) \{\s+(missing\.push\(\(index, request, codec, ticket\)\);)\s+\}/$1/'

# The bus.
mutant bus-keys-are-heard $bus 's/let _ =\s+self\.forget\(KeyId::of\(&key\), FenceScope::Loads, RemovalCause::Elsewhere\);/let _ = KeyId::of(\&key);/'
mutant bus-patterns-are-heard $bus 's/let _ = self\.forget_matching\(&pattern, FenceScope::Loads, RemovalCause::Elsewhere\);/let _ = pattern;/'
mutant bus-tags-are-heard $bus 's/self\.generations\.heed_tag\(&name, generation, strength\)/drop((name, generation, strength))/'
mutant bus-spaces-are-heard $bus 's/self\.generations\.heed_space\(generation, strength\)/{ let _ = (generation, strength); }/'
mutant bus-tags-end-what-did-not-ask $generation 's/(self\.learn_tag\(name, generation\);)\s+self\.bump_tag\(name, strength\);/$1\n        let _ = strength;/'
mutant bus-spaces-end-what-did-not-ask $generation 's/(self\.learn_space\(generation\);)\s+self\.bump_space\(strength\);/$1\n        let _ = strength;/'
mutant bus-tags-are-learnt $generation 's/self\.learn_tag\(name, generation\);\s+(self\.bump_tag\(name, strength\);)/let _ = generation;\n        $1/'
mutant bus-spaces-are-learnt $generation 's/self\.learn_space\(generation\);\s+(self\.bump_space\(strength\);)/let _ = generation;\n        $1/'
mutant bus-loss-is-heard $bus 's/engine\.link\(false\);//'
mutant bus-loss-makes-unverified $generation 's/stamps\.epoch == epoch && epoch\.is_multiple_of\(2\)/true/'
mutant bus-return-makes-unverified $generation 's/stamps\.epoch == epoch && epoch/epoch/'
mutant bus-second-look-is-verified $lookup 's/if !self\.generations\.is_linked\(\) \{\s+return None;\s+\}//' 's/self\.generations\.check\(&entry\.stamps\) == Validity::Valid/self.generations.current(\&entry.stamps)/'
mutant bus-without-memory $bus 's/let Some\(remote\) = &self\.remote else/let Some(remote) = self.remote.as_ref().filter(|_| self.memory.is_some()) else/'

# Pending evictions.
mutant pending-before-use $remote/settle.rs 's/\(!self\.pending\.blocks\(affected\)\)\.then_some\(Ok\(\(\)\)\)/Some(Ok(()))/'
mutant outage-hit-does-not-ask $lookup 's/if self\.can_verify_nothing\(now\) =>/if { let _ = Self::can_verify_nothing; false } =>/'
mutant outage-hit-asks-if-nobody-probes $core/remote/breaker.rs 's/now < until\.after\(grace\)/{ let _ = (now, until, grace); true }/'
mutant outage-is-probed $remote/mod.rs 's/if failed && !self\.breaker\.is_closed\(\) \{/if false {/'
mutant pending-outlives-the-process $pending 's/let Some\(log\) = self\.log\.as_mut\(\)\.filter\(\|_\| new\)/let Some(log) = self.log.as_mut().filter(|_| new \&\& false)/'
mutant pending-is-replayed $pending 's/in pending \{/in pending.into_iter().take(0) {/'
mutant pending-is-repeated-as-a-list $core/engine/second_round.rs 's/remote\.evict_again\(again\);/drop((remote, again));/'
mutant pending-is-repeated-in-the-background $core/engine/second_round.rs 's/round\.end\(\);/drop(round);/'
mutant pending-is-repeated-after-a-put $core/engine/scope/log.rs 's/self\.round\.note\(&cache, \[key\], &written\);/drop(key);/'
mutant pending-is-repeated-by-a-transaction $core/engine/scope/log.rs 's/std::mem::take\(&mut self\.round\)\.end\(\);//'
mutant tag-is-short-where-it-is-evicted $core/api/cache/evict.rs 's/bounded\(tag\)\.into_owned\(\)/tag.to_owned()/'
mutant tag-is-short-where-it-is-read $core/call/head.rs 's/tags\.bound\(\);//'
mutant pending-when-dropped $pending 's/self\.end\(true\);/self.end(false);/'
mutant pending-while-worked-off $pending 's/list\.taken_keys\.extend\(keys\.iter\(\)\.cloned\(\)\);//'
mutant pending-when-in-doubt $store 's/if self\.committed\.is_alive\(\) && !self\.replaces \{/{/'
mutant pending-by-a-dropped-put $evict 's/self\.remote\.as_ref\(\)\.filter\(\|_\| remotely\)/self.remote.as_ref().filter(|_| remotely \&\& false)/'
mutant pending-by-a-dropped-put-forgets $evict 's/let \(_, killed\) = self\.engine\.forget\(self\.id, FenceScope::All, RemovalCause::Key\);/let (_, killed) = (\&self.engine, None::<RevokedFence>);/'
mutant pending-after-the-writes-before $pending 's/pending: Some\(Pending::new\(eviction, writers\)\)/pending: Some({ drop(writers); Pending::new(eviction, Vec::new()) })/'
mutant pending-after-the-writes-of-a-put $evict 's/attempt\.after\(killed\);/let _ = (attempt, killed);/'
mutant pending-by-an-overtaken-put $put 's/Some\(_\) => self\.evict_replaced\(request\.key\.as_str\(\)\)\.await,/Some(_) => Ok(()),/'
mutant pending-by-an-overtaken-write $store 's/true => self\.evict_replaced\(key\)\.await,/true => { let _ = key; Ok(()) }/'
mutant pending-by-an-overtaken-refresh $store 's/if !overtaken\.here\s+&& fill/if !overtaken.here\n                    \&\& !replaces\n                    \&\& fill/'
mutant pending-by-a-failed-refresh $store 's/drop\(remote\.attempt\(&entry\.key\)\);/let _ = remote;/'
mutant pending-comes-before-the-turn-to-write $store 's/let writing = async \{/let writing = async {\n            self.before_write(remote, \&entry.key, || ()).await?;/' 's/let ready = self\.before_write\(remote, &entry\.key, aside\)\.await;/let ready = Ok::<_, BackendError>(());/'
mutant pending-is-taken-back-in-turn $store 's/overtaken && self\.take_back\(remote, &entry\.key\)\.await/overtaken \&\& false \&\& self.take_back(remote, \&entry.key).await/'
mutant pending-is-waited-for-in-turn $remote/settle.rs 's/let _turn = turn\.map_err\(\|_\| unsettled\(\)\)\?;/drop(turn.map_err(|_| unsettled())?);/'

# Leases.
mutant lease-is-asked-for $permission 's/if !remote\.has_leases\(\) \{/if true {/'
mutant lease-of-the-commit $remote/write.rs 's/\(Some\(token\), Some\(leases\)\) => leases/(Some(token), Some(leases)) if token == 0 => leases/'
mutant lease-refused-forgets $store 's/&& self\.fences\.reclaim\(KeyId::of\(&entry\.key\), entry, memory\)/&& { let _ = memory; false }/'
mutant lease-refused-forgets-its-own $store 's/&& self\.fences\.reclaim\(KeyId::of\(&entry\.key\), entry, memory\)/&& { let _ = memory; self.forget(KeyId::of(\&entry.key), FenceScope::All, RemovalCause::Elsewhere).0 }/'
mutant lease-taken-by-a-takeover $permission 's/ \|\| lead\.took_over\(\)//'
mutant lease-takeover-has-twice-the-time $flight 's/takeovers\.max\(elsewhere\)/{ let _ = elsewhere; takeovers }/'
mutant lease-wait-ends-with-an-eviction $permission 's/let overtaken = !\(ticket\.is_alive\(\) && engine\.generations\.unmoved\(&ticket\.stamps\)\);/let overtaken = false;/'
mutant lease-wait-forgets-old-values $permission 's/missing\.old = None;//'
mutant lease-wait-takes-no-value-from-before $permission 's/if overtaken \{\s+\/\/ The value may/if overtaken \&\& false {\n                \/\/ The value may/'
mutant lease-not-stolen-after-evictions $permission 's/usize::from\(!std::mem::take\(&mut evicted\)\)/1 + usize::from(std::mem::take(\&mut evicted)) * 0/'
mutant lease-given-back $lease 's/let _ = remote\.abort\(&key, token\)\.await;/let _ = (remote, \&key, token);/'
mutant lease-revoked-by-patterns $remote/pattern.rs 's/leases\.revoke\(&places, cursor\)\.await\?\.next;/{ let _ = (leases, \&places, cursor); None };/'
mutant lease-stolen-by-refresh $permission 's/steal: self\.is_refresh\(\) \|\|/steal:/'
mutant lease-renewed $lease 's/self\.engine\.clock\.sleep_until\(next\)\.await;/std::future::pending::<()>().await;/'
mutant lease-ends-with-its-load $lease 's/self\.term\.min\(left\)/self.term/'
mutant lease-successor-is-waited-for $permission 's/saturating_mul\(OTHERS\)/saturating_mul(OTHERS - OTHERS + 1)/'
mutant lease-late-and-unanswered-forgets $store 's/is_some_and\(Lease::is_late\)/is_some_and(|_| false)/'
mutant lease-checked-by-the-store $memory 's/let holds = store\.holds\(&write\.key, token\);\s+if holds/let holds = true;\n            let _ = token;\n            if holds/'
mutant lease-outlasts-its-time $memory 's/let holds = store\.holds\(&write\.key, token\);\s+if holds/let holds = store.holds(\&write.key, token) \&\& now < store.leases[\&write.key].until;\n            if holds/'
mutant lease-ended-by-remove $memory 's/store\.leases\.remove\(\*key\);//'
mutant lease-ended-by-set $memory 's/store\.leases\.remove\(&write\.key\);\s+store\.write\(write, now\);\s+\}\s+drop\(store\);\s+self\.shared\.tell\(notice\);\s+Ok\(\(\)\)/store.write(write, now);\n            }\n            drop(store);\n            self.shared.tell(notice);\n            Ok(())/'
mutant lease-waits-its-turn $memory 's/Some\(lease\) if now < lease\.until => \{/Some(lease) if now < lease.until \&\& token == 0 => {/'

# Notices and removals.
# Changes of a lifetime: only the value that was read is replaced, and writes with the former lifetime are ended.
mutant life-compares-in-the-store $memory 's/let same = value\.and_then\(\|value\| value\.last_chunk::<VERSION_LEN>\(\)\) == Some\(&seen\);/let same = true;\n            let _ = (value, seen);/'
mutant life-ends-the-lease $memory 's/if same \{\s+store\.leases\.remove\(&write\.key\);/if same {/'
mutant life-compares-in-memory $fence 's/Arc::ptr_eq\(held, entry\)\);\s+let gone = same\.then/Arc::ptr_eq(held, entry) || true);\n        let gone = same.then/'
mutant life-ends-loads $life 's/let \(_, killed\) = self\.fences\.kill\(id, FenceScope::Loads, None, &Fate::Stays\);/let killed: Option<RevokedFence> = None;/'
mutant life-waits-for-writes $life 's/remote\.after\(killed\)\.await;/drop(killed);/'
mutant life-forgets-once-more $life 's/drop\(self\.forget\(id, FenceScope::Loads, RemovalCause::Key\)\);\s+Ok\(true\)/Ok(true)/'
mutant life-half-way-is-an-eviction $life 's/let otherwise = self\.evict_otherwise\(id, key\.as_str\(\), true\);/let otherwise = self.evict_otherwise(id, key.as_str(), false);/'
mutant stale-compares-in-memory $fence 's/let current = \|entry\| held\.as_ref\(\)\.is_some_and\(\|held\| Arc::ptr_eq\(held, entry\)\);/let current = |entry| held.as_ref().is_some_and(|held| Arc::ptr_eq(held, entry) || true);/'
mutant stale-ends-writes $life 's/kill\(id, FenceScope::All, self\.memory\.as_ref\(\), &fate\)/kill(id, FenceScope::Loads, self.memory.as_ref(), \&fate)/'
mutant stale-forgets-once-more $life 's/let again = Defer\(\|\| self\.forget_fresh\(id\)\);/let again = Defer(|| ());/'
mutant stale-where-there-is-nothing $life 's/remote\.remove\(key\)\.await\?;//'
mutant stale-is-pending $remote/evict.rs 's/let done = instead\.await\?;\s+attempt\.settled\(\);\s+Ok\(done\)/let done = instead.await;\n        attempt.settled();\n        done/'
mutant soft-every-eviction $memory 's/let generation = self\.shared\.series\(\);\s+store\.keep_generation\(key, generation, kept/let generation = store.generation(key, now).map_or(SERIES, |(old, _)| old + 1);\n            store.keep_generation(key, generation, kept/'
mutant soft-own-evictions $generation 's/Self::Hard => HARD,/Self::Hard => 1,/'
mutant soft-keeps-the-pause $core/engine/failsafe.rs 's/let again = entry\.again\(life, stamps\);/let again = entry.again(life, stamps);\n            again.rest_as(\&entry);/'
mutant soft-leases-as-new $core/backend/lease.rs 's/saturating_add\(places\.min\(SERIES - 1\)\)/saturating_add(0 * places)/'

mutant notice-of-a-key $remote/evict.rs 's/self\.backend\.remove_each\(&places, Some\(&notice\)\)/{ let _ = \&notice; self.backend.remove_each(\&places, None) }/'
mutant notice-of-a-pattern $remote/pattern.rs 's/self\.tell\(Selection::Pattern\(pattern\.clone\(\)\)\)\.await/{ let _ = pattern; Ok(()) }/'
mutant notice-of-a-generation $remote/evict.rs 's/self\.tell\(BusMessage \{ evicted, generation, soft \}\)\.await\?;/let _ = (evicted, soft);/'
mutant notice-of-a-put $remote/write.rs 's/let notice = announce\.then/let notice = (announce \&\& false).then/'
mutant removed-by-a-pattern $remote/pattern.rs 's/self\.backend\.remove\(chunk, None\)\.await\?;/chunk.len() as u64;/'
# Namespaces.
suite_of behavior namespaces
mutant namespace-of-a-name $core/engine/namespaces.rs 's/format!\("\{NAMESPACE\}\/\{name\}"\)/{ let _ = name; NAMESPACE.to_owned() }/'
mutant namespace-of-a-spelled-name $core/engine/namespaces.rs 's/spelled\.push_str\("__"\)/spelled.push(c)/'
mutant namespace-of-a-slash $core/engine/namespaces.rs 's/ && !name\.starts_with\(.\/.\)//'
mutant namespace-is-claimed $core/engine/namespaces.rs 's/ && other\.name != cache\.name/ \&\& false/'
# Transactions and absent values.
suite_of behavior 'transaction negative value_terms'
mutant transaction-keeps-loads $lead 's/if let Some\(transaction\) = &self\.transaction \{/if let Some(transaction) = self.transaction.as_ref().filter(|_| false) {/'
mutant transaction-leads-alone $core/engine/read.rs 's/let alone = alone \|\| self\.transaction\.is_some\(\);//'
mutant transaction-publishes-current $core/engine/scope/own.rs 's/current: true \}/current: _ }/'
mutant none-has-no-windows $core/base/policy.rs 's/self\.stale_if_error = Duration::ZERO;\s+self\.soft_timeout = None;/self.soft_timeout = None;/'
mutant none-has-no-stale-window $core/base/policy.rs 's/self\.stale = Duration::ZERO;\s+self\.stale_if_error = Duration::ZERO;\s+self\.soft/self.stale_if_error = Duration::ZERO;\n        self.soft/'
mutant none-has-no-time-to-idle $core/base/policy.rs 's/self\.ttl = Ttl::For\(ttl\);\s+self\.tti = None;/self.ttl = Ttl::For(ttl);/'
mutant none-has-its-whole-life $core/engine/terms.rs 's/self\.policy\.whole_life\(ttl\)/self.policy.ttl(ttl)/'
mutant error-has-no-windows $core/engine/failsafe.rs 's/ttl, &Policy::new\(\)\)/ttl, \&self.request.policy)/'
# Peeks.
suite_of behavior peeks
mutant look-of-memory $peek 's/if trace == Trace::Nothing \{/if trace == Trace::Nothing \&\& false {/'
mutant look-of-the-remote-tier $peek 's/Ok\(found\) if trace == Trace::Nothing/Ok(found) if trace == Trace::Nothing \&\& false/'
mutant look-in-an-outage $peek 's/Err\(error\) if trace == Trace::Nothing/Err(error) if trace == Trace::Nothing \&\& false/'
mutant look-at-a-life-in-an-outage $peek 's/(memory\s+\.and_then\(\|_\| self\.)peek_unverified(\(id, request\.declared\(\)\)\)\s+\.and_then\(of\))/$1unverified$2/'
# Backends without a bus.
suite_of behavior without_a_bus
mutant no-bus-is-told $remote/mod.rs 's/if error\.kind\(\) == BackendErrorKind::Unsupported && !self/if false \&\& error.kind() == BackendErrorKind::Unsupported \&\& !self/'
mutant no-bus-is-not-a-silent-bus $remote/mod.rs 's/ && !self\.record\.has_bus\(\)//'
mutant no-bus-is-no-fault $core/remote/health.rs 's/if error\.kind\(\) == BackendErrorKind::Unsupported \{\s+return;\s+\}//'
mutant no-bus-is-linked $core/remote/state.rs 's/self\.known\(\)\.supported = false;\s+self\.link\(true\);/self.known().supported = false;/'
suite_of promises
# Tags of the reader: an entry that lacks one is a miss.
mutant tags-reader-memory $lookup 's/ \|\| !tags\.are_carried_by\(&entry\.stamps\)//'
mutant tags-reader-remote $lookup 's/let usable = read < life\.keep_until\s+&& request\.declared\(\)\.are_carried_by\(&stamps\)/let usable = read < life.keep_until/'
mutant tags-reader-outage $lookup 's/let usable = tags\.are_carried_by\(&entry\.stamps\)\s+&& /let _ = tags;\n        let usable = /'
mutant tags-reader-turn $core/engine/read.rs 's/FlightResult::Value\(entry\) => self\.request\.declared\(\)\.are_carried_by\(&entry\.stamps\)/FlightResult::Value(_) => true/'
mutant tags-reader-by-hand $core/engine/tenant.rs 's/ \|\| key\.has_tags\(\) \|\|/ ||/'
mutant hit-by-hand-in-a-scope $core/engine/tenant.rs 's/ \|\| !scope::is_unscoped\(\) \{/ || { let _ = scope::is_unscoped(); false } {/'
mutant tags-reader-flight $flight 's/&& tags\.are_carried_by\(&watch\.stamps\)/\&\& { let _ = tags; true }/'
mutant tags-reader-fallback $core/engine/failsafe.rs 's/\.filter\(\|entry\| tags\.are_carried_by\(&entry\.stamps\)\)/.filter(|_| { let _ = tags; true })/'
mutant fallback-is-current $core/engine/failsafe.rs 's/Validity::Evicted => false,/Validity::Evicted => true,/'
mutant old-value-is-current $core/engine/failsafe.rs 's/ticket\.is_alive\(\)\s+&& self\.engine\.generations\.current\(&entry\.stamps\)\s+&& entry/entry/'
mutant value-as-if-just-written $lookup 's/Some\(left\) => envelope\.stored_for\.saturating_sub\(millis\(left\)\),/Some(_) => 0,/'
mutant life-from-the-answer $lookup 's/span => asked\.after\(/span => self.clock.now().after(/'

# Values: a stored value comes back unchanged, whatever the code of its type does.
suite_of behavior 'codecs serde_differs schema values own_formats'
mutant compare-without-missing-fields $core/codec/compare.rs 's/let is_whole = .*?;\n/let is_whole = true || by_name || written > count;\n/s'
mutant format-without-reading-back $core/codec/format.rs 's/Some\(why\) if !self\.reads_back/Some(why) if false \&\& !self.reads_back/'
mutant schema-without-reordering $core/codec/schema/beyond.rs 's/!fields\.nameless && !fields\.refusing\.is_empty\(\)/false \&\& !fields.nameless/'
mutant format-postcard-of-a-part $core/codec/format.rs 's/&& schema\.partial/\&\& schema.partial \&\& false/'
mutant own-format-of-a-type $core/codec/own.rs 's/for part in \[self\.name, &\(self\.schema\)\(\)\]/for part in [self.name]/'
mutant own-format-by-its-name $core/codec/own.rs 's/for part in \[self\.name, &/for part in [\&/'
suite_of promises
mutant change-is-compared $core/memory/fence.rs 's/\(same && self\.is_alive\(\)\)\.then/(same || true).then/'
mutant change-follows-the-store $core/engine/change.rs 's/if ticket\.commit_over\(/let ticket = self.fences.issue(request.key.id(), request.key.as_str(), ticket.stamps.clone());\n        if ticket.commit_over(/'

mutant scheduled-evicted-key $core/engine/scheduled.rs 's/let entry = job\.engine\.kept\(job\)\?;/let Some(entry) = job.engine.kept(job) else {\n            return Some(Current { made: Timestamp::default(), read: Timestamp::NEVER, fresh: false });\n        };/'
mutant scheduled-evicted-from-the-store $core/engine/scheduled.rs 's/self\.is_turn_without_memory\(\) && !missing\.found/self.is_turn_without_memory() \&\& false \&\& !missing.found/'
mutant scheduled-unused-key $core/engine/scheduled.rs 's/if !self\.is_in_use\(&current\)/if !self.is_in_use(\&current) \&\& false/'
mutant scheduled-refresh-is-no-read $core/engine/scheduled.rs 's/if self\.unasked\.is_none\(\) \{/if self.unasked.is_none() || self.unasked.is_some() {/'

# Requests whose connection broke. The simulation has no Redis.
suite_of lost_connections
redis=cache-redis/src
mutant redis-put-is-sent-once $redis/changes.rs 's/change_each\(storing, OnBreak::Fail/change_each(storing, OnBreak::Repeat/'
mutant redis-replacement-is-sent-once $redis/backend.rs 's/ask\("replace", OnBreak::Fail/ask("replace", OnBreak::Repeat/'
mutant redis-commit-needs-its-lease $redis/scripts.rs 's/if holder\(lease\) ~= token then return text\(key\) == value and 1 or 0 end/local _ = holder/'
mutant redis-repeats-what-was-lost-only $redis/connection/retries.rs 's/self\.lost && self\.left > 0/self.left > 0/'
mutant redis-repeats-after-a-pause $redis/connection/retries.rs 's/Instant::now\(\) \+ before_retry\(self\.made\)/Instant::now()/'

# Tiers that a call leaves out.
mutant tiers-leave-no-older-value-here $core/engine/request.rs 's/Some\(memory\) => StoreHere::Leaves\(memory\),/Some(memory) => { let _ = StoreHere::Leaves(memory); StoreHere::Nothing }/'
mutant tiers-leave-no-older-value-after-a-soft-eviction $store 's/return self\.evict_replaced\(&entry\.key\)\.await;\n        \};\n        if !\(/return Ok(());\n        };\n        if !(/'
mutant tiers-leave-no-older-value-there $store 's/\.filter\(\|_\| request\.skips_remote\(self\)\)/.filter(|_| false \&\& request.skips_remote(self))/'
mutant tiers-have-their-own-loads $core/engine/request.rs 's/\| u8::from\(!self\.uses_memory\(\)\) << 1//'
mutant tiers-read-only-put-evicts $core/engine/scope/gate.rs 's/(is known to be old\.\s+)return self\.invalidate\(Mutation::evict\(request\.key\.clone\(\)\)\)\.await\.map\(drop\);/$1return Ok(());/'
mutant tiers-read-only-refresh-evicts $core/engine/read.rs 's/scope::evict_quietly\(&engine, &request\)\.await;/drop((engine, request));/'

exit $failed

# Guards whose removal no history can show:
#
# - the second look of a leader, the throttle of a failing load, the turns after a failure (`find`, `rest`, `Flight::turn`):
#   without them there are more loads, one after the other or after a failure. The tests of P4 and P5 count loads.
# - `Notified::enable`, the order of atomics, values dropped under a lock: they need threads.
# - the newer generation that takes a lease, the breaker: without them a caller waits longer, within the bounds.
# - the limit of pending evictions: no run reaches it.
#
# Only tests of the promises fail (no history of 1,000 seeds does):
#
#   fence-takeover-outlives              p5_failed_leaders::a_hung_leader_is_replaced_after_its_lease_and_not_before
#   fence-put-outlives                   p2_overtaken_writes::a_value_read_before_a_refresh_is_not_promoted_over_it
#   fence-replacing-outlives             p2_remote_races::a_load_that_begins_during_a_put_does_not_replace_it
#   fence-write-asks-whether-alive       p2_remote_races::a_load_that_begins_during_a_put_does_not_replace_it
#   fence-eviction-waits-for-writes      p2_remote_races::every_overtaker_waits_for_the_write_that_it_overtakes
#   reach-eviction-ends-writes           p5_dropped::an_eviction_dropped_while_a_write_is_under_way_is_not_lost
#   reach-pattern-, reach-clear-ends-    p2_puts_under_way::an_eviction_ends_a_put_that_is_under_way
#   reach-key-notice-spares-writes       p2_overtaken_writes::a_put_survives_the_notice_of_an_older_refresh
#   reach-replaced-spares-writes         p2_remote_races::every_overtaker_waits_for_the_write_that_it_overtakes
#   flight-hung-and-not-joined           p5_failed_leaders::a_hung_leader_that_cannot_be_joined_is_replaced_too
#   flight-takeover-has-twice-the-time   p5_failed_leaders::each_takeover_has_twice_the_time
#   flight-watch-passes-on               p5_failed_leaders::a_hung_leader_is_replaced_although_waiters_are_dropped
#   flight-circle-is-seen                p5_circles: all of them wait for themselves
#   flight-parked-leader-is-replaced     p5_parked::a_pinned_call_next_to_a_second_one
#   flight-busy-leader-is-left-alone     p5_parked::a_busy_load_is_waited_for
#   flight-late-leader-is-left-alone     p5_parked::a_leader_that_is_polled_late_is_waited_for
#   flight-failure-is-told               p4_failures::a_boxed_error
#   flight-failures-take-turns           p4_failures::a_waiter_is_not_woken_before_its_turn
#   flight-turns-end-with-a-value        p4_refreshes::fifty_refreshes_are_two_loads
#   flight-refresh-is-newer              p4_refreshes::fifty_refreshes_are_two_loads
#   flight-refreshes-queue               p4_refreshes::fifty_refreshes_are_two_loads
#   flight-can-be-joined-while-it-is-stored  p6_writes_behind::a_read_during_the_write_does_not_load_again
#   flight-stored-is-fresh               p6_writes_behind::an_expired_value_under_way_is_not_served
#   batch-takes-turns, batch-reads-in-parts, batch-items-have-no-budget, batch-turns-end  p8_large_batches
#   batch- (the others)                  p8_batch_requests
#   lease-takeover-has-twice-the-time    p5_failed_leaders::a_takeover_from_another_process_has_twice_the_time
#   lease-refused-forgets                p5_failed_leaders::a_hung_leader_of_another_process_loses_its_lease
#   lease-refused-forgets-its-own        p2_overtaken_writes::a_put_survives_a_load_whose_store_is_refused
#   lease-wait- and lease-not-stolen-    p4_waits_elsewhere
#   lease-given-back                     p5: callers that wait for a lease until it runs out
#   lease-outlasts-its-time              p5_failed_leaders::a_load_longer_than_its_lease_is_stored_if_no_call_waits
#   reach-pattern-notice-spares-writes   p2_puts_under_way::a_put_survives_the_notice_of_an_older_eviction
#   reach-again-spares-writes            p2_puts_under_way::a_put_survives_the_end_of_an_older_eviction
#   reach-takeover-spares-writes         p2_puts_under_way::a_put_survives_a_takeover
#   flight-is-restamped                  p4_one_load::a_load_that_knows_of_a_clear_is_joined
#   generation-of-space                  p3_generations::a_clear_that_a_read_learns_of_invalidates_memory
#   generation-asked-before-own          p3_generations::a_failed_eviction_invalidates_values_read_before_it
#   promote-not-over-a-newer-one         p3_generations::an_older_value_of_the_store_does_not_replace_a_newer_one
#   pending-when-in-doubt                   p2_remote_races::a_put_made_during_an_outage_leaves_no_old_value
#   pending-by-a-dropped-put-forgets        p2_puts_under_way::a_put_whose_weigher_panics_leaves_no_older_value
#   pending-after-the-writes-before         p2_remote_races::a_pending_eviction_waits_for_the_write
#   pending-after-the-writes-of-a-put       p2_remote_races::a_pending_eviction_waits_for_the_write
#   pending-by-an-overtaken-put             p2_puts_under_way::a_put_that_gave_way_returns_when_the_older_value_is_gone
#   pending-by-an-overtaken-refresh         p2_overtaken_writes::a_refresh_that_an_older_notice_ends_leaves_no_older_value
#   pending-by-a-failed-refresh             p2_overtaken_writes::a_refresh_during_an_outage_leaves_no_older_value
#   stale-ends-writes                    p2_lives::mark_stale_applies_to_a_put_under_way
#   again-replaced                       p2_overtaken_writes::a_value_read_during_the_cleanup_of_a_rejected_refresh_does_not_stay
#   key-has-the-instance and its like    p1_functions
#   key-after-the-first-poll, key-of-a-tenant-is-no-other, key-in-the-scope-, key-in-the-background-
#                                        p1_written_on_demand
#   key-overlapping-, key-head-          p1_templates
#   hit-by-hand-in-a-scope               p1_written_on_demand::a_hit_in_a_scope_without_a_kit_is_the_tenants_own
#   change-                              p2_changes
#   again-promoted-meanwhile             p2_overtaken_writes::an_old_value_read_during_a_put_does_not_stay
#
# The simulation and the promises do not fail, another suite does:
#
#   trust-ends, trust-ends-with-the-link  behavior: trusted_tags::without_the_bus_each_read_requests_the_generations
#   key-in-a-scope-is-no-hit              macros: models::events_of_a_transaction_wait_for_its_commit
#   hit-keeps-                            free_hits
#
# No test fails:
#
# - `life-ends-the-lease`: the notice of the change also ends the other process's load. The lease matters only for a process
#   that gets no notice. The conformance suite tests it with every store (`lease_ends_with_a_replacement`).
# - `promote-peek-looks-again`, `promote-peek-many-looks-again`: there is no wait between the look and the ticket, so only
#   threads can run in between. Then `promote` and the end of the write handle it, except for a value of the last 100 ms that
#   was never meant for the remote tier.
# - `lease-taken-by-a-takeover`: the lease of a hung leader ends with the time of its load (`lease-ends-with-its-load`), so the
#   leader that takes over gets it anyway. The guard spares it a wait if the last renewal came late.
# - `bus-spaces-end-what-did-not-ask`: a `clear` also publishes the pattern `*`, which ends the same loads a moment later. That
#   message may be late, or lost with the half of the `clear` that failed.
# - `bus-spaces-are-learnt`, `bus-tags-are-learnt`: the same message increments this process's own count, which ends the same
#   entries.
# - `old-value-is-current`: after a failed load, the leader checks again the old value that it read before the load. Every
#   caller that gets this value asked before the eviction (no call joins a flight after an eviction), so no promise needs the
#   check; it spares a caller a value that is known to be old. (`p2_stress` found it once, by chance.)
# - `trust-ends-with-what-was-pending`: a read must pass the gate before an eviction fails, and be answered before that eviction is
#   carried out. Then its generations would be trusted afterwards. No history of 2,000 seeds has this.
# - `trust-ends-with-an-eviction`: no history of 1,000 seeds has this, nor does `tests/behavior/trusted_tags.rs`. This process's
#   own evictions and the notices of other processes bring the new generation. The count matters if the eviction did not reach
#   the store; it is then pending, and pending evictions end the trust as well.
# - `again-clear`: the following steps of a `clear` also empty memory and end the loads. It matters if the remote half fails,
#   and then the pending eviction is carried out before the tier is used again. No test tries this.
