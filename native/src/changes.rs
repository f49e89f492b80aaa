//! How often molecules were brought into standard form, for a command's last words.

use std::collections::BTreeMap;

use delicate::predict::Standardization;

/// In how many rows a molecule was not used as it was drawn.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    left_out: usize,
    neutralized: usize,
    isotopes: usize,
    stereo: usize,
    notes: BTreeMap<String, usize>,
}

impl Changes {
    pub(crate) fn count(&mut self, standardization: &Standardization) {
        self.left_out += usize::from(!standardization.left_out.is_empty());
        self.neutralized += usize::from(standardization.neutralized > 0);
        self.isotopes += usize::from(standardization.isotopes > 0);
        self.stereo += usize::from(standardization.stereo);
        for note in &standardization.notes {
            *self.notes.entry(note.clone()).or_default() += 1;
        }
    }

    /// One line for the user; `None` where there is nothing to say.
    pub(crate) fn summary(&self) -> Option<String> {
        let counts = [
            (self.left_out, "without salts or solvents"),
            (self.neutralized, "without charges"),
            (self.isotopes, "without isotopes"),
            (self.stereo, "without stereo"),
        ];
        let counts = counts.into_iter().filter(|&(count, _)| count > 0);
        let counts = counts.map(|(count, what)| format!("{count} {what}"));
        let notes = self
            .notes
            .iter()
            .map(|(note, count)| format!("{count}: {note}"));
        let parts: Vec<String> = counts.chain(notes).collect();
        (!parts.is_empty()).then(|| format!("rows changed: {}", parts.join("; ")))
    }
}
