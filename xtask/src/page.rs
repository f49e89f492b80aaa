//! The page and the npm package that it is built on, in `web`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::command::{self, on_path, run};
use crate::node::Node;
use crate::workspace::{Workspace, key, read, remove};

/// Vite's own choice, and so the one its users know.
const FIRST_PORT: u16 = 4173;

/// Ends the server with its input. This process holds the other end, and so
/// takes the server along however it ends itself, by Ctrl-C or otherwise.
const END_WITH_INPUT: &str =
    "data:text/javascript,process.stdin.on('end',()=>process.exit()).resume()";

/// Installs the page's packages as locked, unless they are the ones there.
pub(crate) fn install(workspace: &Workspace, node: &Node) -> Result<()> {
    let web = workspace.web();
    let files = ["package.json", "package-lock.json"].map(|name| web.join(name));
    let wanted = key(&[read(&files[0])?.as_bytes(), read(&files[1])?.as_bytes()]);
    // `npm ci` begins by removing the folder, and the stamp with it.
    let stamp = web.join("node_modules/.delicate-installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    run(npm(workspace, node).args(["ci", "--no-audit", "--no-fund"]))
        .context("the page's packages were not installed; is the npm registry reachable?")?;
    fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))
}

/// Builds the page into `web/dist`.
pub(crate) fn build(workspace: &Workspace, node: &Node) -> Result<()> {
    run(&mut script(workspace, node, "build"))
}

/// The same with the CPU's engine alone, for as long as there is no other module.
pub(crate) fn build_for_cpu(workspace: &Workspace, node: &Node) -> Result<()> {
    run(script(workspace, node, "build").env(WITHOUT_WEBGPU, "1"))
}

/// Builds the page beside the one that is being served, then takes its place.
pub(crate) fn replace(workspace: &Workspace, node: &Node) -> Result<()> {
    let web = workspace.web();
    let [dist, next, before] = ["dist", "dist.next", "dist.before"].map(|name| web.join(name));
    run(script(workspace, node, "build").env(FOLDER, &next))?;
    remove(&before)?;
    fs::rename(&dist, &before)
        .and_then(|()| fs::rename(&next, &dist))
        .with_context(|| format!("{} cannot be replaced", dist.display()))?;
    remove(&before)
}

/// What vite.config.ts is told by.
const WITHOUT_WEBGPU: &str = "DELICATE_WITHOUT_WEBGPU";
const FOLDER: &str = "DELICATE_DIST";

/// Builds the npm package `delicate` into `web/package/dist`.
pub(crate) fn package(workspace: &Workspace, node: &Node) -> Result<()> {
    run(&mut script(workspace, node, "package"))
}

/// Has npm look at the built package as it would to publish it.
pub(crate) fn publish_dry(workspace: &Workspace, node: &Node) -> Result<()> {
    let mut publish = npm(workspace, node);
    publish.args([
        "publish",
        "./package/dist",
        "--dry-run",
        "--access",
        "public",
    ]);
    run(&mut publish)
}

/// Packs it, as it would be published, into `web/package`.
pub(crate) fn pack(workspace: &Workspace, node: &Node) -> Result<()> {
    let mut pack = npm(workspace, node);
    pack.args(["pack", "./package/dist", "--pack-destination", "package"]);
    run(&mut pack)?;
    println!("The package is in web/package.");
    Ok(())
}

/// Copies the built page into `web/bundle`, with how to serve it.
pub(crate) fn bundle(workspace: &Workspace) -> Result<()> {
    let web = workspace.web();
    let bundle = web.join("bundle");
    remove(&bundle)?;
    copy(&web.join("dist"), &bundle)?;
    copy(&web.join("host"), &bundle)?;
    println!("The page is in web/bundle; its README.txt says how to serve it.");
    Ok(())
}

/// Copies what is in a folder into another one.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} cannot be made", to.display()))?;
    let entries = fs::read_dir(from).with_context(|| format!("{} is missing", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let copy_of = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copy_of)?;
        } else {
            fs::copy(entry.path(), &copy_of)
                .with_context(|| format!("{} cannot be written", copy_of.display()))?;
        }
    }
    Ok(())
}

/// A free port, the one asked for or the first of ours, which stays taken until
/// [`serve`] has it.
pub(crate) fn reserve(port: Option<u16>) -> Result<TcpListener> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match port {
        Some(port) => bind(port).with_context(|| {
            format!("port {port} cannot be used; name another by `--port`, or leave it out")
        }),
        None => (FIRST_PORT..FIRST_PORT + 100)
            .find_map(|port| bind(port).ok())
            .with_context(|| format!("no port is free from {FIRST_PORT} on; name one by `--port`")),
    }
}

/// Serves `web/dist` on loopback, at the port that was reserved, until interrupted.
pub(crate) fn serve(workspace: &Workspace, node: &Node, reserved: TcpListener) -> Result<()> {
    let port = reserved.local_addr()?.port();
    let number = port.to_string();
    // The script `preview` without npm and a shell around it, which would not
    // pass a signal on; it looks after its own end instead.
    let mut server = node.command("node");
    server.current_dir(workspace.web());
    server.args([
        "--import",
        END_WITH_INPUT,
        "node_modules/vite/bin/vite.js",
        "preview",
    ]);
    server.args(["--host", "127.0.0.1", "--port", &number, "--strictPort"]);
    command::announce(&server);
    server.stdin(Stdio::piped());
    drop(reserved);
    let mut child = server.spawn().context("node could not be started")?;
    let start = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if let Some(status) = child.try_wait()? {
            return command::accept(&server, status);
        }
        if start.elapsed() > Duration::from_secs(60) {
            child.kill()?;
            bail!("the page's server did not answer on port {port} within a minute");
        }
        thread::sleep(Duration::from_millis(50));
    }
    println!("The page is at http://127.0.0.1:{port}/ (Ctrl-C ends it)");
    // Not `wait`, which would close the server's input first.
    loop {
        if let Some(status) = child.try_wait()? {
            return command::accept(&server, status);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// `npm run <name>`.
pub(crate) fn script(workspace: &Workspace, node: &Node, name: &str) -> Command {
    let mut command = npm(workspace, node);
    command.args(["run", "--silent", name]);
    command
}

fn npm(workspace: &Workspace, node: &Node) -> Command {
    let mut command = node.command("npm");
    command.current_dir(workspace.web());
    command
}

/// The variable that names a browser, for where it has an unusual place; also
/// how the browser tests learn of the one found.
pub(crate) const BROWSER: &str = "CHROMIUM";

/// A Chromium or Chrome that starts.
pub(crate) fn browser() -> Option<PathBuf> {
    let named = std::env::var_os(BROWSER)
        .filter(|name| !name.is_empty())
        .map(PathBuf::from);
    let usual = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    let mac = ["Google Chrome", "Chromium"]
        .map(|name| PathBuf::from(format!("/Applications/{name}.app/Contents/MacOS/{name}")));
    let windows = ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(|folder| PathBuf::from(folder).join(r"Google\Chrome\Application\chrome.exe"));
    named
        .into_iter()
        .chain(usual.into_iter().filter_map(on_path))
        .chain(mac)
        .chain(windows)
        .find(|path| starts(path))
}

/// Whether that is a browser: Ubuntu's `chromium` may be a stub that only tells
/// of another package. On Windows the question would open a window.
fn starts(browser: &Path) -> bool {
    if cfg!(windows) {
        return browser.is_file();
    }
    command::answer(Command::new(browser).arg("--version")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_reserved_once_and_who_wants_it_too_is_told() {
        let first = reserve(None).expect("a port");
        let port = first.local_addr().expect("bound").port();
        let taken = reserve(Some(port)).expect_err("taken").to_string();
        assert!(
            taken.contains(&format!("port {port} cannot be used")),
            "{taken}"
        );
        let second = reserve(None).expect("another port");
        assert_ne!(second.local_addr().expect("bound").port(), port);
        drop(first);
        let again = reserve(Some(port)).expect("free again");
        assert_eq!(again.local_addr().expect("bound").port(), port);
    }
}
