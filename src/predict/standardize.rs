//! The one standard form of a molecule, for prediction, screening and training.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::chemistry::{AtomOrder, Keep, Molecule, Note};
use crate::parallel;
use crate::records::{MoleculeSource, RowError, Structure};
use crate::tokenizer::{self, TokenError};

/// The form in which a model reads molecules: that of its training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandardForm {
    /// The largest part by heavy atoms, charged as it was drawn: models whose
    /// `config.json` names no form.
    #[default]
    LargestPart,
    /// The parent compound, neutral where moving protons makes it so: see
    /// [`Molecule::parent`].
    Parent,
    /// The constitution of the parent compound: stereoisomers are one molecule, see
    /// [`Molecule::constitution`].
    Constitution,
}

impl StandardForm {
    /// Whether it is that of models whose files do not name it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for StandardForm {
    /// As files name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LargestPart => "largest-part",
            Self::Parent => "parent",
            Self::Constitution => "constitution",
        })
    }
}

/// How a molecule is brought into standard form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Treatment {
    pub(crate) form: StandardForm,
    pub(crate) keep: Keep,
}

impl StandardForm {
    /// How molecules are read that a model of this form is trained on.
    #[cfg(feature = "train")]
    pub(crate) fn of_training(self) -> Treatment {
        Treatment {
            form: self,
            ..TREATMENT
        }
    }
}

/// How molecules are read that a model is trained on, where its configuration asks
/// for no other form.
pub(crate) const TREATMENT: Treatment = Treatment {
    form: StandardForm::Parent,
    keep: Keep {
        salts: false,
        charges: false,
    },
};

/// What was done to a molecule before it was scored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify), tsify(missing_as_null))]
#[non_exhaustive]
pub struct Standardization {
    /// The molecule that was scored: its canonical SMILES.
    pub smiles: String,
    /// Canonical SMILES of the parts that were left out: counter-ions, solvents.
    pub left_out: Vec<String>,
    /// Atoms that lost their charge by taking up or giving up protons.
    pub neutralized: usize,
    /// Atoms that lost their isotope.
    pub isotopes: usize,
    /// Whether marks of stereo were left out, because the model does not read them.
    #[serde(default)]
    pub stereo: bool,
    /// What in the text was read otherwise than it was written.
    pub notes: Vec<String>,
    /// The molecule of a mol block as [`Structure::to_smiles`] writes it; a
    /// [`Writer`](crate::records::Writer) has it in a column of its own.
    #[serde(skip)]
    pub drawn: Option<String>,
}

impl Standardization {
    /// Whether the molecule was scored as it was drawn.
    pub fn is_unchanged(&self) -> bool {
        self.left_out.is_empty()
            && self.neutralized == 0
            && self.isotopes == 0
            && !self.stereo
            && self.notes.is_empty()
    }
}

impl fmt::Display for Standardization {
    /// `left out: Cl, O; charges removed: 1`; nothing for a molecule that was
    /// scored as it was drawn.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.left_out.is_empty() {
            parts.push(format!("left out: {}", self.left_out.join(", ")));
        }
        if self.neutralized > 0 {
            parts.push(format!("charges removed: {}", self.neutralized));
        }
        if self.isotopes > 0 {
            parts.push(format!("isotopes dropped: {}", self.isotopes));
        }
        if self.stereo {
            parts.push("stereo not read".to_owned());
        }
        parts.extend(self.notes.iter().cloned());
        f.write_str(&parts.join("; "))
    }
}

/// A molecule in standard form.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) molecule: Molecule,
    /// The molecule of a mol block, as it is drawn.
    drawn: Option<Molecule>,
    left_out: Vec<String>,
    neutralized: usize,
    isotopes: usize,
    stereo: bool,
}

impl Form {
    /// Parses a molecule and brings it into standard form.
    ///
    /// # Errors
    ///
    /// That of the row, or why its molecule cannot be read or has no such form.
    pub(crate) fn new(
        source: &impl MoleculeSource,
        treatment: Treatment,
    ) -> Result<Self, RowError> {
        let structure = source.structure().map_err(Clone::clone)?;
        let molecule = structure.parse()?;
        let drawn = matches!(structure, Structure::MolBlock(_)).then(|| molecule.clone());
        let (mut molecule, left_out, neutralized, isotopes) = match treatment.form {
            StandardForm::Parent | StandardForm::Constitution => {
                let parent = molecule.into_parent(treatment.keep)?;
                let (left_out, neutralized) = (parent.left_out, parent.neutralized);
                (parent.molecule, left_out, neutralized, parent.isotopes)
            }
            StandardForm::LargestPart if treatment.keep.salts => (molecule, Vec::new(), 0, 0),
            StandardForm::LargestPart => {
                let (molecule, left_out) = molecule.split_largest()?;
                (molecule, left_out, 0, 0)
            }
        };
        let is_flattened =
            treatment.form == StandardForm::Constitution && molecule.has_marks_of_stereo();
        let stereo = is_flattened && molecule.has_stereo();
        if is_flattened {
            molecule = molecule.constitution();
        }
        Ok(Self {
            molecule,
            drawn,
            left_out,
            neutralized,
            isotopes,
            stereo,
        })
    }

    /// Whether parts of what was drawn were left out.
    #[cfg(feature = "train")]
    pub(crate) fn has_left_out(&self) -> bool {
        !self.left_out.is_empty()
    }

    /// What was done.
    ///
    /// # Errors
    ///
    /// For a molecule that cannot be written.
    pub(crate) fn record(&self) -> Result<Standardization, RowError> {
        let notes = self.molecule.notes().iter();
        Ok(Standardization {
            smiles: self.molecule.canonical_smiles()?,
            drawn: self
                .drawn
                .as_ref()
                .map(Molecule::canonical_smiles)
                .transpose()?,
            left_out: self.left_out.clone(),
            neutralized: self.neutralized,
            isotopes: self.isotopes,
            stereo: self.stereo,
            notes: notes.map(|note| Note::text(*note).to_owned()).collect(),
        })
    }
}

/// What is done to a molecule before it is scored, in the form of today's models.
///
/// # Errors
///
/// That of the row, or why its molecule cannot be read or has no such form.
pub fn standardize(
    molecule: &impl MoleculeSource,
    keep: Keep,
) -> Result<Standardization, RowError> {
    Form::new(molecule, Treatment { keep, ..TREATMENT })?.record()
}

/// [`standardize`] of each of `molecules`, on all cores where there are several.
pub fn standardize_all<M: MoleculeSource>(
    molecules: &[M],
    keep: Keep,
) -> Vec<Result<Standardization, RowError>> {
    parallel::map(molecules, |molecule| standardize(molecule, keep))
}

/// A molecule made ready for the model.
#[derive(Clone, Debug)]
pub(crate) struct Standardized {
    /// The molecule, in standard form.
    pub(crate) form: Form,
    /// Its tokens, in canonical order.
    pub(crate) tokens: Vec<u32>,
}

impl Standardized {
    /// Parses, standardises and tokenises one molecule, to at most `limit` tokens.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or not by the model.
    pub(crate) fn new(
        source: &impl MoleculeSource,
        treatment: Treatment,
        limit: usize,
    ) -> Result<Self, RowError> {
        let form = Form::new(source, treatment)?;
        // In canonical order, so that a molecule scores the same however it is
        // written.
        let written = form.molecule.kekule_string(AtomOrder::Canonical)?;
        let tokens = tokenizer::tokenize(&written, limit).map_err(|error| {
            let position = match (&error, source.structure()) {
                (TokenError::OutOfVocabulary { position, .. }, Ok(Structure::Smiles(input))) => {
                    position_in(input, &form.molecule, *position)
                }
                _ => None,
            };
            RowError::new(error.code(), error.to_string()).at(position)
        })?;
        Ok(Self { form, tokens })
    }

    /// The molecule.
    pub(crate) fn molecule(&self) -> &Molecule {
        &self.form.molecule
    }
}

/// The character of the user's SMILES that became the character at `position`
/// of the standardised one.
fn position_in(input: &str, molecule: &Molecule, position: usize) -> Option<usize> {
    let written = molecule.kekule_smiles(AtomOrder::Canonical).ok()?;
    let atom = written
        .atoms
        .iter()
        .position(|range| range.contains(&position))?;
    let start = molecule.input_range(atom)?.start;
    Some(input.get(..start)?.chars().count())
}
