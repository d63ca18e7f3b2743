//! The secret key that is made once and kept beside the state.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result, Write as _};
use std::path::Path;

use crate::input;

/// The secret in the file, which is made where there is none. Readable by its owner only.
pub(crate) fn kept_at(path: &Path) -> Result<String> {
    match read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        kept => return kept,
    }
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::other(error.to_string()))?;
    let secret = bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    // A temporary file is 0600 from the start.
    let mut file = tempfile::Builder::new().prefix(".waygate.secret.").tempfile_in(directory)?;
    file.write_all(secret.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => return read(path),
        Err(error) => return Err(error.error),
    }
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(secret)
}

fn read(path: &Path) -> Result<String> {
    let secret = input::text(path, input::SECRET)?.trim().to_owned();
    if secret.is_empty() {
        return Err(Error::new(ErrorKind::InvalidData, "the file is empty; remove it to have a new key made"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json.secret");
        let secret = kept_at(&path).unwrap();
        assert_eq!(secret.len(), 64);
        assert_eq!(kept_at(&path).unwrap(), secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(), 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            kept_at(&path).unwrap();
            assert_eq!(mode(), 0o600);
        }
    }
}
