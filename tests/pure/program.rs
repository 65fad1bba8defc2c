//! Programs of ours that a test runs: those built for another machine need an emulator before them.

use std::ffi::OsString;
use std::path::PathBuf;

/// The path of the emulator, if there is one; `cross/test.sh` sets it.
pub const EMULATOR_VARIABLE: &str = "LANEMARK_EMULATOR";

/// The command line that starts a program of ours.
pub fn line(program: impl Into<PathBuf>) -> Vec<OsString> {
    #[expect(
        clippy::disallowed_methods,
        reason = "how tests are run is said by their environment"
    )]
    let emulator = std::env::var_os(EMULATOR_VARIABLE);
    emulator
        .into_iter()
        .chain([program.into().into_os_string()])
        .collect()
}
