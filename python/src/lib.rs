//! The Python package `delicate`: the library's one scoring path, for columns of
//! molecules.
//!
//! It holds no science: molecules come in, columns go out. What the package is made
//! of beside it is Python, in `delicate/`.

mod arrow;
mod engine;
mod input;
mod table;
mod training;

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

/// As in the command: what is freed is used again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

create_exception!(
    delicate,
    DelicateError,
    PyException,
    "Any error of this package."
);
create_exception!(
    delicate,
    ModelError,
    DelicateError,
    "A model that is not there, not whole or not able to do what it is asked."
);
create_exception!(
    delicate,
    DeviceError,
    DelicateError,
    "A device that cannot be opened, computes wrongly or failed."
);
create_exception!(
    delicate,
    EndpointError,
    DelicateError,
    "An endpoint that the model does not have."
);
create_exception!(
    delicate,
    MoleculeError,
    DelicateError,
    "A molecule that cannot be explained or drawn, because it cannot be read or scored."
);
create_exception!(
    delicate,
    TrainingError,
    DelicateError,
    "A table that cannot be trained on, or a run that cannot begin or go on."
);

/// Lets the allocator keep what is freed: see the same function of the command.
fn keep_memory() {
    // `mi_option_purge_delay`, which the crate does not name; -1 is "never".
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: it sets one number; an option that is none is ignored.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    keep_memory();
    engine::remember_process();
    let py = module.py();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("DelicateError", py.get_type::<DelicateError>())?;
    module.add("ModelError", py.get_type::<ModelError>())?;
    module.add("DeviceError", py.get_type::<DeviceError>())?;
    module.add("EndpointError", py.get_type::<EndpointError>())?;
    module.add("MoleculeError", py.get_type::<MoleculeError>())?;
    module.add("TrainingError", py.get_type::<TrainingError>())?;
    module.add_function(wrap_pyfunction!(engine::properties, module)?)?;
    module.add_function(wrap_pyfunction!(engine::standardize_molecules, module)?)?;
    module.add_function(wrap_pyfunction!(engine::draw, module)?)?;
    module.add_function(wrap_pyfunction!(training::finetune, module)?)?;
    module.add_class::<engine::Engine>()?;
    module.add_class::<table::Table>()
}
