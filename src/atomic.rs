//! Files and directories that appear whole or not at all.
//!
//! What is written lies under a name of its own in the same folder, is synced to
//! the disk and renamed. A process that is killed leaves the old file or the new
//! one, never half of either; what it leaves under the other name begins with
//! [`PARTIAL`].

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{Builder, NamedTempFile, TempDir};

/// What the names of unfinished files and directories begin with.
pub const PARTIAL: &str = ".delicate-partial-";

/// What begins the name under which a directory waits that is being replaced.
const REPLACED: &str = ".delicate-replaced-";

/// A file that appears under its name, whole, by [`AtomicFile::commit`]; dropped
/// before, it was never there.
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins the file `path`, whose folder must be there.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be written to.
    pub fn create(path: &Path) -> io::Result<Self> {
        step()?;
        Ok(Self {
            file: builder(0o666).tempfile_in(folder(path)).map_err(plain)?,
            path: path.to_owned(),
        })
    }

    /// The name that the file is to have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the file and gives it its name, in place of a file that had it.
    ///
    /// # Errors
    ///
    /// Where the disk does not take it; a file that was there stays.
    pub fn commit(self) -> io::Result<()> {
        let path = self.path.clone();
        self.commit_as(&path)
    }

    /// [`Self::commit`] under another name in the same folder.
    ///
    /// # Errors
    ///
    /// Where the disk does not take it; a file that was there stays.
    pub fn commit_as(self, path: &Path) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        step()?;
        let mut unfinished = Some(self.file);
        patiently(|| {
            let Some(file) = unfinished.take() else {
                return Ok(());
            };
            file.persist(path).map(drop).map_err(|error| {
                unfinished = Some(error.file);
                error.error
            })
        })?;
        sync(folder(path))?;
        step()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes a whole file.
///
/// # Errors
///
/// Where the disk does not take it; a file that was there stays.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Gives the file `from`, which is whole and synced, the name `to` in the same
/// folder, in place of a file that had it.
///
/// # Errors
///
/// Where the file system does not take it.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| fs::rename(from, to))?;
    sync(folder(to))
}

/// Writes a whole directory of `files`, by name, in place of one that was there.
///
/// # Errors
///
/// Where the disk does not take it; a directory that was there stays.
pub fn write_directory(path: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    fs::create_dir_all(folder(path))?;
    let partial = written_aside(path, files)?;
    rename_directory(partial.path(), path)?;
    // Its name is gone, so that there is nothing to remove.
    let _ = partial.keep();
    Ok(())
}

/// Makes a whole directory of `files`, by name, where none is. Its parent must be there.
///
/// # Errors
///
/// Where the disk does not take it, or a directory that is not empty is there.
pub fn create_directory(path: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    let partial = written_aside(path, files)?;
    if path.exists() {
        // Only an empty one goes; not every system renames over it.
        fs::remove_dir(path)?;
    }
    patiently(|| fs::rename(partial.path(), path))?;
    sync(folder(path))?;
    let _ = partial.keep();
    step()
}

/// Removes a directory, which is gone from its name before the first of its files is: a
/// process that is killed leaves nothing of it there.
///
/// # Errors
///
/// Where the file system does not let it be renamed or removed.
pub fn remove_directory(path: &Path) -> io::Result<()> {
    let aside = builder(0o777).tempdir_in(folder(path)).map_err(plain)?;
    let gone = aside.path().join(path.file_name().unwrap_or_default());
    patiently(|| fs::rename(path, &gone))?;
    step()?;
    aside.close()
}

/// A whole directory of `files` beside `path`, under a name of its own.
fn written_aside(path: &Path, files: &[(&str, &[u8])]) -> io::Result<TempDir> {
    let partial = builder(0o777).tempdir_in(folder(path)).map_err(plain)?;
    for (name, bytes) in files {
        step()?;
        let mut file = File::create(partial.path().join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    sync(partial.path())?;
    step()?;
    Ok(partial)
}

/// Gives the directory `from` the name `to`, in place of one that was there. Both
/// must be in the same folder, and `from` be synced.
///
/// # Errors
///
/// Where the file system does not take it. A process that is killed in between
/// leaves the old directory where [`whole`] finds it.
pub(crate) fn rename_directory(from: &Path, to: &Path) -> io::Result<()> {
    let replaced = replaced(to);
    if to.exists() {
        remove(&replaced)?;
        // A directory that is there cannot be renamed over everywhere.
        patiently(|| fs::rename(to, &replaced))?;
        step()?;
    }
    patiently(|| fs::rename(from, to))?;
    sync(folder(to))?;
    step()?;
    remove(&replaced)
}

/// Where the directory `path` lies whole: under its name, or under that of one
/// which was being replaced when the process was killed.
pub fn whole(path: &Path) -> PathBuf {
    let replaced = replaced(path);
    if !path.exists() && replaced.is_dir() {
        replaced
    } else {
        path.to_owned()
    }
}

/// Removes what killed processes left unfinished in `folder`, and gives a directory
/// that was being replaced its name again where the new one has not come.
///
/// # Errors
///
/// Where the folder cannot be read or written to.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PARTIAL) {
            remove(&entry.path())?;
        } else if let Some(own) = name.strip_prefix(REPLACED) {
            let path = folder.join(own);
            if path.exists() {
                remove(&entry.path())?;
            } else {
                patiently(|| fs::rename(entry.path(), &path))?;
            }
        }
    }
    Ok(())
}

fn builder(mode: u32) -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(PARTIAL);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less the user's umask, as for any new file; the crate's own are private.
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// The error of the system without the name of ours at which it came: whoever asked for the
/// file says which one.
fn plain(error: io::Error) -> io::Error {
    // The crate keeps the error of the system to itself.
    match error.to_string().split_once(" at path \"") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn replaced(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(REPLACED);
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = patiently(|| {
        if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        }
    });
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Tries a change of names again for a second where Windows refuses it: a file that
/// is new is held open there for moments, by a virus scanner or an indexer.
fn patiently(mut change: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    /// Access denied, a sharing violation.
    const HELD: [i32; 2] = [5, 32];
    const WAITS: [u64; 6] = [10, 30, 60, 150, 300, 450];
    for wait in WAITS.map(Duration::from_millis) {
        match change() {
            Err(error)
                if cfg!(windows) && error.raw_os_error().is_some_and(|it| HELD.contains(&it)) =>
            {
                std::thread::sleep(wait);
            }
            other => return other,
        }
    }
    change()
}

/// Makes the names in a folder survive a loss of power, where the system can.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

/// A point at which a process may be killed.
#[cfg(not(test))]
fn step() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use kill::{after as kill_after, step};

/// Kills between writes, for tests: from then on nothing is written any more.
#[cfg(test)]
mod kill {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// Lets this thread make `steps` more steps; `None` for any number. Gives what
    /// was left.
    pub(crate) fn after(steps: Option<usize>) -> Option<usize> {
        LEFT.replace(steps)
    }

    pub(crate) fn step() -> io::Result<()> {
        LEFT.with(|left| match left.get() {
            Some(0) => Err(io::Error::other("killed by the test")),
            Some(more) => {
                left.set(Some(more - 1));
                Ok(())
            }
            None => Ok(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("listed").filter_map(Result::ok);
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_or_stays() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("a.csv");
        write_file(&path, b"old").expect("written");
        let mut file = AtomicFile::create(&path).expect("begun");
        file.write_all(b"new").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"old");
        drop(file);
        assert_eq!(fs::read(&path).expect("read"), b"old");
        write_file(&path, b"new").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"new");
        assert_eq!(names(folder.path()), ["a.csv"], "nothing else is left");
    }

    #[test]
    fn an_error_names_no_file_of_ours() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("none").join("a.csv");
        let file = AtomicFile::create(&path).expect_err("no folder");
        let directory = create_directory(&path, &[]).expect_err("no folder");
        for error in [file, directory] {
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            let said = error.to_string();
            assert!(!said.is_empty() && !said.contains("none"), "{said}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a directory");
        let (ours, other) = (folder.path().join("ours"), folder.path().join("other"));
        write_file(&ours, b"").expect("written");
        fs::write(&other, b"").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&ours), mode(&other));
        let (ours, other) = (folder.path().join("our"), folder.path().join("their"));
        write_directory(&ours, &[("a", b"1")]).expect("written");
        fs::create_dir(&other).expect("made");
        assert_eq!(mode(&ours), mode(&other));
    }

    #[test]
    fn a_directory_is_made_where_none_is_and_removed_whole() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("parts");
        fs::create_dir(&path).expect("made");
        create_directory(&path, &[("a", b"1")]).expect("in place of an empty one");
        assert!(create_directory(&path, &[("a", b"2")]).is_err());
        assert_eq!(fs::read(path.join("a")).expect("stays"), b"1");
        assert_eq!(names(folder.path()), ["parts"]);
        // Killed before it is whole, it was never there.
        let new = folder.path().join("new");
        kill_after(Some(1));
        assert!(create_directory(&new, &[("a", b"1")]).is_err());
        kill_after(None);
        assert_eq!(names(folder.path()), ["parts"]);
        remove_directory(&path).expect("removed");
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_was_being_replaced_is_there_again_or_gone() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("model");
        let waiting = folder.path().join(".delicate-replaced-model");
        write_directory(&path, &[("a", b"1")]).expect("written");
        fs::rename(&path, &waiting).expect("renamed");
        sweep(folder.path()).expect("swept");
        assert_eq!(fs::read(path.join("a")).expect("there"), b"1");
        write_directory(&waiting, &[("a", b"0")]).expect("written");
        sweep(folder.path()).expect("swept");
        assert_eq!(fs::read(path.join("a")).expect("there"), b"1");
        assert_eq!(names(folder.path()), ["model"]);
    }

    /// Killed at every step, a directory is the old one or the new one.
    #[test]
    fn a_directory_is_replaced_whole_wherever_the_process_is_killed() {
        let contents = |path: &Path| {
            let path = whole(path);
            ["a", "b"].map(|name| fs::read(path.join(name)).expect("whole"))
        };
        let (old, new) = (
            [b"1".to_vec(), b"1".to_vec()],
            [b"2".to_vec(), b"2".to_vec()],
        );
        let mut killed = 0;
        loop {
            let folder = tempfile::tempdir().expect("a directory");
            let path = folder.path().join("model");
            write_directory(&path, &[("a", b"1"), ("b", b"1")]).expect("written");
            kill_after(Some(killed));
            let written = write_directory(&path, &[("a", b"2"), ("b", b"2")]);
            kill_after(None);
            let found = contents(&path);
            if written.is_ok() {
                assert_eq!(found, new);
                assert_eq!(names(folder.path()), ["model"]);
                break;
            }
            assert!(found == old || found == new, "killed after {killed} steps");
            // And it can be written again.
            write_directory(&path, &[("a", b"2"), ("b", b"2")]).expect("written");
            assert_eq!(contents(&path), new);
            killed += 1;
        }
        assert!(killed >= 5, "{killed}");
    }
}
