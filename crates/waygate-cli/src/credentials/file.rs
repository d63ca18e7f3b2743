//! The file itself: private, read as a whole, replaced as a whole.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::credentials::Config;
use crate::error::{CliError, CliResult};
use crate::input;

/// The file, whether or not it exists yet.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    /// Whether the directory is ours alone, so that its modes may be repaired.
    own_directory: bool,
}

impl ConfigFile {
    /// The file in `directory`, which the caller has chosen, else in the home directory.
    pub(crate) fn locate(directory: Option<PathBuf>) -> CliResult<Self> {
        let own_directory = directory.is_none();
        let directory = match directory {
            Some(directory) => directory,
            None => home_directory().ok_or_else(|| {
                CliError::failed("there is no home directory to keep `config.json` in")
                    .hint("set HOME, or WAYGATE_CONFIG_DIR")
            })?,
        };
        Ok(Self { path: directory.join("config.json"), own_directory })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds; nothing where there is none. Makes it private where it is not.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or understood. It is left as it is.
    pub(crate) fn read(&self) -> CliResult<Config> {
        let text = match input::text(&self.path, input::NAMES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Config::default()),
            Err(error) => return Err(self.failure("read", &error)),
        };
        // Reading must work where the file is another user's or the disk is read-only.
        let _ = self.make_private();
        let mut config: Config = serde_json::from_str(&text).map_err(|error| {
            CliError::failed(format!("cannot understand `{}`: {error}", self.path.display()))
                .hint("it has been left as it is; repair it or move it away")
        })?;
        config.settle();
        Ok(config)
    }

    /// Changes what the file holds, as one step that no other process comes between.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Config) -> T) -> CliResult<T> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        create_private(directory).map_err(|error| self.failure("make a directory for", &error))?;
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options
            .open(self.path.with_extension("lock"))
            .and_then(|lock| lock.lock().map(|()| lock))
            .map_err(|error| self.failure("lock", &error))?;
        let mut config = self.read()?;
        let answer = change(&mut config);
        self.replace(&config).map_err(|error| self.failure("write", &error))?;
        drop(lock);
        Ok(answer)
    }

    /// Where the file is a link, what it leads to is replaced, and the link stays.
    fn replace(&self, config: &Config) -> std::io::Result<()> {
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut text = serde_json::to_vec_pretty(config)?;
        text.push(b'\n');
        // A temporary file is 0600 from the start.
        let mut file = tempfile::Builder::new().prefix(".config.json.").tempfile_in(directory)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        #[cfg(unix)]
        File::open(directory)?.sync_all()?;
        Ok(())
    }

    #[cfg(unix)]
    fn make_private(&self) -> std::io::Result<()> {
        let directory = self.path.parent().filter(|_| self.own_directory);
        restrict(&self.path, 0o600)?;
        directory.map_or(Ok(()), |directory| restrict(directory, 0o700))
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "profiles are private there")]
    fn make_private(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn failure(&self, verb: &str, error: &std::io::Error) -> CliError {
        CliError::failed(format!("cannot {verb} `{}`: {error}", self.path.display()))
            .hint("WAYGATE_CONFIG_DIR names another directory; with WAYGATE_TOKEN nothing is kept")
    }
}

fn home_directory() -> Option<PathBuf> {
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty())?;
    Some(if cfg!(windows) { home.join("AppData").join("Local").join("waygate") } else { home.join(".waygate") })
}

/// Takes away what others may do.
#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn create_private(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}
