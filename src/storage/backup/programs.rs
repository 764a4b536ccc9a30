//! PostgreSQL's client programs, which write and read its backups: `pg_dump`, `pg_restore` and `psql`.

use std::io::{ErrorKind, Read};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use percent_encoding::percent_decode_str;

use super::error::BackupError;
use crate::storage::error::OpenError;
use crate::storage::postgres::ServerUrls;

/// Where a URL leads, in the environment variables that the programs read. (Everybody on the machine can read the arguments of a
/// process, but not its environment.)
#[derive(Clone)]
pub(super) struct Server(Vec<(&'static str, String)>);

impl Server {
    pub(super) fn of_url(url: &str, application_name: &str) -> Result<Self, OpenError> {
        let ServerUrls { urls, must_be_writable } = ServerUrls::parse(url)?;
        let url = urls.first().ok_or(OpenError::BadUrl)?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut variables = vec![("PGAPPNAME", application_name.to_owned())];
        let mut set = |variable, value: String| {
            if !value.is_empty() {
                variables.push((variable, value));
            }
        };
        let hosts = urls.iter().map(|url| {
            let host = decoded(url.host_str().unwrap_or_default());
            host.trim_matches(['[', ']']).to_owned()
        });
        set("PGHOST", hosts.collect::<Vec<_>>().join(","));
        let ports = urls.iter().map(|url| url.port().map(|port| port.to_string()).unwrap_or_default());
        // One port for all of them, or as many as there are hosts; an empty one is the default.
        let ports = ports.collect::<Vec<_>>().join(",");
        set("PGPORT", if ports.bytes().all(|byte| byte == b',') { String::new() } else { ports });
        set("PGTARGETSESSIONATTRS", if must_be_writable { "read-write".to_owned() } else { String::new() });
        set("PGUSER", decoded(url.username()));
        set("PGPASSWORD", decoded(url.password().unwrap_or_default()));
        set("PGDATABASE", decoded(url.path().trim_start_matches('/')));
        let mut options = Vec::new();
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            // What comes later replaces what was set before.
            match &*name {
                "host" => set("PGHOST", value),
                "hostaddr" => set("PGHOSTADDR", value),
                "port" => set("PGPORT", value),
                "user" => set("PGUSER", value),
                "password" => set("PGPASSWORD", value),
                "dbname" => set("PGDATABASE", value),
                "sslmode" | "ssl-mode" => set("PGSSLMODE", value),
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => set("PGSSLROOTCERT", value),
                "sslcert" | "ssl-cert" => set("PGSSLCERT", value),
                "sslkey" | "ssl-key" => set("PGSSLKEY", value),
                "options" => options.push(value),
                // `statement-cache-capacity` and `application_name` are the driver's; others have been rejected.
                name => {
                    let setting = name.strip_prefix("options[").and_then(|rest| rest.strip_suffix(']'));
                    options.extend(setting.map(|setting| format!("-c {setting}={value}")));
                }
            }
        }
        set("PGOPTIONS", options.join(" "));
        Ok(Self(variables))
    }
}

/// A program that runs. It is killed when dropped.
pub(super) struct Program {
    name: &'static str,
    child: Child,
    messages: Option<JoinHandle<String>>,
}

impl Program {
    /// Starts a program with pipes as its standard input and output.
    pub(super) fn start(
        name: &'static str,
        arguments: &[&str],
        server: Option<&Server>,
    ) -> Result<Self, BackupError> {
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Its messages are looked through.
        command.env("LC_MESSAGES", "C").env_remove("LC_ALL").env_remove("LANGUAGE");
        if let Some(Server(variables)) = server {
            command.envs(variables.iter().map(|(name, value)| (name, value)));
        }
        let mut child = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => BackupError::NoProgram { program: name },
            _ => BackupError::Program { program: name, reason: error.to_string() },
        })?;
        // In a thread: a program that cannot write its messages does not go on.
        let messages = child.stderr.take().map(|mut stderr| {
            std::thread::spawn(move || {
                let mut messages = Vec::new();
                drop(stderr.read_to_end(&mut messages));
                String::from_utf8_lossy(&messages).into_owned()
            })
        });
        Ok(Self { name, child, messages })
    }

    pub(super) fn input(&mut self) -> Result<ChildStdin, BackupError> {
        self.child.stdin.take().ok_or_else(|| self.failed("it has no input"))
    }

    pub(super) fn output(&mut self) -> Result<ChildStdout, BackupError> {
        self.child.stdout.take().ok_or_else(|| self.failed("it has no output"))
    }

    /// For what happens to its pipes.
    pub(super) fn failed(&self, reason: impl ToString) -> BackupError {
        BackupError::Program { program: self.name, reason: reason.to_string() }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It has not succeeded.
    pub(super) fn end(mut self) -> Result<(), BackupError> {
        drop(self.child.stdin.take());
        let status = self.child.wait().map_err(|error| self.failed(error))?;
        let messages = self.messages.take().and_then(|messages| messages.join().ok()).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(self.failed(reason(&messages, &status.to_string()))) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail if it has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first message about an error, without what the program says of itself.
fn reason(messages: &str, status: &str) -> String {
    let mut lines = messages.lines().map(str::trim).filter(|line| !line.is_empty());
    let about_error = lines.clone().find_map(|line| {
        ["error: ", "ERROR: ", "FATAL: "].iter().find_map(|mark| line.split_once(mark)).map(|(_, rest)| rest)
    });
    about_error.or_else(|| lines.next()).unwrap_or(status).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_reach_the_server_of_the_url() {
        let of = |url: &str| {
            let Server(variables) = Server::of_url(url, "name").unwrap();
            variables.into_iter().collect::<std::collections::BTreeMap<_, _>>()
        };
        let variables =
            of("postgres://us%40er:p%2Fw@[::1]:5433/da%20ta?sslmode=require&options[a.b]=c&options=-c%20d=e");
        let expected = [
            ("PGAPPNAME", "name"),
            ("PGDATABASE", "da ta"),
            ("PGHOST", "::1"),
            ("PGOPTIONS", "-c a.b=c -c d=e"),
            ("PGPASSWORD", "p/w"),
            ("PGPORT", "5433"),
            ("PGSSLMODE", "require"),
            ("PGUSER", "us@er"),
        ];
        assert_eq!(
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
            expected
        );
        let variables = of("postgres://me@one,[::1]:5433/db?target_session_attrs=primary");
        let expected = [
            ("PGAPPNAME", "name"),
            ("PGDATABASE", "db"),
            ("PGHOST", "one,::1"),
            ("PGPORT", ",5433"),
            ("PGTARGETSESSIONATTRS", "read-write"),
            ("PGUSER", "me"),
        ];
        assert_eq!(
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
            expected
        );
        let variables = of("postgresql://%2Frun%2Fpostgresql/one?host=/tmp&dbname=two&user=me");
        let expected = [("PGAPPNAME", "name"), ("PGDATABASE", "two"), ("PGHOST", "/tmp"), ("PGUSER", "me")];
        assert_eq!(
            variables.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
            expected
        );
    }

    #[test]
    fn the_reason_is_the_first_error() {
        let messages =
            "psql:<stdin>:12: NOTICE:  fine\npsql:<stdin>:13: ERROR:  it is taken\nCONTEXT:  more\n";
        assert_eq!(reason(messages, "exit status: 3"), "it is taken");
        assert_eq!(reason("pg_dump: error: connection failed\n", ""), "connection failed");
        assert_eq!(reason("something else\n", ""), "something else");
        assert_eq!(reason("\n", "exit status: 3"), "exit status: 3");
    }
}
