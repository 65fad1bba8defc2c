# What the scripts beside this file build with; they source it. It finds, or as root on Debian installs:
#
#   a Rust compiler with the source of its library, since MIPS has no built one: that of rustup if it has `rust-src`, else Debian's `rustc-web`;
#   Zig as C compiler and linker, with musl for every target, from PyPI.
#
# Nothing is installed over what is there, and everything that is downloaded stays in $cache, for the next run.

ZIG_VERSION=0.17.0

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${LANEMARK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lanemark}
dist=$root/target/dist
mkdir -p "$cache" "$dist"

# say WORDS: a line of progress, on standard error.
say() { printf '== %s\n' "$*" >&2; }
# die WORDS: the end, with the reason.
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# one_at_a_time WORDS: runs them while no other script beside this one runs something so, since they share $cache and the system's packages.
one_at_a_time() (
    exec 9>"$cache/lock"
    flock 9
    "$@" 9>&-
)

# not_installed PACKAGE...: which of them are not there.
not_installed() {
    local package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}

# need PACKAGE...: Debian packages that have to be there.
need() { [ -z "$(not_installed "$@")" ] || one_at_a_time install_packages "$@"; }
install_packages() {
    local missing
    mapfile -t missing < <(not_installed "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "missing: ${missing[*]} (as root on Debian they would be installed)"
    fi
    say "installing ${missing[*]}"
    apt-get update -qq
    # Nothing of the machine's own goes for it.
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "${missing[@]}" >/dev/null
}

# target NAME: sets triple, zig, emulator, elf, goal_bytes, limit_bytes and features, of which most have none, from targets.txt.
target() {
    local line
    line=$(grep -E "^$1 *\|" "$root/cross/targets.txt") || die "no target $1: there are $(targets | tr '\n' ' ')"
    name=$1
    IFS='|' read -r _ _ triple zig emulator elf goal_bytes limit_bytes features <<<"$line"
    triple=$(echo $triple) zig=$(echo $zig) emulator=$(echo $emulator) elf=$(echo $elf)
    goal_bytes=$(echo $goal_bytes) limit_bytes=$(echo $limit_bytes) features=$(echo $features)
}

# targets: all their names.
targets() { sed -n 's/^\([a-z0-9_-]*\) *|.*/\1/p' "$root/cross/targets.txt"; }

# find_rust: sets cargo and rustc. The compilers that have no library source are passed over.
find_rust() {
    local candidate
    for candidate in "$(command -v rustc || true)" /usr/bin/rustc; do
        if [ -x "$candidate" ] && [ -e "$("$candidate" --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ]; then
            rustc=$candidate cargo=$(dirname "$candidate")/cargo
            return
        fi
    done
    need rustc-web rust-web-src cargo-web
    rustc=/usr/bin/rustc cargo=/usr/bin/cargo
}

# download_zig: Zig as a Python package, which is whole or not there.
download_zig() {
    [ ! -e "$cache/zig-$ZIG_VERSION/ziglang/__main__.py" ] || return 0
    say "downloading Zig $ZIG_VERSION"
    rm -rf "$cache/zig.part"
    python3 -m pip install --quiet --root-user-action=ignore --disable-pip-version-check --no-deps --target "$cache/zig.part" "ziglang==$ZIG_VERSION"
    mv "$cache/zig.part" "$cache/zig-$ZIG_VERSION"
}

# find_zig: a linker script per Rust target, target/cc/TRIPLE. Not per name: cargo takes another path of a linker for another program, and would build
# everything again for the second name of a triple, the library too.
find_zig() {
    if [ ! -e "$cache/zig-$ZIG_VERSION/ziglang/__main__.py" ]; then
        command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 || need python3-pip
        one_at_a_time download_zig
    fi
    mkdir -p "$root/target/cc"
    local script=$root/target/cc/$triple order=le
    case $name in mips | mips-*) order=be ;; esac
    cat >"$script.$$" <<CC
#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR='$cache/zig-cache'
zig() { '$cache/zig-$ZIG_VERSION/ziglang/zig' cc -target $zig -Os "\$@"; }
# With LANEMARK_MIPS16, the folder cross/mips16: the program's own code becomes MIPS16.
case \${LANEMARK_MIPS16:-} in
?*) exec python3 -B "\$LANEMARK_MIPS16/link.py" $order '$cache/zig-$ZIG_VERSION/ziglang/zig' cc -target $zig -Os -- "\$@" ;;
esac
zig "\$@"
CC
    chmod +x "$script.$$"
    mv "$script.$$" "$script"
}

# code_flags: how LLVM writes machine code, the same for what is released and for the tests. ARM has two instruction sets, and all of its processors
# here know the one of two bytes an instruction (-67,000 of 256,000). MIPS has such a one too, which rustc cannot write: cross/mips16 does.
code_flags() {
    case $name in
    arm*) printf ' -Ctarget-feature=+thumb-mode' && arm_code_flags ;;
    # As for armv7 below, where the reasons are.
    aarch64 | x86_64) printf ' -Cllvm-args=%s' --enable-machine-outliner --disable-machine-licm --split-spill-mode=size --min-jump-table-entries=20 ;;&
    # What is calculated twice is shorter here than what is kept in a register meanwhile: -2,700. On aarch64, which has more registers, +1,400.
    x86_64) printf ' -Cllvm-args=%s' --disable-machine-cse --disable-machine-sink --disable-phi-elim-edge-splitting ;;
    esac
}
# The figures are bytes of armv7's program. Not `--arm-promote-constant` (-2,200): LLVM has had it off since it made wrong programs.
arm_code_flags() {
    local switches=(
        # No address or constant is kept over a loop, in a register that must be saved for it: -1,900.
        --disable-machine-licm
        # What does not fit into registers is spilled where that takes the fewest instructions: -400.
        --split-spill-mode=size
    )
    # Instructions that several functions share stand once. Thumb 1 cannot: -2,000.
    [ "$name" != armv7 ] || switches+=(--enable-machine-outliner)
    printf ' -Cllvm-args=%s' "${switches[@]}"
}

# find_mips16: what cross/mips16 needs; for MIPS, sets emit to what rustc has to leave for it.
find_mips16() {
    unset LANEMARK_MIPS16
    emit=
    case $name in
    mips*)
        need llvm-22 "binutils-${name%-*}-linux-gnu"
        export LANEMARK_MIPS16=$root/cross/mips16
        emit=--emit=llvm-bc
        ;;
    esac
}

# cross_cargo ARGUMENTS: cargo for the target that `target` has set, with a library built for it. $library and $flags may add to that,
# $library_features may change it, an empty $quiet lets cargo talk, and $folder is where it builds.
cross_cargo() {
    local linker
    linker=CARGO_TARGET_$(tr a-z- A-Z_ <<<"$triple")_LINKER
    (
        cd "$root"
        export RUSTC_BOOTSTRAP=1 RUSTC=$rustc "$linker=$root/target/cc/$triple"
        export RUSTFLAGS="-Ctarget-feature=+crt-static -Crelocation-model=static -Clink-self-contained=no$(code_flags) ${flags:-}"
        export CARGO_TARGET_DIR=${folder:-$root/target/cross}
        verb=$1
        shift
        "$cargo" "$verb" ${quiet---quiet} --locked -Zbuild-std="std,panic_abort${library:-}" -Zbuild-std-features="${library_features:-optimize_for_size}" --target "$triple" "$@"
    )
}
