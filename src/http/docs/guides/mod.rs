//! Guides: pages that are written, not generated.

/// A page. Its links lead to the Markdown pages beside it.
#[derive(Debug)]
pub(super) struct Guide {
    /// In the path.
    pub(super) name: &'static str,
    /// Markdown; the first line is the title.
    pub(super) text: &'static str,
}

/// In the order of the menu: beginning, every client, what clients do, operators.
pub(super) const GUIDES: [Guide; 18] = [
    Guide { name: "quickstart", text: include_str!("quickstart.md") },
    Guide { name: "dialects", text: include_str!("dialects.md") },
    Guide { name: "errors", text: include_str!("errors.md") },
    Guide { name: "retries", text: include_str!("retries.md") },
    Guide { name: "paging", text: include_str!("paging.md") },
    Guide { name: "searching", text: include_str!("searching.md") },
    Guide { name: "filters", text: include_str!("filters.md") },
    Guide { name: "importing", text: include_str!("importing.md") },
    Guide { name: "campaigns", text: include_str!("campaigns.md") },
    Guide { name: "syncing", text: include_str!("syncing.md") },
    Guide { name: "erasure", text: include_str!("erasure.md") },
    Guide { name: "keys", text: include_str!("keys.md") },
    Guide { name: "administration", text: include_str!("administration.md") },
    Guide { name: "limits", text: include_str!("limits.md") },
    Guide { name: "operating", text: include_str!("operating.md") },
    Guide { name: "high-availability", text: include_str!("high-availability.md") },
    Guide { name: "backups", text: include_str!("backups.md") },
    Guide { name: "monitoring", text: include_str!("monitoring.md") },
];

impl Guide {
    pub(super) fn title(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// The first sentence, for indexes.
    pub(super) fn about(&self) -> String {
        let paragraph = self.text.split("\n\n").nth(1).unwrap_or_default().replace('\n', " ");
        let sentence = paragraph.split_inclusive(". ").next().unwrap_or_default();
        sentence.trim_end().to_owned()
    }

    /// The text with links that lead there from another folder.
    pub(super) fn relative_to(&self, base: &str) -> String {
        self.text.replace("](", &format!("]({base}"))
    }
}
