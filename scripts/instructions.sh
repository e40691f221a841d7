#!/usr/bin/env bash
# Counts the instructions of hits, of a miss, of a batch and of a stampede under callgrind, and compares them with
# benches/instructions.txt. Times depend on the machine and its load; these figures hardly do. More than 3 % above the file is a failure. Another
# compiler than the one in the file makes other code, so the margin is then 15 %.
#
#   scripts/instructions.sh            compare
#   scripts/instructions.sh --update   write the file (after an improvement, or with another compiler)
set -euo pipefail
cd "$(dirname "$0")/.."

file=benches/instructions.txt
compiler="$(rustc --version | cut -d' ' -f1-2), $(uname -m)"
if grep -qF "with $compiler" "$file" 2>/dev/null; then margin=3; else margin=15; fi

if ! command -v valgrind >/dev/null; then
    echo "valgrind is missing: skipping the instruction counts" >&2
    exit 0
fi

# Callgrind finds the function by its symbol.
CARGO_PROFILE_RELEASE_STRIP=none cargo build --quiet --release -p larder-bench --no-default-features --bin instructions
program="${CARGO_TARGET_DIR:-target}/release/instructions"

# Prints the instructions of one unit of work.
count() {
    local name=$1 units=$2 output
    output=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --collect-atstart=no --toggle-collect='*measured*' "$program" "$name" 2>&1)
    awk -v units="$units" '/Collected :/ { printf "%d\n", $4 / units + 0.5; found = 1 } END { exit !found }' <<<"$output" || {
        echo "callgrind printed no count for $name:" >&2
        echo "$output" >&2
        exit 1
    }
}

recorded() {
    awk -v name="$1" '$1 == name { print $2 }' "$file" 2>/dev/null || true
}

new="# Instructions of one call, written by scripts/instructions.sh --update with $compiler"
failed=0
while read -r name units; do
    now=$(count "$name" "$units")
    new+=$'\n'"$name $now"
    before=$(recorded "$name")
    [ -n "$before" ] || { printf '%-14s %8d  not in %s\n' "$name" "$now" "$file"; failed=1; continue; }
    if [ $((now * 100)) -gt $((before * (100 + margin))) ]; then
        verdict="more than $margin % above $file"
        failed=1
    elif [ $((now * 100)) -lt $((before * (100 - margin))) ]; then
        verdict="better: run scripts/instructions.sh --update"
    else
        verdict="as recorded"
    fi
    printf '%-14s %8d  recorded %8d  %s\n' "$name" "$now" "$before" "$verdict"
done < <("$program")

if [ "${1:-}" = --update ]; then
    printf '%s\n' "$new" >"$file"
    exit 0
fi
if [ "$failed" = 1 ]; then
    echo "This is $compiler. $(head -1 "$file" 2>/dev/null)" >&2
    exit 1
fi
