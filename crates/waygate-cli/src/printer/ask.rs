//! Questions to a person at a terminal.

use std::io::{IsTerminal as _, Write as _};

use crate::printer::literal;

/// What the program ends with where a signal would have ended it: 128 and the number of the signal.
#[cfg(unix)]
const INTERRUPTED: i32 = 130;

/// Asks on stderr and reads one line; `None` where nobody can answer.
pub(crate) fn ask(question: &str) -> Option<String> {
    if !can_ask() {
        return None;
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{}", literal(question));
    let _ = stderr.flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim().to_owned())
}

/// Asks until the answer is yes or no; whoever says nothing has said no.
pub(crate) fn agrees(question: &str) -> bool {
    loop {
        match ask(question).unwrap_or_default().to_ascii_lowercase().as_str() {
            "y" | "yes" => return true,
            "" | "n" | "no" => return false,
            _ => {
                let _ = writeln!(std::io::stderr(), "y or n");
            }
        }
    }
}

/// Asks for what is typed without being shown.
///
/// # Errors
///
/// When there is no terminal, or it cannot be read.
pub(crate) fn ask_secret(question: &str) -> std::io::Result<String> {
    #[cfg(unix)]
    give_back_when_interrupted()?;
    let answer = rpassword::prompt_password(question);
    #[cfg(unix)]
    if answer.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::Interrupted) {
        // It may be known here before it is there, where the program is ended.
        loop {
            std::thread::park();
        }
    }
    answer
}

/// Has the first Ctrl-C end the program with the terminal as it was: the shell would hide what is typed next. It holds until
/// the program ends, since a signal that has once been listened to has no effect of its own any more.
#[cfg(unix)]
#[expect(clippy::exit, reason = "the thread that asks waits for a line that will not come")]
fn give_back_when_interrupted() -> std::io::Result<()> {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    use tokio::signal::unix::{SignalKind, signal};

    let terminal = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut interrupt = {
        let _entered = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    std::thread::spawn(move || {
        runtime.block_on(interrupt.recv());
        let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
        let _ = writeln!(std::io::stderr());
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}

/// Columns and lines of the terminal; what terminals once had where it does not say.
pub(super) fn size() -> (u16, u16) {
    let (mut columns, mut lines) = (0, 0);
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout()) {
        (columns, lines) = (size.ws_col, size.ws_row);
    }
    let known = |told: u16, otherwise| if told > 0 { told } else { otherwise };
    (known(columns, 80), known(lines, 24))
}

/// Whether a person can be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
