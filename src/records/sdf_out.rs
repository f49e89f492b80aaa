//! Rows as records of an SDF.
//!
//! A structure is written as it came: a mol block letter by letter, a SMILES as
//! a drawing of the molecule it stands for. A row without a structure that can
//! be written has a mol block without atoms, so that every row is a record.
//!
//! A data item ends at a blank line and a record at `$$$$`, also in the middle
//! of a value; readers disagree on every way around it. A blank line within a
//! value is therefore written as one space, and a line that would end a record
//! or begin an item is moved in by one space.

use super::{Row, Structure, sdf};

/// The mol block of a row and the data items, as one record.
pub(super) fn record<'a>(
    row: &Row,
    title: &str,
    items: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut record = match &row.molecule {
        Ok(Structure::MolBlock(block)) => block.clone(),
        Ok(structure @ Structure::Smiles(_)) => structure
            .parse()
            .and_then(|molecule| molecule.to_mol_block(&title_line(title)))
            .unwrap_or_else(|_| without_atoms(title)),
        Err(_) => without_atoms(title),
    };
    if !record.ends_with('\n') {
        record.push('\n');
    }
    for (name, value) in items {
        // An item without a value and one that is missing are the same here, as
        // they are to those who read it.
        if !value.trim().is_empty() {
            push_item(&mut record, name, value);
        }
    }
    record.push_str("$$$$\n");
    record
}

fn push_item(record: &mut String, name: &str, value: &str) {
    record.push_str("> <");
    // Angle brackets and line ends would end the name.
    let letters = name.chars().map(|letter| match letter {
        '<' => '(',
        '>' => ')',
        letter if letter.is_control() => ' ',
        letter => letter,
    });
    record.extend(letters);
    record.push_str(">\n");
    for line in value.trim_end().replace("\r\n", "\n").split(['\n', '\r']) {
        if line.is_empty() || line.starts_with("$$$$") || sdf::begins_item(line.as_bytes()) {
            record.push(' ');
        }
        record.push_str(line);
        record.push('\n');
    }
    record.push('\n');
}

fn without_atoms(title: &str) -> String {
    format!(
        "{}\n  delicate\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n",
        title_line(title)
    )
}

/// The first line of a mol block: at most 80 characters of text.
fn title_line(title: &str) -> String {
    let line = title.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default().trim_end();
    // Marks of a record, which a title may not be.
    let marked = line.starts_with('$') || line.starts_with('>');
    let start = if marked { " " } else { "" };
    start.chars().chain(line.chars()).take(80).collect()
}
