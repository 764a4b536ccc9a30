//! Imports from the side of a client.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, Reply};

/// An import of a client.
pub struct ImportClient<'c> {
    pub client: &'c Client,
    pub path: String,
}

/// How long an import may stay in one state: the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(60);

impl<'c> ImportClient<'c> {
    pub fn create(client: &'c Client, options: &Value) -> Self {
        let created = client.post("/v1/imports", options).expect(201);
        assert_eq!(created["state"], "awaiting_file");
        Self { client, path: format!("/v1/imports/{}", created["id"].as_str().unwrap()) }
    }

    /// Creates an import of a CSV file, and waits for its plan.
    pub fn planned(client: &'c Client, options: &Value, csv: &str) -> Self {
        let import = Self::create(client, options);
        import.put("text/csv", csv.as_bytes()).expect(202);
        import.wait("planned");
        import
    }

    /// Imports a CSV file; returns the import as it is then.
    pub fn committed(client: &'c Client, options: &Value, csv: &str) -> (Self, Value) {
        let import = Self::planned(client, options, csv);
        let committed = import.commit();
        (import, committed)
    }

    pub fn put(&self, content_type: &str, file: &[u8]) -> Reply {
        let path = format!("{}/file", self.path);
        self.client.send("PUT", &path, &[("Content-Type", content_type)], file)
    }

    pub fn get(&self) -> Value {
        self.client.get(&self.path).expect(200)
    }

    /// Waits for a state; returns the import.
    #[track_caller]
    pub fn wait(&self, state: &str) -> Value {
        let began = Instant::now();
        loop {
            let import = self.get();
            if import["state"] == state {
                return import;
            }
            let is_moving =
                ["planning", "committing", "undoing"].iter().any(|moving| import["state"] == *moving);
            assert!(is_moving && began.elapsed() < TIMEOUT, "waiting for {state}: {import}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts the commit of the plan as it is.
    pub fn start_commit(&self) -> Reply {
        let digest = self.get()["digest"].clone();
        self.client.post(&format!("{}/commit", self.path), &json!({"digest": digest}))
    }

    #[track_caller]
    pub fn commit(&self) -> Value {
        self.start_commit().expect(202);
        self.wait("committed")
    }

    #[track_caller]
    pub fn undo(&self) -> Value {
        self.client.send("POST", &format!("{}/undo", self.path), &[], b"").expect(202);
        self.wait("undone")
    }

    /// All rows, page by page.
    pub fn rows(&self, query: &str) -> Vec<Value> {
        let (mut rows, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.client.get(&format!("{}/rows?limit=100{query}{after}", self.path)).expect(200);
            rows.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(last) = rows.last().filter(|_| page["has_more"] == true) else { return rows };
            after = format!("&starting_after={}", last["position"]);
        }
    }

    pub fn rejects(&self) -> String {
        let reply = self.client.get(&format!("{}/rejects", self.path));
        assert_eq!((reply.status, reply.header("Content-Type")), (200, "text/csv; charset=utf-8"));
        String::from_utf8(reply.body).unwrap()
    }
}

/// Those counts of an import that are not 0.
pub fn counts(import: &Value) -> Value {
    let counts = import["counts"].as_object().unwrap().iter();
    counts.filter(|(_, count)| **count != 0).map(|(name, count)| (name.clone(), count.clone())).collect()
}
