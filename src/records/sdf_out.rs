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

use std::collections::{HashMap, HashSet};

use super::{Row, Structure, sdf};

/// A row as a record.
pub(super) struct Record {
    pub(super) text: String,
    /// Stereo of the molecule had to be left open in its drawing.
    pub(super) lacks_stereo: bool,
}

/// The mol block of a row and the data items, as one record.
pub(super) fn record<'a>(
    row: &Row,
    title: &str,
    items: impl Iterator<Item = (&'a str, &'a str)>,
) -> Record {
    let mut lacks_stereo = false;
    let mut record = match &row.molecule {
        Ok(Structure::MolBlock(block)) => block.clone(),
        Ok(structure @ Structure::Smiles(_)) => {
            let drawn = structure.parse();
            let drawn = drawn.and_then(|molecule| molecule.drawn(&title_line(title)));
            drawn.map_or_else(
                |_| without_atoms(title),
                |drawn| {
                    lacks_stereo = !drawn.says_stereo;
                    drawn.block
                },
            )
        }
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
    Record {
        text: record,
        lacks_stereo,
    }
}

/// What the data items of columns are called, which have these numbers and names: as the
/// column, where an item may be and no other is.
pub(super) fn item_names<'a>(columns: impl Iterator<Item = (usize, &'a str)>) -> Vec<String> {
    let wanted: Vec<(&str, String)> = columns
        .map(|(number, column)| match column.trim() {
            "" => (column, format!("column_{number}")),
            name => (column, item_name(name)),
        })
        .collect();
    let as_they_are = wanted.iter().filter(|(column, name)| column == name);
    let kept: HashSet<&str> = as_they_are.map(|(column, _)| *column).collect();
    let mut taken: HashSet<String> = HashSet::new();
    // The number that each name's next duplicate tries first.
    let mut next: HashMap<&str, usize> = HashMap::new();
    let mut names = Vec::with_capacity(wanted.len());
    for (column, name) in &wanted {
        let mut unique = name.clone();
        while taken.contains(&unique) || (unique != *column && kept.contains(unique.as_str())) {
            let number = next.entry(name).or_insert(2);
            unique = format!("{name}_{number}");
            *number += 1;
        }
        taken.insert(unique.clone());
        names.push(unique);
    }
    names
}

/// A name without what would end it: angle brackets and line ends.
fn item_name(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter {
        '<' => '(',
        '>' => ')',
        letter if letter.is_control() => ' ',
        letter => letter,
    });
    letters.collect()
}

fn push_item(record: &mut String, name: &str, value: &str) {
    record.push_str("> <");
    record.push_str(name);
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
