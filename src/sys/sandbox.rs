//! What a process does to itself before it hears a word from outside: afterwards it can read and write what it has open, and nothing else.
//!
//! Read before editing: seccomp(2), capabilities(7), linux/seccomp.h, linux/filter.h, linux/audit.h (6.12). Each measure that this kernel or
//! this user does not have is one line of the log, and the others are taken all the same.

use core::fmt;
use core::mem::offset_of;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl::set_no_new_privs;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, chdir, chroot, close, fchdir, setgroups, setresgid, setresuid};

use super::errno::words;
use super::log::{Level, tell};
use super::{file, proc};

/// Who the process is afterwards: `nobody`, in every system's list of users, and the owner of nothing.
const NOBODY: u32 = 65_534;

/// Descriptors that are closed, from the first that is not given up to this one: an init system or a shell may have left some open.
const DESCRIPTORS: core::ops::Range<i32> = 4..256;

/// How much sooner than others it is ended when the memory runs out, in thousandths: it holds nothing that is worth more than a log-in.
const OOM_SCORE_ADJ: &str = "500";

/// Where an empty directory can be made for a moment.
const PLACES: [&str; 3] = [
    "/var/run/lanemark.root",
    "/run/lanemark.root",
    "/tmp/lanemark.root",
];

/// Closes what the process was not given. To be called before anything is opened.
pub fn close_inherited() {
    for descriptor in DESCRIPTORS {
        let _ = close(descriptor);
    }
}

/// Gives everything up that is not needed: from here on there are no files but those that are open and so many more, no other process, no
/// privilege, and only the system calls of `CALLS`.
pub fn enter(files: u32) {
    took(
        "oom_score_adj",
        proc::write("/proc/self/oom_score_adj", OOM_SCORE_ADJ),
    );
    let files = files.into();
    took("file limit", limit(Resource::RLIMIT_NOFILE, files));
    took("process limit", limit(Resource::RLIMIT_NPROC, 0));
    took("core limit", limit(Resource::RLIMIT_CORE, 0));
    took("empty root", empty_root().map_err(words));
    took("user", become_nobody().map_err(words));
    took("capabilities", no_capabilities().map_err(words));
    took("no_new_privs", set_no_new_privs().map_err(words));
    took("seccomp", filter().map_err(words));
}

fn took(what: &str, result: Result<(), impl fmt::Display>) {
    if let Err(why) = result {
        tell(
            Level::Warn,
            format_args!("the page process goes on without this: {what}: {why}"),
        );
    }
}

fn limit(of: Resource, most: u64) -> Result<(), &'static str> {
    setrlimit(of, most, most).map_err(words)
}

/// The root becomes a directory that is gone already: nothing is in it, and nothing can be made in it.
fn empty_root() -> Result<(), Errno> {
    let mut last = Errno::ENOENT;
    for place in PLACES.map(Path::new) {
        match file::make_dir(place, Mode::S_IXUSR) {
            // One that was killed in between left it.
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => {
                last = errno;
                continue;
            }
        }
        // A symbolic link of somebody else is not followed.
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let entered = file::open(place, flags).and_then(fchdir);
        let removed = file::remove_dir(place);
        match entered.and(removed) {
            Ok(()) => {
                chroot(c".")?;
                return chdir(c"/");
            }
            Err(errno) => last = errno,
        }
    }
    Err(last)
}

fn become_nobody() -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    setgroups(&[])?;
    setresgid(group, group, group)?;
    setresuid(user, user, user)
}

/// `_LINUX_CAPABILITY_VERSION_3` (linux/capability.h).
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// Another user has none as a rule; this is for who could not become one.
#[expect(unsafe_code, reason = "nix has no capset")]
fn no_capabilities() -> Result<(), Errno> {
    // `struct __user_cap_header_struct`: version, and 0 for this process; two of `struct __user_cap_data_struct`: effective, permitted and inheritable.
    let (header, data) = ([CAPABILITY_VERSION, 0], [0_u32; 6]);
    // SAFETY: both arrays are of the size that the kernel reads for this version, it writes to neither, and they outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) };
    Errno::result(result).map(drop)
}

/// The instructions of the filter: some more than there are calls.
type Program = heapless::Vec<libc::sock_filter, 64>;

/// From here on a call that is not in `CALLS` kills the process.
#[expect(unsafe_code, reason = "nix has no seccomp")]
fn filter() -> Result<(), Errno> {
    let mut program = program().ok_or(Errno::EINVAL)?;
    let fprog = libc::sock_fprog {
        len: u16::try_from(program.len()).unwrap_or_default(),
        filter: program.as_mut_ptr(),
    };
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: `fprog` is what this mode wants, its length is that of the program, the kernel only reads both, and they outlive the call.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const fprog) };
    Errno::result(result).map(drop)
}

/// Of another architecture: kill, since the numbers mean something else there (x86_64 has two more). Known: allow. All else: kill. None
/// where a call has no place in it.
fn program() -> Option<Program> {
    let load = |offset: usize| libc::sock_filter {
        code: code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS),
        jt: 0,
        jf: 0,
        k: u32::try_from(offset).unwrap_or_default(),
    };
    let skip_if = |k, jt, jf| libc::sock_filter {
        code: code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
        jt,
        jf,
        k,
    };
    let end = |k| libc::sock_filter {
        code: code(libc::BPF_RET | libc::BPF_K),
        jt: 0,
        jf: 0,
        k,
    };
    let mut program = Program::new();
    let mut push = |instruction| program.push(instruction).ok();
    push(load(offset_of!(libc::seccomp_data, arch)))?;
    push(skip_if(ARCHITECTURE, 1, 0))?;
    push(end(libc::SECCOMP_RET_KILL_THREAD))?;
    push(load(offset_of!(libc::seccomp_data, nr)))?;
    let mut left =
        u8::try_from(CALLS.len() + CALLS_OF_WIDTH.len() + CALLS_OF_MACHINE.len()).ok()?;
    let calls = CALLS.iter().chain(&CALLS_OF_WIDTH).chain(CALLS_OF_MACHINE);
    for call in calls {
        // Over the calls behind it, and over the end of those that are not known.
        push(skip_if(u32::try_from(*call).ok()?, left, 0))?;
        left -= 1;
    }
    push(end(libc::SECCOMP_RET_KILL_THREAD))?;
    push(end(libc::SECCOMP_RET_ALLOW))?;
    Some(program)
}

/// The numbers of BPF fit 16 bits.
fn code(bits: u32) -> u16 {
    u16::try_from(bits).unwrap_or_default()
}

/// What a process needs that answers from what it has open: bytes in and out, new connections, waiting, the time, memory, and its end.
const CALLS: [libc::c_long; 26] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_close,
    libc::SYS_shutdown,
    libc::SYS_accept4,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_clock_gettime,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    // musl's allocator opens the pages of its own records so.
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_exit_group,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
];

/// The same on all 64-bit machines.
#[cfg(target_pointer_width = "64")]
const CALLS_OF_WIDTH: [libc::c_long; 2] = [libc::SYS_mmap, libc::SYS_fcntl];

/// The same on all 32-bit machines. The clock of 64 bits is newer than the tables of the C library; all newer numbers are the same
/// everywhere, counted from where a machine's numbers begin.
#[cfg(target_pointer_width = "32")]
const CALLS_OF_WIDTH: [libc::c_long; 4] = [
    libc::SYS_mmap2,
    libc::SYS_fcntl64,
    libc::SYS_sigreturn,
    libc::SYS_clock_gettime - 263 + 403,
];

/// The kernel has this one for those that had it before `epoll_pwait`.
#[cfg(not(target_arch = "aarch64"))]
const CALLS_OF_MACHINE: &[libc::c_long] = &[libc::SYS_epoll_wait];

/// None of its own.
#[cfg(target_arch = "aarch64")]
const CALLS_OF_MACHINE: &[libc::c_long] = &[];

/// `AUDIT_ARCH_*`: the machine's number in ELF, its width and its order.
const ARCHITECTURE: u32 = MACHINE | WIDTH | ORDER;
const WIDTH: u32 = if cfg!(target_pointer_width = "64") {
    0x8000_0000
} else {
    0
};
const ORDER: u32 = if cfg!(target_endian = "little") {
    0x4000_0000
} else {
    0
};

#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 183;
#[cfg(target_arch = "arm")]
const MACHINE: u32 = 40;
#[cfg(target_arch = "mips")]
const MACHINE: u32 = 8;
