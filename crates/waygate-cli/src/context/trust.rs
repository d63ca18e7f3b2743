//! Trust in a server that a file of the directory tree chooses: whoever wrote the file may not be who runs the command.

use crate::context::{Context, Server, Source};
use crate::credentials::{Config, ConfigFile};
use crate::error::{CliError, CliResult};
use crate::printer;

impl Context {
    /// Lets a command go on to a server that is known here: chosen, named or logged in to before, or on this machine. About
    /// another one that a `.waygate` file names a person is asked, once.
    ///
    /// # Errors
    ///
    /// When the answer is no, or nobody can answer. Nothing has been sent then.
    pub(crate) fn trusted(&self, file: Option<&ConfigFile>, config: &Config, server: &Server) -> CliResult {
        let Source::Project(path) = &server.source else { return Ok(()) };
        if server.is_near() || config.knows(&server.url) || self.settings.yes {
            return Ok(());
        }
        let told = format!("`{}` chooses {}, which is not known here", path.display(), server.url);
        if !self.can_ask() {
            return Err(CliError::usage(told)
                .hint(format!("`waygate context add NAME --url {}` makes it known", server.url))
                .hint("for one command, `--yes` or `--server URL` says that it is meant"));
        }
        self.printer.warn(&told);
        if !printer::agrees("Trust it from now on? [y/N]: ") {
            return Err(CliError::failed("nothing has been sent"));
        }
        file.map_or(Ok(()), |file| file.update(|config| config.trust(&server.url)))
    }
}
