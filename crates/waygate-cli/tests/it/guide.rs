//! Every line that the guide types at the command line.

use insta::assert_snapshot;

use crate::context::Fleet;

#[test]
fn quick_setup() {
    let fleet = Fleet::guarded();
    let login = Fleet::fed(fleet.command(&["login", "admin"]), "secret\n");
    assert!(login.status.success());
    let fleet = fleet.with_services();
    assert_snapshot!(fleet.told(&["services"]), @r#"
        exit: 0
        -- stdout
        SERVICE           ROUTES  EFFECTIVE  MAINTENANCE  PLANNED  INSTANCES
        orders-service    4       4 active   OFF          0        —
        payments-service  3       3 active   OFF          0        —
        -- stderr
        "#);
    assert_snapshot!(fleet.told(&["status", "--service", "payments-service"]), @r#"
        exit: 0
        -- stdout
        ROUTE              STATUS  EFFECTIVE              REASON  ENVS  WINDOW
        GET:/api/payments  ACTIVE  ACTIVE                 —       —     —
        GET:/api/refunds   ACTIVE  ACTIVE                 —       —     —
        GET:/health        ACTIVE  ACTIVE (force_active)  —       —     —
        -- stderr
        Service: payments-service
        3 routes: 3 active
        "#);
    // Two services have this route; the guide's quick setup has only one.
    assert_snapshot!(fleet.told(&["enable", "/api/payments"]), @r#"
        exit: 5
        -- stdout
        -- stderr
        error: ambiguous: 2 routes fit; name one of them
          orders-service:GET:/api/payments
          payments-service:GET:/api/payments
        "#);
    assert_snapshot!(fleet.told(&["enable", "/api/refunds"]), @r#"
        exit: 0
        -- stdout
        stored: payments-service:GET:/api/refunds → ACTIVE
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
}

#[test]
fn a_service_in_the_environment_scopes_every_command() {
    let fleet = Fleet::open().with_services();
    let scoped = |arguments: &[&str]| {
        let mut command = fleet.command(arguments);
        let output = command.env("WAYGATE_SERVICE", "payments-service").output().unwrap();
        fleet.plain(&crate::context::shown(&output))
    };
    assert_snapshot!(scoped(&["disable", "GET:/api/payments", "--reason", "hotfix"]), @r#"
        exit: 0
        -- stdout
        stored: payments-service:GET:/api/payments → DISABLED
          Reason: hotfix
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(scoped(&["status"]), @r#"
        exit: 0
        -- stdout
        ROUTE              STATUS    EFFECTIVE              REASON  ENVS  WINDOW
        GET:/api/payments  DISABLED  DISABLED               hotfix  —     —
        GET:/api/refunds   ACTIVE    ACTIVE                 —       —     —
        GET:/health        ACTIVE    ACTIVE (force_active)  —       —     —
        -- stderr
        Service: payments-service
        3 routes: 2 active, 1 disabled
        "#);
    assert_snapshot!(scoped(&["status", "--service", "orders-service"]), @r#"
        exit: 0
        -- stdout
        ROUTE              STATUS  EFFECTIVE              REASON  ENVS  WINDOW
        GET:/api/orders    ACTIVE  ACTIVE                 —       —     —
        GET:/api/payments  ACTIVE  ACTIVE                 —       —     —
        GET:/health        ACTIVE  ACTIVE (force_active)  —       —     —
        POST:/api/orders   ACTIVE  ACTIVE                 —       —     —
        -- stderr
        Service: orders-service
        4 routes: 4 active
        "#);
    assert_snapshot!(scoped(&["enable", "GET:/api/payments"]), @r#"
        exit: 0
        -- stdout
        stored: payments-service:GET:/api/payments → ACTIVE
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(scoped(&["enable", "/api/payments"]), @r#"
        exit: 0
        -- stdout
        = payments-service:GET:/api/payments → ACTIVE
        -- stderr
        it was already so; nothing has been changed
        "#);
    assert_snapshot!(scoped(&["current-service"]), @r#"
        exit: 0
        -- stdout
        payments-service
        -- stderr
          from WAYGATE_SERVICE; `--service` overrides it, `unset WAYGATE_SERVICE` clears it
        "#);
    assert_snapshot!(fleet.told(&["current-service"]), @r#"
        exit: 0
        -- stdout
        -- stderr
        no service is chosen: commands act on all services
          choose one with `export WAYGATE_SERVICE=NAME`, or for one command with `--service NAME`
        "#);
    assert_eq!(fleet.json(&["status"]).as_array().unwrap().len(), 7);
    let entries = fleet.json(&["audit", "--action", "disable"]);
    assert_eq!(entries[0]["path"], "payments-service:GET:/api/payments");
}

#[test]
fn global_maintenance() {
    let fleet = Fleet::open().with_services();
    assert_snapshot!(fleet.told(&["global", "disable", "--reason", "emergency maintenance"]), @r#"
        exit: 0
        -- stdout
        = Global maintenance DISABLED
        -- stderr
        was already off; to block every route use waygate global enable
        "#);
    assert_snapshot!(
        fleet.told(&["global", "enable", "--reason", "Deploying v3", "--exempt", "/health", "--exempt", "/ready"]),
        @r#"
            exit: 0
            -- stdout
            stored: Global maintenance ENABLED
              Reason: Deploying v3
              Exempt: /health, /ready
            -- stderr
            note: exemption `/ready` matches no known route
            stored at [URL]; `--wait` waits until every instance enforces it
            "#
    );
    assert_snapshot!(fleet.told(&["status", "--service", "payments-service"]), @r#"
        exit: 0
        -- stdout
        ROUTE              STATUS  EFFECTIVE                         REASON  ENVS  WINDOW
        GET:/api/payments  ACTIVE  MAINTENANCE (global maintenance)  —       —     —
        GET:/api/refunds   ACTIVE  MAINTENANCE (global maintenance)  —       —     —
        GET:/health        ACTIVE  ACTIVE (force_active)             —       —     —
        -- stderr
        Service: payments-service
        ⚠ everything is in maintenance: Deploying v3; exempt: /health, /ready
        3 routes: 1 active, 2 maintenance
        "#);
    assert_snapshot!(fleet.told(&["global", "status"]), @r#"
        exit: 0
        -- stdout
        Global maintenance: ON
          Reason              : Deploying v3
          Include force_active: no
          Exempt paths        :
            • /health
            • /ready
        -- stderr
        "#);
    assert_snapshot!(fleet.told(&["global", "disable"]), @r#"
        exit: 0
        -- stdout
        stored: Global maintenance DISABLED
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
}

#[test]
fn service_maintenance() {
    let fleet = Fleet::open().with_services();
    assert_snapshot!(fleet.told(&["sm", "enable", "payments-service", "--reason", "DB migration"]), @r#"
        exit: 0
        -- stdout
        stored: Service maintenance (payments-service) ENABLED
          Reason: DB migration
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(
        fleet.told(&["sm", "enable", "payments-service", "--reason", "Upgrade", "--exempt", "/health"]),
        @r#"
            exit: 0
            -- stdout
            stored: Service maintenance (payments-service) ENABLED
              Reason: Upgrade
              Exempt: /health
            -- stderr
            stored at [URL]; `--wait` waits until every instance enforces it
            "#
    );
    assert_snapshot!(fleet.told(&["service-maintenance", "status", "payments-service"]), @r#"
        exit: 0
        -- stdout
        Service maintenance (payments-service): ON
          Reason              : Upgrade
          Include force_active: no
          Exempt paths        :
            • /health
        -- stderr
        "#);
    assert_eq!(fleet.json(&["status", "GET:/api/refunds"])["cause"], "service_maintenance");
    assert_eq!(fleet.json(&["status", "GET:/api/orders"])["effective"], "active");
    assert_snapshot!(fleet.told(&["sm", "disable", "payments-service"]), @r#"
        exit: 0
        -- stdout
        stored: Service maintenance (payments-service) DISABLED
        -- stderr
        stored at [URL]; `--wait` waits until every instance enforces it
        "#);
    assert_snapshot!(fleet.told(&["sm", "disable", "payments-service"]), @r#"
        exit: 0
        -- stdout
        = Service maintenance (payments-service) DISABLED
        -- stderr
        was already off; to block its routes use waygate sm enable payments-service
        "#);
}
