//! Each option in the tables of the attributes has a recipe in `examples/cookbook`.

const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cache-macros/docs");
const RECIPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cookbook");

/// The attributes and their documentation. Those without options have no rows in a table.
fn attributes() -> Vec<(String, String)> {
    let pages = std::fs::read_dir(PAGES).unwrap().map(|page| page.unwrap().path());
    let named = |page: std::path::PathBuf| {
        let name = page.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(&page).unwrap())
    };
    pages.map(named).collect()
}

/// The options in the first column of a row: `` model = "user", op = "get"` | .. ``.
fn options(row: &str) -> Vec<String> {
    let column = row.split(" | ").next().unwrap_or_default();
    let code = column.split('`').step_by(2).flat_map(|code| code.split(", "));
    let names = code.filter_map(|part| {
        let end = part.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        let is_option = rest.is_empty() || rest.starts_with(" =") || name == "skip";
        (is_option && !name.is_empty()).then(|| name.to_owned())
    });
    names.collect()
}

#[test]
fn every_option_has_a_recipe() {
    let mut seen = 0;
    for (attribute, page) in attributes() {
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        for option in rows
            .filter(|row| !row.starts_with("async fn") && !row.starts_with("fn "))
            .flat_map(options)
        {
            let file = if option == "crate" { "crate_path" } else { &option };
            let recipe = format!("{RECIPES}/{attribute}/{file}.rs");
            assert!(
                std::fs::exists(&recipe).unwrap(),
                "`{option}` of `{attribute}` has no recipe {recipe}"
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} options were found");
}

#[test]
fn recipes_are_short_and_run() {
    let main = std::fs::read_to_string(format!("{RECIPES}/main.rs")).unwrap();
    for group in ["cached", "cached_property", "cache_evict", "cache_put", "call"] {
        for recipe in std::fs::read_dir(format!("{RECIPES}/{group}")).unwrap() {
            let path = recipe.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("//! "), "{}: says what it shows", path.display());
            assert!(text.lines().count() < 80, "{}: is short", path.display());
            let listed =
                main.split_once(&format!("{group} {{")).unwrap().1.split('}').next().unwrap();
            assert!(
                listed.split_whitespace().any(|word| word == name),
                "{group}::{name} is not run"
            );
        }
    }
}
