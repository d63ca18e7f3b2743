//! The encodings that lie on disks and travel on streams. A difference here is a break for everyone who has stored or
//! sent one: `UPDATE_GOLDEN=1` writes the files anew, and the change log has to say so.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use waygate_core::{
    Action, Algorithm, Cause, Change, Commit, Control, Deprecation, Draft, Enforcement, Environment, ImportedEntry,
    IssuedToken, KeyStrategy, Lifecycle, LifecycleKind, Maintenance, MaintenanceScope, OnBackendFailure, OnMissingKey,
    Platform, RateLimitPolicy, Record, Revision, Route, Scope, ServiceView, Share, State, Temporary, Tier, TokenKind,
    Webhook, WebhookFormat, WebhookSettings, Window,
};

use crate::world::{at, empty_state, parsed};

fn assert_golden<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, value: &T) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
    let encoded = format!("{}\n", serde_json::to_string_pretty(value).unwrap());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::File::create(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, encoded.as_bytes()))
            .unwrap();
    }
    let golden = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run with UPDATE_GOLDEN=1", path.display()));
    assert_eq!(encoded, golden, "the encoding of {name} has changed");
    assert_eq!(&serde_json::from_str::<T>(&golden).unwrap(), value, "{name} does not decode to what it was");
}

fn environments(names: &[&str]) -> Lifecycle {
    Lifecycle::EnvGated(Environment::parse_all(names.iter().copied()).unwrap())
}

/// A route that has everything.
fn full_route() -> Route {
    let deprecation =
        Deprecation { since: at(0), sunset: Some("2028-01-01".to_owned()), successor: Some("/v2/payments".to_owned()) };
    Route {
        declared: Control::new(environments(&["dev", "staging"]), ""),
        declared_deprecation: Some(deprecation.clone()),
        base: Control {
            lifecycle: Lifecycle::Disabled,
            reason: "hotfix \"é\"".to_owned(),
            enforcement: Enforcement::Shadow,
        },
        switched: true,
        last_window: 4,
        temporary: Some(Temporary {
            control: Control::new(Lifecycle::Active, "for now"),
            until: at(86_400_000),
            planned_at: Revision(6),
        }),
        windows: vec![
            Window {
                id: 2,
                start: at(0),
                end: at(3_600_000),
                reason: "pipes".to_owned(),
                opened: true,
                enforcement: Enforcement::Enforce,
                planned_at: Revision(5),
            },
            Window {
                id: 1,
                start: at(7_200_000),
                end: at(7_200_500),
                reason: String::new(),
                opened: false,
                enforcement: Enforcement::Shadow,
                planned_at: Revision::ZERO,
            },
        ],
        deprecation: Some(deprecation),
        force_active: true,
        changed_at: Revision(7),
    }
}

fn plain_route(lifecycle: Lifecycle) -> Route {
    let control = Control::new(lifecycle, "");
    Route {
        declared: control.clone(),
        declared_deprecation: None,
        base: control,
        switched: false,
        temporary: None,
        windows: Vec::new(),
        last_window: 0,
        deprecation: None,
        force_active: false,
        changed_at: Revision(1),
    }
}

fn full_maintenance() -> Maintenance {
    Maintenance {
        enabled: true,
        reason: "database".to_owned(),
        exempt: vec![parsed("/health"), parsed("GET:/items/{id}")],
        include_force_active: true,
        until: Some(at(3_600_000)),
        enforcement: Enforcement::Shadow,
        changed_at: Revision(3),
    }
}

fn plain_policy() -> RateLimitPolicy {
    RateLimitPolicy {
        limit: parsed("100/minute"),
        algorithm: Algorithm::FixedWindow,
        key_strategy: KeyStrategy::Ip,
        on_missing_key: None,
        burst: 0,
        tiers: Vec::new(),
        tier_resolver: None,
        exempt_ips: Vec::new(),
        exempt_roles: Vec::new(),
        exempt_routes: Vec::new(),
        enabled: true,
        enforcement: Enforcement::Enforce,
        until: None,
        on_backend_failure: OnBackendFailure::Local,
        share: Share::PerReplica,
        declared: false,
        overrides: None,
        generation: 0,
        changed_at: Revision(4),
    }
}

fn full_policy() -> RateLimitPolicy {
    RateLimitPolicy {
        limit: parsed("10/second; 100 per 5 minutes"),
        algorithm: Algorithm::TokenBucket,
        key_strategy: KeyStrategy::Header("X-Api-Key".to_owned()),
        on_missing_key: Some(OnMissingKey::FallbackIp),
        burst: 5,
        tiers: vec![Tier { name: "gold".to_owned(), limit: parsed("unlimited") }],
        tier_resolver: Some("plan".to_owned()),
        exempt_ips: vec![parsed("10.0.0.0/8")],
        exempt_roles: vec!["admin".to_owned()],
        exempt_routes: vec![parsed("GET:/health")],
        enabled: false,
        enforcement: Enforcement::Shadow,
        until: Some(at(1)),
        on_backend_failure: OnBackendFailure::Closed,
        share: Share::PerReplica,
        declared: true,
        overrides: None,
        generation: 2,
        changed_at: Revision(5),
    }
}

/// Each kind of change, once with each scope.
fn changes() -> Vec<Change> {
    let key = || parsed("pay:GET:/items/{id}");
    vec![
        Change::RouteSet { key: key(), route: Arc::new(full_route()) },
        Change::RouteSet { key: parsed("pay:/whole"), route: Arc::new(plain_route(Lifecycle::Active)) },
        Change::RouteRemoved { key: key() },
        Change::MaintenanceSet { scope: MaintenanceScope::Global, maintenance: full_maintenance() },
        Change::MaintenanceSet { scope: MaintenanceScope::Service(parsed("pay")), maintenance: Maintenance::default() },
        Change::RateLimitSet { scope: Scope::Global, policy: Arc::new(full_policy()) },
        Change::RateLimitSet { scope: Scope::Service(parsed("pay")), policy: Arc::new(plain_policy()) },
        Change::RateLimitSet { scope: Scope::Route(key()), policy: Arc::new(plain_policy()) },
        Change::RateLimitCleared { scope: Scope::Global },
        Change::RateLimitCleared { scope: Scope::Service(parsed("pay")) },
        Change::RateLimitCleared { scope: Scope::Route(key()) },
        Change::ServiceRemoved { service: parsed("R&D team") },
        Change::TokenRevoked { id: parsed("token-1"), expires: at(123) },
        Change::WebhookSet { id: parsed("hook-1"), webhook: Arc::new(full_webhook()) },
        Change::WebhookSet { id: parsed("hook-2"), webhook: Arc::new(plain_webhook()) },
        Change::WebhookRemoved { id: parsed("hook-1") },
        Change::Noted { subject: "ada".to_owned(), imported: None },
        Change::Noted { subject: "pay:GET:/a".to_owned(), imported: Some(Arc::new(imported_entry())) },
        Change::TokenIssued { id: parsed("token-2"), token: Arc::new(issued_token(TokenKind::Login, None)) },
        Change::TokenIssued { id: parsed("token-3"), token: Arc::new(issued_token(TokenKind::Service, Some("pay"))) },
    ]
}

fn imported_entry() -> ImportedEntry {
    ImportedEntry {
        id: "f82424b2-0168-42ef-bb47-3a332406a7a6".to_owned(),
        at: at(456),
        service: Some(parsed("pay")),
        action: "maintenance_on".to_owned(),
        actor: "alice".to_owned(),
        platform: "cli".to_owned(),
        previous_status: Some(LifecycleKind::Active),
        new_status: Some(LifecycleKind::Maintenance),
    }
}

fn issued_token(kind: TokenKind, service: Option<&str>) -> IssuedToken {
    IssuedToken {
        holder: parsed("ada"),
        kind,
        platform: Platform::Cli,
        service: service.map(parsed),
        issued: at(0),
        expires: at(86_400_000),
    }
}

fn plain_webhook() -> Webhook {
    let settings = WebhookSettings {
        sealed_url: "sealed".to_owned(),
        format: WebhookFormat::Generic,
        services: BTreeSet::new(),
        actions: BTreeSet::new(),
        enabled: true,
    };
    Webhook { settings, generation: 1, rotated: None, since: Revision(2), changed_at: Revision(2) }
}

fn full_webhook() -> Webhook {
    let settings = WebhookSettings {
        format: WebhookFormat::Slack,
        services: BTreeSet::from([parsed("pay")]),
        actions: BTreeSet::from([Action::Disable, Action::WebhookSet]),
        enabled: false,
        ..plain_webhook().settings
    };
    Webhook { settings, generation: 2, rotated: Some(at(60_000)), since: Revision(2), changed_at: Revision(9) }
}

fn record(action: Action, change: Change, before: Vec<Change>) -> Record {
    Record { action, reason: "because".to_owned(), change, before }
}

fn full_commit() -> Commit {
    let before = Change::RouteRemoved { key: parsed("pay:/whole") };
    let [full, plain, ..] = &changes()[..] else { panic!("too few changes") };
    let records = vec![
        record(Action::Register, plain.clone(), vec![before]),
        Record { reason: String::new(), ..record(Action::Disable, full.clone(), Vec::new()) },
    ];
    let cause = Cause { actor: parsed("ada"), platform: Platform::Dashboard, at: at(1), undoes: None };
    let draft = Draft { id: "0123456789abcdef".to_owned().try_into().unwrap(), cause, records };
    Commit::after(&empty_state().cursor, draft)
}

/// A state in which every kind of change has left something.
fn full_state() -> State {
    let lasting = changes().into_iter().filter(|change| {
        !matches!(
            change,
            Change::RouteRemoved { .. }
                | Change::RateLimitCleared { .. }
                | Change::ServiceRemoved { .. }
                | Change::WebhookRemoved { .. }
        )
    });
    let records = lasting.map(|change| record(Action::Register, change, Vec::new())).collect();
    let cause = Cause { actor: parsed("ada"), platform: Platform::Sdk, at: at(0), undoes: None };
    let draft = Draft { id: "0123456789abcdef".to_owned().try_into().unwrap(), cause, records };
    let mut state = empty_state();
    state.apply(&Commit::after(&state.cursor, draft)).unwrap();
    state
}

#[test]
fn each_change_keeps_its_encoding() {
    assert_golden("changes", &changes());
}

#[test]
fn each_lifecycle_keeps_its_encoding() {
    let lifecycles = [Lifecycle::Active, Lifecycle::Maintenance, Lifecycle::Disabled, environments(&[])];
    assert_golden("lifecycles", &lifecycles.map(plain_route).to_vec());
}

#[test]
fn each_name_of_a_list_keeps_its_encoding() {
    let actions = [
        Action::Enable,
        Action::Disable,
        Action::MaintenanceOn,
        Action::EnvGate,
        Action::Schedule,
        Action::ScheduleCancel,
        Action::Deprecate,
        Action::Undeprecate,
        Action::RouteRemove,
        Action::ServiceRemove,
        Action::GlobalMaintenanceOn,
        Action::GlobalMaintenanceOff,
        Action::GlobalMaintenanceEdit,
        Action::ServiceMaintenanceOn,
        Action::ServiceMaintenanceOff,
        Action::ServiceMaintenanceEdit,
        Action::Register,
        Action::TokenRevoke,
        Action::TokenIssue,
        Action::Login,
        Action::LoginFailed,
        Action::Logout,
        Action::WebhookSet,
        Action::WebhookRemoved,
        Action::WebhookSecretRotated,
        Action::RlPolicySet,
        Action::RlPolicyUpdated,
        Action::RlPolicyDeleted,
        Action::RlPolicyEnabled,
        Action::RlPolicyDisabled,
        Action::RlReset,
        Action::GlobalRlSet,
        Action::GlobalRlUpdated,
        Action::GlobalRlDeleted,
        Action::GlobalRlEnabled,
        Action::GlobalRlDisabled,
        Action::GlobalRlReset,
        Action::SvcRlSet,
        Action::SvcRlUpdated,
        Action::SvcRlDeleted,
        Action::SvcRlEnabled,
        Action::SvcRlDisabled,
        Action::SvcRlReset,
        Action::Import,
    ];
    let platforms = [Platform::Cli, Platform::Sdk, Platform::Dashboard, Platform::Api, Platform::System];
    for action in actions {
        assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
    }
    for platform in platforms {
        assert_eq!(serde_json::to_value(platform).unwrap(), platform.as_str());
    }
    assert_golden("actions", &actions.to_vec());
    assert_golden("platforms", &platforms.to_vec());
    let algorithms =
        [Algorithm::FixedWindow, Algorithm::SlidingWindow, Algorithm::MovingWindow, Algorithm::TokenBucket];
    assert_golden("algorithms", &algorithms.to_vec());
    let strategies = [
        KeyStrategy::Ip,
        KeyStrategy::User,
        KeyStrategy::ApiKey,
        KeyStrategy::Global,
        KeyStrategy::Header("X-Api-Key".to_owned()),
        KeyStrategy::Custom,
    ];
    assert_golden("key_strategies", &strategies.to_vec());
    assert_golden("on_missing_key", &vec![OnMissingKey::Exempt, OnMissingKey::FallbackIp, OnMissingKey::Block]);
    let failures = [OnBackendFailure::Local, OnBackendFailure::Open, OnBackendFailure::Closed];
    assert_golden("on_backend_failure", &failures.to_vec());
    assert_golden("share", &vec![Share::PerReplica, Share::Divided]);
    assert_golden("divided_policy", &RateLimitPolicy { share: Share::Divided, ..plain_policy() });
}

#[test]
fn a_commit_keeps_its_encoding_and_its_lineage() {
    let Commit { cursor, draft } = full_commit();
    let cause = Cause { undoes: Some(cursor.revision), ..draft.cause.clone() };
    assert_golden("commit_undoing", &Commit::after(&cursor, Draft { cause, records: Vec::new(), ..draft.clone() }));
    assert_golden("commit", &Commit { cursor, draft });
}

#[test]
fn a_state_keeps_its_encoding() {
    assert_golden("state", &full_state());
    assert_golden("state_empty", &empty_state());
}

#[test]
fn a_service_view_keeps_its_encoding() {
    assert_golden("service_view", &full_state().service_view(&parsed("pay")));
    assert_golden("service_view_empty", &ServiceView::default());
}

#[test]
fn a_document_of_less_is_read_with_defaults() {
    let view: ServiceView = serde_json::from_str("{}").unwrap();
    assert_eq!(view, ServiceView::default());
    let route: Route = serde_json::from_str(r#"{"changed_at":1}"#).unwrap();
    assert_eq!(route, plain_route(Lifecycle::Active));
    let policy: RateLimitPolicy =
        serde_json::from_str(r#"{"limit":"100/minute","enabled":true,"changed_at":4,"of_later":1}"#).unwrap();
    assert_eq!(policy, plain_policy());
}
