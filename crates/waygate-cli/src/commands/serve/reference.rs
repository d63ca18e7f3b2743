//! `docs/reference/config.md`, made of the flags of `serve` and of what a file of settings takes.

use std::fmt::Write as _;
use std::path::Path;

use clap::Arg;

use crate::commands::serve::file::FileSettings;

const HEAD: &str = "# Settings of `waygate serve`

A flag goes before its variable in the environment, that before the file of `--config`, that before the default.
`waygate serve --check-config` checks all of them without opening the store, and names what is wrong in one line.

| flag | variable | in the file | what it is |
|---|---|---|---|
";

const FOOT: &str = "
`WAYGATE_AUTH` takes `user:password,user2:password2` in place of `--auth`, which other users of a machine can see.
`WAYGATE_LOG` (or `RUST_LOG`) says what is logged, such as `warn,waygate_server=debug`; unless set, what matters.

A log in JSON has one object on each line. What comes of a request bears its id under `span`, with the trace that the
caller named by `traceparent` (the command line passes `TRACEPARENT` of its environment on), and a change also its revision:

```json
{\"timestamp\":\"2026-12-01T10:00:00.000000Z\",\"level\":\"INFO\",\"message\":\"a change was committed\",\"revision\":7,\"actor\":\"ada\",\"platform\":\"cli\",\"target\":\"waygate_server::control\",\"span\":{\"request.id\":\"5b8f0d1c2e3a4b5c\",\"trace.id\":\"0af7651916cd43dd8448eb211c80319c\",\"span.parent\":\"b7ad6b7169203331\",\"name\":\"request\"}}
```

`OTEL_EXPORTER_OTLP_ENDPOINT` (such as `http://localhost:4318`) names a collector that gets a span of each request by OTLP over HTTP in JSON,
under the name of `OTEL_SERVICE_NAME` (`waygate` unless set). Of what OpenTelemetry has besides, these count:

| variable | what it is |
|---|---|
| `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | The whole URL, as it is: nothing is appended |
| `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TRACES_HEADERS` | Headers for the collector, `name=value,name2=value2`, values percent-encoded |
| `OTEL_TRACES_SAMPLER` | `always_on`, `always_off`, `traceidratio`, or one of them after `parentbased_`, where the caller decides for its own traces [default: `parentbased_always_on`] |
| `OTEL_TRACES_SAMPLER_ARG` | For `traceidratio`: the share of traces, from 0 to 1 [default: 1] |
| `OTEL_SDK_DISABLED` | `true`: no spans |

Others are without effect: it is always OTLP over HTTP in JSON. The program can be built without all of it (feature `otlp`).

## The file

A file in TOML. A name that it does not know is refused with its line. All of it:

```toml
host = \"0.0.0.0\"
port = 9000
backend = \"file:/var/lib/waygate/state.json\"
secret_key = \"32 random bytes, such as of: head -c 32 /dev/urandom | base64\"
token_expiry = 86400
sdk_token_expiry = 31536000
instance_liveness = 32
max_streams = 10000
stream_lifetime = 3600
insecure_no_auth = false
webhook_allow_private = false
trusted_proxies = [\"10.0.0.0/8\"]
allowed_hosts = [\"waygate.example\"]
tls_cert = \"/etc/waygate/cert.pem\"
tls_key = \"/etc/waygate/key.pem\"
metrics_token = \"another secret\"
log_format = \"json\"

[[users]]
name = \"ada\"
role = \"admin\"
password_hash = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$…\"

[[users]]
name = \"vera\"
role = \"viewer\"
services = [\"payments-service\"]
password_hash = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$…\"
```

`waygate hash-password` makes a `password_hash`. Roles are `viewer`, `operator` and `admin`; `services` limits a viewer or an
operator to some.
";

/// What is called otherwise in the file; an empty name stands for what is not in it.
const NAMES: [(&str, &str); 5] = [
    ("auth", "users"),
    ("trusted_proxy", "trusted_proxies"),
    ("allowed_host", "allowed_hosts"),
    ("config", ""),
    ("check_config", ""),
];

fn flags() -> Vec<Arg> {
    let mut whole = crate::cli::command();
    whole.build();
    let serve = whole.find_subcommand("serve").unwrap();
    let own = |arg: &&Arg| !arg.is_global_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    serve.get_arguments().filter(own).cloned().collect()
}

fn key(flag: &Arg) -> String {
    let name = flag.get_id().as_str();
    NAMES.iter().find(|(flag, _)| *flag == name).map_or(name, |(_, key)| key).to_owned()
}

fn reference() -> String {
    let mut out = HEAD.to_owned();
    for flag in flags() {
        let environment = flag.get_env().and_then(|name| name.to_str()).map(|name| format!("`{name}`"));
        let key = key(&flag);
        let key = if key.is_empty() { "–".to_owned() } else { format!("`{key}`") };
        let _ = writeln!(
            out,
            "| `--{}` | {} | {key} | {} |",
            flag.get_long().unwrap(),
            environment.unwrap_or_else(|| if key == "`users`" {
                "`WAYGATE_AUTH`".to_owned()
            } else {
                "–".to_owned()
            }),
            flag.get_help().unwrap().to_string().replace('|', "\\|"),
        );
    }
    out.push_str(FOOT);
    out
}

#[test]
fn the_reference_is_that_of_the_flags() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config.md");
    let expected = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let mut file = std::fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, expected.as_bytes()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "docs/reference/config.md is out of date: run this test with UPDATE_DOCS=1");
}

#[test]
fn whatever_a_file_takes_is_a_flag_and_stands_in_the_example() {
    let problem = FileSettings::parse("nonsense = 1").unwrap_err();
    let known = problem.split("expected one of ").nth(1).unwrap();
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let of_flags: Vec<String> = flags().iter().map(key).filter(|key| !key.is_empty()).collect();
    let (mut left, mut right) = (known.clone(), of_flags.iter().map(String::as_str).collect::<Vec<_>>());
    left.sort_unstable();
    right.sort_unstable();
    assert_eq!(left, right);
    let example = FOOT.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(FileSettings::parse(example).map(|settings| settings.users.len()), Ok(2));
    for name in known {
        let stands = |line: &str| line.starts_with(&format!("{name} = ")) || line == format!("[[{name}]]");
        assert!(example.lines().any(stands), "{name}");
    }
}
