//! The two WebAssembly modules: `web/pkg/cpu` and `web/pkg/gpu`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::command::{self, answer, run};
use crate::tools::Tools;
use crate::wasm;
use crate::workspace::{Workspace, key, read, remove};

/// A module, and the features that make it.
struct Module {
    name: &'static str,
    features: &'static [&'static str],
}

const MODULES: [Module; 2] = [
    Module {
        name: "cpu",
        features: &["--no-default-features"],
    },
    Module {
        name: "gpu",
        features: &["--no-default-features", "--features", "gpu"],
    },
];

/// How the optimiser goes about it, and what the compiler may have used, which it must be
/// told.
const OPTIMISE: [&str; 12] = [
    "-Oz",
    // A browser compiles a function when it is first called. Put into their only callers,
    // all functions that are never called are compiled with them: the page's start took
    // twice as long, and its module is 6 % larger by gzip.
    "--one-caller-inline-max-function-size=0",
    "--strip-debug",
    "--strip-producers",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];

/// The files of a module, as the page imports them.
const SCRIPT: &str = "delicate.js";
const BINARY: &str = "delicate_bg.wasm";

/// Builds both modules and prints their sizes; `dev` leaves them unoptimised.
pub(crate) fn build(workspace: &Workspace, tools: &Tools, dev: bool) -> Result<()> {
    let [cpu, gpu] = &MODULES;
    let build = Build::new(workspace, tools, dev)?;
    let compiled = build.compile(cpu)?;
    // The optimiser has the one while the compiler has the other.
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| build.finish(cpu, &compiled));
        let second = build.whole(gpu);
        let first = first
            .join()
            .unwrap_or_else(|_| bail!("it ended in a panic"));
        (first, second)
    });
    print_sizes(workspace, tools, &[(cpu, first?), (gpu, second?)])
}

/// Builds the CPU's module alone, which is the sooner done by far.
pub(crate) fn build_for_cpu(workspace: &Workspace, tools: &Tools) -> Result<()> {
    build_one(workspace, tools, &MODULES[0])
}

/// Builds WebGPU's module alone.
pub(crate) fn build_for_webgpu(workspace: &Workspace, tools: &Tools) -> Result<()> {
    build_one(workspace, tools, &MODULES[1])
}

fn build_one(workspace: &Workspace, tools: &Tools, module: &Module) -> Result<()> {
    let binary = Build::new(workspace, tools, false)?.whole(module)?;
    print_sizes(workspace, tools, &[(module, binary)])
}

fn print_sizes(workspace: &Workspace, tools: &Tools, modules: &[(&Module, Vec<u8>)]) -> Result<()> {
    println!(
        "{:<8}{:>12}{:>12}{:>12}",
        "module", "bytes", "gzip", "brotli"
    );
    for (module, binary) in modules {
        let (name, gzip) = (module.name, gzipped(binary)?);
        let brotli = brotli(tools, &package(workspace, module).join(BINARY))?;
        println!("{name:<8}{:>12}{gzip:>12}{brotli:>12}", binary.len());
    }
    Ok(())
}

/// Where the page has a module.
fn package(workspace: &Workspace, module: &Module) -> PathBuf {
    workspace.web().join("pkg").join(module.name)
}

/// What a module is built with.
struct Build<'a> {
    workspace: &'a Workspace,
    tools: &'a Tools,
    generator: Generator,
    /// Modules stay unoptimised.
    dev: bool,
}

impl<'a> Build<'a> {
    fn new(workspace: &'a Workspace, tools: &'a Tools, dev: bool) -> Result<Self> {
        Ok(Self {
            workspace,
            tools,
            generator: Generator::find(workspace)?,
            dev,
        })
    }

    fn whole(&self, module: &Module) -> Result<Vec<u8>> {
        self.finish(module, &self.compile(module)?)
    }

    /// What the compiler makes of a module.
    fn compile(&self, module: &Module) -> Result<Vec<u8>> {
        let failed = || format!("the {} module was not compiled", module.name);
        let wasm = &self.tools.wasm;
        run(wasm
            .build(self.workspace)
            .args(["--package", "delicate-web"])
            .args(module.features))
        .with_context(failed)?;
        // Both modules are compiled under one name, the later over the earlier.
        let compiled = wasm.target(self.workspace).join(wasm::TARGET);
        fs::read(compiled.join("release/delicate_web.wasm")).with_context(failed)
    }

    /// Makes the bindings of a compiled module and optimises it, unless that was done
    /// before; the binary that the page will load.
    fn finish(&self, module: &Module, compiled: &[u8]) -> Result<Vec<u8>> {
        self.finished(module, compiled)
            .with_context(|| format!("the {} module was not built", module.name))
    }

    fn finished(&self, module: &Module, compiled: &[u8]) -> Result<Vec<u8>> {
        let page = self.workspace.web();
        let recipe = if self.dev {
            "no optimisation".to_owned()
        } else {
            optimiser(&page)?
        };
        let recipe = format!("{} {recipe}", self.generator.version);
        let key = key(&[compiled, recipe.as_bytes()]);

        // In the target folder, so that it outlives the clone where that does.
        let cache = self.workspace.target.join("web-modules");
        let finished = cache.join(format!("{}-{key}", module.name));
        if !finished.is_dir() {
            let draft = cache.join(format!("{}-draft", module.name));
            remove(&draft)?;
            fs::create_dir_all(&draft)?;
            let module_file = draft.join("compiled.wasm");
            fs::write(&module_file, compiled)?;
            run(&mut self.generator.command(self.workspace, &module_file, &draft))?;
            fs::remove_file(&module_file)?;
            if !self.dev {
                let binary = draft.join(BINARY);
                let optimised = draft.join("optimised.wasm");
                let mut optimise = self.tools.node.command("node");
                optimise
                    .arg(page.join("node_modules/binaryen/bin/wasm-opt"))
                    .args(OPTIMISE);
                run(optimise.arg(&binary).arg("-o").arg(&optimised))?;
                fs::rename(&optimised, &binary)?;
            }
            for old in entries(&cache)? {
                let name = old
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                if old != draft && name.starts_with(&format!("{}-", module.name)) {
                    remove(&old)?;
                }
            }
            // Only a complete module gets its final name.
            fs::rename(&draft, &finished)?;
        }

        let package = package(self.workspace, module);
        fs::create_dir_all(&package)?;
        for file in entries(&finished)? {
            let copy = package.join(file.file_name().unwrap_or_default());
            // A file that stays as it is keeps its time, and Vite its cache.
            let bytes = fs::read(&file)?;
            if fs::read(&copy).ok().as_ref() != Some(&bytes) {
                fs::write(&copy, bytes).with_context(|| format!("{}", copy.display()))?;
            }
        }
        anyhow::ensure!(package.join(SCRIPT).is_file(), "{SCRIPT} was not written");
        Ok(fs::read(package.join(BINARY))?)
    }
}

/// What makes the JavaScript bindings.
struct Generator {
    version: String,
    /// A `wasm-bindgen` of that version on the machine.
    installed: bool,
}

impl Generator {
    fn find(workspace: &Workspace) -> Result<Self> {
        let version = workspace.locked("wasm-bindgen")?;
        let installed = answer(Command::new("wasm-bindgen").arg("--version"))
            .is_ok_and(|text| text.trim() == format!("wasm-bindgen {version}"));
        Ok(Self { version, installed })
    }

    fn command(&self, workspace: &Workspace, module: &Path, folder: &Path) -> Command {
        if self.installed {
            let mut command = Command::new("wasm-bindgen");
            command.args(["--target", "web", "--out-name", "delicate", "--out-dir"]);
            command.arg(folder).arg(module);
            command
        } else {
            let mut command = own_generator(workspace, "run");
            command.arg("--").arg(module).arg(folder);
            command
        }
    }
}

/// Compiles the binding generator, unless a matching one is installed.
pub(crate) fn prepare(workspace: &Workspace) -> Result<()> {
    if !Generator::find(workspace)?.installed {
        run(&mut own_generator(workspace, "build"))?;
    }
    Ok(())
}

/// Optimised like all else: unoptimised it compiles only a minute faster, and
/// shares nothing with the other builds.
fn own_generator(workspace: &Workspace, verb: &str) -> Command {
    let mut command = command::cargo(&workspace.root);
    command.args([verb, "--quiet", "--release", "--package", "xtask"]);
    command.args(["--features", "bindgen", "--bin", "bindgen"]);
    command
}

/// The optimiser's version and arguments.
fn optimiser(page: &Path) -> Result<String> {
    let about = read(&page.join("node_modules/binaryen/package.json"))?;
    let about: serde_json::Value = serde_json::from_str(&about)?;
    Ok(format!("{} {}", about["version"], OPTIMISE.join(" ")))
}

fn gzipped(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

/// The size of a file by Brotli, at the quality at which hosts compress what they send.
fn brotli(tools: &Tools, file: &Path) -> Result<usize> {
    const SCRIPT: &str = "const { brotliCompressSync, constants } = require('node:zlib');
        const params = { [constants.BROTLI_PARAM_QUALITY]: 5 };
        const file = require('node:fs').readFileSync(process.argv[1]);
        console.log(brotliCompressSync(file, { params }).length);";
    let mut command = tools.node.command("node");
    Ok(answer(command.args(["-e", SCRIPT]).arg(file))?
        .trim()
        .parse()?)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}
