/// The byte order of the kernel that wrote, or will read, the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// x86, ARM, MediaTek and Broadcom MIPS.
    Little,
    /// Atheros MIPS, s390x.
    Big,
}

impl Order {
    /// This machine's.
    pub const HOST: Order = if cfg!(target_endian = "big") {
        Order::Big
    } else {
        Order::Little
    };
}
