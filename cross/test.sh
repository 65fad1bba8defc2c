#!/usr/bin/env bash
# Runs what needs no kernel (tests/pure and the tests inside the library), built for the target, under qemu-user.
#
#   cross/test.sh                    for all targets of cross/targets.txt
#   cross/test.sh mipsel mips        for these
#   cross/test.sh --mips16 mipsel    tests/pure for MIPS, with our code and the library made into MIPS16 as in a released program; not what tests start
#   cross/test.sh --build mipsel     only builds what is run without that word
#   cross/test.sh --kernel mipsel    builds the kernel tests into target/dist/mipsel, to be carried to a machine of that kind: qemu-user
#                                    knows too little of netlink to run them
#   cross/test.sh --lab mipsel       builds the house alone, to be carried there too
#
# All that the tests print is in target/cross/TARGET.log; what was skipped or ignored is named here too.
set -euo pipefail
. "$(dirname "$0")/toolchain.sh"

# A panic unwinds: a test that fails shall not end the others, and a process for each test (panic-abort-tests) would be one that qemu-user
# cannot start. Optimised a little, since an emulator runs it; but not what the tests do not wait for. Sums are checked, as on the host.
export CARGO_INCREMENTAL=0
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_STRIP=true
export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_DEV_DEBUG_ASSERTIONS=false CARGO_PROFILE_DEV_OVERFLOW_CHECKS=true
idle=(netlink-packet-route netlink-packet-core clap_builder libtest-mimic)
library=,panic_unwind,test
# One of its own, so that they can be built while programs are: nothing is shared but some macros, and cargo lets one at a time into a folder.
folder=$root/target/cross/tests
library_features=panic-unwind,optimize_for_size

# tests ARGUMENTS: cargo test.
tests() {
    cross_cargo test $(printf -- '--config=profile.dev.package.%s.opt-level=0 ' "${idle[@]}") "$@"
}

# inside WORDS, pure WORDS: the tests inside the library, for which the compiler translates all of it once more: not optimised, since they are few
# (45 seconds of processor less); and the others.
inside() { tests --config=profile.dev.package.lanemark.opt-level=0 --lib "$@"; }
pure() { tests --test pure "$@"; }

# build_pure: builds them for the target. Seconds, in a file of its own.
log() { echo "$root/target/cross/$name.log"; }
build_pure() {
    local began=$SECONDS
    say "building the tests for $name"
    pure --no-run
    inside --no-run
    echo $((SECONDS - began)) >"$(log).built"
}

# run_pure: runs them, and tells the counts.
run_pure() {
    local log began=$SECONDS
    log=$(log)
    say "running them for $name${LANEMARK_EMULATOR:+ under $emulator}"
    # The installer is a shell script for any router; its tests put programs of the machine that runs them under its shells. Nothing in them would be
    # the emulated processor's but their own code.
    local failed=0
    quiet='' inside >"$log" 2>&1 || failed=1
    quiet='' pure ${LANEMARK_EMULATOR:+-- --skip install::} >>"$log" 2>&1 || failed=1
    if [ "$failed" = 1 ]; then
        cat "$log"
        die "$name: tests failed"
    fi
    # Each with its reason.
    sed -n 's/^test \(.*\) \.\.\. ignored, /ignored: \1: /p' "$log"
    # A test in another thread may have left the line open.
    grep -o 'SKIPPED: .*' "$log" | sort -u || true
    awk -v name="$name" -v built="$(cat "$log.built")" -v ran=$((SECONDS - began)) '
        /^test result:/ { print; passed += $4; ignored += $8 }
        END { printf "%s: %d passed, %d ignored; built in %d s, ran in %d s\n", name, passed, ignored, built, ran }' "$log"
}

# run_mips16: the first test that fails ends them, since nothing unwinds in MIPS16; so what has to panic is left out. The tests themselves stay MIPS32.
run_mips16() {
    local built log=$root/target/cross/$name-mips16.log
    find_mips16
    export LANEMARK_WIDE='4pure|4test|^(?!.*(8lanemark|4core|5alloc|3std))'
    export CARGO_PROFILE_DEV_OPT_LEVEL=z CARGO_PROFILE_DEV_LTO=fat CARGO_PROFILE_DEV_CODEGEN_UNITS=1 CARGO_PROFILE_DEV_PANIC=abort
    say "building tests/pure as MIPS16 for $name"
    built=$(
        library=,test library_features=optimize_for_size
        flags="-Cforce-unwind-tables=no -Clink-arg=-Wl,-T,$root/cross/no-unwind.ld"
        cross_cargo rustc -Zpanic-abort-tests --test pure --message-format=json-render-diagnostics -- $emit |
            sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | grep '/pure-[0-9a-f]*$'
    )
    say "running them under $emulator"
    # In the folder of the sources, as cargo would.
    (cd "$root" && RUSTC_BOOTSTRAP=1 CARGO_MANIFEST_DIR=$root $runner "$built" -Zunstable-options --force-run-in-process --skip 'a_missing_recording_is_a_failure') >"$log" 2>&1 || {
        tail -n 20 "$log"
        die "$name: tests failed as MIPS16"
    }
    tail -n 2 "$log"
}

# built WHAT...: builds what these tests start, and themselves. Paths, a line each.
built() { tests --no-run "$@" --message-format=json-render-diagnostics | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'; }

# carry PATTERN NAME: the program among those of standard input whose path ends so, into target/dist.
carry() {
    local program
    program=$(grep -E "/$1$")
    mkdir -p "$dist/$name"
    python3 "$root/cross/trim.py" "$program" "$dist/$name/$2"
}

# build_lab: the house, of which these tests start the daemon.
build_lab() {
    say "building the house for $name"
    built --test pure | carry lanemark-lab lanemark-lab
}

# build_kernel: a program of all kernel tests, and beside it what it starts.
build_kernel() {
    local programs
    [ -e "$dist/$name/lanemark" ] || "$root/cross/build.sh" "$name"
    say "building the kernel tests for $name"
    programs=$(built --test kernel)
    carry 'kernel-[0-9a-f]*' kernel-tests <<<"$programs"
    carry lanemark-lab lanemark-lab <<<"$programs"
    ls -l "$dist/$name"
    # Without a kernel of that kind they can only say what they are.
    $runner "$dist/$name/kernel-tests" --list | grep -c ': test$' | sed 's/$/ kernel tests; there: LANEMARK_PROGRAMS=$PWD .\/kernel-tests/'
}

kernel= mips16= build= lab=
case ${1:-} in
--mips16) mips16=1 && shift && [ $# -gt 0 ] || die "expected targets after --mips16" ;;
--build) build=1 && shift ;;
--kernel) kernel=1 && shift && [ $# -gt 0 ] || die "expected targets after --kernel" ;;
--lab) lab=1 && shift && [ $# -gt 0 ] || die "expected targets after --lab" ;;
-*) die "expected --build, --kernel, --lab, --mips16 or targets, found $1" ;;
esac
[ $# -gt 0 ] || set -- $(targets)
for each in "$@"; do target "$each"; done
find_rust
# Some tests kill and hinder programs of ours with strace, or give them a file system that is full.
need qemu-user-static strace util-linux

# with TARGET VERB: does it for the target, with what is read by cargo, and by tests that start a program of ours.
with() {
    local runner
    target "$1"
    find_zig
    runner=
    [ "$name" = "$(uname -m)" ] || runner=$(command -v "$emulator-static")
    unset LANEMARK_EMULATOR RUST_TEST_THREADS
    if [ -n "$runner" ]; then
        export LANEMARK_EMULATOR=$runner "CARGO_TARGET_$(tr a-z- A-Z_ <<<"$triple")_RUNNER=$runner"
        # qemu-user is one process for all threads, and a fork in one of them copies locks that another holds: a child of a test that starts
        # a program was seen to wait for such a lock for ever. With one test at a time nobody else is there.
        export RUST_TEST_THREADS=1
    fi
    "$2"
}

if [ -n "$kernel" ]; then
    for each in "$@"; do with "$each" build_kernel; done
    exit
fi
if [ -n "$lab" ]; then
    for each in "$@"; do with "$each" build_lab; done
    exit
fi
if [ -n "$mips16" ]; then
    for each in "$@"; do with "$each" run_mips16; done
    exit
fi
for each in "$@"; do with "$each" build_pure; done
[ -z "$build" ] || exit 0
# One test at a time leaves processors idle: the targets run side by side, two at a time.
failed=0
while [ $# -gt 0 ]; do
    pids=()
    for each in "${@:1:2}"; do
        (with "$each" run_pure) &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    shift ${#pids[@]}
done
exit $failed
