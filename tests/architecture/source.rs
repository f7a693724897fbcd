//! What one source file says, read from its tokens: comments and strings cannot be mistaken for code there.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What one file says, as far as the rules care. Lines count from 1.
#[derive(Default)]
pub struct Source {
    /// From the repository's root, with forward slashes.
    pub path: String,
    /// The module it holds; empty for `lib.rs`.
    pub module: String,
    /// Paths into this crate, without the leading `crate`.
    pub internal: BTreeSet<(usize, String)>,
    /// Every other path of two or more names, or imported.
    pub external: BTreeSet<(usize, String)>,
    pub unsafes: Vec<usize>,
    /// Macros that are called, by their last name.
    pub macros: Vec<(usize, String)>,
    /// Items that are no `mod` line, documentation or attribute.
    pub other_than_mod: BTreeSet<usize>,
    pub code_lines: usize,
}

/// The module in a file: `src/rtmp/chunk.rs` and `src/rtmp/chunk/mod.rs` hold `rtmp::chunk`; other binaries rank as `main` does.
fn module_of(path: &str) -> String {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    match inner {
        "lib" => String::new(),
        _ if inner.starts_with("bin/") => "main".to_owned(),
        _ => inner.replace('/', "::"),
    }
}

impl Source {
    pub fn parse(path: &str, text: &str) -> Self {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let module = module_of(path);
        let mut reader = Reader { module: names(&module), ..Reader::default() };
        let in_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        reader.read(&trees(tokens), in_test, true);
        let Reader { mut source, paths, imports, lines, .. } = reader;
        source.path = path.to_owned();
        source.module = module;
        source.code_lines = lines.len();
        for (line, module, names) in paths {
            // A name brought in by `use` stands for what was imported.
            let names = match imports.get(&names[0]) {
                Some(full) if names.len() > 1 => [full.as_slice(), &names[1..]].concat(),
                _ => names,
            };
            match resolve(&module, &names) {
                Some(inner) => source.internal.insert((line, inner.join("::"))),
                None => source.external.insert((line, names.join("::"))),
            };
        }
        source
    }
}

/// The path inside this crate that `names`, written in `module`, leads to; none when it leads elsewhere. A binary's own modules are all `main`.
fn resolve(module: &[String], names: &[String]) -> Option<Vec<String>> {
    let mut base = match names[0].as_str() {
        "sluicegate" => Vec::new(),
        "crate" | "self" | "super" if module.first().is_some_and(|first| first == "main") => return Some(vec!["main".to_owned()]),
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return None,
    };
    let ups = names.iter().filter(|name| *name == "super").count();
    base.truncate(base.len().saturating_sub(ups));
    base.extend(names.iter().skip_while(|name| matches!(name.as_str(), "crate" | "sluicegate" | "self" | "super")).cloned());
    Some(base)
}

fn names(path: &str) -> Vec<String> {
    path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn trees(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

/// Walks the tokens of one file.
#[derive(Default)]
struct Reader {
    source: Source,
    /// The module being read, inline modules included.
    module: Vec<String>,
    /// Line, module and names of each path outside tests.
    paths: Vec<(usize, Vec<String>, Vec<String>)>,
    /// What each name that `use` brought in stands for.
    imports: BTreeMap<String, Vec<String>>,
    /// Lines that hold code outside tests.
    lines: BTreeSet<usize>,
}

impl Reader {
    fn read(&mut self, tokens: &[TokenTree], in_test: bool, at_top: bool) {
        let mut i = 0;
        while i < tokens.len() {
            if let Some((attribute, next)) = attribute(tokens, i) {
                let text: String = attribute.stream().to_string().split_whitespace().collect();
                let end = if text.starts_with("cfg(test") || text.starts_with("cfg(all(test") { item_end(tokens, next) } else { next };
                if end > next {
                    self.read(&tokens[next..end], true, false);
                } else if !text.starts_with("doc=") {
                    self.count(&tokens[i..next], in_test);
                    self.read(&trees(attribute.stream()), in_test, false);
                }
                i = end;
                continue;
            }
            let end = self.step(tokens, i, in_test);
            if at_top && !is_mod_line(tokens, i) {
                self.source.other_than_mod.insert(line_of(&tokens[i]));
            }
            i = if at_top && is_mod_line(tokens, i) { item_end(tokens, i) } else { end };
        }
    }

    /// Reads what starts at `tokens[i]` and says where the next begins.
    fn step(&mut self, tokens: &[TokenTree], i: usize, in_test: bool) -> usize {
        match &tokens[i] {
            TokenTree::Group(group) => {
                self.count(&tokens[i..=i], in_test);
                self.read(&trees(group.stream()), in_test, false);
                i + 1
            }
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                let follower = tokens.get(i + 1);
                if word == "unsafe" {
                    self.source.unsafes.push(line_of(&tokens[i]));
                }
                if let ("mod", Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) = (word.as_str(), follower, tokens.get(i + 2)) {
                    self.count(&tokens[i..=i + 2], in_test);
                    self.module.push(name.to_string());
                    self.read(&trees(body.stream()), in_test, false);
                    self.module.pop();
                    return i + 3;
                }
                let is_use = word == "use" && !is_punct(follower, '<');
                let end = if is_use { item_end(tokens, i) } else { self.path(tokens, i, in_test) };
                if is_use && !in_test {
                    let tree = &tokens[i + 1..end];
                    self.use_tree(tree, &[]);
                }
                self.count(&tokens[i..end], in_test);
                end
            }
            _ => {
                self.count(&tokens[i..=i], in_test);
                i + 1
            }
        }
    }

    /// Reads a path outside `use`, starting at the name `tokens[i]`.
    fn path(&mut self, tokens: &[TokenTree], i: usize, in_test: bool) -> usize {
        let mut names = vec![tokens[i].to_string()];
        let mut end = i + 1;
        while let (true, Some(TokenTree::Ident(name))) = (is_separator(tokens, end), tokens.get(end + 2)) {
            names.push(name.to_string());
            end += 3;
        }
        let called = is_punct(tokens.get(end), '!') && matches!(tokens.get(end + 1), Some(TokenTree::Group(_)));
        if let (true, Some(name)) = (called, names.last()) {
            self.source.macros.push((line_of(&tokens[i]), name.clone()));
        }
        if names.len() > 1 && !in_test {
            self.paths.push((line_of(&tokens[i]), self.module.clone(), names));
        }
        end
    }

    /// Reads `a::{b, c as d, e::*}` behind `prefix`.
    fn use_tree(&mut self, tokens: &[TokenTree], prefix: &[String]) {
        let commas = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
        for branch in tokens.split(commas).filter(|branch| !branch.is_empty()) {
            let mut path = prefix.to_vec();
            let mut bound = None;
            let mut renamed = false;
            let mut group = None;
            for token in branch {
                match token {
                    TokenTree::Ident(ident) if ident == "as" => renamed = true,
                    TokenTree::Ident(ident) if renamed => bound = Some(ident.to_string()),
                    TokenTree::Ident(ident) if ident == "self" && !path.is_empty() => {}
                    TokenTree::Ident(ident) => path.push(ident.to_string()),
                    TokenTree::Group(inner) => group = Some(inner),
                    _ => {}
                }
            }
            if let Some(inner) = group {
                self.use_tree(&trees(inner.stream()), &path);
            } else if let Some(last) = path.last() {
                self.imports.insert(bound.unwrap_or_else(|| last.clone()), path.clone());
                self.paths.push((line_of(&branch[0]), self.module.clone(), path));
            }
        }
    }

    /// Notes the lines of tokens, and for a group those of its two ends.
    fn count(&mut self, tokens: &[TokenTree], in_test: bool) {
        for token in tokens.iter().filter(|_| !in_test) {
            match token {
                TokenTree::Group(group) => self.lines.extend([group.span_open().start().line, group.span_close().end().line]),
                _ => self.lines.extend(token.span().start().line..=token.span().end().line),
            }
        }
    }
}

/// The attribute that starts at `tokens[i]`, outer or inner, and where the next token begins. A doc comment is one too.
fn attribute(tokens: &[TokenTree], i: usize) -> Option<(&Group, usize)> {
    let bracket = if is_punct(tokens.get(i + 1), '!') { i + 2 } else { i + 1 };
    match tokens.get(bracket) {
        Some(TokenTree::Group(group)) if is_punct(tokens.get(i), '#') && group.delimiter() == Delimiter::Bracket => {
            Some((group, bracket + 1))
        }
        _ => None,
    }
}

/// Where the item that starts at `tokens[i]` ends: behind its body or its semicolon.
fn item_end(tokens: &[TokenTree], i: usize) -> usize {
    let is_use = matches!(tokens.get(i), Some(TokenTree::Ident(ident)) if ident == "use");
    let closes = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !is_use,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    };
    tokens.iter().skip(i).position(closes).map_or(tokens.len(), |offset| i + offset + 1)
}

/// `mod name;`, with or without a visibility.
fn is_mod_line(tokens: &[TokenTree], i: usize) -> bool {
    let mut rest =
        tokens[i..].iter().filter(|token| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis));
    let mut word = || rest.next().map(ToString::to_string);
    let first = word();
    let keyword = if first.as_deref() == Some("pub") { word() } else { first };
    keyword.as_deref() == Some("mod") && word().is_some() && word().as_deref() == Some(";")
}

fn is_separator(tokens: &[TokenTree], i: usize) -> bool {
    is_punct(tokens.get(i), ':') && is_punct(tokens.get(i + 1), ':')
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn line_of(token: &TokenTree) -> usize {
    token.span().start().line
}
