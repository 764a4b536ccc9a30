//! An exact copy of an account, kept by a client that knows nothing but the API: a position, all lists, then the feed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::client::{Client, Reply};

/// The resources of an account, as the API shows them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    pub contacts: BTreeMap<String, Value>,
    /// Without their sizes, which change with their members.
    pub groups: BTreeMap<String, Value>,
    /// Group and contact.
    pub members: BTreeSet<(String, String)>,
    pub opt_outs: BTreeMap<String, Value>,
    pub templates: BTreeMap<String, Value>,
    pub segments: BTreeMap<String, Value>,
}

pub struct Copy {
    account: Account,
    /// Each that the feed has given, and how many changes had been applied by then.
    pub positions: Vec<(String, usize)>,
    /// What was applied: type, id and version.
    pub changes: Vec<(String, String, Value)>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

fn by_id(items: Vec<Value>) -> BTreeMap<String, Value> {
    items.into_iter().map(|item| (text(&item["id"]), item)).collect()
}

fn without_size(mut group: Value) -> Value {
    group.as_object_mut().unwrap().remove("member_count").unwrap();
    group
}

/// All items of a list, page by page.
pub fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let reply = client.get(&format!("{path}?limit=100{cursor}"));
        // A group may be deleted while it is read.
        if reply.status == 404 && path.contains("/groups/") {
            return items;
        }
        let page = reply.expect(200);
        items.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] == false {
            return items;
        }
        cursor = format!("&starting_after={}", text(&items.last().unwrap()["id"]));
    }
}

impl Account {
    /// As the lists show it.
    pub fn listed(client: &Client) -> Self {
        let groups = all(client, "/v1/groups").into_iter().map(without_size).collect();
        let mut account = Self {
            contacts: by_id(all(client, "/v1/contacts")),
            groups: by_id(groups),
            opt_outs: by_id(all(client, "/v1/opt_outs")),
            templates: by_id(all(client, "/v1/templates")),
            segments: by_id(all(client, "/v1/segments")),
            members: BTreeSet::new(),
        };
        for group in account.groups.keys() {
            let members = all(client, &format!("/v1/groups/{group}/members"));
            account.members.extend(members.iter().map(|member| (group.clone(), text(&member["id"]))));
        }
        account
    }

    fn apply(&mut self, change: &Value) {
        let (kind, id) = (text(&change["type"]), text(&change["id"]));
        // What has been deleted since is not included: its deletion follows.
        let current = |member: &str| change.get(member).filter(|current| !current.is_null()).cloned();
        match kind.as_str() {
            "contact.created" | "contact.updated" => {
                drop(current("contact").map(|it| self.contacts.insert(id, it)))
            }
            "contact.deleted" => {
                self.contacts.remove(&id);
                self.members.retain(|(_, contact)| *contact != id);
            }
            "group.created" | "group.updated" => {
                drop(current("group").map(|it| self.groups.insert(id, without_size(it))));
            }
            "group.deleted" => {
                self.groups.remove(&id);
                self.members.retain(|(group, _)| *group != id);
            }
            "group.member_added" => drop(self.members.insert((id, text(&change["member_id"])))),
            "group.member_removed" => drop(self.members.remove(&(id, text(&change["member_id"])))),
            "opt_out.created" => drop(current("opt_out").map(|it| self.opt_outs.insert(id, it))),
            "opt_out.deleted" => drop(self.opt_outs.remove(&id)),
            "template.created" | "template.updated" => {
                drop(current("template").map(|it| self.templates.insert(id, it)));
            }
            "template.deleted" => drop(self.templates.remove(&id)),
            "segment.created" | "segment.updated" => {
                drop(current("segment").map(|it| self.segments.insert(id, it)));
            }
            "segment.deleted" => drop(self.segments.remove(&id)),
            other => panic!("an unknown type: {other}"),
        }
    }
}

impl Copy {
    /// Takes a position, then reads all lists, page by page.
    pub fn begin(client: &Client) -> Self {
        let position = text(&client.get("/v1/changes").expect(200)["next"]);
        Self { account: Account::listed(client), positions: vec![(position, 0)], changes: Vec::new() }
    }

    fn position(&self) -> &str {
        &self.positions.last().unwrap().0
    }

    /// Applies the next page, for which it waits up to a second; returns whether there may be more.
    ///
    /// # Errors
    /// The server is gone.
    pub fn step(&mut self, client: &Client, limit: usize) -> Result<bool, ()> {
        let path = format!("/v1/changes?since={}&limit={limit}&wait=1s", self.position());
        let reply = client.try_send("GET", &path, &[], b"").map_err(drop)?;
        if reply.status == 503 {
            return Err(());
        }
        Ok(self.apply(&reply))
    }

    fn apply(&mut self, reply: &Reply) -> bool {
        let page = reply.expect(200);
        let changes = page["data"].as_array().unwrap();
        for change in changes {
            self.account.apply(change);
            self.changes.push((text(&change["type"]), text(&change["id"]), change["version"].clone()));
        }
        self.positions.push((text(&page["next"]), self.changes.len()));
        page["has_more"] == true || !changes.is_empty()
    }

    /// Applies all that there is, and compares the copy with the lists. To be called after the last write.
    ///
    /// # Panics
    /// They differ, or from a position that was given earlier the feed does not go on as it did.
    #[track_caller]
    pub fn assert_exact(&mut self, client: &Client) {
        while self.step(client, 100).unwrap() {}
        let listed = Account::listed(client);
        // One kind after the other, for a readable message.
        assert_eq!(self.account.contacts, listed.contacts);
        assert_eq!(self.account.groups, listed.groups);
        assert_eq!(self.account.members, listed.members);
        assert_eq!(self.account.opt_outs, listed.opt_outs);
        assert_eq!(self.account.templates, listed.templates);
        assert_eq!(self.account.segments, listed.segments);
        for (position, applied) in &self.positions {
            let page = client.get(&format!("/v1/changes?since={position}&limit=3")).expect(200);
            let again = page["data"].as_array().unwrap().iter();
            let again: Vec<_> = again
                .map(|change| (text(&change["type"]), text(&change["id"]), change["version"].clone()))
                .collect();
            let expected = &self.changes[*applied..self.changes.len().min(applied + 3)];
            assert_eq!(again, expected, "since {position}");
        }
    }
}
