//! Failed logins in the audit log: the first at once, the others of the same minute as one entry.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use waygate_core::{Action, Actor, Cause, Command, Platform};

use crate::app::App;
use crate::clock;

/// How long failures are gathered.
const MINUTE: Duration = Duration::from_mins(1);
/// How many names and addresses an entry tells.
const MOST_TOLD: usize = 8;

/// Gathers failed logins.
#[derive(Debug, Clone, Default)]
pub(crate) struct FailedLogins(Arc<Mutex<Option<Gathered>>>);

/// The failures of a minute but for its first.
#[derive(Debug, Default)]
struct Gathered {
    count: u64,
    /// Of users that there are; other names are whatever somebody typed, perhaps a password.
    names: BTreeMap<Actor, u64>,
    unknown: u64,
    addresses: Vec<IpAddr>,
}

impl FailedLogins {
    /// Takes note of one; `user` is the one that was tried, if there is such a user.
    pub(crate) async fn note(&self, app: &App, user: Option<Actor>, address: Option<IpAddr>) {
        {
            let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(gathered) = &mut *gathered {
                gathered.add(user, address);
                return;
            }
            *gathered = Some(Gathered::default());
        }
        let mut first = Gathered::default();
        first.add(user, address);
        write(app, &first).await;
        let (gathering, app) = (self.clone(), app.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(MINUTE) => {}
                () = app.stopping.cancelled() => {}
            }
            let gathered = gathering.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(gathered) = gathered.filter(|gathered| gathered.count > 0) {
                write(&app, &gathered).await;
            }
        });
    }
}

impl Gathered {
    fn add(&mut self, user: Option<Actor>, address: Option<IpAddr>) {
        self.count += 1;
        match user {
            Some(user) if self.names.len() < MOST_TOLD || self.names.contains_key(&user) => {
                *self.names.entry(user).or_default() += 1;
            }
            _ => self.unknown += 1,
        }
        if let Some(address) = address
            && self.addresses.len() < MOST_TOLD
            && !self.addresses.contains(&address)
        {
            self.addresses.push(address);
        }
    }

    /// Who was tried.
    fn subject(&self) -> String {
        match (self.names.first_key_value(), self.names.len(), self.unknown) {
            (Some((only, _)), 1, 0) => only.to_string(),
            (None, ..) => "an unknown user".to_owned(),
            _ => "several users".to_owned(),
        }
    }

    fn reason(&self) -> String {
        let names = self.names.iter().map(|(name, count)| format!("{name} ({count})"));
        let others = (self.unknown > 0).then(|| format!("other names ({})", self.unknown));
        let users: Vec<String> = names.chain(others).collect();
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let from = if addresses.is_empty() { String::new() } else { format!(" from {}", addresses.join(", ")) };
        let logins = if self.count == 1 { "login" } else { "logins" };
        format!("{} failed {logins}{from}: {}", self.count, users.join(", "))
    }
}

async fn write(app: &App, gathered: &Gathered) {
    let Ok(actor) = "anonymous".parse() else { return };
    let reason: String = gathered.reason().chars().take(waygate_core::LONGEST_REASON).collect();
    tracing::info!("{reason}");
    let note = Command::Note { action: Action::LoginFailed, subject: gathered.subject(), reason };
    let cause = Cause { actor, platform: Platform::System, at: clock::now(), undoes: None };
    if let Err(error) = app.control.execute(note, cause).await {
        tracing::warn!(%error, "failed logins could not be written to the audit log");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g43_an_entry_tells_little_of_many() {
        let mut gathered = Gathered::default();
        for number in 0..10_000_u32 {
            gathered.add(None, Some(IpAddr::from(number.to_be_bytes())));
        }
        gathered.add(Some("ada".parse().unwrap()), None);
        let reason = gathered.reason();
        assert!(reason.starts_with("10001 failed logins from 0.0.0.0, "), "{reason}");
        assert!(reason.ends_with(": ada (1), other names (10000)") && reason.len() < 200, "{reason}");
        assert_eq!(gathered.subject(), "several users");
    }
}
