#!/usr/bin/env bash
# Tests the page of the dashboard: its functions in node, then the page in a headless Chromium, with hostile names.
#
#   scripts/dashboard.sh               needs node 20 or later, and chromium (`apt-get install chromium`) or CHROMIUM=path
#   scripts/dashboard.sh --pictures    also writes pictures in light, dark and phone size to target/dashboard
set -euo pipefail
cd "$(dirname "$0")/.."

command -v node >/dev/null || {
    echo "node is missing: install node 20 or later" >&2
    exit 1
}
node --test cache-dashboard/tests/browser/model.test.mjs

if [[ -z ${CHROMIUM:-} ]]; then
    CHROMIUM=$(command -v chromium chromium-browser google-chrome | head -1 || true)
fi
[[ -n $CHROMIUM ]] || {
    echo "chromium is missing: apt-get install chromium, or set CHROMIUM to the path of a Chromium or Chrome" >&2
    exit 1
}
if [[ ${1:-} == --pictures ]]; then export PICTURES=target/dashboard; fi
cargo build --quiet -p cache-dashboard --example hostile
export CHROMIUM SERVER="${CARGO_TARGET_DIR:-target}/debug/examples/hostile"
node --test cache-dashboard/tests/browser/page.test.mjs
