//! The map in CONTRIBUTING.md is the folder listing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn the_map_is_the_folder_listing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("CONTRIBUTING.md")).expect("there");
    let map = text.split("```text\n").nth(1).expect("the map");
    let map = map.split("```").next().expect("its end");
    let (inner, outer): (Vec<&str>, Vec<&str>) =
        map.lines().partition(|line| line.starts_with("  "));
    let names = |lines: Vec<&str>| -> BTreeSet<String> {
        let first = |line: &&str| line.split_whitespace().next().map(str::to_owned);
        lines.iter().filter_map(first).collect()
    };
    let listed = |folder: &Path, files: bool| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).expect("listed").filter_map(Result::ok);
        entries
            .filter_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_folder = entry.path().is_dir();
                // Those of builds and tools are no part of the project.
                let ours = !name.starts_with('.') && name != "target" && name != "runs";
                (ours && (is_folder || files)).then(|| match is_folder {
                    true => name + "/",
                    false => name,
                })
            })
            .collect()
    };
    assert_eq!(names(inner), listed(&root.join("src"), true));
    assert_eq!(names(outer), listed(root, false));
}
