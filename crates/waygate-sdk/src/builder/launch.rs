//! The start: settings become a connection.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use waygate_api::client::ServerUrl;
use waygate_core::{Environment, LocalCounters, ServiceId};

use crate::acknowledge::{self, Acknowledger, Identity};
use crate::answers::Answers;
use crate::builder::WaygateBuilder;
use crate::cache::{self, Cache};
use crate::caller::Callers;
use crate::clock::Clock;
use crate::error::BuildError;
use crate::gate::Gate;
use crate::replica::{self, Replica};
use crate::report::{self, Hits};
use crate::session::Session;
use crate::shared::Shared;
use crate::status::Rules;
use crate::sync::remote::RemoteSource;
use crate::sync::source::Source;
use crate::sync::{Pace, Syncer};
use crate::traffic::{Reporter, Traffic};
use crate::waygate::Waygate;

impl WaygateBuilder {
    /// What is longer than a day is a day.
    const LONGEST: Duration = Duration::from_hours(24);

    /// Starts to follow the control plane, and returns at once, whether or not it is there.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when a setting is not usable, or outside of a tokio runtime. Anything that happens later is in
    /// [`Waygate::status`] and in the log.
    pub fn start(self) -> Result<Waygate, BuildError> {
        let app_id = self.app_id()?;
        let servers = self.server_urls()?;
        let instance = match &self.instance {
            Some(id) => id.parse().map_err(BuildError::Instance)?,
            None => acknowledge::random_id().ok_or(BuildError::NoRandomness)?,
        };
        let process = acknowledge::random_id().ok_or(BuildError::NoRandomness)?;
        let identity = Identity { instance, process };
        let said = acknowledge::introduction(&identity, self.own_environment()?.as_ref());
        let (credentials, authorities) = (self.credentials.clone(), self.ca_certificates()?);
        let session = Session::new(servers, &app_id, credentials, said, authorities).map_err(BuildError::Client)?;
        let source = RemoteSource::new(session.clone(), app_id, self.silence);
        self.launch(Some((session, identity)), source)
    }

    /// Starts to follow another source than a server over the network. [`Waygate::control`] is not available then.
    ///
    /// # Errors
    ///
    /// As for [`WaygateBuilder::start`].
    pub fn start_with(self, source: impl Source) -> Result<Waygate, BuildError> {
        self.launch(None, source)
    }

    fn launch(self, remote: Option<(Session, Identity)>, source: impl Source) -> Result<Waygate, BuildError> {
        let app_id = self.app_id()?;
        let environment = self.own_environment()?;
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let cache = match self.cache_dir.clone() {
            Some(directory) => Some(Cache::new(directory, app_id.clone(), self.origins()?)),
            None => None,
        };
        let kept = cache.as_ref().and_then(Cache::read).map(|kept| (Rules::Cache, kept)).or_else(|| {
            let file = self.bootstrap_file.as_deref()?;
            Some((Rules::Bootstrap, cache::bootstrap(file, &app_id)?))
        });
        let replica = Arc::new(Replica::new(environment, self.when_unknown, kept));
        if !self.bypass.is_none() {
            tracing::warn!(service.id = %app_id, "this instance is set to bypass {}: it enforces none of it", self.bypass);
            replica.bypass_always(self.bypass);
        }
        let callers = callers(self.identity, &self.trusted_proxies, self.hops)?;
        let answers = Answers::new(self.answer);
        let (hits, traffic) = (Hits::new(remote.is_some()), Traffic::new(remote.is_some()));
        let backend = self.rate_limit_backend.as_deref();
        let shared = backend.map(|url| Shared::open(url, self.rate_limit_deadline, &app_id)).transpose()?;
        let gate =
            Arc::new(Gate { clock: Clock::default(), counters: LocalCounters::new(), shared, callers, hits, traffic });
        let stop = CancellationToken::new();
        let pace = Pace {
            reconnect_delay: self.reconnect_delay.min(Self::LONGEST),
            silence: self.silence.min(Self::LONGEST),
            poll_interval: self.poll_interval.clamp(Duration::from_secs(1), Self::LONGEST),
        };
        let keeps = cache.is_some();
        let syncer = Syncer::new(source, replica.clone(), pace);
        let mut tasks = vec![runtime.spawn(syncer.run(stop.clone()))];
        if let Some(cache) = cache {
            tasks.push(runtime.spawn(cache::keep(replica.clone(), cache, stop.clone())));
        }
        if let Some((session, identity)) = remote.clone() {
            let instance = identity.instance.clone();
            let takes_shares = !gate.is_shared();
            if keeps {
                replica.keeps_shares();
            }
            replica.ask_for_shares(takes_shares);
            let (followed, said) = (replica.clone(), session.clone());
            let acknowledger = Acknowledger::new(followed, said, app_id.clone(), identity, takes_shares);
            tasks.push(runtime.spawn(acknowledger.run(stop.clone())));
            tasks.push(runtime.spawn(replica::keep_leases(replica.clone(), stop.clone())));
            let every = self.report_interval;
            let reporter = Reporter::new(gate.clone(), session.clone(), app_id.clone(), instance.clone());
            tasks.push(runtime.spawn(reporter.run(every, stop.clone())));
            tasks.push(runtime.spawn(report::run(
                gate.clone(),
                session,
                app_id.clone(),
                instance,
                every,
                stop.clone(),
            )));
        }
        if gate.is_shared() {
            let (gate, stop) = (gate.clone(), stop.clone());
            tasks.push(runtime.spawn(async move { stop.run_until_cancelled(gate.reach()).await.unwrap_or_default() }));
        }
        let session = remote.map(|(session, _)| session);
        Ok(Waygate::new(app_id, replica, gate, answers, session, stop, tasks))
    }

    /// Follows nobody: what is known comes from a test, and no task runs. What concerns the network or the disk is left
    /// aside.
    #[cfg(feature = "testing")]
    pub(crate) fn scripted(self, clock: Clock) -> Result<Waygate, BuildError> {
        let (app_id, environment) = (self.app_id()?, self.own_environment()?);
        let replica = Arc::new(Replica::new(environment, self.when_unknown, None));
        replica.bypass_always(self.bypass);
        let callers = callers(self.identity, &self.trusted_proxies, self.hops)?;
        let (counters, hits, traffic) = (LocalCounters::new(), Hits::new(true), Traffic::new(true));
        let gate = Arc::new(Gate { clock, counters, shared: None, callers, hits, traffic });
        let answers = Answers::new(self.answer);
        Ok(Waygate::new(app_id, replica, gate, answers, None, CancellationToken::new(), Vec::new()))
    }

    fn own_environment(&self) -> Result<Option<Environment>, BuildError> {
        self.environment.as_deref().map(str::parse).transpose().map_err(BuildError::Environment)
    }

    /// At least one, each once.
    fn server_urls(&self) -> Result<Vec<ServerUrl>, BuildError> {
        let mut urls: Vec<ServerUrl> = Vec::new();
        for server in &self.servers {
            let url = server.parse().map_err(BuildError::ServerUrl)?;
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        if urls.is_empty() { Err(BuildError::NoServer) } else { Ok(urls) }
    }

    fn origins(&self) -> Result<Vec<String>, BuildError> {
        Ok(self.server_urls()?.iter().map(|url| url.origin().to_owned()).collect())
    }

    fn ca_certificates(&self) -> Result<Option<Vec<u8>>, BuildError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| BuildError::CaFile { path: path.clone(), reason: error.to_string() })
        };
        self.ca_file.as_ref().map(read).transpose()
    }

    fn app_id(&self) -> Result<ServiceId, BuildError> {
        self.app_id.parse().map_err(BuildError::AppId)
    }
}

fn callers(
    identity: Box<dyn crate::caller::Identity>,
    trusted_proxies: &[String],
    hops: usize,
) -> Result<Callers, BuildError> {
    let trusted = trusted_proxies.iter().map(|range| range.parse());
    Ok(Callers {
        trusted_proxies: trusted.collect::<Result<_, _>>().map_err(BuildError::TrustedProxy)?,
        identity,
        hops,
        warned: AtomicBool::new(false),
        panicked: AtomicBool::new(false),
    })
}
