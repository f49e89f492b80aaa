//! What endpoints require of molecules, ready to be looked for.

use std::sync::Arc;

use crate::chemistry::{Molecule, Substructure};
use crate::model::Endpoint;

/// The [requirements](Endpoint::requires) of a model's endpoints, in their order.
#[derive(Debug)]
pub(super) struct Requirements(Vec<Option<Substructure>>);

impl Requirements {
    /// Those of these endpoints; patterns that cannot be read were refused with the model.
    pub(super) fn new(endpoints: &[Arc<Endpoint>]) -> Self {
        let pattern = |endpoint: &Arc<Endpoint>| {
            let requires = endpoint.requires.as_ref()?;
            Substructure::parse(&requires.smarts).ok()
        };
        Self(endpoints.iter().map(pattern).collect())
    }

    /// For each endpoint whether `molecule` lacks what it requires. A search that is given up,
    /// as in very large molecules, decides nothing.
    pub(super) fn lacking(&self, molecule: &Molecule) -> Vec<bool> {
        let patterns: Vec<&Substructure> = self.0.iter().flatten().collect();
        let mut found = molecule.has_each(&patterns).into_iter();
        let all = self.0.iter();
        all.map(|pattern| pattern.is_some() && found.next() == Some(Some(false)))
            .collect()
    }
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use super::super::applicability::ApplicabilityDomain;
    use super::super::{Domain, PredictOptions, Prediction, Scorer, without_interruption};
    use super::*;
    use crate::device::{Device, DeviceChoice};
    use crate::model_dir::ModelFiles;
    use crate::records::Structure;

    /// What is required is what all training molecules of an endpoint have in common.
    #[test]
    fn no_training_molecule_of_the_shipped_model_lacks_what_its_endpoint_requires() {
        let files = ModelFiles::embedded();
        let config = files.config().expect("a configuration");
        let endpoints: Vec<Arc<Endpoint>> = config.endpoints.into_iter().map(Arc::new).collect();
        let requirements = Requirements::new(&endpoints);
        let names: Vec<&str> = endpoints.iter().map(|one| one.name.as_str()).collect();
        let bytes = files.domain.as_deref().expect("a domain");
        let domain = ApplicabilityDomain::read(bytes, &names).expect("read");
        let mut judged = vec![0; endpoints.len()];
        for known in &domain.molecules {
            let labelled = known.endpoints.iter().map(|&place| place as usize);
            let mut required = labelled.filter(|&place| endpoints[place].requires.is_some());
            let Some(first) = required.next() else {
                continue;
            };
            let molecule = Molecule::parse(&known.smiles).expect("a SMILES");
            let lacking = requirements.lacking(&molecule);
            for place in std::iter::once(first).chain(required) {
                assert!(!lacking[place], "{}: {}", names[place], known.smiles);
                judged[place] += 1;
            }
        }
        let required = endpoints.iter().zip(&judged);
        let required = required.filter(|(endpoint, _)| endpoint.requires.is_some());
        let required: Vec<&str> = required
            .filter(|&(_, &judged)| judged > 500)
            .map(|(endpoint, _)| endpoint.name.as_str())
            .collect();
        assert_eq!(required, ["pka_acid", "pka_base"]);
    }

    fn predicted(scorer: &Scorer, smiles: &str) -> Vec<Prediction> {
        let options = PredictOptions::default().uncertainty(true);
        let molecules = [Structure::from(smiles)];
        let run = scorer.predict(&molecules, options, without_interruption);
        let row = pollster::block_on(run).rows.remove(0);
        row.expect("a result").expect("predicted")
    }

    #[test]
    fn a_molecule_that_an_endpoint_is_not_defined_for_is_out_of_its_domain() {
        let device = Device::open_blocking(DeviceChoice::Cpu).expect("there is always a CPU");
        let scorer = Scorer::load(&ModelFiles::embedded(), device).expect("a model");
        let scorer = scorer.only(&["pka_acid", "pka_base"]).expect("it has them");
        for (smiles, undefined) in [
            ("CCCCCC", [true, true]),
            ("CCO", [false, true]),
            ("CC(=O)NC", [false, true]),
            ("[O-][N+](=O)c1ccccc1", [true, true]),
            ("CN(C)C", [true, false]),
            ("c1ccncc1", [true, false]),
            ("NCC(=O)O", [false, false]),
            ("[NH3+]CC(=O)[O-]", [false, false]),
        ] {
            for (one, undefined) in predicted(&scorer, smiles).iter().zip(undefined) {
                let name = one.endpoint();
                assert_eq!(one.is_undefined, undefined, "{smiles}: {name}");
                assert_eq!(one.domain_reason().is_some(), undefined, "{smiles}: {name}");
                assert!(
                    !undefined || one.domain == Some(Domain::Out),
                    "{smiles}: {name}"
                );
                // The value and its bounds are what they were.
                assert!(
                    one.interval.is_some() && one.nearest.is_some(),
                    "{smiles}: {name}"
                );
            }
        }
        let hexane = predicted(&scorer, "CCCCCC");
        assert_eq!(
            hexane[1].domain_reason(),
            Some("no basic atom: the endpoint is not defined for this molecule")
        );
    }
}
