//! `delicate data`: public data sets from their upstream addresses, verified.
//!
//! A file is loaded into `FILE.partial`, which survives whatever goes wrong
//! and is continued next time, and gets its name once it is whole and has the
//! right checksum. What has no published SHA-256 is verified by its published
//! MD5, and its SHA-256 is recorded in `FILE.sha256`, for later runs.

mod sets;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use md5::Md5;
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::header;

use self::sets::{DataFile, SETS};
use crate::error::CommandError;
use crate::interrupt::Interrupt;
use crate::messages::say;
use crate::progress;

#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// List data sets with their licences and addresses
    List,
    /// Download a data set; an interrupted download resumes
    Get(DataGetArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DataGetArguments {
    /// Data set, as listed by `delicate data list`
    pub(crate) name: String,
    /// Output directory
    #[arg(short, long, alias = "into", value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Download from `URL/FILE` instead of the upstream address
    #[arg(long, value_name = "URL")]
    pub(crate) from: Option<String>,
    /// Print no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Largest file that is loaded where its size is not known, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// Tries in a row that bring nothing.
const TRIES: u32 = 3;

/// Why a data set could not be downloaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("no data set `{0}`: `delicate data list` shows all")]
    Unknown(String),
    #[error("interrupted: {} is kept; run the same command again to resume", .0.display())]
    Interrupted(PathBuf),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "{} exists, but its {kind} is {found} instead of {wanted}: move it away and run the same \
         command to download it again",
        path.display()
    )]
    Present {
        path: PathBuf,
        kind: &'static str,
        found: String,
        wanted: String,
    },
    #[error("{name} could not be downloaded:{}\nIf you have a copy, pass its address with --from", lines(.reasons))]
    Failed { name: String, reasons: Vec<String> },
}

impl From<DataError> for CommandError {
    fn from(error: DataError) -> Self {
        let exit_code = match error {
            DataError::Interrupted(_) => crate::interrupt::exit_code(),
            DataError::Unknown(_) => 2,
            _ => 1,
        };
        Self::other(error, exit_code)
    }
}

fn lines(reasons: &[String]) -> String {
    reasons.iter().map(|why| format!("\n  {why}")).collect()
}

pub(crate) fn run(arguments: &DataArguments) -> Result<(), CommandError> {
    match &arguments.command {
        DataCommand::List => list(),
        DataCommand::Get(get) => Ok(self::get(get)?),
    }
}

fn list() -> Result<(), CommandError> {
    let mut text = String::new();
    for set in SETS {
        text += &format!("{}\n    {}\n    {}\n", set.name, set.what, set.terms);
        for file in set.files {
            let verified = match (file.sha256, file.md5) {
                (Some(hash), _) => format!("SHA-256 {hash}"),
                (None, Some(hash)) => format!("MD5 {hash}"),
                (None, None) => "not verified upstream".to_owned(),
            };
            text += &format!("    {}: {}\n", file.addresses[0], verified);
        }
    }
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(CommandError::stdout)
}

fn get(arguments: &DataGetArguments) -> Result<(), DataError> {
    let name = arguments.name.to_lowercase();
    let set = SETS.iter().find(|set| set.name == name);
    let set = set.ok_or_else(|| DataError::Unknown(arguments.name.clone()))?;
    let interrupt = Interrupt::listen();
    interrupt.busy(true);
    let into = &arguments.output;
    fs::create_dir_all(into).map_err(at(into))?;
    let agent = agent(Agent::config_builder());
    let bar = progress::bytes(arguments.quiet);
    for file in set.files {
        let addresses: Vec<String> = match &arguments.from {
            Some(from) => vec![format!("{}/{}", from.trim_end_matches('/'), file.name)],
            None => file.addresses.iter().map(|&a| a.to_owned()).collect(),
        };
        let said = Loader {
            agent: &agent,
            stop: &|| interrupt.is_raised(),
            bar: &bar,
            pause: Duration::from_secs(1),
        }
        .load(file, &addresses, into)?;
        bar.suspend(|| say!("{said}"));
    }
    bar.finish_and_clear();
    say!("{}: {}", set.name, set.terms);
    Ok(())
}

/// An agent with time-outs. It honours the proxy variables of the environment.
fn agent(config: ureq::config::ConfigBuilder<ureq::typestate::AgentScope>) -> Agent {
    config
        .user_agent(concat!("delicate/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(Duration::from_secs(20)))
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        // For the whole body: a slower download goes on in the next try.
        .timeout_recv_body(Some(Duration::from_secs(600)))
        .build()
        .new_agent()
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DataError + use<> {
    let path = path.to_owned();
    |source| DataError::File { path, source }
}

struct Loader<'a> {
    agent: &'a Agent,
    stop: &'a dyn Fn() -> bool,
    bar: &'a ProgressBar,
    /// Between tries.
    pause: Duration,
}

/// Why one try failed.
enum Failure {
    /// The next try may go better.
    Passing(String),
    /// This address does not have it.
    Final(String),
    /// No address would help.
    Fatal(DataError),
}

impl Loader<'_> {
    /// Loads `file` from the first of `addresses` that has it, unless it is in
    /// `into` already. Returns what to tell the user.
    fn load(
        &self,
        file: &DataFile,
        addresses: &[String],
        into: &Path,
    ) -> Result<String, DataError> {
        let path = into.join(file.name);
        let recorded = recorded(&path);
        let wanted = file.sha256.map(str::to_owned).or(recorded);
        if path.exists() {
            let sums = sums(&path).map_err(at(&path))?;
            check(file, wanted.as_deref(), &sums).map_err(|(kind, wanted, found)| {
                DataError::Present {
                    path: path.clone(),
                    kind,
                    found,
                    wanted,
                }
            })?;
            return self.done(file, &path, &sums, wanted.is_some(), "already present");
        }
        let partial = into.join(format!("{}.partial", file.name));
        let mut reasons = Vec::new();
        for address in addresses {
            match self.from(file, address, &partial, wanted.is_some()) {
                Ok(()) => {}
                Err(Failure::Fatal(error)) => return Err(error),
                Err(Failure::Passing(why) | Failure::Final(why)) => {
                    reasons.push(format!("{address}: {why}"));
                    continue;
                }
            }
            let sums = sums(&partial).map_err(at(&partial))?;
            if let Err((kind, wanted, found)) = check(file, wanted.as_deref(), &sums) {
                reasons.push(format!(
                    "{address}: wrong {kind}: expected {wanted}, got {found}"
                ));
                forget(&partial);
                continue;
            }
            fs::rename(&partial, &path).map_err(at(&path))?;
            forget(&partial);
            return self.done(file, &path, &sums, wanted.is_some(), "downloaded");
        }
        Err(DataError::Failed {
            name: file.name.to_owned(),
            reasons,
        })
    }

    fn done(
        &self,
        file: &DataFile,
        path: &Path,
        sums: &Sums,
        known: bool,
        what: &str,
    ) -> Result<String, DataError> {
        let shown = path.display();
        if known {
            return Ok(format!("{shown}: {what}, SHA-256 verified"));
        }
        let record = sidecar(path, "sha256");
        // The format of sha256sum.
        fs::write(&record, format!("{}  {}\n", sums.sha256, file.name)).map_err(at(&record))?;
        let how = if file.md5.is_some() {
            "published MD5 verified; no SHA-256 is published"
        } else {
            "not verified: no checksum is published"
        };
        Ok(format!(
            "{shown}: {what}; {how}. SHA-256 saved in {} for later runs: {}",
            record.display(),
            sums.sha256
        ))
    }

    /// Loads from one address until `partial` is whole.
    fn from(
        &self,
        file: &DataFile,
        address: &str,
        partial: &Path,
        verifiable: bool,
    ) -> Result<(), Failure> {
        let length = || fs::metadata(partial).map_or(0, |data| data.len());
        let mut idle = 0;
        loop {
            let before = length();
            let why = match self.once(file, address, partial, verifiable || file.md5.is_some()) {
                Err(Failure::Passing(why)) => why,
                other => return other,
            };
            idle = if length() > before { 0 } else { idle + 1 };
            if idle == TRIES {
                return Err(Failure::Passing(why));
            }
            if (self.stop)() {
                return Err(Failure::Fatal(DataError::Interrupted(partial.to_owned())));
            }
            std::thread::sleep(self.pause);
        }
    }

    /// One request.
    fn once(
        &self,
        file: &DataFile,
        address: &str,
        partial: &Path,
        verifiable: bool,
    ) -> Result<(), Failure> {
        let fatal = |error| Failure::Fatal(at(partial)(error));
        let most = file.bytes.unwrap_or(MAX_BYTES);
        let have = fs::metadata(partial).map_or(0, |data| data.len());
        // Which version of which address the partial file is of.
        let note = sidecar(partial, "etag");
        let known = fs::read_to_string(&note).unwrap_or_default();
        let (of, etag) = known.split_once('\n').unwrap_or_default();
        let etag = Some(etag.trim()).filter(|etag| etag.starts_with('"'));
        // Without a validator only a checksum tells two versions apart.
        let goes_on = have > 0 && of == address && (etag.is_some() || verifiable);
        let mut request = self.agent.get(address);
        if goes_on {
            request = request.header(header::RANGE, format!("bytes={have}-"));
            if let Some(etag) = etag {
                request = request.header(header::IF_RANGE, etag);
            }
        }
        let mut response = match request.call() {
            Ok(response) => response,
            Err(ureq::Error::StatusCode(416)) => {
                // Either all of it is there already, which its checksum tells,
                // or it is another version.
                if file.bytes == Some(have) {
                    return Ok(());
                }
                forget(partial);
                return Err(Failure::Passing("the file has changed (416)".to_owned()));
            }
            Err(error) => return Err(failure(&error)),
        };
        let text = |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let starts = |range: &str| {
            let range = range.strip_prefix("bytes ")?;
            range.split('-').next()?.parse::<u64>().ok()
        };
        let continued = response.status() == 206;
        if continued
            && (!goes_on || text(header::CONTENT_RANGE).as_deref().and_then(starts) != Some(have))
        {
            forget(partial);
            return Err(Failure::Passing(
                "the server sent a different range".to_owned(),
            ));
        }
        let have = if continued { have } else { 0 };
        let new_etag = text(header::ETAG).unwrap_or_default();
        let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| have.saturating_add(length) > most) {
            return Err(too_large(most));
        }
        if !continued {
            fs::write(&note, format!("{address}\n{new_etag}\n")).map_err(fatal)?;
        }
        let mut output = OpenOptions::new()
            .create(true)
            .append(continued)
            .write(true)
            .truncate(!continued)
            .open(partial)
            .map_err(fatal)?;
        self.bar.set_message(file.name);
        self.bar
            .set_length(length.map_or(0, |length| have + length));
        self.bar.set_position(have);
        let mut total = have;
        let mut block = vec![0; 1 << 16];
        let mut body = response.body_mut().as_reader();
        loop {
            if (self.stop)() {
                return Err(Failure::Fatal(DataError::Interrupted(partial.to_owned())));
            }
            let read = match body.read(&mut block) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(Failure::Passing(error.to_string())),
            };
            total += read as u64;
            if total > most {
                forget(partial);
                return Err(too_large(most));
            }
            output.write_all(&block[..read]).map_err(fatal)?;
            self.bar.set_position(total);
        }
        if length.is_some_and(|length| total < have + length) {
            return Err(Failure::Passing(
                "the connection was interrupted".to_owned(),
            ));
        }
        output.sync_all().map_err(fatal)
    }
}

fn too_large(most: u64) -> Failure {
    Failure::Final(format!("larger than the {most} bytes expected"))
}

/// What a failed request means.
fn failure(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::StatusCode(code @ (408 | 429 | 500..)) => {
            Failure::Passing(format!("the server returned {code}; try again later"))
        }
        ureq::Error::StatusCode(404 | 410) => {
            Failure::Final("not found (404): the file has moved or the address is wrong".to_owned())
        }
        ureq::Error::StatusCode(code) => Failure::Final(format!("the server returned {code}")),
        ureq::Error::HostNotFound => Failure::Final(
            "host not found: is this computer online, or behind a proxy \
             (HTTPS_PROXY)?"
                .to_owned(),
        ),
        other => Failure::Passing(other.to_string()),
    }
}

fn sidecar(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Removes a partial file and its note, where they are.
fn forget(partial: &Path) {
    for path in [partial, &sidecar(partial, "etag")] {
        // What stays is found and overwritten by the next request.
        let _ = fs::remove_file(path);
    }
}

/// The SHA-256 that an earlier run recorded.
fn recorded(path: &Path) -> Option<String> {
    let text = fs::read_to_string(sidecar(path, "sha256")).ok()?;
    let hash = text.split_whitespace().next()?;
    (hash.len() == 64).then(|| hash.to_lowercase())
}

struct Sums {
    sha256: String,
    md5: String,
}

fn sums(path: &Path) -> io::Result<Sums> {
    let mut file = File::open(path)?;
    let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
    let mut block = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        sha256.update(&block[..read]);
        md5.update(&block[..read]);
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Sums {
        sha256: hex(&sha256.finalize()),
        md5: hex(&md5.finalize()),
    })
}

/// The first checksum that differs: its kind, what was wanted, what was found.
fn check(
    file: &DataFile,
    sha256: Option<&str>,
    sums: &Sums,
) -> Result<(), (&'static str, String, String)> {
    let pairs = [
        ("SHA-256", sha256, &sums.sha256),
        ("MD5", file.md5, &sums.md5),
    ];
    for (kind, wanted, found) in pairs {
        if let Some(wanted) = wanted
            && wanted != found
        {
            return Err((kind, wanted.to_owned(), found.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
