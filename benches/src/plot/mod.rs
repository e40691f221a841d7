//! Charts: an SVG file for each result.

mod bars;
mod dots;
mod svg;

use std::path::Path;

use crate::Result;
use crate::report::Section;

pub(crate) fn draw(folder: &Path, sections: &[Section]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for section in sections {
        let chart = match section {
            Section::Comparison(comparison) => bars::chart(comparison),
            Section::Grid(grid) => dots::chart(grid),
        };
        std::fs::write(folder.join(file_name(section.title())), chart)?;
    }
    Ok(())
}

/// Letters and digits of the title, and single hyphens.
fn file_name(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase() + ".svg"
}

#[cfg(test)]
mod tests {
    #[test]
    fn file_names_have_letters_digits_and_hyphens() {
        assert_eq!(super::file_name("async hit, key user:{id}"), "async-hit-key-user-id.svg");
    }
}
