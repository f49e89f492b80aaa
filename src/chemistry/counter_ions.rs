//! Acids, bases and solvents that drugs are sold and crystallised with.
//!
//! Which they are is that of the ChEMBL structure pipeline's lists of salts and
//! solvents and of the counter-ions of approved drugs (Haynes et al. 2005,
//! doi:10.1002/jps.20441): neutral, without stereo. Inorganic ones need no entry.
//!
//! They are a part of the standard form `parent`: with one more or less, a model
//! reads some salts as another molecule. Another list is another form, with a name
//! of its own.

/// Name and SMILES of each.
pub(super) const COUNTER_IONS: &[(&str, &str)] = &[
    // Acids.
    ("formic acid", "OC=O"),
    ("acetic acid", "CC(O)=O"),
    ("trifluoroacetic acid", "OC(=O)C(F)(F)F"),
    ("trichloroacetic acid", "OC(=O)C(Cl)(Cl)Cl"),
    ("propionic acid", "CCC(O)=O"),
    ("butyric acid", "CCCC(O)=O"),
    ("pivalic acid", "CC(C)(C)C(O)=O"),
    ("hexanoic acid", "CCCCCC(O)=O"),
    ("octanoic acid", "CCCCCCCC(O)=O"),
    ("decanoic acid", "CCCCCCCCCC(O)=O"),
    ("lauric acid", "CCCCCCCCCCCC(O)=O"),
    ("palmitic acid", "CCCCCCCCCCCCCCCC(O)=O"),
    ("stearic acid", "CCCCCCCCCCCCCCCCCC(O)=O"),
    ("oleic acid", "CCCCCCCCC=CCCCCCCCC(O)=O"),
    ("undecylenic acid", "C=CCCCCCCCCC(O)=O"),
    ("carbonic acid", "OC(O)=O"),
    ("oxalic acid", "OC(=O)C(O)=O"),
    ("malonic acid", "OC(=O)CC(O)=O"),
    ("succinic acid", "OC(=O)CCC(O)=O"),
    ("glutaric acid", "OC(=O)CCCC(O)=O"),
    ("adipic acid", "OC(=O)CCCCC(O)=O"),
    ("sebacic acid", "OC(=O)CCCCCCCCC(O)=O"),
    ("maleic or fumaric acid", "OC(=O)C=CC(O)=O"),
    ("glycolic acid", "OCC(O)=O"),
    ("lactic acid", "CC(O)C(O)=O"),
    ("malic acid", "OC(CC(O)=O)C(O)=O"),
    ("tartaric acid", "OC(C(O)C(O)=O)C(O)=O"),
    ("citric acid", "OC(=O)CC(O)(CC(O)=O)C(O)=O"),
    ("gluconic acid", "OCC(O)C(O)C(O)C(O)C(O)=O"),
    ("glucuronic acid, open", "O=CC(O)C(O)C(O)C(O)C(O)=O"),
    ("glucuronic acid", "OC1OC(C(O)=O)C(O)C(O)C1O"),
    ("glucoheptonic acid", "OCC(O)C(O)C(O)C(O)C(O)C(O)=O"),
    (
        "lactobionic acid",
        "OCC(O)C(OC1OC(CO)C(O)C(O)C1O)C(O)C(O)C(O)=O",
    ),
    ("mucic acid", "OC(C(O)C(O)C(O)=O)C(O)C(O)=O"),
    ("ascorbic acid", "OCC(O)C1OC(=O)C(O)=C1O"),
    ("sorbic acid", "CC=CC=CC(O)=O"),
    ("mandelic acid", "OC(C(O)=O)c1ccccc1"),
    ("benzoic acid", "OC(=O)c1ccccc1"),
    ("salicylic acid", "OC(=O)c1ccccc1O"),
    ("gentisic acid", "OC(=O)c1cc(O)ccc1O"),
    ("4-aminosalicylic acid", "Nc1ccc(C(O)=O)c(O)c1"),
    ("hippuric acid", "OC(=O)CNC(=O)c1ccccc1"),
    ("cinnamic acid", "OC(=O)C=Cc1ccccc1"),
    ("nicotinic acid", "OC(=O)c1cccnc1"),
    ("orotic acid", "OC(=O)c1cc(=O)[nH]c(=O)[nH]1"),
    ("pyroglutamic acid", "OC(=O)C1CCC(=O)N1"),
    ("1-hydroxy-2-naphthoic acid", "OC(=O)c1ccc2ccccc2c1O"),
    ("3-hydroxy-2-naphthoic acid", "OC(=O)c1cc2ccccc2cc1O"),
    (
        "embonic acid",
        "OC(=O)c1cc2ccccc2c(Cc2c(O)c(C(O)=O)cc3ccccc23)c1O",
    ),
    ("aspartic acid", "NC(CC(O)=O)C(O)=O"),
    ("glutamic acid", "NC(CCC(O)=O)C(O)=O"),
    ("methanesulfonic acid", "CS(O)(=O)=O"),
    ("trifluoromethanesulfonic acid", "OS(=O)(=O)C(F)(F)F"),
    ("ethanesulfonic acid", "CCS(O)(=O)=O"),
    ("1,2-ethanedisulfonic acid", "OS(=O)(=O)CCS(O)(=O)=O"),
    ("isethionic acid", "OCCS(O)(=O)=O"),
    ("taurine", "NCCS(O)(=O)=O"),
    ("cyclamic acid", "OS(=O)(=O)NC1CCCCC1"),
    ("benzenesulfonic acid", "OS(=O)(=O)c1ccccc1"),
    ("4-toluenesulfonic acid", "Cc1ccc(cc1)S(O)(=O)=O"),
    ("4-chlorobenzenesulfonic acid", "OS(=O)(=O)c1ccc(Cl)cc1"),
    ("2-naphthalenesulfonic acid", "OS(=O)(=O)c1ccc2ccccc2c1"),
    (
        "1,5-naphthalenedisulfonic acid",
        "OS(=O)(=O)c1cccc2c1cccc2S(O)(=O)=O",
    ),
    (
        "10-camphorsulfonic acid",
        "CC1(C)C2CCC1(CS(O)(=O)=O)C(=O)C2",
    ),
    ("methyl hydrogen sulfate", "COS(O)(=O)=O"),
    ("ethyl hydrogen sulfate", "CCOS(O)(=O)=O"),
    ("lauryl hydrogen sulfate", "CCCCCCCCCCCCOS(O)(=O)=O"),
    ("glycerophosphoric acid", "OCC(O)COP(O)(O)=O"),
    (
        "picric acid",
        "Oc1c(cc(cc1[N+]([O-])=O)[N+]([O-])=O)[N+]([O-])=O",
    ),
    ("saccharin", "O=C1NS(=O)(=O)c2ccccc12"),
    ("acesulfame", "CC1=CC(=O)NS(=O)(=O)O1"),
    ("8-chlorotheophylline", "Cn1c(=O)c2[nH]c(Cl)nc2n(C)c1=O"),
    ("thiocyanic acid", "N#CS"),
    // Bases.
    ("methylamine", "CN"),
    ("dimethylamine", "CNC"),
    ("trimethylamine", "CN(C)C"),
    ("diethylamine", "CCNCC"),
    ("triethylamine", "CCN(CC)CC"),
    ("diisopropylethylamine", "CCN(C(C)C)C(C)C"),
    ("tert-butylamine", "CC(C)(C)N"),
    ("dicyclohexylamine", "C1CCC(CC1)NC1CCCCC1"),
    ("ethylenediamine", "NCCN"),
    ("ethanolamine", "NCCO"),
    ("diethanolamine", "OCCNCCO"),
    ("triethanolamine", "OCCN(CCO)CCO"),
    ("2-(dimethylamino)ethanol", "CN(C)CCO"),
    ("2-(diethylamino)ethanol", "CCN(CC)CCO"),
    ("choline", "C[N+](C)(C)CCO"),
    ("tetramethylammonium", "C[N+](C)(C)C"),
    ("tetraethylammonium", "CC[N+](CC)(CC)CC"),
    ("tetrabutylammonium", "CCCC[N+](CCCC)(CCCC)CCCC"),
    ("tromethamine", "NC(CO)(CO)CO"),
    ("meglumine", "CNCC(O)C(O)C(O)C(O)CO"),
    ("eglumine", "CCNCC(O)C(O)C(O)C(O)CO"),
    ("piperazine", "C1CNCCN1"),
    ("piperidine", "C1CCNCC1"),
    ("pyrrolidine", "C1CCNC1"),
    ("morpholine", "C1COCCN1"),
    ("2-(pyrrolidin-1-yl)ethanol", "OCCN1CCCC1"),
    ("imidazole", "c1c[nH]cn1"),
    ("pyridine", "c1ccncc1"),
    ("benzylamine", "NCc1ccccc1"),
    ("benethamine", "C(Cc1ccccc1)NCc1ccccc1"),
    ("benzathine", "C(CNCc1ccccc1)NCc1ccccc1"),
    ("lysine", "NCCCCC(N)C(O)=O"),
    ("arginine", "NC(CCCNC(N)=N)C(O)=O"),
    ("histidine", "NC(Cc1c[nH]cn1)C(O)=O"),
    ("glycine", "NCC(O)=O"),
    ("ornithine", "NCCCC(N)C(O)=O"),
    ("betaine", "C[N+](C)(C)CC([O-])=O"),
    ("urea", "NC(N)=O"),
    // Solvents.
    ("methanol", "CO"),
    ("ethanol", "CCO"),
    ("1-propanol", "CCCO"),
    ("2-propanol", "CC(C)O"),
    ("1-butanol", "CCCCO"),
    ("2-butanol", "CCC(C)O"),
    ("isobutanol", "CC(C)CO"),
    ("tert-butanol", "CC(C)(C)O"),
    ("ethylene glycol", "OCCO"),
    ("propylene glycol", "CC(O)CO"),
    ("glycerol", "OCC(O)CO"),
    ("2-methoxyethanol", "COCCO"),
    ("acetone", "CC(C)=O"),
    ("butanone", "CCC(C)=O"),
    ("ethyl acetate", "CCOC(C)=O"),
    ("isopropyl acetate", "CC(C)OC(C)=O"),
    ("diethyl ether", "CCOCC"),
    ("tert-butyl methyl ether", "COC(C)(C)C"),
    ("tetrahydrofuran", "C1CCOC1"),
    ("1,4-dioxane", "C1COCCO1"),
    ("1,2-dimethoxyethane", "COCCOC"),
    ("acetonitrile", "CC#N"),
    ("dimethylformamide", "CN(C)C=O"),
    ("dimethylacetamide", "CC(=O)N(C)C"),
    ("N-methylpyrrolidone", "CN1CCCC1=O"),
    ("dimethyl sulfoxide", "CS(C)=O"),
    ("dichloromethane", "ClCCl"),
    ("chloroform", "ClC(Cl)Cl"),
    ("1,2-dichloroethane", "ClCCCl"),
    ("nitromethane", "C[N+]([O-])=O"),
    ("hexane", "CCCCCC"),
    ("heptane", "CCCCCCC"),
    ("cyclohexane", "C1CCCCC1"),
    ("benzene", "c1ccccc1"),
    ("toluene", "Cc1ccccc1"),
    ("carbon dioxide", "O=C=O"),
    ("hydrogen cyanide", "C#N"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sha2::{Digest, Sha256};

    use super::COUNTER_IONS;
    use crate::chemistry::Molecule;

    /// SHA-256 of the canonical SMILES of the list of the form `parent`.
    const PARENT: &str = "876d32f7e30f42875c5a7e39f914bc345059f1b5319cc79062d3a7bc7246ab8c";

    #[test]
    fn the_list_is_that_of_the_standard_form_parent() {
        let canonical = COUNTER_IONS.iter().map(|(name, smiles)| {
            let molecule = Molecule::parse(smiles).expect(name);
            molecule.canonical_smiles().expect(name)
        });
        let canonical: BTreeSet<String> = canonical.collect();
        assert_eq!(canonical.len(), COUNTER_IONS.len(), "one is listed twice");
        let text = canonical.into_iter().collect::<Vec<_>>().join("\n");
        let found = format!("{:x}", Sha256::digest(text));
        assert_eq!(
            found, PARENT,
            "the list of counter-ions has changed, and with it what models read of some salts. \
             Keep the old list for models and runs of the form `parent`; name a new form in \
             `StandardForm`, with the new list and a digest of its own here"
        );
    }
}
