//! `delicate mcp`, spoken to in its own protocol: a JSON-RPC message a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A server, and the ends of its pipes.
struct Client {
    server: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    number: u64,
}

impl Client {
    /// Starts a server and introduces itself.
    fn start(arguments: &[&str]) -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_delicate"))
            .arg("mcp")
            .args(arguments)
            .env_remove("DELICATE_MODEL")
            .env("DELICATE_DEVICE", "cpu")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command runs");
        let questions = server.stdin.take();
        let answers = BufReader::new(server.stdout.take().expect("its stdout"));
        let mut client = Self {
            server,
            questions,
            answers,
            number: 0,
        };
        let about = client.ask(
            "initialize",
            json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": { "name": "test", "version": "1" },
            }),
        );
        assert_eq!(about["result"]["serverInfo"]["name"], "delicate", "{about}");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    fn line(&mut self, line: &str) {
        let pipe = self.questions.as_mut().expect("its stdin");
        writeln!(pipe, "{line}")
            .and_then(|()| pipe.flush())
            .expect("sent");
    }

    fn send(&mut self, message: &Value) {
        self.line(&message.to_string());
    }

    /// The next line of the server's.
    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        serde_json::from_str(&line).expect("nothing but the protocol")
    }

    fn answer_to(&mut self, line: &str) -> Value {
        self.line(line);
        self.answer()
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let number = self.number;
        self.send(&json!({
            "jsonrpc": "2.0", "id": number, "method": method, "params": params,
        }));
        let answer = self.answer();
        assert_eq!(answer["id"], number, "{answer}");
        answer
    }

    /// What a tool answers.
    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask(
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        );
        let result = answer["result"].clone();
        assert_ne!(result["isError"], true, "{answer}");
        let text = result["content"][0]["text"].as_str().expect("text");
        let structured = result["structuredContent"].clone();
        let read: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(read, structured);
        structured
    }

    /// In which words a tool refuses.
    fn refused(&mut self, tool: &str, arguments: Value) -> String {
        let answer = self.ask(
            "tools/call",
            json!({ "name": tool, "arguments": arguments }),
        );
        let result = &answer["result"];
        assert_eq!(result["isError"], true, "{answer}");
        let text = result["content"][0]["text"].as_str().expect("words");
        text.to_owned()
    }

    /// Closes the pipe: the server ends by itself.
    fn end(mut self) {
        self.questions = None;
        let status = self.server.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
}

#[test]
fn tools_answer_with_units_intervals_and_domain() {
    let mut client = Client::start(&["--max-molecules", "3", "--max-values", "100"]);
    let tools = client.ask("tools/list", json!({}));
    let tools = tools["result"]["tools"].as_array().expect("tools").clone();
    let names: Vec<&str> = tools
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert_eq!(names, ["endpoints", "score", "explain", "similar"]);
    for tool in &tools {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
    }

    let endpoints = client.call("endpoints", json!({}));
    let first = &endpoints["endpoints"][0];
    for field in ["name", "title", "unit", "task", "group"] {
        assert!(first[field].is_string(), "{field}: {first}");
    }
    let group = first["group"].clone();
    let of_group = client.call("endpoints", json!({ "group": group }));
    let of_group = of_group["endpoints"].as_array().expect("a list");
    assert!(of_group.iter().all(|endpoint| endpoint["group"] == group));

    let scores = client.call(
        "score",
        json!({ "smiles": ["CCO", "c1ccc", "CC(=O)[O-].[Na+]"], "endpoints": ["log_s", "ames"] }),
    );
    let ethanol = &scores["molecules"][0];
    let log_s = &ethanol["predictions"][0];
    assert_eq!(log_s["endpoint"], "log_s");
    assert_eq!(log_s["unit"], "log mol/L");
    let value = log_s["value"].as_f64().expect("a number");
    let bound = |end: &str| log_s["interval"][end].as_f64().expect("a number");
    assert!(bound("low") < value && value < bound("high"), "{log_s}");
    assert!(["in", "borderline", "out"].contains(&log_s["domain"].as_str().expect("a domain")));
    assert!(log_s["nearest"]["smiles"].is_string(), "{log_s}");
    assert_eq!(ethanol["predictions"][1]["task"], "classification");
    let message = scores["molecules"][1]["error"]["message"].as_str();
    assert!(
        message.is_some_and(|message| message.contains("ring")),
        "{scores}"
    );
    assert_eq!(scores["molecules"][2]["standardized"]["smiles"], "CC(=O)O");

    let explained = client.call(
        "explain",
        json!({ "smiles": "CCO", "endpoints": ["log_s"] }),
    );
    let explanation = &explained["explanation"];
    assert_eq!(explanation["atoms"].as_array().map(Vec::len), Some(3));
    assert_eq!(explanation["units"][0], "log mol/L");

    let ranked = client.call(
        "similar",
        json!({
            "queries": ["CCO"], "molecules": ["c1ccccc1", "CCN", "OCC"], "by": "ecfp", "top": 2,
        }),
    );
    assert_eq!(ranked["hits"][0]["smiles"], "OCC");
    assert_eq!(ranked["hits"][0]["similarity"], 1.0);
    assert_eq!(ranked["hits"].as_array().map(Vec::len), Some(2));
    client.end();
}

#[test]
fn what_cannot_be_answered_is_refused_in_words() {
    let mut client = Client::start(&["--max-molecules", "3", "--max-values", "100"]);
    for (tool, arguments, words) in [
        ("score", json!({ "smiles": [] }), "at least one SMILES"),
        (
            "score",
            json!({ "smiles": ["C", "C", "C", "C"] }),
            "3 are taken at a time",
        ),
        (
            "score",
            json!({ "smiles": ["C", "CC"] }),
            "name the endpoints",
        ),
        (
            "score",
            json!({ "smiles": ["C"], "endpoints": ["x"] }),
            "no endpoint `x`",
        ),
        ("score", json!({ "smiles": 5 }), "invalid type"),
        (
            "score",
            json!({ "smiles": ["C"], "colour": 1 }),
            "unknown field `colour`",
        ),
        (
            "explain",
            json!({ "smiles": "C", "endpoints": [] }),
            "name the endpoints",
        ),
        (
            "explain",
            json!({ "smiles": "c1", "endpoints": ["log_s"] }),
            "ring",
        ),
        (
            "endpoints",
            json!({ "group": "x" }),
            "no group `x`; there are: ",
        ),
        ("similar", json!({ "queries": ["C"] }), "without --index"),
        (
            "similar",
            json!({ "queries": ["C"], "molecules": ["C"], "by": "x" }),
            "no measure `x`",
        ),
        (
            "similar",
            json!({ "queries": ["C"], "molecules": ["C"], "top": 4 }),
            "from 1 to 3",
        ),
        (
            "similar",
            json!({ "queries": ["C"], "molecules": ["C"], "top": -1 }),
            "`top` is a whole number from 1 to 3, and not -1",
        ),
        (
            "similar",
            json!({ "queries": ["C"], "molecules": ["C"], "top": 1e9 }),
            "`top` is a whole number from 1 to 3",
        ),
        (
            "similar",
            json!({ "queries": ["C"], "molecules": ["C"], "top": "all" }),
            "`top` is a whole number from 1 to 3",
        ),
        (
            "similar",
            json!({ "queries": ["c1"], "molecules": ["C"] }),
            "no query",
        ),
    ] {
        let message = client.refused(tool, arguments.clone());
        assert!(message.contains(words), "{tool} {arguments}: {message}");
    }
    let unknown = client.ask("tools/call", json!({ "name": "delete", "arguments": {} }));
    let message = unknown["error"]["message"].as_str().expect("an error");
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    assert_eq!(
        message, "no tool `delete`; there are: endpoints, score, explain, similar",
        "{unknown}"
    );
    client.end();
}

#[test]
fn an_index_is_searched_where_one_was_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("library.csv");
    let index = folder.path().join("library.index");
    std::fs::write(&library, "id,smiles\na,CCN\nb,OCC\nc,c1ccccc1\n").expect("written");
    let made = Command::new(env!("CARGO_BIN_EXE_delicate"))
        .arg("index")
        .arg(&library)
        .arg("-o")
        .arg(&index)
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .status();
    assert!(made.expect("the command runs").success());
    let index = index.display().to_string();
    let mut client = Client::start(&["--index", &index]);
    let found = client.call("similar", json!({ "queries": ["CCO"], "top": 1 }));
    assert_eq!(found["compared"], 3);
    let hit = &found["hits"][0];
    assert_eq!(
        (&hit["row"], &hit["columns"]["id"]),
        (&json!(2), &json!("b")),
        "{found}"
    );
    client.end();
}

/// A server that is told all at once, and whose stdin ends then.
fn told(arguments: &[&str], lines: &str) -> std::process::Output {
    let mut server = Command::new(env!("CARGO_BIN_EXE_delicate"))
        .arg("mcp")
        .args(arguments)
        .env_remove("DELICATE_MODEL")
        .env("DELICATE_DEVICE", "cpu")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut pipe = server.stdin.take().expect("its stdin");
    // A server that refuses its arguments reads nothing.
    let _ = pipe.write_all(lines.as_bytes());
    drop(pipe);
    server.wait_with_output().expect("it ends")
}

#[test]
fn what_came_before_stdin_ended_is_answered() {
    let mut lines = initialize(json!(0));
    lines.push_str("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
    for id in 1..=4 {
        let smiles = vec!["C".repeat(id); 100];
        let question = json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
                "name": "score", "arguments": { "smiles": smiles, "endpoints": ["log_s"] },
            },
        });
        lines.push_str(&format!("{question}\n"));
    }
    // The last line has no end.
    let output = told(&[], lines.trim_end());
    assert_eq!(output.status.code(), Some(0));
    let answers = String::from_utf8(output.stdout).expect("text");
    let mut ids: Vec<u64> = answers
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|answer| answer["result"]["isError"] != true)
        .filter_map(|answer| answer["id"].as_u64())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3, 4], "{answers}");
}

#[test]
fn a_line_that_is_no_message_has_an_error_for_its_answer() {
    let mut client = Client::start(&[]);
    let long = format!("\"{}\"", "a".repeat(16 << 20));
    for (line, code) in [
        ("hello", -32700),
        ("{\"jsonrpc\": \"2.0\",", -32700),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\ud800\"}",
            -32700,
        ),
        ("[1, 2]", -32600),
        (long.as_str(), -32600),
    ] {
        let answer = client.answer_to(line);
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(answer["id"].is_null(), "{answer}");
    }
    // It goes on.
    let scores = client.call("score", json!({ "smiles": "CCO", "endpoints": "log_s" }));
    assert_eq!(scores["molecules"].as_array().map(Vec::len), Some(1));
    client.end();
    // All at once, and stdin at its end: each has its answer.
    let output = told(&[], &"no\n".repeat(1000));
    let answers = String::from_utf8(output.stdout).expect("text");
    assert_eq!(answers.matches("-32700").count(), 1000);
}

/// The first line of a session.
fn initialize(id: Value) -> String {
    let question = json!({
        "jsonrpc": "2.0", "id": id, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        },
    });
    format!("{question}\n")
}

#[test]
fn what_is_wrong_with_a_message_is_said_by_the_codes_of_json_rpc() {
    let mut client = Client::start(&[]);
    for (line, id, code, words) in [
        ("5", json!(null), -32600, "no object"),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            json!(null),
            -32600,
            "lists of messages",
        ),
        (
            r#"{"id":11,"method":"ping"}"#,
            json!(11),
            -32600,
            r#""jsonrpc": "2.0""#,
        ),
        (
            r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#,
            json!("a"),
            -32600,
            r#""jsonrpc": "2.0""#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            json!(null),
            -32600,
            "and not 1.5",
        ),
        (
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            json!(null),
            -32600,
            "and not null",
        ),
        (
            r#"{"jsonrpc":"2.0","id":12}"#,
            json!(12),
            -32600,
            "`method` is missing",
        ),
        (
            r#"{"jsonrpc":"2.0","id":13,"method":7}"#,
            json!(13),
            -32600,
            "and not 7",
        ),
        (
            r#"{"jsonrpc":"2.0","id":14,"method":"ping","result":{}}"#,
            json!(14),
            -32600,
            "not both",
        ),
        (
            r#"{"jsonrpc":"2.0","id":15,"method":"tools/cal"}"#,
            json!(15),
            -32601,
            "no method `tools/cal` here",
        ),
        (
            r#"{"jsonrpc":"2.0","id":16,"method":"resources/list"}"#,
            json!(16),
            -32601,
            "tools alone",
        ),
        (
            r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":["score"]}"#,
            json!(17),
            -32602,
            "`params` is an object",
        ),
        (
            r#"{"jsonrpc":"2.0","id":18,"method":"tools/call","params":{"tool":"score"}}"#,
            json!(18),
            -32602,
            "`name`, a tool",
        ),
        (
            r#"{"jsonrpc":"2.0","id":19,"method":"tools/call","params":{"name":"score","arguments":"C"}}"#,
            json!(19),
            -32602,
            "`arguments`, an object",
        ),
        (
            r#"{"jsonrpc":"2.0","id":20,"method":"initialize","params":{}}"#,
            json!(20),
            -32602,
            "`clientInfo`",
        ),
    ] {
        let answer = client.answer_to(line);
        assert_eq!(answer["error"]["code"], code, "{line}: {answer}");
        let message = answer["error"]["message"].as_str().expect("words");
        assert!(message.contains(words), "{line}: {message}");
        assert_eq!(answer["id"], id, "{line}: {answer}");
    }
    // Nothing is answered to a notification, nor to an answer.
    for line in [
        r#"{"jsonrpc":"2.0","method":"no/such/thing"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}"#,
        r#"{"jsonrpc":"2.0","method":"ping","params":[1]}"#,
        r#"{"jsonrpc":"2.0","id":77,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"?"}}"#,
        "",
        "\u{feff}  ",
    ] {
        client.line(line);
    }
    assert!(client.ask("ping", json!({}))["result"].is_object());
    client.end();
}

#[test]
fn two_questions_of_one_id_have_an_answer_each() {
    let score = json!({
        "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {
            "name": "score", "arguments": { "smiles": vec!["CCO"; 100], "endpoints": ["log_s"] },
        },
    });
    let lines = format!(
        "{}{score}\n{}\n",
        initialize(json!(0)),
        json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" })
    );
    let output = told(&[], &lines);
    assert_eq!(output.status.code(), Some(0));
    let answers = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|answer: &Value| answer["id"] == 5)
        .collect();
    let [refused, scored] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(refused["error"]["code"], -32600, "{refused}");
    let message = refused["error"]["message"].as_str().expect("words");
    assert!(
        message.contains("`id` 5 is that of a question that is not answered yet"),
        "{message}"
    );
    assert!(
        scored["result"]["structuredContent"].is_object(),
        "{scored}"
    );

    // Once it is answered, an id may come again; of a cancelled question it may not, whose
    // answer may still come of it.
    let mut client = Client::start(&[]);
    for _ in 0..3 {
        let listed = client.answer_to(r#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#);
        assert!(listed["result"]["tools"].is_array(), "{listed}");
    }
    // Written at once, so that the score cannot be there before it is cancelled.
    let cancelled =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#;
    let listed = r#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#;
    let refused = client.answer_to(&format!("{score}\n{cancelled}\n{listed}"));
    let message = refused["error"]["message"].as_str().expect("words");
    assert!(message.contains("was cancelled"), "{message}");
    client.end();
}

#[test]
fn whoever_asks_before_the_introduction_is_told_to_introduce_itself() {
    let lines = [
        // No reason to end.
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":3,"method":"initialize","params":{"protocolVersion":1}}"#,
        &initialize(json!(4)),
        r#"{"jsonrpc":"2.0","id":5,"method":"tools/list"}"#,
    ];
    let output = told(&[], &lines.join("\n"));
    assert_eq!(output.status.code(), Some(0));
    let answers = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5], "{answers:?}");
    let message = answers[1]["error"]["message"].as_str().expect("words");
    assert!(
        message.contains("`tools/list` came before `initialize`"),
        "{message}"
    );
    assert_eq!(answers[1]["error"]["code"], -32600);
    assert_eq!(answers[2]["error"]["code"], -32602);
    for answered in [0, 3, 4] {
        assert!(answers[answered]["result"].is_object(), "{answers:?}");
    }
}

#[test]
fn a_stdin_that_ends_at_once_is_no_wrong_argument() {
    let nothing = told(&[], "");
    assert_eq!(nothing.status.code(), Some(0));
    let no_protocol = told(&[], "hello\n");
    assert_eq!(no_protocol.status.code(), Some(1));
    let said = String::from_utf8_lossy(&no_protocol.stderr).into_owned();
    assert!(said.contains("introduced itself"), "{said}");
    for option in ["--max-molecules", "--max-values"] {
        let refused = told(&[option, "0"], "");
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("at least 1"), "{said}");
    }
}

#[test]
fn answers_are_short() {
    let mut client = Client::start(&[]);
    let scores = client.call("score", json!({ "smiles": "CCO", "endpoints": "log_s" }));
    assert_eq!(scores["molecules"].as_array().map(Vec::len), Some(1));
    let value = scores["molecules"][0]["predictions"][0]["value"].to_string();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    assert!(digits <= 7, "{value}");
    let by = json!({ "queries": "CCO", "molecules": "OCC", "by": "ecfp4", "top": 1.0 });
    assert_eq!(client.call("similar", by)["hits"][0]["similarity"], 1.0);

    let long = "C".repeat(100_000);
    let answers = [
        client.call("score", json!({ "smiles": long, "endpoints": "log_s" })),
        client.call(
            "similar",
            json!({ "queries": ["C"], "molecules": [format!("[{long}]")], "by": "ecfp" }),
        ),
    ];
    for answer in answers {
        let length = answer.to_string().len();
        assert!(length < 3000, "{length}");
    }
    let mut unknown = serde_json::Map::new();
    unknown.insert("smiles".to_owned(), "C".into());
    unknown.insert(long.clone(), 1.into());
    for (tool, arguments) in [
        ("score", Value::Object(unknown)),
        ("score", json!({ "smiles": "C", "endpoints": long })),
        ("score", json!({ "smiles": "C", "keep_salts": long })),
        ("explain", json!({ "smiles": long, "endpoints": "log_s" })),
        ("endpoints", json!({ "group": long })),
        (
            "similar",
            json!({ "queries": "C", "molecules": "C", "by": long }),
        ),
        (
            "similar",
            json!({ "queries": "C", "molecules": "C", "top": long }),
        ),
        ("similar", json!({ "queries": long, "molecules": "C" })),
    ] {
        let said = client.refused(tool, arguments);
        assert!(said.len() < 3000, "{tool}: {}", said.len());
    }
    client.end();
}
