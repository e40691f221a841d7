#!/usr/bin/env bash
# Checks a release, and publishes it if asked to.
#
#   scripts/release.sh            all checks: tests, every feature alone, advisories, packages that are built from their archives
#   scripts/release.sh --publish  the same, then publishes all crates and sets the tag
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
crates=(cache-core cache-macros cache-redis cache-config cache-testkit cache-dashboard larder)
packages=("${crates[@]/#/-p}")

fail() {
    echo "$*" >&2
    exit 1
}

[[ -z $(git status --porcelain) ]] || fail "there are changes that are not committed"
grep -q "^## \[\?$version" CHANGELOG.md || fail "CHANGELOG.md has no section for $version"
! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || fail "the tag v$version exists"

./scripts/test.sh

# Each feature of each crate, without the others.
for crate in "${crates[@]}"; do
    features=$(cargo metadata --format-version 1 --no-deps |
        python3 -c "import json, sys; print(*next(p['features'] for p in json.load(sys.stdin)['packages'] if p['name'] == '$crate'))")
    for feature in $features; do
        echo "==> $crate with $feature alone"
        cargo check --quiet -p "$crate" --no-default-features --features "$feature"
    done
done

# The oldest versions of the direct dependencies that Cargo.toml allows. Only nightly cargo can choose them.
oldest=$(mktemp -d)
trap 'rm -rf "$oldest"' EXIT
git archive HEAD | tar xf - -C "$oldest"
members=$(printf '"%s", ' "${crates[@]/#larder/.}")
sed -i -e "s|^members = .*|members = [${members%, }]|" "$oldest/Cargo.toml"
(
    cd "$oldest"
    cargo +nightly update -Z direct-minimal-versions
    cargo check --locked -p larder --all-features
)

for tool in deny audit semver-checks; do
    command -v "cargo-$tool" >/dev/null || fail "cargo-$tool is missing: cargo install cargo-$tool"
done
cargo deny --workspace check
cargo audit
# The first version has nothing to compare with.
if cargo info --quiet --registry crates-io larder >/dev/null 2>&1; then
    cargo semver-checks "${packages[@]}"
fi

if [[ ${1:-} != --publish ]]; then
    cargo publish --dry-run "${packages[@]}"
    exit 0
fi
cargo publish "${packages[@]}"
git tag -a "v$version" -m "larder $version"
echo "Published $version. Push the tag: git push origin v$version"
