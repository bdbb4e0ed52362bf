//! The story's own client: what any integrator would write with `curl`.

use std::time::Duration;

use serde_json::Value;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer taken.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why a step of the story failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The connection.
    #[error("{method} {path} was not answered")]
    Unreachable { method: String, path: String, source: Box<ureq::Error> },
    /// Another answer than the story needs.
    #[error("{method} {path} answered {status}: {body}")]
    Answered { method: String, path: String, status: u16, body: String },
    /// A step found something else than the story tells.
    #[error("{0}")]
    Unlike(String),
    /// A file or a program.
    #[error("{what}")]
    Io { what: String, source: std::io::Error },
}

/// One caller of the API.
#[derive(Clone)]
pub(super) struct Client {
    agent: ureq::Agent,
    base: String,
    token: String,
}

/// Status, media type and body of an answer.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answered {
    /// The body as JSON; `null` when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

impl Client {
    /// A caller of the house at `base` with a bearer token.
    pub(super) fn new(base: &str, token: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .build()
            .into();
        Self { agent, base: base.to_owned(), token: token.to_owned() }
    }

    /// The same house, another caller.
    pub(super) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Sends a request and gives whatever comes back.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<Answered, Broken> {
        let unreachable = |source| Broken::Unreachable {
            method: method.to_owned(),
            path: path.to_owned(),
            source: Box::new(source),
        };
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", kind)
            .header("accept", "application/json, application/taxii+json;version=2.1, */*");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let request = request.body(body).map_err(|problem| unreachable(problem.into()))?;
        let mut answer = self.agent.run(request).map_err(unreachable)?;
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_string()
            .map_err(unreachable)?;
        Ok(Answered { status, body })
    }

    /// A request that must succeed, with JSON both ways.
    pub(super) fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value, Broken> {
        let answered = self.send(method, path, "application/json", body.to_string())?;
        expect_success(method, path, &answered)?;
        Ok(answered.json())
    }

    /// Reads JSON below `/api/v1`.
    pub(super) fn get(&self, path: &str) -> Result<Value, Broken> {
        let path = format!("/api/v1{path}");
        let answered = self.send("GET", &path, "application/json", String::new())?;
        expect_success("GET", &path, &answered)?;
        Ok(answered.json())
    }

    /// Reads text from anywhere on the house.
    pub(super) fn text(&self, path: &str) -> Result<String, Broken> {
        let answered = self.send("GET", path, "application/json", String::new())?;
        expect_success("GET", path, &answered)?;
        Ok(answered.body)
    }

    /// Makes something below `/api/v1`.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Broken> {
        self.call("POST", &format!("/api/v1{path}"), body)
    }

    /// A request that must be refused with `status`; gives the problem's code.
    pub(super) fn refused(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        status: u16,
    ) -> Result<String, Broken> {
        let path = format!("/api/v1{path}");
        let answered = self.send(method, &path, "application/json", body.to_string())?;
        if answered.status != status {
            return Err(unlike(method, &path, &answered));
        }
        Ok(text_of(&answered.json(), "/code").to_owned())
    }
}

fn expect_success(method: &str, path: &str, answered: &Answered) -> Result<(), Broken> {
    if (200..300).contains(&answered.status) { Ok(()) } else { Err(unlike(method, path, answered)) }
}

fn unlike(method: &str, path: &str, answered: &Answered) -> Broken {
    Broken::Answered {
        method: method.to_owned(),
        path: path.to_owned(),
        status: answered.status,
        body: answered.body.chars().take(600).collect(),
    }
}

/// The text at a JSON pointer; empty when there is none.
pub(super) fn text_of<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer; 0 when there is none.
pub(super) fn number_of(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The list at a JSON pointer; empty when there is none.
pub(super) fn list_of<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
