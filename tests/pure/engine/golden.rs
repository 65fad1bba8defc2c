//! Whole lists of operations, to be read by people.
//!
//! `LANEMARK_GOLDEN=write` writes them anew; the difference is what the change means.

use std::fs;
use std::path::Path;

use lanemark::engine::{Op, Put};
use lanemark::value::Class;

use super::house::{self, ABLE, TV, WORK};
use super::world::{World, changed};

const fn verb(put: Put) -> &'static str {
    match put {
        Put::New => "add",
        Put::Instead => "replace",
        Put::Change => "change",
    }
}

/// One line, without the numbers that measurements decide.
fn line(op: &Op) -> String {
    match op {
        Op::Look(look) => format!("look {look:?}"),
        Op::Root { dev, lanes, put } => {
            let with = lanes.first().iter().filter_map(|part| lanes.node(*part));
            let with: Vec<_> = with.map(|node| node.class.handle).collect();
            let (verb, kind, handle) = (verb(*put), lanes.shaper.name(), lanes.handle());
            format!("root {verb} dev {} {handle} {kind} with {with:?}", dev.0)
        }
        Op::Class { dev, class, put } => {
            let (handle, parent) = (class.handle, class.parent);
            let first = format!("prio {}", class.prio);
            format!(
                "class {} dev {} {handle} parent {parent} {first}",
                verb(*put),
                dev.0,
            )
        }
        Op::Leaf {
            dev,
            class,
            handle,
            leaf,
            put,
        } => {
            format!(
                "leaf {} dev {} {handle} parent {class} {}",
                verb(*put),
                dev.0,
                leaf.kind().name()
            )
        }
        Op::DeleteClass { dev, handle } => format!("class delete dev {} {handle}", dev.0),
        Op::DeleteRoot { dev, handle } => format!("root delete dev {} {handle}", dev.0),
        Op::Ifb(change) => format!("ifb {change:?}"),
        Op::Rules { ruleset, instead } => {
            let layout = ruleset.layout;
            let lans: Vec<String> = ruleset.lans.iter().map(ToString::to_string).collect();
            let lans = lans.join(" ");
            format!(
                "rules lan {lans} wan {} mask {:#x} shift {} default {} guarded {} before {:?} instead {instead}",
                ruleset.wan,
                layout.mask(),
                layout.shift(),
                ruleset.default_class,
                ruleset.guarded,
                ruleset.before.acct
            )
        }
        Op::Adopt(_) => "rules adopt".to_owned(),
        Op::Elements(_) => "rules elements".to_owned(),
        Op::DeleteRules => "rules delete".to_owned(),
        Op::Accounting(on) => format!("accounting {on}"),
        Op::Save => "save".to_owned(),
        Op::Echo { to, .. } => format!("echo {to}"),
        Op::Sound { to, bytes, .. } => format!("sound {to} {bytes}"),
    }
}

fn compare(name: &str, world: &mut World) {
    let list: String = world.ops.drain(..).map(|op| line(&op) + "\n").collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever means a change says so there"
    )]
    let write = std::env::var("LANEMARK_GOLDEN").is_ok_and(|wish| wish == "write");
    if write {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &list).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    if list != golden {
        let rule = "-".repeat(60);
        panic!(
            "{name} is another list now:\n{rule}\n{list}{rule}\nLANEMARK_GOLDEN=write takes it over"
        );
    }
}

#[test]
fn a_start_a_restart_a_set_and_a_stop_are_these_operations() {
    let config = house::config_with(&[(WORK, "work", Some(Class::Premium)), (TV, "tv", None)]);
    let mut world = World::of(house::kernel(), &config, ABLE);
    world.drive();
    compare("engine-start.txt", &mut world);
    world.settle();
    world.restart();
    world.drive();
    compare("engine-restart.txt", &mut world);
    world.set("tv", "bulk");
    compare("engine-set.txt", &mut world);
    changed(world.stop());
    compare("engine-stop.txt", &mut world);
}
