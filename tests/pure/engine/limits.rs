//! Every limit of the engine has a test that names it.

use std::fs;
use std::path::Path;

const LIMITS: &str = include_str!("../../../src/engine/limits.rs");

#[test]
fn every_name_of_a_limit_stands_in_a_test_of_what_happens_beyond_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pure/engine");
    let mut tests = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("limits.rs") {
            tests += &fs::read_to_string(path).unwrap();
        }
    }
    let names = LIMITS
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    let unnamed: Vec<&str> = names.clone().filter(|name| !tests.contains(name)).collect();
    assert!(unnamed.is_empty(), "limits without a test: {unnamed:?}");
    assert!(names.count() > 10, "they are found at all");
}
