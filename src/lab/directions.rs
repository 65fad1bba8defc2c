//! How a person gets into the house while it stands.

use std::fmt::Write as _;

use super::house::House;
use super::isolation::Standing;

/// One line a host: the command that opens a shell there.
#[must_use]
pub fn to_enter(house: &House, standing: Standing) -> String {
    let user = match standing {
        Standing::Root => String::new(),
        // Without this, the namespaces of another user namespace cannot be entered.
        Standing::UserNamespace => format!(
            "--user=/proc/{}/ns/user --preserve-credentials ",
            std::process::id()
        ),
    };
    let mut text = String::from("To enter a host:\n");
    for host in house.hosts() {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "  {:<12} nsenter {user}--net={} sh",
            host.name(),
            host.namespace_path().display()
        );
    }
    text
}
