//! What building the page takes, once it is installed.

use crate::node::Node;
use crate::wasm::Toolchain;

/// The programs that build the page.
pub(crate) struct Tools {
    /// Compiles the modules.
    pub(crate) wasm: Toolchain,
    /// Runs the page's tools.
    pub(crate) node: Node,
}
