//! Files that are private, durable and replaced whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::StoreError;

/// Why something could not be done with a file, in words.
pub(crate) fn failed(verb: &str, path: &Path, error: &io::Error) -> StoreError {
    let text = format!("cannot {verb} `{}`: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full(text)
        }
        _ => StoreError::Unavailable(text),
    }
}

/// What is stored cannot be used.
pub(crate) fn damaged(path: &Path, offset: u64, what: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "`{}` is damaged at byte {offset}: {what}; nothing has been changed, restore it from a backup or move it away",
        path.display()
    ))
}

/// Makes a directory and whatever is missing above it, each for the owner alone.
pub(crate) fn create_directories(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent()
        && parent != Path::new("")
    {
        create_directories(parent)?;
    }
    let create = || {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        set_mode(path, 0o700)?;
        synchronise_directory(path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")))
    };
    create().map_err(|error| failed("create", path, &error))
}

/// Opens a file for reading and appending, for the owner alone if it has to be made.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let is_new = !path.try_exists()?;
    let file = options.open(path)?;
    if is_new {
        set_mode(path, 0o600)?;
    }
    Ok(file)
}

/// Replaces a file, or makes it, so that at every instant either all of the old or all of the new one is there.
pub(crate) fn write_whole(path: &Path, unfinished: &str, content: &[u8]) -> Result<(), StoreError> {
    replace(path, unfinished, content, true).map_err(|error| failed("write", path, &error))
}

/// As [`write_whole`], but a power failure may bring the old file back.
pub(crate) fn write_unsynchronised(path: &Path, unfinished: &str, content: &[u8]) -> Result<(), StoreError> {
    replace(path, unfinished, content, false).map_err(|error| failed("write", path, &error))
}

fn replace(path: &Path, unfinished: &str, content: &[u8], synchronise: bool) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(unfinished).tempfile_in(directory)?;
    set_mode(file.path(), 0o600)?;
    file.write_all(content)?;
    if synchronise {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    if synchronise { synchronise_directory(directory) } else { Ok(()) }
}

/// Whether the file that is open still is the one at the path.
#[cfg(unix)]
pub(crate) fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;

    let there = match fs::metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let open = file.metadata()?;
    Ok((open.dev(), open.ino()) == (there.dev(), there.ino()))
}

/// Whether more than one name leads to the file.
#[cfg(unix)]
pub(crate) fn has_other_names(path: &Path) -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::nlink(&fs::metadata(path)?) > 1)
}

#[cfg(not(unix))]
pub(crate) fn has_other_names(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(not(unix))]
pub(crate) fn is_still_at(_file: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Makes new names in a directory durable.
pub(crate) fn synchronise_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}
