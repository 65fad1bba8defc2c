use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

/// Groups of an IPv6 address.
const GROUPS: usize = 8;

/// An IP address as text: read and written as the standard library does it, in half the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub IpAddr);

impl Address {
    /// Reads an address of either family.
    pub fn parse(text: &str) -> Option<IpAddr> {
        if let Some(octets) = octets(text.as_bytes()) {
            return Some(octets.into());
        }
        let groups = groups(text.as_bytes())?;
        let bytes = <[u8; 16]>::try_from(groups.as_flattened()).ok()?;
        Some(bytes.into())
    }
}

/// Takes the digits that the bytes start with: at most `digits_max` to the base of 10 or 16. None without any.
fn number(bytes: &mut &[u8], base: u32, digits_max: usize) -> Option<u16> {
    let (mut number, mut count) = (0, 0);
    while let Some((&first, rest)) = bytes.split_first()
        && let Some(digit) = char::from(first).to_digit(base)
    {
        // No digits are left over, and a decimal number does not start with 0.
        if count == digits_max || (base == 10 && count > 0 && number == 0) {
            return None;
        }
        number = number * base + digit;
        count += 1;
        *bytes = rest;
    }
    u16::try_from(number).ok().filter(|_| count > 0)
}

/// Takes that byte, if it comes next.
fn take(bytes: &mut &[u8], wanted: u8) -> Option<()> {
    *bytes = bytes.strip_prefix(&[wanted])?;
    Some(())
}

/// Four decimal numbers, and nothing else.
fn octets(mut bytes: &[u8]) -> Option<[u8; 4]> {
    let mut octets = [0; 4];
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            take(&mut bytes, b'.')?;
        }
        *octet = u8::try_from(number(&mut bytes, 10, 3)?).ok()?;
    }
    bytes.is_empty().then_some(octets)
}

/// Eight groups of hex digits, of which one run of zeroes may be left out and the last two be written as an IPv4 address.
fn groups(mut bytes: &[u8]) -> Option<[[u8; 2]; GROUPS]> {
    let (mut groups, mut count) = ([[0; 2]; GROUPS], 0);
    // Where the run that is left out belongs.
    let mut gap = None;
    let mut put = |count: &mut usize, group| {
        *groups.get_mut(*count)? = group;
        *count += 1;
        Some(())
    };
    loop {
        if gap.is_none() && bytes.starts_with(b"::") {
            gap = Some(count);
            bytes = bytes.get(2..)?;
            if bytes.is_empty() {
                break;
            }
        } else if count > 0 {
            if bytes.is_empty() {
                break;
            }
            take(&mut bytes, b':')?;
        }
        if let Some([a, b, c, d]) = octets(bytes) {
            put(&mut count, [a, b])?;
            put(&mut count, [c, d])?;
            break;
        }
        put(&mut count, number(&mut bytes, 16, 4)?.to_be_bytes())?;
    }
    let left_out = GROUPS - count;
    // The sign stands for one group at least.
    if gap.is_none() != (left_out == 0) {
        return None;
    }
    let gap = gap.unwrap_or(count);
    let mut all = [[0; 2]; GROUPS];
    for (place, group) in groups.into_iter().take(count).enumerate() {
        let place = if place < gap { place } else { place + left_out };
        *all.get_mut(place)? = group;
    }
    Some(all)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self.0 {
            IpAddr::V4(address) => return decimal(address, f),
            IpAddr::V6(address) => address,
        };
        if let Some(mapped) = address.to_ipv4_mapped() {
            f.write_str("::ffff:")?;
            return decimal(mapped, f);
        }
        let octets = address.octets();
        let (groups, _) = octets.as_chunks();
        let (gap, left_out) = longest_zeroes(groups);
        let mut place = 0;
        while let Some(&group) = groups.get(place) {
            if place == gap && left_out > 1 {
                f.write_str("::")?;
                place += left_out;
                continue;
            }
            let parted = place == 0 || (place == gap + left_out && left_out > 1);
            f.write_str(if parted { "" } else { ":" })?;
            write!(f, "{:x}", u16::from_be_bytes(group))?;
            place += 1;
        }
        Ok(())
    }
}

fn decimal(address: Ipv4Addr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, octet) in address.octets().iter().enumerate() {
        f.write_str(if place > 0 { "." } else { "" })?;
        write!(f, "{octet}")?;
    }
    Ok(())
}

/// Where the first longest run of zeroes starts, and its length.
fn longest_zeroes(groups: &[[u8; 2]]) -> (usize, usize) {
    let (mut longest, mut run) = ((0, 0), 0);
    for (place, group) in groups.iter().enumerate() {
        run = if *group == [0; 2] { run + 1 } else { 0 };
        if run > longest.1 {
            longest = (place + 1 - run, run);
        }
    }
    longest
}
