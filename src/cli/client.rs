//! A running server, as the commands that talk to one see it: over HTTP, with an API key.

use std::fmt;
use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, SendBody};
use url::Url;

use crate::config::http_url;

/// For `--help` of these commands.
pub(super) const HELP: &str = "Exit codes: 0 if the command was carried out, 2 for a wrong command line, 3 if the server \
    rejected the request, 1 for anything else. Set the key in the environment: other users of the machine can see the \
    arguments of a process.";

/// Which server, and which key.
#[derive(Args)]
pub(super) struct Server {
    /// The URL of the server
    #[arg(long, env = "ADDRESSBOOK_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = http_url)]
    server: Url,
    /// The API key
    #[arg(long, env = "ADDRESSBOOK_KEY", value_name = "KEY", hide_env_values = true)]
    key: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("server", &self.server.as_str()).finish_non_exhaustive()
    }
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("{message} ({status})")]
    Rejected { status: u16, message: String },
    #[error("the server at {server} failed ({status}): {message}")]
    Failed { server: Url, status: u16, message: String },
    #[error("the server at {server} cannot be reached: {reason}")]
    Unreachable { server: Url, reason: String },
}

impl ClientError {
    /// See [`HELP`].
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Rejected { .. } => ExitCode::from(3),
            Self::Failed { .. } | Self::Unreachable { .. } => ExitCode::FAILURE,
        }
    }
}

pub(super) struct Client {
    agent: Agent,
    server: Url,
    authorization: String,
}

/// A response whose body is still to be read.
pub(super) type Streamed = Response<ureq::Body>;

impl Client {
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// Up to the head of the response; a body may take as long as it is.
    const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
    /// Of the body of an error.
    const MAX_ERROR_BYTES: u64 = 64 * 1024;

    pub(super) fn new(server: Server) -> Self {
        let Server { server, key } = server;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Self::CONNECT_TIMEOUT))
            .timeout_recv_response(Some(Self::RESPONSE_TIMEOUT))
            .user_agent(concat!("addressbook/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { agent, server, authorization: format!("Bearer {}", key.trim()) }
    }

    /// A GET request below the URL of the server.
    pub(super) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Streamed, ClientError> {
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(query);
        let request = self.agent.get(url.as_str()).header("Authorization", &self.authorization);
        self.accepted(request.call().map_err(|error| self.unreachable(&error))?)
    }

    /// The JSON of a response to a GET request.
    pub(super) fn get_json(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, ClientError> {
        let response = self.get(path, query)?;
        self.json(response)
    }

    /// A POST request, whose body may be null.
    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        let request = self.agent.post(self.url(path).as_str()).header("Authorization", &self.authorization);
        let sent = if body.is_null() { request.send_empty() } else { request.send_json(body) };
        let response = self.accepted(sent.map_err(|error| self.unreachable(&error))?)?;
        self.json(response)
    }

    /// Sends a file while it is read.
    pub(super) fn put(
        &self,
        path: &str,
        content_type: &str,
        mut file: impl Read + 'static,
    ) -> Result<Value, ClientError> {
        let request = self.agent.put(self.url(path).as_str()).header("Authorization", &self.authorization);
        let sent = request.content_type(content_type).send(SendBody::from_reader(&mut file));
        let response = self.accepted(sent.map_err(|error| self.unreachable(&error))?)?;
        self.json(response)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.server.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url
    }

    fn json(&self, mut response: Streamed) -> Result<Value, ClientError> {
        response.body_mut().read_json().map_err(|error| self.unreachable(&error))
    }

    fn accepted(&self, mut response: Streamed) -> Result<Streamed, ClientError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut body = Vec::new();
        // What was received of an error says more than that the rest was not.
        let _ = response.body_mut().as_reader().take(Self::MAX_ERROR_BYTES).read_to_end(&mut body);
        let error: Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = error["error"]["message"]
            .as_str()
            .unwrap_or_else(|| status.canonical_reason().unwrap_or("an error"));
        let (status, message) = (status.as_u16(), message.to_owned());
        Err(match status {
            400..500 => ClientError::Rejected { status, message },
            _ => ClientError::Failed { server: self.server.clone(), status, message },
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> ClientError {
        ClientError::Unreachable { server: self.server.clone(), reason: error.to_string() }
    }
}
