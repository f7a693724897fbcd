//! Reads the sources and holds them to the plan: who may import whom, where the runtime may be named, what may stand in a file.
//!
//! [`RANKS`] is the plan. A module is ranked by its longest prefix in that table; imports go to lower ranks only, never sideways. What
//! stands under `#[cfg(test)]` or in a `tests.rs` is free to import what it compares with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

#[path = "architecture/broken.rs"]
mod broken;
#[path = "architecture/source.rs"]
mod source;

/// What a module may do besides computing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Io {
    /// Bytes and time come in as arguments: no runtime, no clock, no files, no sockets, no threads.
    Sans,
    /// As [`Io::Sans`], but it may read the clock and hand values between threads.
    Shared,
    /// The rim, where the runtime lives.
    Rim,
}

/// Module, rank, what it may do. Modules that do not exist yet have their place reserved.
const RANKS: &[(&str, u8, Io)] = &[
    ("media", 0, Io::Sans),
    ("amf0", 0, Io::Sans),
    ("flv", 1, Io::Sans),
    ("fmp4", 1, Io::Sans),
    ("bus", 2, Io::Shared),
    ("rtmp", 2, Io::Sans),
    ("segment", 2, Io::Sans),
    ("transcode", 2, Io::Sans),
    ("net", 2, Io::Rim),
    ("ingest", 3, Io::Rim),
    ("feed", 3, Io::Rim),
    ("egress", 3, Io::Rim),
    ("segment::task", 3, Io::Rim),
    ("spool", 3, Io::Rim),
    ("hls", 3, Io::Sans),
    ("dash", 3, Io::Sans),
    ("auth", 3, Io::Rim),
    ("outlet", 4, Io::Rim),
    ("rtmp::server", 5, Io::Rim),
    ("http", 5, Io::Rim),
    ("transcode::supervisor", 5, Io::Rim),
    ("record", 5, Io::Rim),
    ("relay", 5, Io::Rim),
    ("cluster", 5, Io::Rim),
    ("check::finding", 2, Io::Sans),
    ("check::exchange", 2, Io::Rim),
    ("check::media", 3, Io::Sans),
    ("check::transport", 4, Io::Sans),
    ("check::hls", 4, Io::Sans),
    ("check::dash", 4, Io::Sans),
    ("check", 5, Io::Rim),
    ("config", 6, Io::Rim),
    ("gateway", 7, Io::Rim),
    ("main", 8, Io::Rim),
];

/// A leaf that ranks 2 and up may name and that names nothing of ours.
const LEAF: &str = "telemetry";
const LEAF_FROM_RANK: u8 = 2;

/// Pairs that must not meet although their ranks would allow it: the first never names the second.
const STRANGERS: &[(&str, &str)] =
    &[("rtmp", "http"), ("http", "rtmp"), ("transcode", "hls"), ("bus", "amf0"), ("bus", "flv"), ("bus", "fmp4")];

/// Lines that hold code outside tests; comments, documentation and blank lines are free.
const LONG_FILE: usize = 400;
const TOO_LONG_FILE: usize = 500;

/// Macros that stand for work not done, or for a trace left behind.
const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// The only source that may hold `unsafe`: the worker's calls into libav.
const MAY_BE_UNSAFE: &str = "src/bin/sluicegate-ladder/av.rs";

/// What sans-IO code gets from its caller instead.
const OUTSIDE_WORLD: &[&str] =
    &["std::fs", "std::thread", "std::net::TcpStream", "std::net::TcpListener", "std::net::UdpSocket", "std::process"];
const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now"];

// ---- the rules ------------------------------------------------------------------------------------------------------

#[test]
fn imports_go_down_the_ranks() {
    assert_none(sources().iter().flat_map(import_violations));
}

#[test]
fn the_runtime_stays_at_the_rim() {
    let runtime = runtime_crates(&read("Cargo.toml"));
    assert!(
        runtime.contains("tokio") && runtime.contains("axum") && runtime.contains("hyper"),
        "the feature `server` was not found: {runtime:?}"
    );
    assert_none(sources().iter().flat_map(|source| purity_violations(source, &runtime)));
}

#[test]
fn mod_files_of_mixed_rank_hold_only_mod_lines() {
    assert_none(sources().iter().flat_map(mod_file_violations));
}

#[test]
fn unsafe_is_nowhere_but_in_the_worker() {
    assert_none(sources().iter().flat_map(unsafe_violations));
    assert!(read("Cargo.toml").contains("\nunsafe_code = \"deny\"\n"), "the lint denies unsafe code everywhere");
    for root in ["src/lib.rs", "src/main.rs"] {
        let squeezed: String = read(root).split_whitespace().collect();
        assert!(squeezed.contains("#![forbid(unsafe_code)]"), "{root} does not forbid unsafe code");
    }
}

#[test]
fn nothing_is_left_unfinished() {
    assert_none(sources().iter().flat_map(unfinished_violations));
}

#[test]
fn files_are_short_enough_to_read() {
    let sources = sources();
    for source in sources.iter().filter(|source| (LONG_FILE + 1..=TOO_LONG_FILE).contains(&source.code_lines)) {
        println!("warning: {} holds {} lines of code; from {LONG_FILE} on it asks to be two", source.path, source.code_lines);
    }
    assert_none(sources.iter().flat_map(length_violations));
}

#[test]
fn the_map_in_lib_rs_is_true() {
    let modules = sources().iter().map(|source| source.module.clone()).collect();
    assert_none(map_violations(&read("src/lib.rs"), &modules));
}

fn import_violations(source: &Source) -> Vec<String> {
    // The root only lists modules, which the map's own test checks.
    if source.module.is_empty() {
        return mod_lines_only(source, "the root of the library");
    }
    let Some((from, rank)) = rank_of(&source.module) else {
        return vec![format!("{}: module `{}` has no rank", source.path, source.module)];
    };
    let forbidden = |(line, path): &(usize, String)| {
        let at = format!("{}:{line}: `{}`", source.path, source.module);
        let Some((to, to_rank)) = rank_of(path) else {
            return Some(format!("{at} imports `{path}`, which has no rank"));
        };
        let strangers = STRANGERS.iter().any(|(a, b)| *a == top(from) && *b == top(to));
        let allowed = match (from, to) {
            _ if from == to => true,
            (LEAF, _) => false,
            (_, LEAF) => rank >= LEAF_FROM_RANK,
            _ => to_rank < rank && !strangers,
        };
        let why = if strangers { "they must not meet" } else { "imports go down the ranks only" };
        (!allowed).then(|| format!("{at} (rank {rank}) imports `{path}` (rank {to_rank}): {why}"))
    };
    source.internal.iter().filter_map(forbidden).collect()
}

fn purity_violations(source: &Source, runtime: &BTreeSet<String>) -> Vec<String> {
    let io = io_of(&source.module);
    if io == Io::Rim {
        return Vec::new();
    }
    let reaches = |path: &str, prefix: &str| path == prefix || path.starts_with(&format!("{prefix}::"));
    let complaint = |path: &str| {
        let krate = top(path);
        let clock = CLOCKS.iter().any(|clock| path == *clock || path.ends_with(&format!("::{clock}")));
        let world = OUTSIDE_WORLD.iter().any(|prefix| reaches(path, prefix));
        if runtime.contains(krate) {
            Some(format!("names `{krate}`, which belongs to the rim"))
        } else if io == Io::Sans && clock {
            Some(format!("reads the clock by `{path}`; time is an argument here"))
        } else if io == Io::Sans && world {
            Some(format!("reaches out by `{path}`; bytes are an argument here"))
        } else {
            None
        }
    };
    source
        .external
        .iter()
        .filter_map(|(line, path)| complaint(path).map(|why| format!("{}:{line}: `{}` {why}", source.path, source.module)))
        .collect()
}

/// A folder is of mixed rank when the table ranks something inside it apart.
fn mod_file_violations(source: &Source) -> Vec<String> {
    let mixed = RANKS.iter().any(|(name, ..)| name.starts_with(&format!("{}::", source.module)));
    if mixed { mod_lines_only(source, "the root of a folder of mixed rank") } else { Vec::new() }
}

fn mod_lines_only(source: &Source, what: &str) -> Vec<String> {
    source.other_than_mod.iter().map(|line| format!("{}:{line}: {what} holds only `mod` lines and documentation", source.path)).collect()
}

fn unsafe_violations(source: &Source) -> Vec<String> {
    if source.path == MAY_BE_UNSAFE {
        return Vec::new();
    }
    source.unsafes.iter().map(|line| format!("{}:{line}: `unsafe`", source.path)).collect()
}

fn unfinished_violations(source: &Source) -> Vec<String> {
    source
        .macros
        .iter()
        .filter(|(_, name)| UNFINISHED.contains(&name.as_str()))
        .map(|(line, name)| format!("{}:{line}: `{name}!`", source.path))
        .collect()
}

fn length_violations(source: &Source) -> Vec<String> {
    let long = source.code_lines > TOO_LONG_FILE;
    long.then(|| format!("{} holds {} lines of code, more than {TOO_LONG_FILE}", source.path, source.code_lines)).into_iter().collect()
}

/// Compares the table in the documentation of `lib.rs` with [`RANKS`] and with the modules that exist.
fn map_violations(lib: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let documented: BTreeMap<String, u8> = lib.lines().filter_map(map_row).flatten().collect();
    let exists = |name: &str| modules.iter().any(|module| module == name || module.starts_with(&format!("{name}::")));
    let mut wrong = Vec::new();
    for (name, rank) in &documented {
        match RANKS.iter().find(|(known, ..)| known == name) {
            Some((_, known, _)) if known == rank => {}
            Some((_, known, _)) => wrong.push(format!("src/lib.rs: the map gives `{name}` rank {rank}, it has {known}")),
            None => wrong.push(format!("src/lib.rs: the map names `{name}`, which has no rank")),
        }
        if !exists(name) {
            wrong.push(format!("src/lib.rs: the map names `{name}`, which does not exist"));
        }
    }
    for (name, ..) in RANKS.iter().filter(|(name, ..)| exists(name) && !documented.contains_key(*name)) {
        wrong.push(format!("src/lib.rs: the map does not name `{name}`"));
    }
    if exists(LEAF) && !lib.contains(&format!("`{LEAF}`")) {
        wrong.push(format!("src/lib.rs: the map does not name `{LEAF}`"));
    }
    wrong
}

/// The modules of one row, such as "| 2 | [`bus`], `segment::task` |", each with the row's rank.
fn map_row(line: &str) -> Option<Vec<(String, u8)>> {
    let mut cells = line.strip_prefix("//! |")?.split('|');
    let rank = cells.next()?.trim().parse().ok()?;
    Some(cells.next()?.split('`').skip(1).step_by(2).map(|name| (name.to_owned(), rank)).collect())
}

/// The crates that the feature `server` brings in, by the names they have in code.
fn runtime_crates(manifest: &str) -> BTreeSet<String> {
    let feature = manifest.split_once("\nserver = [").and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    feature.split('"').filter_map(|word| word.strip_prefix("dep:")).map(|name| name.replace('-', "_")).collect()
}

/// The ranked module that `path` belongs to, and its rank.
fn rank_of(path: &str) -> Option<(&'static str, u8)> {
    if top(path) == LEAF {
        return Some((LEAF, 0));
    }
    entry_of(path).map(|(name, rank, _)| (*name, *rank))
}

fn io_of(path: &str) -> Io {
    entry_of(path).map_or(Io::Rim, |(.., io)| *io)
}

fn entry_of(path: &str) -> Option<&'static (&'static str, u8, Io)> {
    let within = |name: &str| path == name || path.starts_with(&format!("{name}::"));
    RANKS.iter().filter(|(name, ..)| within(name)).max_by_key(|(name, ..)| name.len())
}

fn top(path: &str) -> &str {
    path.split("::").next().unwrap_or(path)
}

fn assert_none(violations: impl IntoIterator<Item = String>) {
    let violations: Vec<String> = violations.into_iter().collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    assert!(files.len() > 10, "the sources were not found");
    files.iter().map(|path| Source::parse(path, &read(path))).collect()
}

fn collect(folder: &Path, files: &mut Vec<String>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be listed").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root()).expect("it lies under the root");
            files.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
}
