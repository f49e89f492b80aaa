//! Fine-tunes the pre-trained encoder on a table of one's own, then predicts with
//! the new model: `cargo run --release --example finetune`

use std::error::Error;
use std::fs;
use std::ops::ControlFlow;

use delicate::train::own_table::{LabelColumn, OwnTable};
use delicate::train::{self, Event, SplitKind, evaluation_table};
use delicate::{Device, DeviceChoice, Predictor};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("assay.csv");
    // Chains of up to twelve carbons with a group at the end; the label is made up.
    let groups = ["O", "N", "F", "Cl", "C#N", "C(=O)O", "OC", "S"];
    let rows = (1..=12).flat_map(|length| {
        groups.map(|group| format!("{}{group},{}\n", "C".repeat(length), 0.5 * length as f32))
    });
    fs::write(&path, format!("smiles,pIC50\n{}", rows.collect::<String>()))?;

    let table = OwnTable {
        path,
        labels: vec![LabelColumn {
            name: "pIC50".to_owned(),
            // Told from the labels.
            task: None,
            unit: "log M".to_owned(),
        }],
        smiles_column: None,
        start: Some(train::BUILT_IN.into()),
    };
    let found = table.inspect()?;
    let mut config = found.config;
    // A few seconds' worth; without this line as many epochs as the table needs.
    config.common.epochs = 1.0;
    // By scaffold, as is the default, there would be nothing to split: chains have none.
    config.split.kind = SplitKind::Random;

    let device = Device::open_blocking(DeviceChoice::Cpu)?;
    let run = folder.path().join("run");
    let on_event = |event: Event| {
        if let Event::Validation { step, loss, .. } = event {
            println!("step {step}: validation loss {loss:.3}");
        }
        ControlFlow::Continue(())
    };
    let finetuned = train::finetune(&config, &found.data, &run, &device, on_event);
    let finetuned = pollster::block_on(finetuned)?;
    println!("{}", evaluation_table(&finetuned.evaluation.endpoints));

    let predictor = Predictor::open(run.join("model"), device)?;
    for prediction in predictor.predict("CCCCCCO")? {
        println!("{prediction}");
    }
    Ok(())
}
