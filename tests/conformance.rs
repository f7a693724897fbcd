//! Holds the conformance table to the sources: no item is missing or listed twice, and every test it names exists and is one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Items by letter: RTMP, Enhanced RTMP, FLV, CMAF and HLS, DASH.
const ITEMS: [(char, usize); 5] = [('R', 34), ('E', 20), ('F', 26), ('H', 29), ('D', 23)];

/// Item, and the tests that show it.
fn rows(table: &str) -> Vec<(String, Vec<String>)> {
    let lines = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = lines.map(|line| line.split(" | ").collect::<Vec<_>>());
    let rows = cells.filter(|cells| cells[0].chars().nth(1).is_some_and(|digit| digit.is_ascii_digit()));
    let tests = |cell: &str| cell.split('`').filter(|text| text.contains("::")).map(str::to_owned).collect();
    rows.map(|cells| (cells[0].to_owned(), tests(cells.last().expect("a row has cells")))).collect()
}

/// Whether a function of this name stands in the source behind an attribute that makes it a test.
fn is_test(source: &str, name: &str) -> bool {
    let declaration = format!("fn {name}(");
    let mut attributes = Vec::new();
    for line in source.lines().map(str::trim_start) {
        if line.contains(&declaration) {
            return attributes.iter().any(|line: &&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
        }
        if line.starts_with("#[") { attributes.push(line) } else { attributes.clear() }
    }
    false
}

#[test]
fn every_item_is_there_once_and_every_test_it_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = rows(&fs::read_to_string(root.join("docs/conformance.md")).expect("the table is there"));
    let expected: Vec<String> = ITEMS.iter().flat_map(|(letter, count)| (1..=*count).map(move |n| format!("{letter}{n}"))).collect();
    assert_eq!(rows.iter().map(|(item, _)| item).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    let mut sources = BTreeMap::new();
    let mut missing = Vec::new();
    for (item, tests) in &rows {
        assert!(!tests.is_empty(), "{item} is shown by nothing");
        for test in tests {
            let (file, name) = test.rsplit_once("::").expect("file::test");
            let source = sources.entry(file.to_owned()).or_insert_with(|| fs::read_to_string(root.join(file)).unwrap_or_default());
            if !is_test(source, name) {
                missing.push(format!("{item}: {test}"));
            }
        }
    }
    assert!(missing.is_empty(), "the table names tests that do not exist: {missing:#?}");
}

#[test]
fn a_function_that_is_no_test_shows_nothing() {
    let source = "#[test]\nfn one() {}\n\n// fn two(\nfn two() {}\n\n    #[tokio::test]\n    #[ignore]\n    async fn three() {}\n#[test]\nlet x;\nfn four() {}";
    assert_eq!(["one", "two", "three", "four", "five"].map(|name| is_test(source, name)), [true, false, true, false, false]);
}
