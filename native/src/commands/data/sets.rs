//! The public data sets that `delicate data get` knows.
//!
//! Every SHA-256 here was seen to be that of the upstream file: computed on a
//! copy in the upstream's own repository, or on a copy with the MD5 that is
//! published for the upstream address (the TorchDrug library's checks, S3's
//! ETag), or, where it says so, published by several projects independently.
//! A file without one is verified by the MD5 that its authors publish.

/// A data set.
pub(crate) struct DataSet {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Licence, as far as one is stated, and whom to cite.
    pub(crate) terms: &'static str,
    pub(crate) files: &'static [DataFile],
}

/// A file of a data set.
pub(crate) struct DataFile {
    /// The name it gets, and has under a mirror.
    pub(crate) name: &'static str,
    /// Where it is, the upstream's own address first.
    pub(crate) addresses: &'static [&'static str],
    pub(crate) sha256: Option<&'static str>,
    pub(crate) md5: Option<&'static str>,
    pub(crate) bytes: Option<u64>,
}

const MOLECULENET: &str = "no licence stated for the compilation; cite MoleculeNet (Wu et al. 2018, doi:10.1039/C7SC02664A)";
const DELICATE: &str =
    "Apache-2.0, the DeLiCaTe repository; cite Yu & Börjesson 2022 (arXiv 2205.07582)";

/// All data sets.
pub(crate) const SETS: &[DataSet] = &[
    DataSet {
        name: "guacamol",
        what: "GuacaMol v1: ChEMBL 24 molecules, train, valid and test (1.6 million, 77 MB)",
        terms: "CC BY-SA 3.0 (ChEMBL); cite Brown et al. 2019, doi:10.1021/acs.jcim.8b00839",
        files: &[
            DataFile {
                name: "guacamol_v1_train.smiles",
                addresses: &["https://ndownloader.figshare.com/files/13612760"],
                sha256: None,
                md5: Some("05ad85d871958a05c02ab51a4fde8530"),
                bytes: None,
            },
            DataFile {
                name: "guacamol_v1_valid.smiles",
                addresses: &["https://ndownloader.figshare.com/files/13612766"],
                sha256: None,
                md5: Some("e53db4bff7dc4784123ae6df72e3b1f0"),
                bytes: None,
            },
            DataFile {
                name: "guacamol_v1_test.smiles",
                addresses: &["https://ndownloader.figshare.com/files/13612757"],
                sha256: None,
                md5: Some("677b757ccec4809febd83850b43e1616"),
                bytes: None,
            },
        ],
    },
    DataSet {
        name: "esol",
        what: "ESOL: aqueous solubility of 1,128 molecules, log mol/L",
        terms: "no licence stated; cite Delaney 2004, doi:10.1021/ci034243x, and MoleculeNet",
        files: &[DataFile {
            name: "delaney-processed.csv",
            addresses: &[
                "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/delaney-processed.csv",
                "https://raw.githubusercontent.com/deepchem/deepchem/fbe3b911a94a6eb8c84c1a9e7ac67a472c49ea80/datasets/delaney-processed.csv",
            ],
            sha256: Some("8c06a76f0c6487d29ab0f903e6a7a7139f189ab3c1178f159c8be8964602f189"),
            md5: None,
            bytes: Some(96_699),
        }],
    },
    DataSet {
        name: "freesolv",
        what: "FreeSolv: hydration free energy of 642 molecules, kcal/mol",
        terms: "CC BY 4.0 (FreeSolv); cite Mobley & Guthrie 2014, doi:10.1007/s10822-014-9747-x",
        files: &[DataFile {
            name: "SAMPL.csv",
            addresses: &["https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/SAMPL.csv"],
            // As published by several projects for this address.
            sha256: Some("ab5895d914ee87cb563bd7b9611e869527bba45bec6b014d34dc495a0f9dcb72"),
            md5: None,
            bytes: None,
        }],
    },
    DataSet {
        name: "lipophilicity",
        what: "Lipophilicity: octanol/water log D at pH 7.4 of 4,200 molecules",
        terms: "CC BY-SA 3.0 (ChEMBL); AstraZeneca's deposit, doi:10.6019/CHEMBL3301361; cite MoleculeNet",
        files: &[DataFile {
            name: "Lipophilicity.csv",
            addresses: &[
                "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/Lipophilicity.csv",
            ],
            // As published by several projects for this address.
            sha256: Some("aed41590cb30609d51d8e08ad3ff06495a76e80e211358801f596b10da69bacd"),
            md5: Some("85a0e1cb8b38b0dfc3f96ff47a57f0ab"),
            bytes: None,
        }],
    },
    DataSet {
        name: "hiv",
        what: "HIV: inhibition of HIV replication by 41,127 molecules",
        terms: MOLECULENET,
        files: &[DataFile {
            name: "HIV.csv",
            addresses: &["https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/HIV.csv"],
            // As published by several projects for this address.
            sha256: Some("9ffa7fe57dc86c342627ee1d5255e937e2ab812393c73c4d16c697022f6e1d22"),
            md5: Some("9ad10c88f82f1dac7eb5c52b668c30a7"),
            bytes: Some(2_193_844),
        }],
    },
    DataSet {
        name: "tox21",
        what: "Tox21: 12 assays of nuclear receptors and stress response, 7,831 molecules",
        terms: MOLECULENET,
        files: &[DataFile {
            name: "tox21.csv.gz",
            addresses: &["https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/tox21.csv.gz"],
            // As published by several projects for this address.
            sha256: Some("45d09792492ce049039dd24aa27b07fc79ce20c573187d4d90bcd178c0c0d360"),
            md5: None,
            bytes: Some(122_925),
        }],
    },
    DataSet {
        name: "clintox",
        what: "ClinTox: approval, and failure in trials for toxicity, 1,484 molecules",
        terms: MOLECULENET,
        files: &[DataFile {
            name: "clintox.csv.gz",
            addresses: &[
                "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/clintox.csv.gz",
                "https://raw.githubusercontent.com/whitead/dmol-book/34ff3fcfdc426b00f1e0f7851b8f9a6075c50b67/data/clintox.csv.gz",
            ],
            sha256: Some("7324a84a180ad9068d3847677c85d58e8432e82b3ae6ac95cf0e98b3a58d9697"),
            md5: Some("db4f2df08be8ae92814e9d6a2d015284"),
            bytes: Some(19_870),
        }],
    },
    DataSet {
        name: "sider",
        what: "SIDER: adverse reactions in 27 organ classes, 1,427 drugs",
        terms: "CC BY-NC-SA 4.0 (SIDER): not for commercial use; cite Kuhn et al. 2016, doi:10.1093/nar/gkv1075",
        files: &[DataFile {
            name: "sider.csv.gz",
            addresses: &[
                "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/sider.csv.gz",
                "https://raw.githubusercontent.com/deepchem/deepchem/17f082bb9ad548e94357df6c19083bc75d640821/examples/sider/sider.csv.gz",
            ],
            sha256: Some("4cc7ccb20dded475853c583596e227116c222c6ca7dbb40159bdbe9ee3f099b9"),
            md5: Some("77c0ef421f7cc8ce963c5836c8761fd2"),
            bytes: Some(34_759),
        }],
    },
    DataSet {
        name: "egfr",
        what: "EGFR: inhibition, z-scored; contains duplicates: merge them before splitting",
        terms: DELICATE,
        files: &[DataFile {
            name: "egfr.csv",
            addresses: &[
                "https://raw.githubusercontent.com/YiYuDL/DeLiCaTe/bede05fb9404eb68888695298fa73efe52bb8b54/delicate/data/egfr.csv",
            ],
            sha256: Some("fe56fc5e6c2ea526ec291b3f30e2f3e61e5dc5c6418b9c8be3f16154b5c0da86"),
            md5: None,
            bytes: Some(262_164),
        }],
    },
    DataSet {
        name: "fgfr1",
        what: "FGFR1: inhibition, z-scored; contains duplicates: merge them before splitting",
        terms: DELICATE,
        files: &[DataFile {
            name: "fgfr1.csv",
            addresses: &[
                "https://raw.githubusercontent.com/YiYuDL/DeLiCaTe/bede05fb9404eb68888695298fa73efe52bb8b54/delicate/data/fgfr1.csv",
            ],
            sha256: Some("77b51115efec4b500e9e662479065f1764009bbbb83702edd5d6ddbaad700a16"),
            md5: None,
            bytes: Some(260_595),
        }],
    },
];
