//! A compiler for WebAssembly: this toolchain's own target, or else Debian's
//! compiler, which builds the standard library from source.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{self, answer, on_path, run_within};
use crate::packages;
use crate::workspace::Workspace;

/// The target both modules are built for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The variable that forces one of the two ways: `rustup` or `debian`.
const CHOICE: &str = "DELICATE_WASM_TOOLCHAIN";

/// A download that has not come by then will not come.
const PATIENCE: Duration = Duration::from_secs(300);

/// How WebAssembly is compiled on this machine.
pub(crate) enum Toolchain {
    /// The toolchain that runs this has the target.
    Native,
    /// Debian's `rustc-web`, for machines that rustup's downloads do not reach.
    Debian {
        /// Debian's compiler comes without a linker for WebAssembly.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Takes the toolchain's target where it can be had, else Debian's compiler.
    pub(crate) fn find_or_install() -> Result<Self> {
        let choice = std::env::var(CHOICE).unwrap_or_default();
        match choice.as_str() {
            "rustup" => native(),
            "debian" => debian(),
            "" => native().or_else(|first| {
                eprintln!("note: {first:#}; trying Debian's compiler instead");
                debian().with_context(|| {
                    format!(
                        "nothing here compiles WebAssembly; install the target by hand, usually \
                         by `rustup target add {TARGET}`"
                    )
                })
            }),
            other => bail!("{CHOICE} is `{other}`; it can be `rustup` or `debian`"),
        }
    }

    /// `cargo build` for the target, with whatever this toolchain needs besides.
    pub(crate) fn build(&self, workspace: &Workspace) -> Command {
        let mut cargo = match self {
            Self::Native => command::cargo(&workspace.root),
            Self::Debian { .. } => {
                let mut cargo = Command::new("/usr/bin/cargo");
                cargo.current_dir(&workspace.root);
                cargo
            }
        };
        cargo.args(["build", "--release", "--target", TARGET]);
        // Small where it is not hot: whoever opens the page waits for every byte.
        cargo.arg("--config");
        cargo.arg(workspace.web().join("profile.toml"));
        // They would replace the target's own flags, SIMD among them.
        cargo
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        if let Self::Debian { linker } = self {
            cargo
                .args(["-Z", "build-std=std,panic_abort"])
                .env("RUSTC", "/usr/bin/rustc")
                // Building the standard library is a nightly feature; this
                // variable is how a stable compiler is allowed it.
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                .env("CARGO_TARGET_DIR", self.target(workspace))
                // These point at the other toolchain.
                .env_remove("LD_LIBRARY_PATH")
                .env_remove("RUSTUP_TOOLCHAIN")
                .env_remove("RUSTDOC");
        }
        cargo
    }

    /// Its target folder: two compilers in one would undo each other's work.
    pub(crate) fn target(&self, workspace: &Workspace) -> PathBuf {
        match self {
            Self::Native => workspace.target.clone(),
            Self::Debian { .. } => workspace.target.join("wasm-fallback"),
        }
    }
}

fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(
        answer(Command::new("rustc").args(["--print", "sysroot"]))?.trim(),
    ))
}

fn native() -> Result<Toolchain> {
    let installed = |sysroot: &Path| {
        sysroot
            .join("lib/rustlib")
            .join(TARGET)
            .join("lib")
            .is_dir()
    };
    if installed(&sysroot()?) {
        return Ok(Toolchain::Native);
    }
    if on_path("rustup").is_none() {
        bail!("this Rust has no target {TARGET}, and there is no rustup to add it");
    }
    run_within(
        Command::new("rustup").args(["target", "add", TARGET]),
        PATIENCE,
    )?;
    if !installed(&sysroot()?) {
        bail!("rustup added {TARGET}, but not to the toolchain in use");
    }
    Ok(Toolchain::Native)
}

fn debian() -> Result<Toolchain> {
    if let Err(missing) = debian_will_do() {
        println!("{missing:#}: installing Debian's");
        packages::install(&["rustc-web", "cargo-web", "rust-web-src"])?;
        debian_will_do()?;
    }
    let linker = match linker()? {
        Some(linker) => linker,
        None => {
            packages::install(&["lld"])?;
            linker()?.context("the package lld brought no wasm-ld")?
        }
    };
    Ok(Toolchain::Debian { linker })
}

/// Whether `/usr/bin` has a compiler new enough, and its library's source.
fn debian_will_do() -> Result<()> {
    let needed = env!("CARGO_PKG_RUST_VERSION");
    for program in ["/usr/bin/rustc", "/usr/bin/cargo"] {
        let mut question = Command::new(program);
        question.arg("--version").env_remove("LD_LIBRARY_PATH");
        let text = answer(&mut question)?;
        let version = compiler_version(&text)
            .with_context(|| format!("`{program} --version` answers `{}`", text.trim()))?;
        if version < compiler_version(&format!("rustc {needed}")).unwrap_or_default() {
            bail!("{program} is older than {needed}");
        }
    }
    let mut question = Command::new("/usr/bin/rustc");
    question
        .args(["--print", "sysroot"])
        .env_remove("LD_LIBRARY_PATH");
    let source = Path::new(answer(&mut question)?.trim()).join("lib/rustlib/src/rust/library/std");
    if !source.is_dir() {
        bail!(
            "the standard library's source is not in {}",
            source.display()
        );
    }
    Ok(())
}

/// The major and minor version in `rustc 1.96.0 (…)` or `cargo 1.96.0 (…)`.
fn compiler_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// A linker for WebAssembly: every toolchain of rustup's has one, target or not.
fn linker() -> Result<Option<PathBuf>> {
    let about = answer(Command::new("rustc").arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    let own = sysroot()?
        .join("lib/rustlib")
        .join(host)
        .join("bin/rust-lld");
    if own.is_file() {
        return Ok(Some(own));
    }
    Ok(on_path("wasm-ld").or_else(|| on_path("rust-lld")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiler_versions_are_compared_as_numbers() {
        assert_eq!(
            compiler_version("rustc 1.96.0 (ac68faa20 2026-05-25)"),
            Some((1, 96))
        );
        assert!(compiler_version("cargo 1.100.0") > compiler_version("cargo 1.96.0"));
        assert_eq!(compiler_version("unknown"), None);
    }
}
