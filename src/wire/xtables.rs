//! Lines that `iptables-restore` prints when its input asks for a list (`-L -n`), of all versions since 1.3.
//!
//! ```text
//! Chain PREROUTING (policy ACCEPT)
//! target     prot opt source               destination
//! LANEMARK_FIRST  0    --  0.0.0.0/0            0.0.0.0/0
//!
//! Chain LANEMARK_FIRST (1 references)
//! ```

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed<'a> {
    /// A chain, whose rules follow.
    Chain(&'a str),
    /// A rule, by the name of what it leads to.
    Rule(&'a str),
}

/// Reads a line. None for one that tells neither; the line above the rules is read as a rule that leads to `target`.
pub fn parse(line: &str) -> Option<Listed<'_>> {
    let mut words = line.split_ascii_whitespace();
    match (words.next()?, words.next()) {
        ("Chain", Some(name)) => Some(Listed::Chain(name)),
        (target, _) => Some(Listed::Rule(target)),
    }
}
