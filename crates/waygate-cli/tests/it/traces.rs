//! What a collector of traces is told: from the command line to the commit.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::context::{shown, waygate};
use crate::serve::{serve, stop};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Takes spans at `/v1/traces`, and hands on what it was told.
fn collector() -> (String, Receiver<Value>) {
    collector_wanting("/v1/traces", &[])
}

/// Takes spans at a path, and wants these lines in the head.
fn collector_wanting(path: &str, wanted: &'static [&'static str]) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (told, messages) = channel();
    let begin = format!("post {path} ");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut head, mut line) = (String::new(), String::new());
            while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
                head.push_str(&line.to_lowercase());
                if line != "\r\n" {
                    line.clear();
                    continue;
                }
                let has = |line: &&str| head.contains(&format!("\r\n{line}\r\n"));
                let is_sound = head.starts_with(&begin) && has(&"content-type: application/json");
                assert!(is_sound && wanted.iter().all(has), "{head}");
                let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
                let mut body = vec![0; length.parse().unwrap()];
                stream.read_exact(&mut body).unwrap();
                if told.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    return;
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                stream.get_mut().write_all(answer).unwrap();
                (head, line) = (String::new(), String::new());
            }
        }
    });
    (url, messages)
}

/// The value of an attribute, as text.
fn attribute(of: &Value, name: &str) -> Option<String> {
    let found = of["attributes"].as_array()?.iter().find(|attribute| attribute["key"] == name)?;
    let value = &found["value"];
    value["stringValue"].as_str().or(value["intValue"].as_str()).map(ToOwned::to_owned)
}

#[test]
fn a_change_is_a_span_of_its_caller_s_trace_with_its_revision() {
    let home = tempfile::tempdir().unwrap();
    let (collector, messages) = collector();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.as_str()), ("OTEL_SERVICE_NAME", "switchboard")];
    let (child, url) = serve(home.path(), &["--backend", "memory"], &variables);
    let mut command = waygate(home.path());
    let command = command.args(["global", "enable", "--reason", "move", "--yes", "--server", &url]);
    let output = command.env("TRACEPARENT", format!("00-{TRACE}-b7ad6b7169203331-01")).output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let (resource, span, commit) = loop {
        let message = messages.recv_timeout(Duration::from_secs(30)).unwrap();
        let resource = &message["resourceSpans"][0];
        let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
        let committed = spans.iter().find_map(|span| {
            let events = span["events"].as_array().unwrap();
            let commit = events.iter().find(|event| event["name"] == "a change was committed")?;
            Some((resource.clone(), span.clone(), commit.clone()))
        });
        if let Some(found) = committed {
            break found;
        }
    };
    assert_eq!(attribute(&resource["resource"], "service.name").as_deref(), Some("switchboard"));
    assert_eq!((&span["traceId"], &span["parentSpanId"]), (&TRACE.into(), &"b7ad6b7169203331".into()));
    assert_eq!(span["spanId"].as_str().map(str::len), Some(16));
    let route = attribute(&span, "http.route").unwrap();
    assert_eq!(span["name"], format!("POST {route}"));
    assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"), "{span}");
    assert_eq!(attribute(&commit, "revision").as_deref(), Some("1"), "{commit}");
    let time = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(time("startTimeUnixNano") < time("endTimeUnixNano"));
    stop(child, "-TERM");
}

#[test]
fn a_collector_that_is_none_is_refused_and_one_that_is_away_is_told_once() {
    let home = tempfile::tempdir().unwrap();
    let mut command = waygate(home.path());
    let command = command.args(["serve", "--backend", "memory", "--check-config"]);
    let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318").output().unwrap();
    assert!(!output.status.success() && shown(&output).contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{}", shown(&output));

    let away = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")];
    let (mut child, url) = serve(home.path(), &["--backend", "memory"], &away);
    let output = waygate(home.path()).args(["status", "--server", &url]).output().unwrap();
    assert!(output.status.success(), "it does not wait: {}", shown(&output));
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("traces are lost") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the loss is never told");
    }
    child.stderr = Some(log.into_inner());
    stop(child, "-TERM");
}

#[test]
fn a_collector_gets_its_headers_and_what_its_sampler_takes_also_at_the_end() {
    let home = tempfile::tempdir().unwrap();
    let wanted = &["api-key: a b", "x-tenant: seven"];
    let (collector, messages) = collector_wanting("/ingest", wanted);
    let endpoint = format!("{collector}/ingest");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, X-Tenant=seven"),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    ];
    let (child, url) = serve(home.path(), &["--backend", "memory"], &variables);
    let asked = |trace: Option<String>| {
        let mut command = waygate(home.path());
        let output =
            command.args(["status", "--server", &url]).envs(trace.map(|trace| ("TRACEPARENT", trace))).output();
        assert!(output.unwrap().status.success());
    };
    asked(None);
    asked(Some(format!("00-{}-b7ad6b7169203331-00", "1".repeat(32))));
    asked(Some(format!("00-{TRACE}-b7ad6b7169203331-01")));
    // What has not been sent by then is sent before it ends.
    stop(child, "-TERM");
    let mut traces: Vec<String> = Vec::new();
    while let Ok(message) = messages.try_recv() {
        let spans = message["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
        traces.extend(spans.iter().map(|span| span["traceId"].as_str().unwrap().to_owned()));
    }
    assert!(!traces.is_empty() && traces.iter().all(|trace| trace == TRACE), "{traces:?}");
}

#[test]
fn a_wrong_word_about_traces_is_one_line_that_names_the_variable() {
    let home = tempfile::tempdir().unwrap();
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a key=x"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=%0a"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector"),
        ("OTEL_TRACES_SAMPLER", "some"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ] {
        let mut command = waygate(home.path());
        let command = command.args(["serve", "--backend", "memory", "--check-config"]);
        let command = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
        let command = command.env("OTEL_TRACES_SAMPLER", "traceidratio").env(name, value);
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}={value}: {told}");
        assert!(told.starts_with("error: ") && told.contains(name) && told.lines().count() == 1, "{told}");
    }
}
