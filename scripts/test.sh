#!/usr/bin/env bash
# Installs the requirements of the tests (redis-server, and openssl for certificates), then runs all checks.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else
        echo "redis-server is missing, and installing it needs root: run as root, install sudo, or install redis-server by hand." >&2
        exit 1
    fi
}

install_redis() {
    if command -v apt-get >/dev/null; then
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server openssl
    elif command -v dnf >/dev/null; then as_root dnf install -y redis openssl || as_root dnf install -y valkey-compat-redis openssl
    elif command -v pacman >/dev/null; then as_root pacman -Sy --noconfirm redis openssl
    elif command -v apk >/dev/null; then as_root apk add redis openssl
    elif command -v brew >/dev/null; then brew install redis openssl
    else
        echo "redis-server is missing, and this system has none of apt-get, dnf, pacman, apk and brew." >&2
        echo "Install redis-server 6.2 or later by hand (https://redis.io/docs/install), then run this again." >&2
        exit 1
    fi
}

if ! command -v redis-server >/dev/null || ! command -v openssl >/dev/null; then
    echo "==> redis-server or openssl is missing: installing them"
    install_redis
    command -v redis-server >/dev/null || {
        echo "The package was installed, but redis-server is not on the PATH." >&2
        exit 1
    }
fi
redis-server --version

run() {
    local from=$SECONDS
    echo "==> $*"
    "$@"
    echo "    ($((SECONDS - from)) s)"
}

echo "All checks take 15 to 30 minutes on 2 cores after a fresh clone, and about 9 when everything is compiled."
# Most tests wait for servers and for times, so more of them run than there are cores.
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}"

run cargo fmt --all -- --check
run cargo clippy --workspace --all-targets --all-features -- -D warnings
RUSTDOCFLAGS="-D warnings" run cargo doc --workspace --all-features --no-deps
if command -v mdbook >/dev/null; then run mdbook build; fi
# Without features the compiler reports other warnings.
run cargo clippy -p cache-core -p larder --no-default-features -- -D warnings
run cargo check -p larder --no-default-features --features config
# With no more features than `cargo run -p examples` and `cargo run -p shop` have, one by one: together they would share them.
run cargo check -p examples --examples
run cargo check -p shop --bins
# The oldest compiler that Cargo.toml promises, also for what the attributes generate.
msrv=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
if rustup run "$msrv" rustc --version 2>/dev/null || rustup toolchain install "$msrv" --profile minimal --no-self-update; then
    CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/msrv" \
        run rustup run "$msrv" cargo check --quiet -p larder -p user-2021 --all-features
else
    echo "Rust $msrv can't be installed (is rustup missing?): skipping the check with it" >&2
fi
# The tests that call the compiler then use the libraries of this build, and build none.
WHOLE_WORKSPACE=1 run cargo test --workspace --all-features
# The messages of a build without features.
run cargo test -p cache-config --no-default-features --test not_compiled_in
# Many interleavings of threads; in a separate target directory, because every dependency is built with other flags.
RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/shuttle" \
    run cargo test -p cache-core --lib interleavings
run scripts/instructions.sh
run cargo run --quiet --example quickstart
# Built with the features of the tests. `cargo run` would build them and their dependencies again, with fewer.
run cargo build --workspace --all-features --examples --bin load
built="${CARGO_TARGET_DIR:-target}/debug"
# Two instances under load, with their own redis-server, which is stopped and killed.
run "$built/load" --seconds 10
# Each ends by itself. `two_instances` and `health` start and kill their own redis-server.
for example in $(sed -n '/^\[\[example\]\]/,$ s/^name = "\(.*\)"/\1/p' examples/Cargo.toml); do
    run "$built/examples/$example" all
done
# Every crate can be published: its files, its metadata and its dependencies.
run cargo package --quiet --no-verify --allow-dirty \
    -p cache-core -p cache-macros -p cache-redis -p cache-config -p cache-testkit -p cache-dashboard -p larder
echo "All checks have passed after $((SECONDS / 60)) min $((SECONDS % 60)) s."
