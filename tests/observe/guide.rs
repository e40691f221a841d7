//! The guide in `docs`: the book lists every page, every link leads somewhere, and rustdoc has the pages with links of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The definitions of links and images that rustdoc reads before each page. They have precedence over those of the page.
const LINKS: &str = "src/guide-links.md";

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Markdown files below a folder, as paths from the root.
fn pages(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            found.extend(pages(&path));
        } else if path.ends_with(".md") {
            found.insert(path);
        }
    }
    found
}

/// The lines outside of code, with code spans emptied.
fn text(page: &str) -> Vec<String> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            let outside = line.split('`').step_by(2);
            lines.push(outside.collect::<Vec<_>>().join("``"));
        }
    }
    lines
}

/// The text between `begin` and `end`, for each occurrence of `begin`.
fn between<'t>(text: &'t str, begin: &str, end: char) -> Vec<&'t str> {
    text.split(begin)
        .skip(1)
        .filter_map(|rest| rest.split_once(end))
        .map(|(found, _)| found)
        .collect()
}

/// The definitions `[label]: target`.
fn definitions(page: &str) -> BTreeMap<String, String> {
    let lines = text(page);
    let defined = lines.iter().filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    defined.map(|(label, target)| (label.to_owned(), target.to_owned())).collect()
}

/// The anchors of a page's headings, as GitHub, mdBook and rustdoc make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if let Some(heading) = line.strip_prefix('#').filter(|_| !in_code) {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            found.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    found
}

/// The path from the root to `target`, which is relative to `page`.
fn resolved(page: &str, target: &str) -> String {
    let mut path = PathBuf::from(page);
    path.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{page}: {target} is outside"),
            part => path.push(part),
        }
    }
    path.to_string_lossy().into_owned()
}

/// Whether rustdoc resolves the link, or the network does.
fn is_foreign(target: &str) -> bool {
    target.contains("::") || target.contains('@') || target.starts_with("http")
}

/// What is wrong with a page's links.
fn dead_links(page: &str) -> Vec<String> {
    let content = read(page);
    let defined = definitions(&content);
    let whole = text(&content).join("\n");
    let inline = between(&whole, "](", ')').into_iter().map(str::to_owned);
    let mut wrong = Vec::new();
    for label in between(&whole, "][", ']') {
        // A link may be broken over two lines.
        if !defined.contains_key(&label.replace('\n', " ")) {
            wrong.push(format!("{page}: [{label}] has no definition"));
        }
    }
    for target in inline.chain(defined.into_values()).filter(|target| !is_foreign(target)) {
        let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
        let file = if file.is_empty() { page.to_owned() } else { resolved(page, file) };
        if !Path::new(ROOT).join(&file).exists() {
            wrong.push(format!("{page}: there is no {target}"));
        } else if !anchor.is_empty() && !anchors(&read(&file)).contains(anchor) {
            wrong.push(format!("{page}: {file} has no heading #{anchor}"));
        }
    }
    wrong
}

/// The pages that the book lists.
fn listed() -> BTreeSet<String> {
    let summary = read("docs/SUMMARY.md");
    between(&summary, "](", ')').into_iter().map(|page| format!("docs/{page}")).collect()
}

/// The pages of `larder::guide`.
fn in_rustdoc() -> BTreeSet<String> {
    let listed = read("src/lib.rs");
    let guide = listed.split_once("pub mod guide {").unwrap().1;
    let quoted = guide.split('"').filter(|text| text.ends_with(".md") && !text.contains('/'));
    quoted.map(|page| format!("docs/{page}")).collect()
}

#[test]
fn the_book_lists_every_page() {
    let listed = listed();
    for page in &listed {
        assert!(
            Path::new(ROOT).join(page).is_file(),
            "SUMMARY.md lists {page}, which does not exist"
        );
    }
    // The index of the decisions lists them.
    let of_the_index =
        |page: &String| page.starts_with("docs/decisions/") && !page.ends_with("README.md");
    let index = read("docs/decisions/README.md");
    for page in pages("docs").iter().filter(|page| *page != "docs/SUMMARY.md") {
        let name = page.rsplit('/').next().unwrap();
        let is_listed =
            listed.contains(page) || (of_the_index(page) && index.contains(&format!("({name})")));
        assert!(is_listed, "{page} is not in docs/SUMMARY.md");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut all = pages("docs");
    let others = [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "cache-redis/OPERATING.md",
        "examples/README.md",
        "examples/shop/README.md",
    ];
    all.extend(others.map(str::to_owned));
    let wrong: Vec<_> = all.iter().flat_map(|page| dead_links(page)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn code_of_every_page_is_compiled() {
    let compiled = read("tests/pages.rs");
    for page in pages("docs").into_iter().chain(pages("cache-macros/docs")) {
        let begins = |line: &str| line == "```" || line.starts_with("```rust");
        let mut fences = read(&page)
            .lines()
            .filter(|line| line.starts_with("```"))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        // Every second fence ends a block.
        let mut nth = 0;
        fences.retain(|_| {
            nth += 1;
            nth % 2 == 1
        });
        if fences.iter().any(|fence| begins(fence)) {
            assert!(
                compiled.contains(&format!("\"{page}\"")),
                "tests/pages.rs does not list {page}"
            );
        }
    }
}

#[test]
fn the_programs_of_the_features_exist() {
    for line in text(&read("docs/features.md")) {
        let cells: Vec<&str> =
            line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let &[_, page, program] = &cells[..] else { continue };
        if program.is_empty() || !page.contains("][") {
            continue;
        }
        let places = [format!("examples/{program}.rs"), format!("examples/{program}")];
        let exists = places.iter().any(|place| Path::new(ROOT).join(place).exists());
        assert!(exists, "docs/features.md names the program {program}, which does not exist");
    }
}

/// Rustdoc has no files: a link to a page becomes one to its module, and an image becomes data.
#[test]
fn rustdoc_has_links_of_its_own() {
    let in_rustdoc = in_rustdoc();
    assert!(in_rustdoc.contains("docs/keys.md"), "{in_rustdoc:?}");
    let mut links = BTreeMap::new();
    for page in in_rustdoc.iter().map(String::as_str).chain(["docs/README.md"]) {
        let content = read(page);
        let whole = text(&content).join("\n");
        for target in between(&whole, "](", ')') {
            assert!(
                is_foreign(target) || target.starts_with('#'),
                "{page}: rustdoc has no file {target}; write `[text][{target}]` and a definition `[{target}]: {target}`"
            );
        }
        for (label, target) in
            definitions(&content).into_iter().filter(|(_, target)| !is_foreign(target))
        {
            assert_eq!(label, target, "{page}: name the definition like its target");
            links.insert(label, in_module(page, &target, &in_rustdoc));
        }
    }
    let mut expected = String::new();
    for (label, target) in links {
        writeln!(expected, "[{label}]: {target}").unwrap();
    }
    expected.push('\n');
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(Path::new(ROOT).join(LINKS), &expected).unwrap();
    }
    assert!(read(LINKS) == expected, "{LINKS} is old: run this test with UPDATE_EXPECT=1");
}

/// The target of a link in rustdoc.
fn in_module(page: &str, target: &str, in_rustdoc: &BTreeSet<String>) -> String {
    let (file, anchor) = target.find('#').map_or((target, ""), |at| target.split_at(at));
    let file = resolved(page, file);
    match file.as_str() {
        "docs/README.md" => format!("crate::guide{anchor}"),
        "README.md" => format!("crate{anchor}"),
        "cache-redis/OPERATING.md" => format!("crate::redis::operating{anchor}"),
        image if image.ends_with(".svg") => {
            let escaped = read(image).bytes().fold(String::new(), |mut escaped, byte| {
                match byte {
                    b'a'..=b'z'
                    | b'A'..=b'Z'
                    | b'0'..=b'9'
                    | b'-'
                    | b'.'
                    | b'/'
                    | b':'
                    | b'='
                    | b';'
                    | b',' => {
                        escaped.push(byte.into());
                    }
                    byte => write!(escaped, "%{byte:02X}").unwrap(),
                }
                escaped
            });
            format!("data:image/svg+xml,{escaped}")
        }
        other if in_rustdoc.contains(other) => {
            let module =
                other.trim_start_matches("docs/").trim_end_matches(".md").replace('-', "_");
            format!("crate::guide::{module}{anchor}")
        }
        other => format!("https://github.com/larder-rs/larder/blob/main/{other}{anchor}"),
    }
}
